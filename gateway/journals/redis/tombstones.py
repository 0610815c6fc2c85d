"""Tombstones as all gateways share them: who is erased at one of them is gone at every other a second later.

They stand in a stream that nobody trims, so that a gateway reads on from where it was. What a gateway knows it has on
its own disk as well, and puts back where Redis has forgotten it. Who must not be known, and since when, is decided in
gateway/erasures.py; that nobody ships what is older, however late, by the partition's own copy (`accrue:{P}:erased`).
"""

from __future__ import annotations

import asyncio
import math
from collections.abc import Awaitable, Callable, Iterable, Iterator, Mapping, Sequence
from typing import Protocol

import structlog

from gateway.erasures import Erasures, Tombstone
from gateway.errors import MemoryUnavailable
from gateway.journals.redis.keys import ERASURES, Partition
from gateway.journals.redis.server import Server
from gateway.pause import pause
from gateway.types import Scope

EVERY_S = 1.0
"""Between two looks, each one round trip."""

PORTION = 1_000
"""Tombstones read at once."""

Entry = tuple[bytes, Mapping[bytes, bytes]]
"""Of the stream: its id and its fields."""

NO_ENTRY: Entry = (b"", {})

_log = structlog.get_logger()


class Spooled(Protocol):
    """What a gateway has on its own disk. Raises `MemoryUnavailable`."""

    async def tombstones(self) -> Sequence[Tombstone]:
        """All that stand there."""
        ...

    async def bury(self, tombstones: Sequence[Tombstone]) -> None:
        """Set tombstones."""
        ...

    async def purge(self, is_gone: Callable[[Scope, float], bool]) -> None:
        """Remove exchanges of which, by their scope and time, nothing may be known any more."""
        ...


class Tombstones:
    """What stands in Redis, and what this gateway knows of it. Usable from one event loop."""

    def __init__(
        self,
        server: Server,
        erasures: Erasures,
        spooled: Spooled,
        heard: Sequence[Callable[[], Awaitable[None]]] = (),
    ) -> None:
        """Know of none before the first look.

        Args:
            spooled: what this gateway has on its own disk.
            heard: called when somebody was erased elsewhere: removes what was made of their words meanwhile. May raise
                `MemoryUnavailable`, and is called again then.
        """
        self._server = server
        self._erasures = erasures
        self._spooled = spooled
        self._heard = heard
        self._last: Entry | None = None
        """The newest entry that was read, `NO_ENTRY` where there was none; None before the first look."""
        self._trouble = ""

    async def run(self, stop: asyncio.Event) -> None:
        """Look for new ones until told to stop; trouble is waited out, and said once."""
        while not stop.is_set():
            try:
                await self.look()
                self._trouble = ""
            except MemoryUnavailable as error:
                if str(error) != self._trouble:
                    _log.warning("erasures_postponed", reason=str(error))
                self._trouble = str(error)
            await pause(stop, EVERY_S)

    async def look(self) -> None:
        """Let those count that were set elsewhere, and remove here what they stand for. Raises `MemoryUnavailable`."""
        is_continued = await self._is_continued()
        found, last = await self._read(self._last if is_continued else None)
        self._erasures.add(found)
        if found:
            await self._spooled.bury(found)
            await self._spooled.purge(self._erasures.is_gone)
            for remove in self._heard:
                await remove()
        if not is_continued:
            await self._put_back(found)
        self._last = last  # not before all is done: what failed is done once more

    async def all(self) -> Sequence[Tombstone]:
        """Those that count, one of each subject. Raises `MemoryUnavailable`."""
        found, _ = await self._read(None)
        return list(newest(found).values())

    async def set(self, tombstone: Tombstone, partitions: Iterable[Partition]) -> None:
        """Return when it stands in Redis, and in all partitions of its person. Raises `MemoryUnavailable`."""
        await self._add(tombstone)
        for partition in partitions:
            erased = [partition.key("erased")]
            await self._server.run("entomb", erased, tombstone.subject, tombstone.at, int(tombstone.is_out))

    async def _add(self, tombstone: Tombstone) -> None:
        fields = ("subject", tombstone.subject, "at", tombstone.at, "is_out", int(tombstone.is_out))
        await self._server.ask("XADD", ERASURES, "*", *fields)

    async def _put_back(self, found: Iterable[Tombstone]) -> None:
        """Set again what this gateway has on disk, and Redis has not or never had."""
        known = newest(found)
        for tombstone in await self._spooled.tombstones():
            if _is_newer(tombstone, known.get(tombstone.subject)):
                await self._add(tombstone)

    async def _is_continued(self) -> bool:
        """Whether Redis has what was read already; not at the first look, nor after it was restarted empty."""
        if self._last is None or self._last == NO_ENTRY:
            return self._last is not None
        identifier, _ = self._last
        return bool(await self._server.ask("XRANGE", ERASURES, identifier, identifier) == [self._last])

    async def _read(self, after: Entry | None) -> tuple[list[Tombstone], Entry]:
        """Those after an entry, and the last entry."""
        found, last = list[Tombstone](), after or NO_ENTRY
        while True:
            begin = b"-" if last == NO_ENTRY else b"(" + last[0]
            entries = await self._server.ask("XRANGE", ERASURES, begin, "+", "COUNT", PORTION)
            if not entries:
                return found, last
            found += _decoded(entries)
            last = entries[-1]


def newest(tombstones: Iterable[Tombstone]) -> dict[bytes, Tombstone]:
    """The one that counts of each subject; of two of the same time the later one."""
    known: dict[bytes, Tombstone] = {}
    for tombstone in tombstones:
        before = known.get(tombstone.subject)
        if before is None or before.at <= tombstone.at:
            known[tombstone.subject] = tombstone
    return known


def _is_newer(tombstone: Tombstone, known: Tombstone | None) -> bool:
    return known is None or known.at < tombstone.at


def _decoded(entries: Sequence[Entry]) -> Iterator[Tombstone]:
    for identifier, fields in entries:
        try:
            at = float(fields[b"at"])
            if not math.isfinite(at):
                raise ValueError(at)
            yield Tombstone(subject=fields[b"subject"], at=at, is_out=fields[b"is_out"] == b"1")
        except (KeyError, ValueError) as error:
            _log.error("tombstone_unreadable", entry=identifier.decode(), error=type(error).__name__)
