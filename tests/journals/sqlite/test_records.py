from __future__ import annotations

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from gateway.journals.sqlite.records import pack, pack_note, unpack, unpack_note, well_formed
from gateway.types import Exchange, Note, Scope, Turn

any_text = st.text(st.characters(exclude_categories=()))
"""Lone surrogates included, as JSON lets them through."""


@settings(deadline=None, max_examples=100)
@given(any_text, any_text)
def test_what_is_packed_is_what_is_read_whatever_text_it_holds(said: str, place: str) -> None:
    exchange = Exchange(
        id="e1",
        scope=Scope(tenant="acme", user=None, session="s1"),
        at=1.5,
        path="/chat/completions",
        turns=(Turn(role="user", text=said),),
        notes=(Note(where=place, text=said, lanes={place: 1}),),
    )
    stored, payload = pack(exchange)
    assert unpack(payload) == stored
    assert stored.turns[0].text == well_formed(said)
    assert dict(stored.notes[0].lanes) == {well_formed(place): 1}
    assert unpack_note(pack_note(stored.notes[0])) == stored.notes[0]


def test_an_exchange_without_torn_text_is_stored_as_it_is() -> None:
    exchange = Exchange(id="e1", scope=Scope(tenant="acme", user=None), at=1.0, path="/p")
    assert pack(exchange)[0] is exchange


@pytest.mark.parametrize(
    ("torn", "whole"), [("a\ud800b", "a\ufffdb"), ("\ud83d\ude00", "😀"), ("\ude00\ud83d", "\ufffd\ufffd"), ("é", "é")]
)
def test_a_lone_surrogate_is_replaced_and_a_split_pair_joined(torn: str, whole: str) -> None:
    assert well_formed(torn) == whole


def test_a_record_of_another_version_is_read_with_defaults_and_without_what_is_unknown() -> None:
    old = {"id": "e1", "scope": {"tenant": "acme", "user": None}, "at": 1.0, "path": "/p", "since_removed": [1]}
    expected = Exchange(id="e1", scope=Scope(tenant="acme", user=None), at=1.0, path="/p")
    assert unpack(msgspec.msgpack.encode(old)) == expected


def test_bytes_that_are_no_exchange_are_refused() -> None:
    with pytest.raises(msgspec.DecodeError):
        unpack(b"\x00garbage")


def test_text_that_is_no_utf_8_is_damage_like_any_other() -> None:
    exchange = Exchange(id="e1", scope=Scope(tenant="acme", user=None, session="s1"), at=1.5, path="/chat/completions")
    _, payload = pack(exchange)
    with pytest.raises(msgspec.DecodeError):
        unpack(payload.replace(b"acme", b"ac\xff\xfe"))


def test_a_scope_that_is_nobodys_is_damage() -> None:
    whose = Scope(tenant="acme", user=None, session="s1")
    _, payload = pack(Exchange(id="e1", scope=whose, at=1.5, path="/chat/completions"))
    with pytest.raises(msgspec.DecodeError, match="tenant"):
        unpack(payload.replace(b"\xa6tenant\xa4acme", b"\xa6tenant\xa0"))
