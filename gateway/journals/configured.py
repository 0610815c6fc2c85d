"""From the section `journal` of config.yaml to the record it asks for: the journal, and all else that lies with it.

The only place here that knows of configuration; what Redis needs is imported only where it is asked for.
"""

from __future__ import annotations

import asyncio
import importlib
from collections.abc import Awaitable, Callable, Coroutine, Mapping
from contextlib import AsyncExitStack
from types import ModuleType
from typing import Any

import msgspec

from gateway.archive import Archive
from gateway.breaker import OnChange
from gateway.chronicle import History
from gateway.datadir import DataDir
from gateway.deadletters import DeadLetters
from gateway.erasures import Erasures
from gateway.errors import ConfigError
from gateway.journals.sqlite import SqliteArchive, SqliteDeadLetters, SqliteHistory, SqliteJournal
from gateway.journals.sqlite.rows import Queues, is_teaching
from gateway.ports import Clock, Journal
from gateway.sealing import Seal
from gateway.sections import JournalConfig
from gateway.types import Scope

IsLeft = Callable[[Scope], bool]
"""Whether others learn from somebody from now on."""


Watch = Callable[[asyncio.Event, Callable[[], None]], Coroutine[Any, Any, None]]


async def _nothing_comes(stop: asyncio.Event, wake: Callable[[], None]) -> None:
    """Nobody else records anything."""


class Record(msgspec.Struct, frozen=True, kw_only=True):
    """The journal, and whoever else reads and writes what is in it."""

    journal: Journal
    history: History
    dead: DeadLetters
    archive: Archive
    waiting: Callable[[], Awaitable[int]]
    """How many exchanges are to be learnt, here."""
    watch: Watch = _nothing_comes
    """Runs until told to stop, and says whenever others have recorded something to learn."""
    measures: Mapping[str, Callable[[], float]] = {}
    """What is shown of it, by the names of `SHARED` (gateway/telemetry.py)."""
    still: Callable[[Scope], object] = lambda scope: None
    """Raises `MemoryUnavailable` where others learn from somebody by now."""
    on_erased: Callable[[Callable[[], Awaitable[None]]], None] = lambda heard: None
    """Where others erase as well: takes what is called when they did, and again when it raised `MemoryUnavailable`."""
    on_left: Callable[[Callable[[IsLeft], None]], None] = lambda heard: None
    """Where others learn as well: takes who is told when they do."""


async def opened_record(
    settings: JournalConfig,
    data: DataDir,
    seal: Seal,
    erasures: Erasures,
    stack: AsyncExitStack,
    clock: Clock,
    on_breaker: OnChange,
    withdraw: Callable[[], Awaitable[None]],
) -> Record:
    """The record that is configured, for as long as the stack. Raises `DataDirError` or `ConfigError`.

    Args:
        withdraw: called when somebody was erased elsewhere: removes what was remembered of them meanwhile.
    """
    if settings.kind == "redis":
        return await _shared(settings, data, seal, erasures, stack, clock, on_breaker, withdraw)
    journal = await asyncio.to_thread(opened_journal, settings, data, seal, erasures, on_breaker)
    stack.push_async_callback(journal.aclose)
    history = SqliteHistory(data.journal, journal.writer, clock, seal)
    stack.push_async_callback(history.aclose)
    archive = SqliteArchive(data.journal, journal.writer, journal.forget, seal)
    stack.push_async_callback(archive.aclose)
    return Record(
        journal=journal,
        history=history,
        dead=SqliteDeadLetters(journal.writer),
        archive=archive,
        waiting=journal.waiting,
    )


def opened_journal(
    settings: JournalConfig,
    data: DataDir,
    seal: Seal,
    erasures: Erasures,
    on_breaker: OnChange,
    queues: Queues = is_teaching,
) -> SqliteJournal:
    """The journal on this disk, which may be the spool of another one. Blocks; raises `DataDirError`."""
    return SqliteJournal(
        data.journal,
        seal,
        is_relaxed=settings.durability == "relaxed",
        queues=queues,
        on_breaker=on_breaker,
        hold=data.hold,
        on_opened=erasures.add,
    )


async def _shared(settings: JournalConfig, *opened: object) -> Record:
    record: Record = await redis_adapter("gateway.journals.redis.record").opened_record(settings, *opened)
    return record


def redis_adapter(name: str) -> ModuleType:
    """A module of gateway/journals/redis. Raises `ConfigError` where what it needs is not installed."""
    try:
        return importlib.import_module(name)
    except ImportError as error:
        raise ConfigError(f"$.journal.kind: redis needs pip install 'accrue[fleet]' ({error})") from error
