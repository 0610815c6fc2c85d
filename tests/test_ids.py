"""gateway/ids.py: what holds the same has the same id."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from gateway.ids import ID_DIGITS, bare, memory_id


@pytest.mark.promise("P12")
@settings(deadline=None, max_examples=50)
@given(parts=st.lists(st.text(max_size=8), max_size=4), others=st.lists(st.text(max_size=8), max_size=4))
def test_an_id_follows_from_its_parts_and_where_they_end(parts: list[str], others: list[str]) -> None:
    assert (memory_id(*parts) == memory_id(*others)) is (parts == others)


def test_an_id_is_a_mark_and_digits_whatever_it_is_of() -> None:
    for id in (memory_id(), memory_id("episode", "user", "hello"), memory_id("\ud800")):
        mark, digits = id.split("_")
        assert (mark, len(digits), digits.isdecimal()) == ("m", ID_DIGITS, True)


def test_a_bare_text_is_the_same_however_it_is_set() -> None:
    assert bare("  Where IS\nmy card?! ") == "where is my card"
    assert bare("…") == ""
