"""How memories are named: by what they hold, so that what is learnt again is the same memory."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable

ID_DIGITS = 15
"""Of a memory's id: 50 bits, told apart among the memories of one owner. Digits, because a model's vocabulary writes
three of them as one token."""


def memory_id(*parts: str) -> str:
    """The id of what these parts hold together."""
    digest = digest_of((part.encode("utf-8", "replace") for part in parts), size=8)
    return f"m_{int.from_bytes(digest, 'big') % 10**ID_DIGITS:0{ID_DIGITS}d}"


def digest_of(parts: Iterable[bytes], *, size: int) -> bytes:
    """A digest of `size` bytes; each part goes in with its length, so that no two lists of parts run together."""
    whole = b"".join([piece for part in parts for piece in (b"%d:" % len(part), part)])
    return hashlib.blake2b(whole, digest_size=size).digest()


def bare(text: str) -> str:
    """The text as far as saying it again is saying the same: without case, spacing and the marks at its ends."""
    return " ".join(text.casefold().split()).strip(" .!?,;:…。！？")
