"""gateway/erasures.py: tombstones stand for persons without naming them."""

from __future__ import annotations

import pytest

from gateway.erasures import Erasures, Person, Tombstone
from gateway.errors import ScopeError
from gateway.types import Scope

ANN = Person(tenant="acme", user="ann")
SECRET = b"s" * 32


def scope(user: str | None = "ann", session: str = "s1", tenant: str = "acme") -> Scope:
    return Scope(tenant=tenant, user=user, session=session)


def test_nobody_is_gone_before_anybody_was_erased() -> None:
    assert not Erasures(SECRET).is_gone(scope(), 0.0)
    assert not Erasures(SECRET).is_out(scope())


def test_what_was_said_until_then_is_gone_and_what_is_said_later_is_not() -> None:
    erasures = Erasures(SECRET)
    erasures.tombstone(ANN, 100.0, is_out=False)
    assert erasures.is_gone(scope(session="any"), 100.0)
    assert erasures.is_gone(scope(), None)
    assert not erasures.is_gone(scope(), 100.5)
    assert not erasures.is_out(scope())


@pytest.mark.parametrize("other", [scope("bob"), scope(None), scope(tenant="other"), scope().common])
def test_others_are_not_meant(other: Scope) -> None:
    erasures = Erasures(SECRET)
    erasures.tombstone(ANN, 100.0, is_out=True)
    assert not erasures.is_gone(other, 1.0)
    assert not erasures.is_out(other)


def test_a_session_of_nobodys_is_a_person_and_a_session_still_looked_for_is_none() -> None:
    erasures = Erasures(SECRET)
    erasures.tombstone(Person(tenant="acme", user=None, session="s1"), 100.0, is_out=False)
    assert erasures.is_gone(scope(None), 1.0)
    assert not erasures.is_gone(scope(None, session="s2"), 1.0)
    assert not erasures.is_gone(scope(None, session=""), 1.0)
    with pytest.raises(ScopeError):
        erasures.tombstone(Person(tenant="acme", user=None), 100.0, is_out=False)


def test_who_wants_no_memory_is_gone_for_good_until_they_take_it_back() -> None:
    erasures = Erasures(SECRET)
    erasures.tombstone(ANN, 100.0, is_out=True)
    assert erasures.tombstone(ANN, 100.0).is_out
    assert erasures.is_out(scope())
    assert erasures.is_gone(scope(), 10_000.0)
    assert erasures.tombstone(ANN, 50.0, is_out=False).at == 100.0
    assert not erasures.is_out(scope())


@pytest.mark.parametrize("turn", [1, -1], ids=["in their order", "the other way round"])
def test_of_two_tombstones_of_a_person_the_later_one_counts(turn: int) -> None:
    out = Erasures(SECRET).tombstone(ANN, 100.0, is_out=True)
    back = Erasures(SECRET).tombstone(ANN, 200.0, is_out=False)
    erasures = Erasures(SECRET)
    erasures.add([out, back][::turn])
    assert not erasures.is_out(scope())
    assert erasures.is_gone(scope(), 150.0)
    erasures.add([Erasures(SECRET).tombstone(ANN, 200.0, is_out=True)])
    assert erasures.is_out(scope())


def test_tombstones_of_a_directory_count_again_and_name_nobody() -> None:
    made = Erasures(SECRET).tombstone(ANN, 100.0, is_out=False)
    assert Erasures(SECRET, [made]).is_gone(scope(), 99.0)
    assert not Erasures(b"t" * 32, [made]).is_gone(scope(), 99.0)
    assert made == Tombstone(subject=made.subject, at=100.0)
    assert b"ann" not in made.subject
