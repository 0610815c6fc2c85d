"""gateway/owners.py: the way back from the key under which memories lie."""

from __future__ import annotations

import pytest

from gateway.errors import ScopeError
from gateway.owners import scope_of
from gateway.types import Scope
from tests.stores.test_contract import TRICKY_OWNERS


@pytest.mark.parametrize("scope", [*TRICKY_OWNERS, Scope(tenant="a", user="b").common], ids=lambda scope: scope.owner)
def test_a_key_is_read_as_the_scope_that_has_it(scope: Scope) -> None:
    assert scope_of(scope.owner) == scope


@pytest.mark.parametrize(
    "key", ["", "acme", "4:acme", "4:acmeu3:an", "9:acmeu3:ann", "4:acmex3:ann", "4:acmeu0:", "x:t"]
)
def test_what_is_nobodys_key_is_an_error(key: str) -> None:
    with pytest.raises(ScopeError):
        scope_of(key)
