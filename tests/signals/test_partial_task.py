"""gateway/signals/partial_task.py: answers that lack a part, and users who say so."""

from __future__ import annotations

import msgspec
import pytest

from gateway.signals.base import Seen
from gateway.signals.partial_task import DETECTOR
from gateway.types import Exchange, Reply, ToolCall, Turn
from tests.exchanges import assistant, user
from tests.signals.talked import follows, opens

LIST = "Please write a launch plan with these sections:\n1. Pricing\n2. Marketing\n3. Support\n4. Hiring"
THREE = "Pricing: 10 a month. Marketing by mail. Hiring: two people."


@pytest.mark.parametrize(
    ("task", "answer", "lacking"),
    [
        (LIST, THREE, "Support"),
        (LIST, "Pricing: 10 a month. Marketing by mail.", "Support; Hiring"),
        (
            "Explain inflation, unemployment and growth.",
            "Inflation is when prices rise. Growth is more.",
            "unemployment",
        ),
        ("Compare cats, dogs and parrots.", "Cats sleep, dogs bark.", "parrots"),
        ("Give one example for each of Python, Scala, and Rust", "In Python: print. In Rust: println.", "Scala"),
        (
            "Do: (1) sort the names (2) drop duplicates (3) print totals",
            "The names are in order, and totals printed.",
            "drop duplicates",
        ),
        (
            "1) Who wrote Faust?\n2) Who painted Guernica?\n3) Who built Petra?",
            "Faust: Goethe. Guernica: Picasso.",
            None,
        ),
        ("Beschreibe den Rhein, die Elbe und die Donau.", "Der Rhein ist lang. Die Elbe auch.", None),
    ],
)
def test_what_an_answer_lacks_is_seen(task: str, answer: str, lacking: str | None) -> None:
    (signal,) = DETECTOR.find(opens(task, answer))
    assert (signal.name, signal.grade, signal.is_good) == ("partial_task", "C", False)
    assert signal.evidence in task
    assert signal.details["task"] == task
    assert lacking is None or signal.details["missing"] == lacking
    assert signal.key in ("partial_task|list", "partial_task|series")


@pytest.mark.parametrize(
    ("task", "answer"),
    [
        (
            "Explain TCP, UDP and QUIC.",
            "TCP is reliable. The User Datagram Protocol sends single packets. QUIC builds on it.",
        ),
        ("List the price, the pros and the cons.", "Price: 10. Pros: it is small. Disadvantages: it is slow."),
    ],
)
def test_an_answer_in_words_of_its_own_founds_no_lesson(task: str, answer: str) -> None:
    assert {signal.grade for signal in DETECTOR.find(opens(task, answer))} <= {"C"}


CALL = ToolCall(id="call_1", name="write", arguments="{}")


def replied(seen: Seen, **changes: object) -> Seen:
    reply = msgspec.structs.replace(seen.exchange.reply or Reply(), **changes)
    return msgspec.structs.replace(seen, exchange=msgspec.structs.replace(seen.exchange, reply=reply))


def exchanged(seen: Seen, **changes: object) -> Seen:
    return msgspec.structs.replace(seen, exchange=msgspec.structs.replace(seen.exchange, **changes))


@pytest.mark.parametrize(
    "seen",
    [
        opens(LIST, f"{THREE} Support: by phone."),
        opens(LIST, f"{THREE} Shall I continue with the rest?"),
        opens(LIST, f"{THREE} I don't have the figures for the other."),
        opens(LIST, "Done."),
        opens("Write a launch plan", THREE),
        replied(opens(LIST, THREE), finish_reason="length"),
        replied(opens(LIST, THREE), is_complete=False),
        replied(opens(LIST, THREE), turns=(Turn(role="assistant", text=THREE, calls=(CALL,)),)),
        replied(opens(LIST, THREE), turns=(assistant(THREE), assistant(THREE))),
        exchanged(opens(LIST, THREE), state="interrupted"),
        exchanged(opens(LIST, THREE), reply=None),
        exchanged(opens(LIST, THREE), turns=(user(LIST), Turn(role="tool", text="ok", answers="call_1"))),
        exchanged(follows(LIST, answer="What is in it?"), reply=Reply(turns=(assistant(THREE),))),
        exchanged(opens(LIST, THREE), status=500),
    ],
)
def test_what_is_whole_or_goes_on_or_was_cut_lacks_nothing(seen: Seen) -> None:
    assert list(DETECTOR.find(seen)) == []


@pytest.mark.parametrize(
    ("text", "lacking"),
    [
        ("You forgot the support section", "the support section"),
        ("you missed Support and hiring!", "Support and hiring"),
        ("And the third one?", "Support"),
        ("What about number 3?", "Support"),
        ("You left out the last one.", "Hiring"),
        ("What about support?", "support"),
        ("Where is the support section?", "the support section"),
        ("Du hast den Support vergessen", "den Support"),
        ("Te olvidaste de support", "support"),
        ("Tu as oublié le support", "le support"),
        ("The support section is missing", "The support section"),
        ("You didn't include support", "support"),
    ],
)
def test_what_the_user_says_is_lacking_is_about_the_answer_before(text: str, lacking: str) -> None:
    (signal,) = DETECTOR.find(follows(text, question=LIST, answer=THREE.replace("Hiring", "Staff")))
    assert (signal.about, signal.key, signal.evidence) == ("ex_0", "partial_task|list", text)
    assert signal.grade == "B"
    assert signal.details == {"task": LIST, "missing": lacking}


@pytest.mark.parametrize(
    "text",
    [
        "What about pricing?",
        "What about lunch?",
        "You forgot that I am vegan",
        "You forgot my birthday",
        "And the weather?",
        "Where is Oslo?",
        "What about number 8?",
        "How about a break",
        "Did you forget something?",
        "I forgot the support section",
        "Thanks, support and hiring look fine",
        "Was ist mit Mittagessen?",
    ],
)
def test_other_questions_are_no_complaint(text: str) -> None:
    assert list(DETECTOR.find(follows(text, question=LIST, answer=THREE))) == []


def test_a_complaint_about_a_task_that_cannot_be_counted_is_one_still() -> None:
    (signal,) = DETECTOR.find(
        follows("You forgot the tests", question="Add a parser with tests", answer="Parser added.")
    )
    assert (signal.key, signal.details["missing"]) == ("partial_task|series", "the tests")


def test_a_first_message_complains_of_nothing() -> None:
    exchange: Exchange = opens("You forgot the support section", "Sorry?").exchange
    assert list(DETECTOR.find(Seen(exchange=exchange))) == []
