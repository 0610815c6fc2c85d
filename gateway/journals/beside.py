"""The record as an operator sees it, beside the gateways that write it: as the section `journal` of config.yaml says.

What Redis needs is imported only where it is asked for.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import aclosing, asynccontextmanager
from typing import Protocol

from gateway.chronicle import Chronicle
from gateway.datadir import DataDir
from gateway.deadletters import DeadLetter
from gateway.journals.configured import redis_adapter
from gateway.journals.sqlite import SqliteBeside
from gateway.sealing import Seal
from gateway.sections import JournalConfig
from gateway.types import Exchange


class Letters(Protocol):
    """Dead letters in an operator's hands. Whatever is done raises `DataDirError` or `MemoryUnavailable`."""

    async def all(self) -> list[DeadLetter]:
        """The oldest first."""
        ...

    async def replay(self, exchanges: Sequence[str]) -> None:
        """Let the learner have those once more of which there is a letter."""
        ...

    async def drop(self, exchanges: Sequence[str]) -> None:
        """Forget that they were passed over; their exchanges stay on record."""
        ...


class Beside(Protocol):
    """The record, whoever's it is. Whatever is read raises `DataDirError` or `MemoryUnavailable`."""

    @property
    def place(self) -> str:
        """Where it is: the end of a sentence."""
        ...

    @property
    def chronicle(self) -> Chronicle:
        """What happened."""
        ...

    @property
    def letters(self) -> Letters:
        """What could not be learnt."""
        ...

    async def read(self, exchange: str) -> Exchange | None:
        """One exchange by id."""
        ...

    async def endings(self) -> Mapping[str, bool]:
        """Every exchange by id, and whether an answer to it is on record."""
        ...

    async def aclose(self) -> None:
        """Release."""
        ...


@asynccontextmanager
async def opened_beside(settings: JournalConfig, data: DataDir, seal: Seal) -> AsyncIterator[Beside]:
    """The record that is configured; gateways that write it are not disturbed.

    Raises `ConfigError`, or `DataDirError` for a directory that holds no record, where that is what is configured.
    """
    async with aclosing(await asyncio.to_thread(_beside, settings, data, seal)) as record:
        yield record


def _beside(settings: JournalConfig, data: DataDir, seal: Seal) -> Beside:
    if settings.kind == "redis":
        record: Beside = redis_adapter("gateway.journals.redis.beside").RedisBeside(settings, data, seal)
        return record
    return SqliteBeside(data.journal, seal)
