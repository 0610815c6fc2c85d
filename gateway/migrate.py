"""Moving all memories from one store into another, and the proof that both hold the same.

A store is known by how many memories it holds and by the sum of their digests, in whatever order it gives them. Both
are counted for `PORTIONS` portions of the owners: a portion that both stores hold alike is passed over, and one that
differs is written. How far a move has come is kept in a file. Which stores there are is not known here.
"""

from __future__ import annotations

import hashlib
from collections.abc import AsyncIterator, Callable, Sequence
from pathlib import Path
from typing import TypeVar

import msgspec

from gateway.datadir import write_whole
from gateway.errors import DataDirError
from gateway.ports import Held, Movable

AT_ONCE = 256
"""Memories read and written together, and at most so many written once more after a crash: 8 MB of the longest."""

PORTIONS = 4_096
"""Of owners, in the order of their digests. Of a million owners 250 share one: as many are named to find the first that
differs, and are written again because of one of them."""

DIGEST_BITS = 64
"""Of an owner. Two of a million share one once in 37 million times."""

SUM_BITS = 128
"""Of a checksum, as of the digest of a memory."""

Watch = Callable[[str, int], None]
"""Told what is being done, and with how many memories more."""

Key = TypeVar("Key", int, str)

_encode = msgspec.msgpack.Encoder(order="deterministic").encode


class Sum(msgspec.Struct, frozen=True, kw_only=True):
    """Memories, by their number and the sum of their digests."""

    count: int = 0
    digest: int = 0

    def __add__(self, other: Sum) -> Sum:
        return Sum(count=self.count + other.count, digest=(self.digest + other.digest) % 2**SUM_BITS)

    def __str__(self) -> str:
        return f"{self.count:,} memories (checksum {self.digest:0{SUM_BITS // 4}x})"


class Compared(msgspec.Struct, frozen=True, kw_only=True):
    """Two stores side by side."""

    source: Sum
    target: Sum
    differing: frozenset[int]
    """Portions of the owners that they do not hold alike."""


class Difference(msgspec.Struct, frozen=True, kw_only=True):
    """An owner of whom two stores hold different memories."""

    owner: str
    source: Sum
    target: Sum


class Progress(msgspec.Struct, frozen=True, kw_only=True):
    """How far a move has come."""

    pair: str
    """What tells this pair of stores from another."""
    after: tuple[str, str] = ("", "")
    """Owner and id of the memory that was read last."""
    moved: int = 0
    """Memories; others were read and passed over, because both stores held their portion alike."""


class Moved(msgspec.Struct, frozen=True, kw_only=True):
    """What came of a move."""

    count: int
    """Memories written, by earlier runs too if they were broken off."""
    compared: Compared
    """Afterwards, both stores read anew."""


def unwatched(doing: str, count: int) -> None:
    """Nobody is told."""


def digest_of(owner: str) -> int:
    """By which an owner can be named without telling who it is."""
    return int.from_bytes(hashlib.blake2b(owner.encode(), digest_size=DIGEST_BITS // 8).digest())


async def compare(source: Movable, target: Movable, watch: Watch = unwatched) -> Compared:
    """Read both stores from beginning to end. Raises `MemoryUnavailable`."""
    here = await _sums(source, _portion, watch)
    there = await _sums(target, _portion, watch)
    return Compared(
        source=sum(here.values(), start=Sum()),
        target=sum(there.values(), start=Sum()),
        differing=frozenset(portion for portion in here | there if here.get(portion) != there.get(portion)),
    )


async def first_difference(source: Movable, target: Movable, compared: Compared) -> Difference | None:
    """Of the owners that differ the one with the lowest digest; None if none does any more.

    Raises `MemoryUnavailable`.
    """
    first = min(compared.differing, default=None)

    def owner_in_it(held: Held) -> str | None:
        return held.owner if _portion(held) == first else None

    here, there = await _sums(source, owner_in_it), await _sums(target, owner_in_it)
    differing = [owner for owner in here | there if here.get(owner) != there.get(owner)]
    if not differing:
        return None
    owner = min(differing, key=digest_of)
    return Difference(owner=owner, source=here.get(owner, Sum()), target=there.get(owner, Sum()))


async def migrate(source: Movable, target: Movable, file: Path, pair: str, watch: Watch = unwatched) -> Moved:
    """Write into the target what it lacks, go on where that was broken off, and compare both in the end.

    Nothing is removed from either. Raises `MemoryUnavailable`, and `DataDirError` where the file is of another pair.

    Args:
        file: in which to keep how far it has come; there until both have been compared.
        pair: what tells these two stores from others.
    """
    progress = _begun(file, pair)
    compared = await compare(source, target, watch)
    if compared.differing:
        async for held in _pages(source, progress.after):
            lacking = [one for one in held if _portion(one) in compared.differing]
            if lacking:
                await target.take(lacking)
            progress = Progress(pair=pair, after=_place(held), moved=progress.moved + len(lacking))
            _keep(file, progress)
            watch("moving", len(held))
        compared = await compare(source, target, watch)
    file.unlink(missing_ok=True)  # whatever still differs is found by beginning anew, not by going on
    return Moved(count=progress.moved, compared=compared)


async def _pages(store: Movable, after: tuple[str, str] = ("", "")) -> AsyncIterator[Sequence[Held]]:
    while held := await store.page(after, AT_ONCE):
        yield held
        after = _place(held)


async def _sums(store: Movable, key_of: Callable[[Held], Key | None], watch: Watch = unwatched) -> dict[Key, Sum]:
    """What a store holds, by a key; what has none is left out."""
    sums: dict[Key, Sum] = {}
    async for held in _pages(store):
        for one in held:
            key = key_of(one)
            if key is not None:
                sums[key] = sums.get(key, Sum()) + _sum_of(one)
        watch("comparing", len(held))
    return sums


def _sum_of(held: Held) -> Sum:
    digest = hashlib.blake2b(_encode(held), digest_size=SUM_BITS // 8).digest()
    return Sum(count=1, digest=int.from_bytes(digest))


def _portion(held: Held) -> int:
    return digest_of(held.owner) * PORTIONS >> DIGEST_BITS


def _place(held: Sequence[Held]) -> tuple[str, str]:
    return held[-1].owner, held[-1].memory.id


def _begun(file: Path, pair: str) -> Progress:
    try:
        progress = msgspec.json.decode(file.read_bytes(), type=Progress)
    except FileNotFoundError:
        return Progress(pair=pair)
    except (OSError, msgspec.DecodeError) as error:
        raise DataDirError(f"{file} cannot be read: {error}; without it a move begins anew") from error
    if progress.pair != pair:
        raise DataDirError(
            f"{file}: a move {progress.pair} was broken off; finish it, or delete that file to move {pair}"
        )
    return progress


def _keep(file: Path, progress: Progress) -> None:
    try:
        write_whole(file, msgspec.json.encode(progress))
    except OSError as error:
        raise DataDirError(f"{file}: {error.strerror}") from error
