"""gateway/signals/restated_constraint.py: rules that users have to say twice."""

from __future__ import annotations

import msgspec
import pytest

from gateway.memories import Memory
from gateway.signals.base import Seen
from gateway.signals.restated_constraint import DETECTOR
from tests.exchanges import NOW
from tests.signals.talked import follows, opens


def rule(text: str, **changes: object) -> Memory:
    """A constraint of Ann's from another session."""
    made = Memory(
        id="m_1",
        kind="constraint",
        text=text,
        key=text,
        origin="user",
        exchange="ex_old",
        session="s0",
        at=NOW - 9000,
        recorded_at=NOW - 9000,
    )
    return msgspec.structs.replace(made, **changes)


def under(text: str, *rules: Memory, question: str = "Who wrote Faust?") -> Seen:
    return msgspec.structs.replace(follows(text, question=question, answer="Goethe. 😀"), rules=rules)


@pytest.mark.parametrize(
    ("held", "text", "again"),
    [
        ("Never use emojis.", "Please never use emojis!", "Please never use emojis!"),
        ("Never use emojis.", "Don't use emojis in your answers.", "Don't use emojis in your answers."),
        ("Always answer in German.", "From now on always answer in German.", "From now on always answer in German."),
        ("Always answer in German.", "I told you to answer in German.", "I told you to answer in German."),
        ("Never use emojis.", "Again, no emojis. Who wrote Emma?", "Again, no emojis."),
        ("Keep answers under 50 words.", "Always keep your answers under 50 words.", None),
        ("Always sign your mails with Ann.", "As I said, sign the mails with Ann.", None),
        ("Never push to main.", "You must never push to main.", None),
        ("Use metric units in all recipes.", "Remember: metric units in recipes.", None),
        ("Antworte immer auf Englisch.", "Antworte bitte immer auf Englisch.", None),
        ("Nunca uses emojis.", "Nunca uses emojis en tus respuestas.", None),
        ("不要使用表情符号。", "以后不要使用表情符号。", None),
    ],
)
def test_a_rule_said_again_is_seen(held: str, text: str, again: str | None) -> None:
    (signal,) = DETECTOR.find(under(text, rule("Always cite the law."), rule(held, id="m_2")))
    assert (signal.name, signal.grade, signal.is_good) == ("restated_constraint", "B", False)
    assert signal.key == signal.about == "m_2"
    assert signal.details["before"] == held
    assert signal.evidence == signal.details["after"] == (again or text)


@pytest.mark.parametrize(
    ("held", "text"),
    [
        ("Always answer in German.", "Always answer in French."),
        ("Always keep summaries under 50 words.", "Always keep summaries under 100 words."),
        ("Use metric units in all recipes.", "The metric units in his recipes confused me."),
        ("Never use emojis.", "Always use emojis."),
        ("Never use emojis.", "Who invented emojis?"),
        ("Never use emojis.", "Again, who wrote Emma?"),
        ("Always answer in German.", "Never push to main."),
        ("Never use emojis.", "Is it again a rule to never use emojis?"),
        ("Never use emojis.", "Thanks."),
        ("Never use emojis.", ""),
        ("Always cite the law.", "I told you about my aunt."),
        ("Use British spelling.", "Still raining here."),
        ("Never push to main.", "Always push to a branch first."),
    ],
)
def test_another_rule_or_none_is_no_repetition(held: str, text: str) -> None:
    assert list(DETECTOR.find(under(text, rule(held)))) == []


def test_a_rule_that_this_message_gives_is_not_said_again() -> None:
    text = "Never use emojis."
    assert list(DETECTOR.find(under(text, rule(text, exchange="ex_1")))) == []


def test_a_rule_of_another_session_alone_does_not_hold_here() -> None:
    text = "Never use emojis."
    assert list(DETECTOR.find(under(text, rule(text, reach="session")))) == []
    assert list(DETECTOR.find(under(text, rule(text, reach="session", session="s1"))))


def test_what_stands_in_every_message_is_a_habit() -> None:
    text = "Never use emojis."
    assert list(DETECTOR.find(under(f"Who wrote Emma? {text}", rule(text), question=f"Who wrote Faust? {text}"))) == []


def test_a_rule_said_twice_in_a_message_is_one() -> None:
    found = DETECTOR.find(under("Never use emojis. I told you: no emojis.", rule("Never use emojis.")))
    assert [signal.key for signal in found] == ["m_1"]


def test_without_an_answer_before_nothing_was_disregarded() -> None:
    seen = msgspec.structs.replace(opens("Never use emojis.", "Fine."), rules=(rule("Never use emojis."),))
    assert list(DETECTOR.find(seen)) == []
