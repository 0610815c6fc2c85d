"""Server-sent events as bytes (https://html.spec.whatwg.org/multipage/server-sent-events.html), without I/O.

It knows where an event begins and ends, and what OpenAI's end mark looks like; what the data means, the shapes know.
"""

from __future__ import annotations

import re
from collections.abc import Iterator

DONE = b"[DONE]"
"""Data of the event with which OpenAI-compatible servers end a stream."""

_BOM = b"\xef\xbb\xbf"

_DONE_LINE = re.compile(rb"[\r\n]data: ?\[DONE\]")
_DONE_LINES = (b"\ndata: [DONE]", b"\ndata:[DONE]")


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


class DoneMark:
    """Watches a stream for its end mark, chunk by chunk, holding back no more than the start of one line."""

    def __init__(self) -> None:
        self._line = b"\n"
        """A line end and what came after it, as long as that may still become the mark; else empty."""

    def feed(self, chunk: bytes) -> bool:
        """Whether this chunk completes a `data: [DONE]`. It need not hold the line's end: some servers send none."""
        seen = self._line + chunk
        start = max(seen.rfind(b"\n"), seen.rfind(b"\r"))
        line = b"\n" + seen[start + 1 :] if start >= 0 else b""
        self._line = line if any(mark.startswith(line) and mark != line for mark in _DONE_LINES) else b""
        return DONE in seen and _DONE_LINE.search(seen) is not None
