"""gateway/signals/edited_answer.py: answers that users rewrite, and what clients do to them by themselves."""

from __future__ import annotations

import msgspec
import pytest

from gateway.signals.base import Seen
from gateway.signals.edited_answer import DETECTOR
from gateway.types import Exchange
from tests.exchanges import NOW, assistant, exchange, user
from tests.signals.talked import asked, follows

ANSWER = "The meeting is on Tuesday at ten in the large room on the second floor, and Ann will bring the slides."


def sent_back(text: str, *, answer: str = ANSWER) -> Seen:
    """The next message of a session, whose client sends an answer back so."""
    seen = follows("And who else comes?", question="When is the meeting?", answer=text)
    return msgspec.structs.replace(seen, earlier=(asked("When is the meeting?", answer),))


@pytest.mark.parametrize(
    ("text", "before", "after"),
    [
        (ANSWER.replace("Tuesday", "Thursday"), "meeting is on Tuesday at ten in", "meeting is on Thursday at ten in"),
        (ANSWER.replace("Ann", "Bob"), "second floor, and Ann will bring the", "second floor, and Bob will bring the"),
        (ANSWER.replace("large", "small blue"), "in the large room on the", "in the small blue room on the"),
        (ANSWER.replace(" on the second floor", ""), "on the second floor", "the large room, and"),
        (ANSWER.replace("at ten ", "at half past ten "), "Tuesday at ten in", "at half past ten"),
        (ANSWER.replace("The meeting", "Our meeting"), "The meeting is on", "Our meeting is on"),
        (ANSWER.replace("slides", "cake"), "will bring the slides.", "will bring the cake."),
        (ANSWER.replace("ten", "11"), "Tuesday at ten in", "Tuesday at 11 in"),
        (ANSWER.replace("Tuesday", "**Friday**"), "on Tuesday at", "on **Friday** at"),
        (ANSWER.replace("Tuesday", "Monday").replace("Ann", "Eve"), "is on Tuesday", "and Eve will bring"),
        (ANSWER.replace("will bring", "won't bring"), "and Ann will bring", "and Ann won't bring"),
        (ANSWER.replace("The ", "So the ").replace("Ann", "Kim"), "The meeting", "So the meeting"),
    ],
)
def test_an_edit_is_seen_with_a_few_words_around(text: str, before: str, after: str) -> None:
    (signal,) = DETECTOR.find(sent_back(text))
    assert (signal.name, signal.grade, signal.is_good, signal.about) == ("edited_answer", "B", False, "ex_0")
    assert before in signal.details["before"]
    assert after in signal.details["after"]
    assert signal.details["before"] in ANSWER
    assert signal.evidence == signal.details["after"]
    assert signal.evidence in text


LISTED = "**Plan**\n\n1. Buy `milk`\n2. Call _Ann_\n\n> soon [1]"


@pytest.mark.parametrize(
    ("answer", "text"),
    [
        (ANSWER, ANSWER),
        (ANSWER, f"  {ANSWER}\n"),
        (ANSWER, ANSWER.replace(" ", "  ")),
        (ANSWER, ANSWER[:60]),
        (ANSWER, ANSWER[30:]),
        (ANSWER, f"{ANSWER[:50]}… (truncated)"),
        (ANSWER, ANSWER.replace("in the large room on the second", "[... 5 words omitted ...]")),
        (LISTED, "Plan\n\n1. Buy milk\n2. Call Ann\n\nsoon"),
        (f"<think>Tuesday, I guess.</think>{ANSWER}", ANSWER),
        (ANSWER, f'<details type="reasoning">hm</details>\n{ANSWER}'),
        (f"{ANSWER} 【4:0†file.pdf】", ANSWER),
        (ANSWER, "I do not know anything about that, sorry to say."),
        ("card_arrival", "card_lost"),
        (ANSWER, f"{ANSWER}\n\nSources: calendar"),
        (ANSWER, ANSWER.replace("'", "’")),
        ("", ANSWER),
        ("word " * 1000, "word " * 300 + "other " * 500 + "word " * 300),
        ("***", "###"),
        (ANSWER * 400, ANSWER * 200 + "Or not. " + ANSWER * 200),
    ],
)
def test_what_a_client_does_by_itself_is_none(answer: str, text: str) -> None:
    assert DETECTOR.find(sent_back(text, answer=answer)) == ()


def test_it_is_told_once_and_not_with_every_message_after_it() -> None:
    edited = ANSWER.replace("Tuesday", "Thursday")
    first = sent_back(edited)
    later = exchange(user("Fine."), id="ex_2", context=first.exchange.context, answers=["Yes."])
    assert DETECTOR.find(first)
    assert DETECTOR.find(Seen(exchange=later, earlier=(*first.earlier, first.exchange))) == ()


def test_a_client_that_rewrites_every_answer_edits_none() -> None:
    other = "The room is booked until noon, and the key lies at the desk."
    context = (
        user("Where is the key?"),
        assistant(other.replace("key", "KEY")),
        user("When is the meeting?"),
        assistant(ANSWER.replace("Tuesday", "TUESDAY")),
    )
    now = exchange(user("And who comes?"), id="ex_2", context=context, answers=["Ann."])
    earlier = (asked("Where is the key?", other), asked("When is the meeting?", ANSWER, id="ex_1"))
    assert DETECTOR.find(Seen(exchange=now, earlier=earlier)) == ()
    only_last = msgspec.structs.replace(now, context=(context[0], assistant(other), *context[2:]))
    assert DETECTOR.find(Seen(exchange=only_last, earlier=earlier))


def test_of_two_answers_to_a_question_either_may_have_been_kept() -> None:
    seen = sent_back(ANSWER)
    regenerated: Exchange = asked("When is the meeting?", ANSWER.replace("Tuesday", "Friday"), id="ex_00")
    assert DETECTOR.find(msgspec.structs.replace(seen, earlier=(*seen.earlier, regenerated))) == ()


def test_an_answer_that_no_record_has_is_not_judged() -> None:
    assert DETECTOR.find(msgspec.structs.replace(sent_back("Anything"), earlier=())) == ()
    kept_upstream = exchange(user("And?"), id="ex_1", path="/responses", at=NOW)
    assert DETECTOR.find(Seen(exchange=kept_upstream, earlier=(asked("When?", ANSWER),))) == ()
