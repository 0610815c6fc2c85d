"""A text as others would read it: with its escapes undone, without what nobody sees, with the lines of a token joined.

Each view knows where its bytes stand in the text, so that what is found in it is found there. It knows the escapes of
JSON (also of JSON within JSON), of Python and of URLs, and nothing of what is looked for.
"""

from __future__ import annotations

import re
from bisect import bisect_right
from collections.abc import Iterator

DEPTH = 3
"""Escapes within escapes that are undone: a JSON document in the arguments of a call in a log."""

_ESCAPE = re.compile(rb"\\(?:u([0-9a-fA-F]{4})|x([0-9a-fA-F]{2})|([\"'\\/bfnrt]))|%([0-9a-fA-F]{2})")
_PLAIN = {b"b": b"\b", b"f": b"\f", b"n": b"\n", b"r": b"\r", b"t": b"\t"}
_BREAK = re.compile(rb"(?<=[A-Za-z0-9_=+/.-])[ \t]*\r?\n[ \t]*(?=[A-Za-z0-9_=+/.-])")

_UNSEEN = re.compile(
    rb"(?:\xc2\xad|\xcd\x8f|\xd8\x9c|\xe1\xa0\x8e|\xe2\x80[\x8b-\x8f\xaa-\xae]|\xe2\x81[\xa0-\xaf]|\xef\xb8[\x80-\x8f]"
    rb"|\xef\xbb\xbf|\xef\xbf[\xb9-\xbb]|\xf3\xa0[\x80-\x87][\x80-\xbf]|\xed\xad\x80\xed[\xb0-\xb7][\x80-\xbf])+"
)
"""Characters that are shown as nothing: of no width, soft hyphens, marks of direction, variants and tags (also as an
escape stands for them, by surrogates)."""


class View:
    """Bytes, and the place of each in the text that they are read from."""

    def __init__(self, data: bytes, below: View | None = None) -> None:
        self.data = data
        self._below = below
        self._starts = [0]
        self._sources = [0]
        self._widths = [0]
        """Of each piece; 0 where one byte stands for one byte."""

    def span(self, start: int, end: int) -> tuple[int, int]:
        """Where the bytes from `start` to `end` stand in the text itself."""
        if self._below is None:
            return start, end
        return self._below.span(self._source(start)[0], self._source(end - 1)[1])

    def _source(self, at: int) -> tuple[int, int]:
        piece = bisect_right(self._starts, at) - 1
        source, width = self._sources[piece], self._widths[piece]
        if width:
            return source, source + width
        first = source + at - self._starts[piece]
        return first, first + 1

    def _add(self, start: int, source: int, width: int = 0) -> None:
        self._starts.append(start)
        self._sources.append(source)
        self._widths.append(width)

    def unescaped(self) -> View | None:
        """The view with one level of escapes undone; None when there are none."""
        if b"\\" not in self.data and b"%" not in self.data:
            return None
        return self._without(_ESCAPE)

    def visible(self) -> View | None:
        """The view without what is shown as nothing; None when there is nothing of the sort."""
        return None if self.data.isascii() else self._without(_UNSEEN)

    def joined(self) -> View | None:
        """The view with its lines joined where a token may go on in the next; None when there is no such place."""
        return self._without(_BREAK) if b"\n" in self.data else None

    def _without(self, pattern: re.Pattern[bytes]) -> View | None:
        pieces: list[bytes] = []
        view, size, position = View(b"", self), 0, 0
        for match in pattern.finditer(self.data):
            meant = _meant(match) if pattern is _ESCAPE else b""
            pieces += (self.data[position : match.start()], meant)
            size += match.start() - position
            position = match.end()
            if meant:
                view._add(size, match.start(), position - match.start())
                size += len(meant)
            view._add(size, position)
        if not pieces:
            return None
        view.data = b"".join(pieces) + self.data[position:]
        return view


def unescaped_views(text: View) -> Iterator[View]:
    """The text, and what it is with one level of escapes after the other undone."""
    view: View | None = text
    for _ in range(DEPTH + 1):
        if view is None:
            return
        yield view
        view = view.unescaped()


def views_of(text: View) -> Iterator[View]:
    """The text in all ways it is read that keep its lines; the last is the one with the least in it."""
    for view in unescaped_views(text):
        yield view
        visible = view.visible()
        if visible is not None:
            yield visible


def _meant(escape: re.Match[bytes]) -> bytes:
    """What an escape stands for; half a surrogate pair stays half of one."""
    code, byte, plain, percent = escape.groups()
    if code is not None:
        return chr(int(code, 16)).encode("utf-8", "surrogatepass")
    if plain is not None:
        return _PLAIN.get(plain, bytes(plain))
    return bytes([int(byte or percent, 16)])
