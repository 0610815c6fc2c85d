"""gateway/transcripts.py: the forms of logs, and what is wrong with those that are none."""

from __future__ import annotations

import gzip
import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from gateway.errors import ConfigError
from gateway.shapes import chat
from gateway.transcripts import Log, Transcript, Verdict, read_log

ASK = {"role": "user", "content": "Which gate?"}
LOOK = {
    "role": "assistant",
    "content": None,
    "tool_calls": [
        {"id": "call_9a8b7c6d", "type": "function", "function": {"name": "gate", "arguments": '{"n": 1.0}'}}
    ],
}
FOUND = {"role": "tool", "tool_call_id": "call_9a8b7c6d", "content": "B12"}
TOLD = {"role": "assistant", "content": "Gate B12."}
TALK = [ASK, LOOK, FOUND, TOLD]
ANSWER = {"id": "chatcmpl-1", "created": 1_700_000_000, "choices": [{"index": 0, "message": TOLD}]}


def written(folder: Path, content: str | bytes) -> Path:
    path = folder / "log"
    path.write_bytes(content.encode() if isinstance(content, str) else content)
    return path


def read(folder: Path, *documents: Any) -> Log:
    """The log with these documents, a line each."""
    return read_log(written(folder, "\n".join(map(json.dumps, documents))))


def only(log: Log) -> Transcript:
    assert log.faults == ()
    (transcript,) = log.transcripts
    return transcript


def reasons(log: Log) -> list[str]:
    return [f"{fault.where}: {fault.reason}" for fault in log.faults]


def sent(transcript: Transcript, number: int) -> Any:
    return json.loads(transcript.call(number).request)


def said(transcript: Transcript) -> list[str]:
    """What the assistant said, as the shape reads it."""
    replies = [chat.SHAPE.reply(transcript.call(number).answer) for number in range(len(transcript.answers))]
    return [reply.turns[0].text or reply.turns[0].calls[0].name for reply in replies]


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


def test_lines_arrays_and_files_written_over_several_lines_are_the_same(tmp_path: Path) -> None:
    documents = [{"messages": TALK, "id": "1"}, {"messages": [ASK, TOLD], "id": "2"}]
    lines = read(tmp_path, *documents).transcripts
    array = read(tmp_path, documents).transcripts
    indented = read_log(written(tmp_path, json.dumps(documents, indent=1))).transcripts
    zipped = read_log(written(tmp_path, gzip.compress(("\ufeff" + json.dumps(documents)).encode()))).transcripts
    assert [one.session for one in lines] == ["1", "2"]
    for others in (array, indented, zipped):
        assert [one.session for one in others] == ["1", "2"]
        assert [sent(one, 0) for one in others] == [sent(one, 0) for one in lines]
    assert [one.where for one in lines] == ["line 1", "line 2"]
    assert [one.where for one in indented] == ["item 1", "item 2"]


def test_one_conversation_written_over_several_lines_is_one(tmp_path: Path) -> None:
    log = read_log(written(tmp_path, json.dumps({"messages": TALK}, indent=2)))
    assert (only(log).where, said(only(log))) == ("the file", ["gate", "Gate B12."])


def test_bare_lists_are_conversations_and_not_a_list_of_them(tmp_path: Path) -> None:
    log = read(tmp_path, TALK, [ASK, TOLD])
    assert [len(one.answers) for one in log.transcripts] == [2, 1]


def test_a_bad_line_is_named_and_the_others_are_read(tmp_path: Path) -> None:
    content = '{"messages": [\n\n{"messages": []}\n' + json.dumps({"messages": TALK}) + "\n[]\n7\n[8]\n"
    log = read_log(written(tmp_path, content))
    assert [one.where for one in log.transcripts] == ["line 4"]
    assert [fault.where for fault in log.faults] == ["line 1", "line 3", "line 5", "line 6", "item 1"]
    assert "line 3: no list of messages" in reasons(log)


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


@pytest.mark.parametrize(
    ("written", "at"),
    [
        ({"created": 1_700_000_000}, 1_700_000_000),
        ({"timestamp": 1_700_000_000_500}, 1_700_000_000.5),
        ({"created_at": "2023-11-14T22:13:20Z"}, 1_700_000_000),
        ({"created_at": "2023-11-14T22:13:20"}, 1_700_000_000),
        ({"timestamp": "2023-11-15T00:13:20+02:00"}, 1_700_000_000),
        ({"created": None, "timestamp": 5}, 5),
        ({}, None),
    ],
)
def test_times_are_seconds_milliseconds_or_dates(tmp_path: Path, written: Any, at: float | None) -> None:
    assert only(read(tmp_path, {"messages": TALK, **written})).at == at


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


def test_a_file_that_cannot_be_opened_is_a_clear_error(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="nowhere: No such file"):
        read_log(tmp_path / "nowhere")
    with pytest.raises(ConfigError, match="a broken gzip file"):
        read_log(written(tmp_path, gzip.compress(b"x" * 999)[:-9]))
    with pytest.raises(ConfigError, match="Unknown compression method"):
        read_log(written(tmp_path, b"\x1f\x8b\x00" + b"plain" * 4))


def test_words_that_are_not_well_formed_are_read_as_live_ones_are(tmp_path: Path) -> None:
    log = read_log(
        written(tmp_path, '[{"role": "user", "content": "\\ud83d"}, {"role": "assistant", "content": "ok"}]')
    )
    call = chat.SHAPE.read(only(log).call(0).request)
    assert call is not None
    assert call.turns[0].text == "\ufffd"


MESSAGE = st.sampled_from([ASK, LOOK, FOUND, TOLD])


@settings(deadline=None, max_examples=50)
@given(st.lists(st.lists(MESSAGE, max_size=8), max_size=6))
def test_nothing_is_lost_without_a_word(tmp_path_factory: pytest.TempPathFactory, talks: list[list[Any]]) -> None:
    log = read(tmp_path_factory.mktemp("logs"), *talks)
    places = [fault.where for fault in log.faults] + [one.where for one in log.transcripts]
    assert sorted(places) == [f"line {number}" for number in range(1, len(talks) + 1)]
    for transcript in log.transcripts:
        talk = talks[int(transcript.where.removeprefix("line ")) - 1]
        assert len(transcript.answers) == sum(message["role"] == "assistant" for message in talk[1:])


@settings(deadline=None, max_examples=50)
@given(st.binary(max_size=200))
def test_any_bytes_are_read_or_refused_clearly(tmp_path_factory: pytest.TempPathFactory, content: bytes) -> None:
    path = written(tmp_path_factory.mktemp("logs"), content)
    try:
        log = read_log(path)
    except ConfigError:
        return
    assert len(log.faults) + len(log.transcripts) <= len(content.splitlines())
