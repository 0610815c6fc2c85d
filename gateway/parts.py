"""What all else is built on: the adapters that configuration names, opened for as long as a gateway runs.

With gateway/wiring.py, which puts them together, and gateway/offline.py the only ones that name adapters.
"""

from __future__ import annotations

import asyncio
import functools
import importlib
from collections.abc import Callable, Sequence
from contextlib import AsyncExitStack
from typing import TYPE_CHECKING

import msgspec

from gateway import __version__, loops
from gateway.accounts import Follow, unfollowed
from gateway.backlog import Backlog
from gateway.breaker import OnChange, unheard
from gateway.catalogue import Catalogue
from gateway.config import Config
from gateway.datadir import DataDir, seal_of
from gateway.embedders.configured import configured_embedder
from gateway.embedders.wordllama import WordLlamaEmbedder
from gateway.erasure import Eraser, Guarded
from gateway.erasures import Erasures
from gateway.errors import ConfigError
from gateway.fence import Fence
from gateway.journals.configured import Record, opened_record
from gateway.ports import Clock, Embedder, MemoryStore, TokenCounter, Upstream
from gateway.sealing import Seal
from gateway.stores.configured import open_store, opened_catalogue
from gateway.stores.local import LocalStore
from gateway.telemetry import Telemetry
from gateway.tokens import Tokens
from gateway.types import Scope
from gateway.upstreams.configured import configured_upstream

if TYPE_CHECKING:
    from gateway.stores.qdrant import QdrantStore
    from gateway.tracing import Traces


class Parts(msgspec.Struct, frozen=True, kw_only=True):
    """What all else is built on, opened."""

    clock: Clock
    secret: bytes
    seal: Seal
    fence: Fence
    telemetry: Telemetry
    counter: TokenCounter
    record: Record
    erasures: Erasures
    unguarded: LocalStore | QdrantStore
    """What is removed is removed from this one."""
    store: MemoryStore
    catalogue: Catalogue
    upstream: Upstream
    follow: Follow = unfollowed
    """Told of every call that comes in, where traces are configured."""


async def opened(config: Config, data: DataDir, stack: AsyncExitStack, clock: Clock) -> Parts:
    """Open what is on disk and beyond, for as long as the stack. Raises `DataDirError` or `ConfigError`."""
    secret, seal = data.secret(), await asyncio.to_thread(seal_of, data, config.store.encryption_key)
    erasures, telemetry = Erasures(secret), Telemetry(clock.now)
    counter, embedder = await asyncio.gather(
        asyncio.to_thread(token_counter), open_embedder(config, data, stack, telemetry.breaker)
    )
    store = await asyncio.to_thread(_store, config, data, embedder, seal)
    stack.push_async_callback(store.aclose)
    catalogue = await opened_catalogue(config.store, data, stack, seal)
    guarded = Guarded(store, erasures)
    record = await opened_record(
        config.journal, data, seal, erasures, stack, clock, telemetry.breaker, guarded.withdraw
    )
    telemetry.share(record.measures)
    upstream = configured_upstream(config, loops.mark(secret))
    stack.push_async_callback(upstream.aclose)
    traces = _traces(config, telemetry, clock)
    if traces is not None:
        stack.push_async_callback(traces.aclose)
    return Parts(
        clock=clock,
        secret=secret,
        seal=seal,
        fence=Fence(secret),
        telemetry=telemetry,
        counter=counter,
        record=record,
        erasures=erasures,
        unguarded=store,
        store=guarded if traces is None else traces.watched(guarded),
        catalogue=catalogue,
        upstream=upstream,
        follow=unfollowed if traces is None else traces.follow,
    )


def _traces(config: Config, telemetry: Telemetry, clock: Clock) -> Traces | None:
    """Who tells of calls, where that is configured. Raises `ConfigError` where what it needs is not installed."""
    if config.telemetry.traces == "off":
        return None
    try:
        module = importlib.import_module("gateway.tracing")
    except ImportError as error:
        raise ConfigError(f"$.telemetry.traces: otlp needs pip install 'accrue[otel]' ({error})") from error
    traces: Traces = module.Traces(config.telemetry, __version__, now=clock.now, counted=telemetry.traced)
    return traces


async def open_embedder(
    config: Config, data: DataDir, stack: AsyncExitStack, on_breaker: OnChange = unheard
) -> Embedder:
    """The one that is configured, open as long as the stack. Raises `ConfigError`."""
    if config.embedder.kind == "wordllama":
        return await asyncio.to_thread(_wordllama)
    embedder = await asyncio.to_thread(configured_embedder, config.embedder, data.path / "models", on_breaker)
    stack.callback(embedder.close)
    return embedder


def _former(name: str) -> Embedder | None:
    """The embedder by which an earlier index was made, if it is always to be had."""
    return _wordllama() if name == WordLlamaEmbedder.name else None


@functools.cache
def _wordllama() -> WordLlamaEmbedder:
    """Read-only and 60 MB large, so that one does for every gateway of the process."""
    return WordLlamaEmbedder()


@functools.cache
def token_counter() -> Tokens:
    """Shared like the embedder of words."""
    counter = Tokens.from_litellm()
    counter.warm()
    return counter


def _store(config: Config, data: DataDir, embedder: Embedder, seal: Seal) -> LocalStore | QdrantStore:
    if config.store.kind == "qdrant":
        return open_store(config.store, embedder, seal)
    return LocalStore(data.memories, data.index, embedder, _former, seal=seal, hold=data.hold)


def eraser_of(
    parts: Parts, data: DataDir, backlog: Backlog, forgetting: Sequence[Callable[[Scope], None]] = ()
) -> Eraser:
    """What erases persons from all of it.

    Args:
        forgetting: told a scope of which caches must hold nothing any more.
    """
    return Eraser(
        parts.record.archive,
        parts.unguarded,
        parts.catalogue,
        backlog,
        parts.erasures,
        parts.clock,
        renew=parts.unguarded.renew,
        copies=data.copies,
        forgetting=forgetting,
    )
