"""How many records are read at once."""

from __future__ import annotations

from collections.abc import Sequence

import pytest

from gateway.journals import fitting as module
from gateway.journals.fitting import fitting


@pytest.mark.parametrize(
    ("sizes", "read"),
    [((), 0), ((1, 1), 2), ((1, 1, 1, 1, 1), 3), ((11,), 1), ((11, 1), 1), ((9, 2, 1), 1), ((5, 5, 5), 2)],
)
def test_as_many_are_read_as_are_asked_for_and_not_too_large_and_one_in_any_case(
    monkeypatch: pytest.MonkeyPatch, sizes: Sequence[int], read: int
) -> None:
    monkeypatch.setattr(module, "MOST_BYTES", 10)
    names = [f"e{number}" for number in range(len(sizes))]
    assert fitting(dict(zip(names, sizes, strict=True)), 3) == names[:read]
