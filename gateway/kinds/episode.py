"""Raw turns, verbatim, found by relevance. What carries nothing (a greeting, a thank-you) is not kept, nor what a user
says off the record."""

from __future__ import annotations

import functools
import hashlib
from collections.abc import Sequence

from gateway.kinds.base import day, shown, words
from gateway.kinds.sentences import is_empty_talk, is_off_the_record
from gateway.memories import Memory, Span
from gateway.passages import passages
from gateway.types import Turn


class Episode:
    """See the module."""

    name = "episode"
    order = 6
    is_pinned = False
    is_rule = False
    half_life_days = 90.0

    def find(self, turn: Turn, *, is_first: bool = False) -> Sequence[Span]:
        """The turn itself, in passages where it is long, if a user or an assistant said something in it."""
        if turn.role not in ("user", "assistant") or is_empty_talk(turn.text):
            return []
        if turn.role == "user" and is_off_the_record(turn.text):
            return []
        return [Span(text=passage) for passage in passages(turn.text)]

    def group(self, memory: Memory) -> str:
        """Date and session, said once above what was said in it."""
        return f"({day(memory.at)} {_tag(memory.session)})"

    def line(self, memory: Memory) -> str:
        """Who spoke, and the words."""
        return f"{memory.speaker}: {words(memory)} [{shown(memory)}]"


@functools.lru_cache(maxsize=4096)
def _tag(session: str) -> str:
    """A session's short name among the notes of one request."""
    digest = hashlib.blake2b(session.encode("utf-8", "replace"), digest_size=4).digest()
    return f"s{int.from_bytes(digest, 'big') % 1000:03d}"


KIND = Episode()
