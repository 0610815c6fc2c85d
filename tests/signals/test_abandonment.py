"""gateway/signals/abandonment.py: sessions that were left when something had gone wrong."""

from __future__ import annotations

import msgspec
import pytest

from gateway.experience import Feedback
from gateway.signals.abandonment import DETECTOR
from gateway.signals.base import Seen
from gateway.types import Reply, ToolCall, Turn
from tests.exchanges import NOW, assistant
from tests.signals.talked import follows, opens

CALL = ToolCall(id="call_1", name="book", arguments='{"room": "4"}')


def over(seen: Seen) -> Seen:
    return msgspec.structs.replace(seen, is_over=True)


def replied(text: str, **changes: object) -> Seen:
    """A session of one exchange that ends on this answer."""
    seen = opens("Tell me about the plan", text)
    reply = msgspec.structs.replace(Reply(turns=(assistant(text),)), **changes)
    return over(msgspec.structs.replace(seen, exchange=msgspec.structs.replace(seen.exchange, reply=reply)))


def after_tool(result: str) -> Seen:
    """A session that ends after a tool's result."""
    seen = follows("Book room 4")
    turns = (*seen.exchange.turns, Turn(role="tool", text=result, answers="call_1"))
    return over(
        msgspec.structs.replace(seen, exchange=msgspec.structs.replace(seen.exchange, turns=turns, asked=(CALL,)))
    )


@pytest.mark.parametrize(
    ("seen", "evidence"),
    [
        (over(follows("No, I meant the other one")), "No, I meant the other one"),
        (over(follows("That's wrong.")), "That's wrong."),
        (over(follows("You misunderstood me")), "You misunderstood me"),
        (over(follows("Das stimmt nicht.")), "Das stimmt nicht."),
        (over(follows("I said in French")), "I said in French"),
        (over(follows("What is the capital of Germany now?")), "What is the capital of Germany now?"),
        (over(follows("Tell me what the capital of Germany is")), "Tell me what the capital of Germany is"),
        (replied("I'm sorry, but I can't help with that."), None),
        (replied("The plan has thr", finish_reason="length"), None),
        (replied("The plan", finish_reason="content_filter"), None),
        (after_tool('{"error": "no such room: 4"}'), None),
        (after_tool("Error: room 4 does not exist"), None),
    ],
)
def test_a_session_that_ended_badly_is_seen(seen: Seen, evidence: str | None) -> None:
    (signal,) = DETECTOR.find(seen)
    assert (signal.name, signal.grade, signal.is_good, signal.about) == ("abandonment", "B", False, "ex_1")
    assert not signal.is_environment
    assert evidence is None or signal.evidence == evidence


FED = Feedback(id="fb_1", tenant="acme", exchange="ex_1", at=NOW, value=False)


@pytest.mark.parametrize(
    "seen",
    [
        follows("That's wrong."),
        over(opens("Hello", "Hi!")),
        over(follows("And in Austria?")),
        over(follows("Thanks!")),
        over(follows("Great, thank you")),
        over(follows("ok")),
        over(follows("No problem.")),
        after_tool('{"room": "4", "status": "booked"}'),
        after_tool("booked"),
        replied("The plan has three parts."),
        replied("I can't find the plan; where is it?"),
        msgspec.structs.replace(over(follows("That's wrong.")), feedback=(FED,)),
        msgspec.structs.replace(replied("The plan has thr", finish_reason="length"), feedback=(FED,)),
        over(follows("That's wrong.", is_aside=True)),
        over(follows("Thanks! Though that's wrong of them.", answer="Room 4.")),
    ],
)
def test_most_sessions_simply_end(seen: Seen) -> None:
    assert list(DETECTOR.find(seen)) == []


def test_who_says_thanks_at_the_end_has_not_given_up() -> None:
    seen = after_tool("Error: room 4 does not exist")
    thanked = (Turn(role="user", text="Thanks for trying!"), *seen.exchange.turns[1:])
    assert not DETECTOR.find(
        msgspec.structs.replace(seen, exchange=msgspec.structs.replace(seen.exchange, turns=thanked))
    )


def test_what_nobody_could_help_is_told_as_such() -> None:
    (signal,) = DETECTOR.find(after_tool("Error: 503 Service Unavailable"))
    assert signal.is_environment
