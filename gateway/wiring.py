"""Configuration to a running gateway: the one place that names adapters and puts everything together."""

from __future__ import annotations

import asyncio
import contextlib
import functools
import importlib
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from pathlib import Path

import msgspec
import structlog

from gateway import distil, kinds, shapes
from gateway.asking import Asker
from gateway.augment import Augmenter
from gateway.backlog import Backlog
from gateway.clock import SystemClock
from gateway.compose import Composer
from gateway.config import Config, is_loopback, without_network_for_litellm
from gateway.datadir import DataDir
from gateway.distil import Distiller
from gateway.embedders.configured import configured
from gateway.embedders.wordllama import WordLlamaEmbedder
from gateway.errors import MemoryUnavailable
from gateway.fence import Fence
from gateway.journals.sqlite import SqliteJournal, read_exchange_beside
from gateway.kinds.base import Kind
from gateway.learn import Learner
from gateway.memories import Memory, Query
from gateway.pipeline import Gateway
from gateway.policybook import PolicyBook
from gateway.ports import Clock, Embedder, Journal, MemoryStore, Upstream
from gateway.record import Recorder
from gateway.registry import family
from gateway.retries import Attempts
from gateway.routes import DEFAULT, UpstreamConfig, in_force
from gateway.shapes.base import Shape
from gateway.signatures import OpenWebUi
from gateway.stores.local import LocalStore
from gateway.telemetry import Telemetry
from gateway.tokens import Tokens
from gateway.types import Exchange, Scope
from gateway.upstreams.http import HttpUpstream
from gateway.upstreams.routed import Provider, RoutedUpstream
from gateway.visits import Visits

KINDS: dict[str, Kind] = {name: module.KIND for name, module in family(kinds).items()}
SHAPES: dict[str, Shape] = {module.SHAPE.path: module.SHAPE for module in family(shapes).values()}

CATCH_UP_S = 1.0
"""Of the start may go into learning what a killed process had recorded; the rest is learnt while serving."""

END_S = 10.0
"""Of the end may go into learning; the rest waits in the journal."""

PROOF = Scope(tenant="accrue", user="self-test")
"""Whose memory the self-test writes and forgets; no credential hashes to this tenant."""

log = structlog.get_logger()


class Running(msgspec.Struct, frozen=True, kw_only=True):
    """A gateway that is ready to handle requests, and what else shows what it does."""

    gateway: Gateway
    telemetry: Telemetry
    memory: str
    """`on`, or why memory is off although the gateway runs."""
    store: MemoryStore
    journal: Journal
    settle: asyncio.Event
    """Set whenever the learner has nothing left to do."""
    distilled: asyncio.Event
    """Set whenever nothing waits for the distilling model."""


@asynccontextmanager
async def running(config: Config) -> AsyncIterator[Running]:
    """Build and start; on leaving, finish what is under way and release everything.

    Raises `DataDirError` or `ConfigError` for what must be put right by a person first.
    """
    data = DataDir(Path(config.data_dir))
    policies = policy_book(config)
    async with AsyncExitStack() as stack:
        data.hold()
        stack.callback(data.release)
        secret = data.secret()
        clock, telemetry, fence = SystemClock(), Telemetry(), Fence(secret)
        counter, embedder = await asyncio.gather(asyncio.to_thread(_counter), _embedder(config, data, stack))
        journal = await asyncio.to_thread(SqliteJournal, data.journal)
        stack.push_async_callback(journal.aclose)
        store = await asyncio.to_thread(_store, data, embedder)
        stack.push_async_callback(store.aclose)
        upstream = _upstream(config)
        stack.push_async_callback(upstream.aclose)
        memory = await prove(store, clock)
        asker, backlog = Asker(upstream, counter), await asyncio.to_thread(Backlog, data.distil)
        distiller = Distiller(backlog, journal, store, asker, policies, KINDS, counter, clock, telemetry)
        learner = Learner(journal, store, KINDS, counter, clock, on_learnt=distiller.learnt)
        attempts = Attempts(clock)
        recorder = Recorder(
            journal,
            fence,
            commit_wait_s=config.server.commit_wait_ms / 1000,
            on_recorded=learner.wake,
            on_unrecorded=telemetry.unrecorded,
            on_ended=attempts.end,
        )
        await _background(stack, learner, distiller, policies)
        stack.push_async_callback(recorder.drain)
        composer = Composer(KINDS, counter, fence)
        augmenter = Augmenter(
            clock=clock, journal=journal, store=store, kinds=KINDS, composer=composer, telemetry=telemetry
        )
        gateway = Gateway(
            attempts=attempts,
            clock=clock,
            upstream=upstream,
            augmenter=augmenter,
            recorder=recorder,
            shapes=SHAPES if memory == "on" else {},
            visits=_visits(config, policies, fence),
            telemetry=telemetry,
            secret=secret,
            signing=_signing(config, clock),
        )
        yield Running(
            gateway=gateway,
            telemetry=telemetry,
            memory=memory,
            store=store,
            journal=journal,
            settle=learner.idle,
            distilled=distiller.idle,
        )


