"""Reading rows of which some are damaged."""

from __future__ import annotations

import msgspec
import pytest

from gateway.journals.sqlite.damage import readable


def test_what_is_damaged_is_left_out() -> None:
    rows = [(b"1", "a"), (b"\xff", "b"), (b"{", "c"), (b"4", "d")]
    assert list(readable(lambda payload, name: (name, msgspec.json.decode(payload)), rows)) == [("a", 1), ("d", 4)]


def test_a_fault_of_ours_is_no_damage() -> None:
    with pytest.raises(ZeroDivisionError):
        list(readable(lambda number: 1 / number, [(0,)]))
