"""Those who hold something in memory are told what to forget."""

from __future__ import annotations

import pytest

from gateway.caches import Caches
from gateway.types import Scope

ANN = Scope(tenant="acme", user="ann")


class Shelf:
    """Notes what it is told to forget."""

    def __init__(self) -> None:
        self.told = list[Scope | None]()

    def forget(self, scope: Scope) -> None:
        self.told.append(scope)

    def forget_all(self) -> None:
        self.told.append(None)


@pytest.mark.promise("P11")
def test_all_of_them_forget_those_that_joined_later_too_and_each_is_told_once() -> None:
    first, later = Shelf(), Shelf()
    caches = Caches(first)
    caches.forget(ANN)
    for _ in range(3):
        caches.join(later)
    caches.forget(ANN)
    caches.forget_all()
    assert (first.told, later.told) == ([ANN, ANN, None], [ANN, None])
