"""Byte surgery on JSON that belongs to somebody else: reading it leniently, finding a place in it, inserting there.

Nothing is ever written back from parsed values: what we do not touch keeps its bytes (promise P2). Which places there
are is known by the shapes.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Sequence
from typing import TypeVar

import msgspec
import numpy as np

T = TypeVar("T")

_SURROGATE = re.compile(
    rb"\\\\"  # an escaped backslash, so that the `u` behind it begins no escape
    rb"|\\u[dD][89abAB][0-9a-fA-F]{2}\\u[dD][c-fC-F][0-9a-fA-F]{2}"  # a pair
    rb"|(?P<lone>\\u[dD][89a-fA-F][0-9a-fA-F]{2})"
)


def understood(body: bytes, parse: Callable[[bytes], T]) -> T | None:
    """What `parse` makes of a body; None when it is not valid UTF-8, not JSON, too deep or of other types.

    msgspec refuses lone surrogates (`"\\ud800"`), which JavaScript and Python clients do send. For these `parse` gets
    a copy with U+FFFD in their place, of the same length, so that offsets found in it hold for the body.
    """
    try:
        body.decode()  # msgspec.Raw skips over strings without looking at their encoding
        try:
            return parse(body)
        except msgspec.DecodeError:
            return parse(_SURROGATE.sub(_paired, body))
    except (ValueError, RecursionError):
        return None


def offsets(body: bytes, raws: Sequence[msgspec.Raw]) -> list[int]:
    """Where each Raw begins in the body it was decoded from, however deeply nested that decoding was."""
    # A Raw is a view into the decoded buffer: its address tells its place, and costs 1.7 µs. Searching for its bytes
    # would find an earlier copy of them.
    start = _address(body)
    return [_address(raw) - start for raw in raws]


def splice(body: bytes, insertions: Sequence[tuple[int, bytes]]) -> bytes:
    """The body with bytes inserted at offsets of the original; those at one offset follow one another in order."""
    pieces: list[bytes] = []
    done = 0
    for at, inserted in sorted(insertions, key=lambda insertion: insertion[0]):
        pieces += (body[done:at], inserted)
        done = at
    return b"".join((*pieces, body[done:]))


def quoted(text: str) -> bytes:
    """A text as JSON string, always in ASCII: one form only, whatever the encoding around it (promise P5)."""
    return json.dumps(text).encode("ascii")


def _paired(match: re.Match[bytes]) -> bytes:
    return rb"\ufffd" if match["lone"] else match[0]


def _address(data: bytes | msgspec.Raw) -> int:
    address: int = np.frombuffer(data, np.uint8).__array_interface__["data"][0]
    return address