def _visits(config: Config, policies: PolicyBook, fence: Fence) -> Visits:
    return Visits(
        policies=policies,
        fence=fence,
        anonymous="credential" if is_loopback(config.server.host) else "session",
        max_augmented_bytes=config.server.max_augmented_bytes,
    )


def policy_book(config: Config) -> PolicyBook:
    """The policies, held against what else is configured. Raises `ConfigError`."""
    routes = in_force(config.routes, config.upstreams)
    faults = functools.partial(distil.faults, routes=routes, upstreams=config.upstreams)
    return PolicyBook(Path(config.policies), KINDS, faults)


def read_exchange(data: DataDir, exchange: str) -> Exchange | None:
    """One exchange of a data directory, which another process may be using. Raises `DataDirError`."""
    return read_exchange_beside(data.journal, exchange)


async def prove(store: MemoryStore, clock: Clock) -> str:
    """Remember something, recall it, forget it: `on`, or what went wrong."""
    word = clock.new_id("proof")
    memory = Memory(
        id=word,
        kind="episode",
        text=f"The self-test of {word} put this here.",
        key=f"The self-test of {word} put this here.",
        origin="operator",
        exchange="",
        session="",
        at=clock.now(),
        recorded_at=clock.now(),
    )
    try:
        await store.put(PROOF, [memory])
        found = await store.search(PROOF, Query(text=memory.text, kinds=("episode",), pinned=(), limit=1))
        await store.forget(PROOF, [word])
    except MemoryUnavailable as error:
        return f"self-test failed: {error}"
    return "on" if [hit.memory.id for hit in found.hits] == [word] else "self-test failed: what was put was not found"


def _signing(config: Config, clock: Clock) -> OpenWebUi | None:
    secret = config.auth.openwebui_jwt_secret
    return None if secret is None else OpenWebUi(secret=secret, clock=clock)


async def _embedder(config: Config, data: DataDir, stack: AsyncExitStack) -> Embedder:
    """The one that is configured. Raises `ConfigError`."""
    if config.embedder.kind == "wordllama":
        return await asyncio.to_thread(_wordllama)
    embedder = await asyncio.to_thread(configured, config.embedder, data.path / "models")
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
def _counter() -> Tokens:
    """Shared like the embedder of words."""
    counter = Tokens.from_litellm()
    counter.warm()
    return counter


def _store(data: DataDir, embedder: Embedder) -> LocalStore:
    return LocalStore(data.memories, data.index, embedder, _former)


def _upstream(config: Config) -> Upstream:
    """What calls may reach, each upstream built once; no layer lies over a single one."""
    routes = in_force(config.routes, config.upstreams)
    names = {DEFAULT, *(name for route in routes for name in route.upstreams)}
    providers = {name: _provider(name, config.upstreams[name]) for name in names}
    default = providers[DEFAULT]
    if not routes and not default.retries:
        return default.upstream
    chains = [(route.match, [providers[name] for name in route.upstreams]) for route in routes]
    return RoutedUpstream(chains, default, max_held_bytes=config.server.max_augmented_bytes)


def _provider(name: str, settings: UpstreamConfig) -> Provider:
    upstream = _translating(settings) if settings.kind == "litellm" else _plain(settings)
    return Provider(name=name, upstream=upstream, retries=settings.retries)


def _plain(settings: UpstreamConfig) -> Upstream:
    return HttpUpstream(
        settings.url,
        api_key=settings.api_key,
        connect_timeout_s=settings.connect_timeout_s,
        read_timeout_s=settings.read_timeout_s,
    )


def _translating(settings: UpstreamConfig) -> Upstream:
    """Litellm takes seconds and 165 MB to import, so that its adapter is named here and imported by whom it serves."""
    without_network_for_litellm()
    adapter = importlib.import_module("gateway.upstreams.litellm")
    upstream: Upstream = adapter.LiteLlmUpstream(
        settings.provider,
        api_key=settings.api_key,
        url=settings.url or None,
        options=settings.options,
        models=settings.models,
        connect_timeout_s=settings.connect_timeout_s,
        read_timeout_s=settings.read_timeout_s,
    )
    return upstream


async def _background(stack: AsyncExitStack, learner: Learner, distiller: Distiller, policies: PolicyBook) -> None:
    """Start learning, distilling and the watch over the policies; all end before what they use is closed."""
    stack.push_async_callback(distiller.save)  # when the last has been learnt, which is after it has been told to stop
    stop = asyncio.Event()
    duties = (learner.run(stop), distiller.run(stop), policies.watch(stop, _reloaded))
    tasks = {asyncio.create_task(duty) for duty in duties}

    async def end() -> None:
        stop.set()
        _, late = await asyncio.wait(tasks, timeout=END_S)
        for task in late:
            task.cancel()

    stack.push_async_callback(end)
    with contextlib.suppress(TimeoutError):  # what an earlier process left unlearnt, if that is quickly done
        async with asyncio.timeout(CATCH_UP_S):
            await learner.idle.wait()


def _reloaded(complaint: str | None) -> None:
    if complaint is None:
        log.info("policies_loaded")
    else:
        log.error("policies_kept", complaint=complaint)
