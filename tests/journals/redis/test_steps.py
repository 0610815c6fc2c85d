"""Values as they lie in Redis, and a step of learning that is taken once more."""

from __future__ import annotations

import os

import msgspec
import pytest

from gateway.chronicle import Learnt
from gateway.journals.redis.steps import Taught, closed, decode_taught, once_more, opened, text
from gateway.journals.sqlite.records import pack
from gateway.sealing import KEY_BYTES, NO_SEAL, Seal, is_sealed
from tests.journals.lessons import NOW, change, signal
from tests.journals.samples import scope

TAUGHT = Taught(position=1, at=NOW, scope=scope("s1"), learnt=Learnt(exchange="e1", signals=(signal("e1", "x"),)))


@pytest.mark.parametrize("seal", [NO_SEAL, Seal(os.urandom(KEY_BYTES))])
def test_what_is_closed_can_be_opened(seal: Seal) -> None:
    stored = closed(seal, pack(TAUGHT)[1], "step:1")
    assert is_sealed(stored) == (seal is not NO_SEAL)
    assert opened(seal, decode_taught, stored, "step:1") == TAUGHT


def test_what_is_sealed_opens_nowhere_but_at_its_place() -> None:
    seal = Seal(os.urandom(KEY_BYTES))
    assert opened(seal, decode_taught, closed(seal, pack(TAUGHT)[1], "step:1"), "step:2") is None


@pytest.mark.parametrize(
    "damage",
    [b"\x00", b"\x81\xa2id\xa1\xff", pack(msgspec.structs.replace(TAUGHT))[1].replace(b"acme", b"")],
)
def test_what_is_damaged_is_passed_over(damage: bytes) -> None:
    assert opened(NO_SEAL, decode_taught, damage) is None
    assert opened(NO_SEAL, decode_taught, None) is None


def test_the_newest_thing_in_a_step_may_be_newer_than_the_clock_of_who_learnt_it() -> None:
    later = msgspec.structs.replace(TAUGHT.learnt, changes=(change("m1", "e1", at=NOW + 5),))
    assert TAUGHT.newest == NOW
    assert msgspec.structs.replace(TAUGHT, learnt=later).newest == NOW + 5


def test_a_step_once_more_sees_anew_and_forgets_no_change() -> None:
    first, second = change("m1", "e1"), change("m2", "e1")
    before = Learnt(exchange="e1", signals=(signal("e1", "a"),), changes=(first,))
    now = Learnt(exchange="e1", signals=(signal("e1", "b"),), changes=(second, first))
    assert once_more(before, now) == Learnt(exchange="e1", signals=now.signals, changes=(first, second))


def test_a_damaged_name_is_a_name_of_nothing() -> None:
    assert (text(b"e1"), text(None), text(b"\xff")) == ("e1", "", "\ufffd")
