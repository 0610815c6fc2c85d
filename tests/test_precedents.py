"""Lessons for a call, and which of them is told this time."""

from __future__ import annotations

from collections.abc import Sequence

import msgspec
import pytest

from gateway import precedents, triggers
from gateway.breaker import FAILURES
from gateway.errors import MemoryUnavailable
from gateway.memories import Memory
from gateway.precedents import HELD_S, Precedents, called_for
from gateway.shapes.chat import SHAPE
from gateway.testing import ManualClock
from gateway.types import Call, Note, Scope, Session
from tests.exchanges import ANN
from tests.lessons import lesson

QUESTION = "Where is my parcel with the blue lamp?"
ASKED = b'{"model": "gpt-4o", "messages": [{"role": "user", "content": "Where is my parcel with the blue lamp?"}]}'


class Shelf:
    """A store that lists what it has by owner, and counts how often it is asked."""

    def __init__(self, **shelves: Sequence[Memory]) -> None:
        self.shelves = shelves
        self.asked = 0
        self.is_away = False

    async def list(self, scope: Scope, kinds: Sequence[str], limit: int) -> list[Memory]:
        self.asked += 1
        if self.is_away:
            raise MemoryUnavailable("away")
        return [*self.shelves.get("common" if scope.is_shared else str(scope.user), ())]


def opened(clock: ManualClock, **shelves: Sequence[Memory]) -> tuple[Precedents, Shelf]:
    shelf = Shelf(**shelves)
    return Precedents(shelf, clock), shelf  # type: ignore[arg-type] # the one method of a store that it asks


def asked() -> Call:
    call = SHAPE.read(ASKED)
    assert call is not None
    return call


def phrased(kind: str = "lesson") -> Memory:
    return lesson("say|parcel", kind=kind, triggers=(QUESTION,))


async def test_lessons_are_asked_for_once_in_a_while_and_when_there_is_news() -> None:
    clock = ManualClock()
    held, shelf = opened(clock, ann=[phrased()])
    for _ in range(3):
        assert await held.of(ANN) == (phrased(),)
    assert shelf.asked == 2
    clock.advance(HELD_S)
    await held.of(ANN)
    held.forget(ANN)
    await held.of(ANN)
    assert shelf.asked == 6


@pytest.mark.promise("P7")
async def test_a_user_is_told_their_own_and_what_all_share() -> None:
    mine, common = phrased(), lesson("tool|sig", text="All of us.")
    held, _ = opened(ManualClock(), ann=[mine], common=[common, mine])
    assert await held.of(ANN) == (mine, common)
    assert await held.of(msgspec.structs.replace(ANN, user="bob")) == (common, mine)


@pytest.mark.promise("P4")
async def test_what_is_held_is_told_for_longer_while_the_store_cannot_be_asked() -> None:
    clock = ManualClock()
    held, shelf = opened(clock, ann=[phrased()])
    await held.of(ANN)
    clock.advance(HELD_S)
    shelf.is_away = True
    for _ in range(2 * FAILURES):
        assert await held.of(ANN) == (phrased(),)
    assert shelf.asked < 2 + 2 * FAILURES
    with pytest.raises(MemoryUnavailable):
        await held.of(msgspec.structs.replace(ANN, user="bob"))
    await held.aclose()


async def test_phrasings_are_read_before_they_are_compared(monkeypatch: pytest.MonkeyPatch) -> None:
    read: list[Sequence[Memory]] = []
    monkeypatch.setattr(triggers, "prepare", read.append)
    held, _ = opened(ManualClock(), ann=[phrased()])
    await held.of(ANN)
    assert (phrased(),) in read


async def test_what_ended_or_is_no_lesson_is_left_out() -> None:
    gone, plain = msgspec.structs.replace(phrased(), ended_at=1.0), msgspec.structs.replace(phrased(), lesson=None)
    held, _ = opened(ManualClock(), ann=[gone, plain])
    assert await held.of(ANN) == ()


async def test_owners_who_have_not_asked_for_longest_are_let_go(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(precedents, "OWNERS_HELD", 2)
    held, shelf = opened(ManualClock())
    await held.of(ANN)
    await held.of(msgspec.structs.replace(ANN, user="bob"))
    await held.of(ANN)
    assert shelf.asked > 3


def sessions(count: int) -> list[Session]:
    return [Session(scope=msgspec.structs.replace(ANN, session=f"s{number}")) for number in range(count)]


@pytest.mark.promise("P12")
def test_a_lesson_is_drawn_for_by_session_and_the_same_session_draws_the_same() -> None:
    drawn = [called_for([phrased()], asked(), QUESTION, session)[0] for session in sessions(200)]
    again = [called_for([phrased()], asked(), QUESTION, session)[0] for session in sessions(200)]
    assert drawn == again
    assert {one.skipped for one in drawn} == {"", "withheld"}
    assert len({one.propensity for one in drawn}) == 1


def test_what_a_user_said_is_never_withheld() -> None:
    drawn = [called_for([phrased("correction")], asked(), QUESTION, session)[0] for session in sessions(200)]
    assert {(one.skipped, one.propensity) for one in drawn} == {("", None)}


@pytest.mark.parametrize(("memories", "skipped"), [((), "withheld"), ((phrased().id,), "")])
def test_what_was_drawn_once_in_a_session_is_not_drawn_again(memories: tuple[str, ...], skipped: str) -> None:
    note = Note(where="u1", text="…", memories=memories, draws={phrased().id: 0.5})
    session = Session(scope=ANN, ledger={"u1": note})
    (again,) = called_for([phrased()], asked(), QUESTION, session)
    assert (again.skipped, again.propensity) == (skipped, None)


def test_a_call_that_calls_for_nothing_gets_nothing() -> None:
    assert called_for([phrased()], asked(), "Translate this poem.", Session(scope=ANN)) == []
