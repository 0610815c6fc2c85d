"""gateway/signals/regenerate.py: the same asked again after the answer, and the same asked for other reasons."""

from __future__ import annotations

import msgspec
import pytest

from gateway.signals.base import Seen
from gateway.signals.regenerate import DETECTOR
from gateway.types import Exchange, Reply, ToolCall, Turn
from tests.exchanges import NOW, assistant, exchange, user

PAST = (user("Hello"), assistant("Hi!"))
FIRST = exchange(user("Write a poem"), id="ex_0", answers=["Roses"], context=PAST, at=NOW - 90, ended_at=NOW - 70)
AGAIN = exchange(user("Write a poem"), id="ex_1", answers=["Violets"], context=PAST, at=NOW - 60, ended_at=NOW)


def changed(one: Exchange, **changes: object) -> Exchange:
    return msgspec.structs.replace(one, **changes)


CALL = ToolCall(id="call_1", name="look_up", arguments="{}")
CALLING = changed(FIRST, reply=Reply(turns=(Turn(role="assistant", text="", calls=(CALL,)),)))
RESULT = exchange(
    Turn(role="tool", text="red", answers="call_1"), id="ex_00", answers=["Roses"], at=NOW - 75, ended_at=NOW - 70
)
TITLE = exchange(id="ex_t", is_aside=True, at=NOW - 65, ended_at=NOW - 64)
SYSTEM = Turn(role="system", text="It is 9:00.")


@pytest.mark.parametrize(
    ("earlier", "again"),
    [
        ((FIRST,), AGAIN),
        ((FIRST, TITLE), AGAIN),
        ((CALLING, RESULT), AGAIN),
        ((changed(FIRST, context=()),), changed(AGAIN, context=())),
        (
            (changed(FIRST, context=(), turns=(SYSTEM, *FIRST.turns)),),
            changed(AGAIN, context=(), turns=(msgspec.structs.replace(SYSTEM, text="It is 9:01."), *AGAIN.turns)),
        ),
        ((changed(FIRST, ended_at=AGAIN.at),), AGAIN),
        ((changed(FIRST, model="small"),), changed(AGAIN, model="large")),
        ((changed(FIRST, attempts=2),), AGAIN),
        ((exchange(user("Hello"), id="ex_a", answers=["Hi!"]), FIRST), AGAIN),
        ((FIRST, changed(FIRST, id="ex_00", at=NOW - 69, ended_at=NOW - 65)), AGAIN),
        ((FIRST,), changed(AGAIN, reply=None, state="interrupted")),
        ((changed(FIRST, reply=Reply(turns=(assistant(""),))),), AGAIN),
    ],
)
def test_the_same_asked_again_is_seen(earlier: tuple[Exchange, ...], again: Exchange) -> None:
    (signal,) = DETECTOR.find(Seen(exchange=again, earlier=earlier))
    assert (signal.name, signal.grade, signal.is_good) == ("regenerate", "B", False)
    assert signal.evidence == "Write a poem"
    asking = [one.id for one in earlier if one.turns and one.turns[-1].role == "user"]
    assert signal.about == asking[-1]


@pytest.mark.parametrize(
    ("earlier", "again"),
    [
        ((), AGAIN),
        ((changed(FIRST, ended_at=AGAIN.at + 1),), AGAIN),
        ((changed(FIRST, ended_at=None),), AGAIN),
        ((changed(FIRST, state="interrupted"),), AGAIN),
        ((changed(FIRST, reply=Reply(turns=(assistant("Ro"),), is_complete=False)),), AGAIN),
        ((changed(FIRST, reply=Reply(turns=(assistant("a"), assistant("b")))),), AGAIN),
        ((changed(FIRST, reply=None),), AGAIN),
        ((changed(FIRST, turns=(user("Write a song"),)),), AGAIN),
        ((changed(FIRST, context=()),), AGAIN),
        ((FIRST, exchange(user("Shorter"), id="ex_b", answers=["R"], at=NOW - 68, ended_at=NOW - 66)), AGAIN),
        ((CALLING, changed(RESULT, ended_at=AGAIN.at + 1)), AGAIN),
        ((CALLING,), changed(AGAIN, turns=RESULT.turns)),
        ((FIRST,), changed(AGAIN, status=429)),
    ],
)
def test_what_comes_again_for_another_reason_is_none(earlier: tuple[Exchange, ...], again: Exchange) -> None:
    assert DETECTOR.find(Seen(exchange=again, earlier=earlier)) == ()
