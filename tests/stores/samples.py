"""What the tests of stores are made of."""

from __future__ import annotations

import hashlib
import math
from collections.abc import Sequence

import msgspec

from gateway.errors import MemoryUnavailable
from gateway.memories import Memory, Query
from gateway.types import Scope

ANN = Scope(tenant="acme", user="ann")
BOB = Scope(tenant="acme", user="bob")


class WordsEmbedder:
    """Texts with the same words have the same vector. Fails while `is_broken`; remembers what it was asked."""

    def __init__(self, name: str = "words", size: int = 16) -> None:
        self.name = name
        self.size = size
        self.is_broken = False
        self.texts: list[str] = []

    def query(self, text: str) -> list[float]:
        return self.embed([text])[0]

    def embed(self, texts: Sequence[str]) -> list[list[float]]:
        if self.is_broken:
            raise MemoryUnavailable("the embedder is out of reach")
        self.texts += texts
        return [self._embed(text) for text in texts]

    def _embed(self, text: str) -> list[float]:
        vector = [0.0] * self.size
        for word in text.lower().split():
            vector[hashlib.sha256(word.encode()).digest()[0] % self.size] += 1
        length = math.hypot(*vector) or 1.0
        return [value / length for value in vector]


def memory(id: str, text: str = "", **changes: object) -> Memory:
    """A fact said at second 1."""
    plain = Memory(
        id=id, kind="fact", text=text, key=text, origin="user", exchange="ex_1", session="s1", at=1.0, recorded_at=2.0
    )
    return msgspec.structs.replace(plain, **changes)


class AwayEmbedder(WordsEmbedder):
    """A server that has not answered yet: it is not even known how large its vectors are. Back once `is_broken` is
    unset."""

    def __init__(self) -> None:
        super().__init__("away")
        self.is_broken = True

    @property
    def size(self) -> int:
        if self.is_broken:
            raise MemoryUnavailable("the embedder has not answered yet")
        return 16

    @size.setter
    def size(self, size: int) -> None:
        """Not for it to say."""


def query(
    text: str,
    *,
    kinds: tuple[str, ...] = ("fact",),
    pinned: tuple[str, ...] = (),
    limit: int = 10,
    has_ended: bool = False,
    since: float | None = None,
    until: float | None = None,
) -> Query:
    return Query(text=text, kinds=kinds, pinned=pinned, limit=limit, has_ended=has_ended, since=since, until=until)
