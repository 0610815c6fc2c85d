"""Server-sent events as bytes (https://html.spec.whatwg.org/multipage/server-sent-events.html), without I/O.

It knows where an event begins and ends, and how a stream says that it is over; what the data means, the shapes know.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence

DONE = b"[DONE]"
"""Data of the event with which OpenAI-compatible servers end a stream."""

_BOM = b"\xef\xbb\xbf"

_BLANK = re.compile(rb"\n\n|\r\r|\r\n\r\n")

MAX_TYPE_CHARS = 100
"""A line that may still turn out to name the last event is kept up to here; the longest names have 30."""


def events(stream: bytes) -> Iterator[bytes]:
    """The data of each event of a whole stream, in order; comments and events without data are left out.

    An event that its blank line never ended is dropped, as the standard says, except for the end mark: real servers
    close the connection right behind it.
    """
    # bytes.splitlines splits at LF, CR and CRLF and nowhere else: the standard's line ends.
    data: list[bytes] = []
    for line in stream.removeprefix(_BOM).splitlines():
        if not line:
            if data:
                yield b"\n".join(data)
            data = []
        else:
            field, _, value = line.partition(b":")
            if field == b"data":
                data.append(value.removeprefix(b" "))
    if data == [DONE]:
        yield DONE


class EndMark:
    """Watches a stream for its end, chunk by chunk, keeping no more than the start of one line."""

    def __init__(self, last_events: Sequence[str] = ()) -> None:
        """Watch for `data: [DONE]`, and for events of these types."""
        names = b"|".join(re.escape(name.encode()) for name in last_events)
        typed = rb"|event: ?(?:%b)(?=[\r\n])|data: ?\{\s*\"type\":\s*\"(?:%b)\"" % (names, names) if names else b""
        self._begin = re.compile(rb"[\r\n](?:(?P<done>data: ?\[DONE\])" + typed + rb")")
        self._line = b"\n"
        """A line end and what came after it, as long as that may still begin the last event; else empty."""
        self._is_last = False

    def feed(self, chunk: bytes) -> bool:
        """Whether this chunk completes the last event.

        `[DONE]` need not be followed by a line's end, as some servers send none; any other event ends in a blank line.
        """
        seen = self._line + chunk
        if self._is_last:
            self._line = seen[-3:]
            return _BLANK.search(seen) is not None
        begin = self._begin.search(seen)
        if begin is None:
            self._line = _last_line(seen)
            return False
        if begin["done"]:
            self._line = _last_line(seen[max(mark.end() for mark in self._begin.finditer(seen)) :])
            return True
        self._is_last = True
        self._line = seen[begin.end() :][-3:]
        return _BLANK.search(seen, begin.end()) is not None


def _last_line(seen: bytes) -> bytes:
    """The line that is not over yet, behind a line end; empty when it is too long to be of any interest."""
    start = max(seen.rfind(b"\n"), seen.rfind(b"\r"))
    return b"\n" + seen[start + 1 :] if start >= 0 and len(seen) - start <= MAX_TYPE_CHARS else b""
