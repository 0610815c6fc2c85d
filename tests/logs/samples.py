"""A talk, and logs that hold it, for the tests of what is read from logs."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from gateway.shapes import chat
from gateway.transcripts import Log, Transcript, read_log

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
