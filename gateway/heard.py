"""An answer as it is listened to: its bytes so far, what they say, and whether the end is among them.

It knows encodings, events and framing. What is done with what was heard is in gateway/record.py.
"""

from __future__ import annotations

import asyncio
from collections.abc import Sequence

from gateway import encodings, sse
from gateway.headers import first_value, is_event_stream
from gateway.ports import Incoming
from gateway.shapes.base import Shape
from gateway.types import Reply

MAX_LISTENED_BYTES = 32 * 1024 * 1024
"""Of an answer are kept for the record; beyond that it still passes, and is recorded as one that was not read."""

THREADED_PARSE_BYTES = 128 * 1024
"""A larger answer is parsed off the event loop; a smaller one takes less time than the hop."""


class Heard:
    """What has been heard of an answer, within bounds."""

    def __init__(self) -> None:
        self._chunks: list[bytes] = []
        self._size = 0
        self.is_cut = False
        """True once it has been read and found to lack its end."""

    @property
    def is_too_long(self) -> bool:
        """Whether it was too much to be read."""
        return self._size > MAX_LISTENED_BYTES

    def hear(self, chunk: bytes) -> None:
        """Keep a chunk."""
        self._size += len(chunk)
        if not self.is_too_long:
            self._chunks.append(chunk)

    def body(self) -> bytes:
        """Everything heard; nothing if it was too much."""
        return b"" if self.is_too_long else b"".join(self._chunks)


class EndMark:
    """Sees the last byte of an answer coming, where that can be seen before the end."""

    def __init__(self, answer: Incoming, last_events: Sequence[str]) -> None:
        lines, is_stream = answer.headers, is_event_stream(answer.headers)
        length = first_value(lines, b"content-length")
        self._left = int(length) if length.isdigit() else None
        self.is_missing = is_stream and not length and not first_value(lines, b"transfer-encoding")
        """True while only the end of its connection would end a stream, which is how a broken one ends as well."""
        self.is_readable = is_stream and not first_value(lines, b"content-encoding")
        """True for a stream whose events can be read before its end."""
        self._done = sse.EndMark(last_events) if self.is_readable else None

    def is_in(self, chunk: bytes) -> bool:
        """True when the answer ends in this chunk; chunks are passed in order."""
        if self._left is not None:
            self._left -= len(chunk)
            return self._left <= 0
        is_done = self._done is not None and self._done.feed(chunk)
        self.is_missing = self.is_missing and not is_done
        return is_done


async def read(shape: Shape, answer: Incoming, body: bytes) -> Reply | None:
    """What the body of an answer says, or as much of it as there is; None when it cannot be decoded."""
    if len(body) > THREADED_PARSE_BYTES or first_value(answer.headers, b"content-encoding"):
        return await asyncio.to_thread(_read, shape, answer, body)
    return _read(shape, answer, body)


def _read(shape: Shape, answer: Incoming, heard: bytes) -> Reply | None:
    body = encodings.decode(heard, first_value(answer.headers, b"content-encoding"))
    if body is None:
        return None
    if not is_event_stream(answer.headers):
        return shape.reply(body)
    tap = shape.tap()
    for event in sse.events(body):
        tap.feed(event)
    return tap.close()
