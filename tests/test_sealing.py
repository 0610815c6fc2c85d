from __future__ import annotations

import os

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from gateway.sealing import BYTES, KEY_BYTES, NO_SEAL, TEXT, Seal, Sealed, is_sealed

SEAL = Seal(os.urandom(KEY_BYTES))


@settings(deadline=None, max_examples=50)
@given(st.text(min_size=1) | st.binary(min_size=1).filter(lambda plain: not is_sealed(plain)))
def test_what_is_closed_opens_in_its_place(plain: str | bytes) -> None:
    stored = SEAL.close(plain, "memories", "m_1")
    assert is_sealed(stored)
    assert SEAL.open(stored, "memories", "m_1") == plain


def test_nothing_of_a_text_is_in_what_is_stored() -> None:
    first, second = SEAL.close("my dog Biscuit", "a"), SEAL.close("my dog Biscuit", "a")
    assert isinstance(first, bytes)
    assert b"Biscuit" not in first
    assert first != second


@pytest.mark.parametrize("place", [("memories", "m_2"), ("memories",), ("memoriesm_1",), ()])
def test_it_opens_nowhere_else(place: tuple[str, ...]) -> None:
    stored = SEAL.close("a text", "memories", "m_1")
    with pytest.raises(Sealed):
        SEAL.open(stored, *place)


def test_it_opens_with_no_other_key_and_not_without() -> None:
    stored = SEAL.close(b"a text", "a")
    for other in (Seal(os.urandom(KEY_BYTES)), NO_SEAL):
        with pytest.raises(Sealed):
            other.open(stored, "a")


def test_what_was_changed_does_not_open() -> None:
    stored = bytes(SEAL.close("a text", "a"))  # type: ignore[arg-type] # it is bytes where there is a key
    for changed in (stored[:-1] + bytes([stored[-1] ^ 1]), stored[:9], BYTES + stored[len(TEXT) :], TEXT):
        with pytest.raises(Sealed):
            SEAL.open(changed, "a")


def test_what_was_stored_before_there_was_a_key_is_read_as_it_is() -> None:
    assert SEAL.open("a text", "a") == "a text"
    assert SEAL.open(b"\x80", "a") == b"\x80"
    assert SEAL.open(None, "a") is None


def test_without_a_key_everything_is_stored_as_it_is() -> None:
    assert NO_SEAL.close("a text", "a") == "a text"
    assert SEAL.close("", "a") == ""


def test_the_key_follows_from_the_phrase_and_the_directory() -> None:
    stored = Seal.of("phrase", b"s" * 32).close("a text", "a")
    assert Seal.of("phrase", b"s" * 32).open(stored, "a") == "a text"
    for phrase, secret in (("other", b"s" * 32), ("phrase", b"t" * 32)):
        with pytest.raises(Sealed):
            Seal.of(phrase, secret).open(stored, "a")
