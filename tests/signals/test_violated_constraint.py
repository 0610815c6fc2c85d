"""gateway/signals/violated_constraint.py: one for each rule that was checked, whether it was kept or not."""

from __future__ import annotations

from typing import Any

import msgspec
import pytest

from gateway.experience import Feedback
from gateway.memories import Memory
from gateway.signals.base import Seen
from gateway.signals.violated_constraint import DETECTOR
from gateway.types import Exchange, Reply, ToolCall, Turn
from tests.exchanges import NOW, assistant, exchange, user


def rule(text: str) -> Memory:
    return Memory(
        id=f"m_{text[:12]}",
        kind="constraint",
        text=text,
        key=text,
        origin="user",
        exchange="ex_0",
        session="s0",
        at=NOW - 9_000,
        recorded_at=NOW - 9_000,
    )


RULES = (rule("Never use emojis."), rule("Keep answers under 5 words."), rule("Be kind."))


def told(answer: str, question: str = "When does the train leave?", **changes: Any) -> Exchange:
    return exchange(user(question), answers=[answer], **changes)


@pytest.mark.promise("P8")
def test_each_rule_that_can_be_checked_is_told_of_with_its_evidence() -> None:
    emoji, length = DETECTOR.find(Seen(exchange=told("At nine 🚆."), rules=RULES))
    assert (emoji.name, emoji.grade, emoji.is_good, emoji.evidence) == (
        "violated_constraint",
        "A",
        False,
        "At nine 🚆.",
    )
    assert emoji.key == emoji.about == RULES[0].id
    assert emoji.details == {"rule": "Never use emojis.", "checker": "emoji", "violation": "At nine 🚆."}
    assert (length.is_good, length.evidence, length.key) == (True, "Keep answers under 5 words.", RULES[1].id)
    assert length.details == {"rule": "Keep answers under 5 words.", "checker": "length", "violation": ""}


def test_a_rule_that_the_question_is_about_is_not_judged() -> None:
    (length,) = DETECTOR.find(Seen(exchange=told("🚆", "Which emoji is a train?"), rules=RULES))
    assert length.details["checker"] == "length"


def test_after_a_tool_the_question_is_that_before_the_tool() -> None:
    asked = told("🚆", turns=(Turn(role="tool", text="ok", answers="c1"),), context=(user("Which emoji is a train?"),))
    assert [one.details["checker"] for one in DETECTOR.find(Seen(exchange=asked, rules=RULES))] == ["length"]


CALLING = Turn(role="assistant", text="Let me see 🔍", calls=(ToolCall(id="c1", name="find", arguments="{}"),))


@pytest.mark.parametrize(
    "reply",
    [
        None,
        Reply(),
        Reply(turns=(CALLING,)),
        Reply(turns=(assistant("At nine 🚆."), assistant("Nine 🚆."))),
        Reply(turns=(assistant("At nine 🚆."),), is_complete=False),
        Reply(turns=(assistant("At nine 🚆."),), finish_reason="length"),
    ],
)
def test_what_is_no_whole_answer_is_not_judged(reply: Reply | None) -> None:
    assert not DETECTOR.find(Seen(exchange=told("", reply=reply), rules=RULES))


def test_an_answer_is_judged_once() -> None:
    seen = Seen(exchange=told("At nine 🚆."), rules=RULES)
    praise = Feedback(id="f1", tenant="acme", exchange="ex_1", at=NOW, value=True)
    assert not DETECTOR.find(msgspec.structs.replace(seen, is_over=True))
    assert not DETECTOR.find(msgspec.structs.replace(seen, feedback=(praise,)))
