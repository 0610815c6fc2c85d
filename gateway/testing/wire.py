"""Answers of the scripted upstream as steps: JSON, streams of events, refusals. What they say is not known here."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import msgspec

from gateway.testing.scripted import Step


class Refused(Exception):
    """What the real API would not accept."""

    def __init__(self, message: str, *, param: str | None = None, code: str | None = None, status: int = 400) -> None:
        super().__init__(message)
        self.message = message
        self.param = param
        self.code = code
        self.status = status

    def as_openai(self) -> Step:
        """The error as OpenAI words it."""
        error = {"message": self.message, "type": "invalid_request_error", "param": self.param, "code": self.code}
        return as_json({"error": error}, self.status)

    def as_anthropic(self) -> Step:
        """The error as Anthropic words it."""
        error = {"type": "invalid_request_error", "message": self.message}
        return as_json({"type": "error", "error": error}, self.status)


def as_json(value: Any, status: int = 200) -> Step:
    """A JSON answer."""
    return Step(status=status, chunks=[msgspec.json.encode(value)])


def as_data_stream(events: Iterable[dict[str, Any]]) -> Step:
    """Events as chat and legacy completions send them: without names, and with a last word."""
    data = [*(msgspec.json.encode(event) for event in events), b"[DONE]"]
    return _stream([b"data: " + event + b"\n\n" for event in data])


def as_event_stream(events: Iterable[dict[str, Any]]) -> Step:
    """Events as responses and messages send them: each is named by its `type`, and the last one speaks for itself."""
    named = [(event["type"].encode(), msgspec.json.encode(event)) for event in events]
    return _stream([b"event: " + name + b"\ndata: " + data + b"\n\n" for name, data in named])


def _stream(chunks: list[bytes]) -> Step:
    return Step(headers=[("content-type", "text/event-stream; charset=utf-8")], chunks=chunks, framing="chunked")
