"""gateway/logs/chat.py: conversations and calls in OpenAI's chat format, and what logs say beside them."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest

from gateway.logs.base import Verdict
from tests.logs.samples import ANSWER, ASK, TALK, TOLD, only, read, said, sent


@pytest.mark.parametrize("document", [{"messages": TALK}, TALK])
def test_each_message_of_the_assistant_answers_all_that_was_said_before(tmp_path: Path, document: Any) -> None:
    transcript = only(read(tmp_path, document))
    assert [sent(transcript, number)["messages"] for number in (0, 1)] == [TALK[:1], TALK[:3]]
    assert said(transcript) == ["gate", "Gate B12."]


def test_members_beside_the_messages_stood_in_each_request(tmp_path: Path) -> None:
    tools = [{"type": "function", "function": {"name": "gate", "parameters": {"type": "object"}}}]
    document = {"messages": TALK, "model": "gpt-4o", "tools": tools, "user": "ana", "id": "c1", "reward": 1}
    transcript = only(read(tmp_path, document))
    assert sent(transcript, 1) == {"messages": TALK[:3], "model": "gpt-4o", "tools": tools, "user": "ana"}
    assert transcript.session == "c1"


def test_a_greeting_answers_nothing(tmp_path: Path) -> None:
    transcript = only(read(tmp_path, [{"role": "assistant", "content": "Hello!"}, ASK, TOLD]))
    assert said(transcript) == ["Gate B12."]


@pytest.mark.parametrize(
    "document",
    [
        {"request": {"model": "m", "messages": TALK[:3]}, "response": ANSWER},
        {**ANSWER, "model": "m", "messages": TALK[:3]},
    ],
)
def test_one_call_is_the_request_and_its_answer(tmp_path: Path, document: Any) -> None:
    transcript = only(read(tmp_path, document))
    assert said(transcript) == ["Gate B12."]
    assert (sent(transcript, 0)["model"], sent(transcript, 0)["messages"]) == ("m", TALK[:3])
    assert (transcript.at, transcript.session) == (1_700_000_000, "")


def test_what_a_log_says_beside_a_request_counts_more(tmp_path: Path) -> None:
    request = {"messages": [ASK], "user": "bob", "temperature": 0.5}
    document = {"request": request, "response": ANSWER, "user": "ana", "session": "s1", "timestamp": 5}
    transcript = only(read(tmp_path, document))
    assert sent(transcript, 0) == {"messages": [ASK], "user": "ana", "temperature": 0.5}
    assert (transcript.session, transcript.at) == ("s1", 5)


@pytest.mark.parametrize(
    ("document", "reason"),
    [
        ({"prompt": "x"}, "no list of messages"),
        ({"messages": "x"}, "no list of messages"),
        ({"messages": [1]}, "messages that cannot be read"),
        ({"messages": [ASK]}, "no message that an assistant answered"),
        ({"request": {"messages": [ASK]}, "response": {"error": "overloaded"}}, "an answer without choices"),
        ({"request": {"messages": [7]}, "response": ANSWER}, "messages that cannot be read"),
        ({"request": [], "response": ANSWER}, "request: Expected `object`"),
        ({"messages": TALK, "created": "yesterday"}, "Invalid isoformat string: 'yesterday'"),
        ({"messages": TALK, "created": -1}, "-1.0 is no time"),
        ({"messages": TALK, "timestamp": []}, "timestamp: Expected"),
        ({"messages": TALK, "session": {}}, "session: Expected"),
        ({"messages": TALK, "reward": 7}, "reward: Expected `float` <= 1.0"),
        ({"messages": TALK, "feedback": {"stars": 5}}, "feedback: Object contains unknown field `stars`"),
    ],
)
def test_what_is_wrong_is_said(tmp_path: Path, document: Any, reason: str) -> None:
    (fault,) = read(tmp_path, document).faults
    assert reason in fault.reason


def test_a_conversation_without_a_name_is_known_by_its_words(tmp_path: Path) -> None:
    log = read(tmp_path, TALK, {"messages": TALK, "model": "m"}, [ASK, TOLD], {"messages": TALK, "session": 7})
    first, same, other, named = [one.session for one in log.transcripts]
    assert first == same
    assert len({first, other, named}) == 3
    assert named == "7"


def test_a_number_is_a_user_as_well(tmp_path: Path) -> None:
    log = read(tmp_path, {"messages": TALK, "user": 42}, {"messages": TALK, "user": {"id": "ana"}})
    assert [sent(one, 0)["user"] for one in log.transcripts] == ["42", {"id": "ana"}]


@pytest.mark.parametrize(
    ("judged", "verdicts"),
    [
        ({"reward": 0.0}, [Verdict(value=0.0)]),
        ({"reward": True, "feedback": None}, [Verdict(value=True)]),
        ({"feedback": 0.5}, [Verdict(value=0.5)]),
        ({"feedback": "Wrong gate."}, [Verdict(comment="Wrong gate.")]),
        ({"feedback": {"value": False, "correction": "B13"}}, [Verdict(value=False, correction="B13")]),
        ({"reward": 1, "feedback": [{"label": "gate"}]}, [Verdict(value=1.0), Verdict(label="gate")]),
    ],
)
def test_what_somebody_said_of_it_is_read(tmp_path: Path, judged: Any, verdicts: Sequence[Verdict]) -> None:
    assert only(read(tmp_path, {"messages": TALK, **judged})).verdicts == tuple(verdicts)
