"""Configuration to a running gateway: the one place that names adapters and puts everything together."""

from __future__ import annotations

import asyncio
import contextlib
import functools
from collections.abc import AsyncIterator, Callable, Coroutine, Iterable, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from pathlib import Path

import msgspec
import structlog

from gateway import distil, kinds, shapes, signals
from gateway.accounts import Accounts
from gateway.asking import Asker
from gateway.augment import Augmenter
from gateway.backlog import Backlog
from gateway.clock import SystemClock
from gateway.compose import Composer
from gateway.config import Config, is_loopback
from gateway.datadir import DataDir
from gateway.distil import Distiller
from gateway.embedders.configured import configured_embedder
from gateway.embedders.wordllama import WordLlamaEmbedder
from gateway.fence import Fence
from gateway.journals.sqlite import SqliteHistory, SqliteJournal, read_exchange_beside
from gateway.kinds.base import Kind
from gateway.learn import Learner
from gateway.pipeline import Gateway
from gateway.policybook import PolicyBook
from gateway.ports import Clock, Embedder, History, Journal, MemoryStore, TokenCounter, Upstream
from gateway.precedents import Precedents
from gateway.record import Recorder
from gateway.registry import family
from gateway.retries import Attempts
from gateway.routes import in_force
from gateway.selftest import prove
from gateway.shapes.base import Shape
from gateway.signals.base import Detector
from gateway.signatures import OpenWebUi
from gateway.stores.local import LocalStore
from gateway.study import Study
from gateway.telemetry import Telemetry
from gateway.tokens import Tokens
from gateway.types import Exchange
from gateway.upstreams.configured import configured_upstream
from gateway.visits import Visits

KINDS: dict[str, Kind] = {name: module.KIND for name, module in family(kinds).items()}
DETECTORS: dict[str, Detector] = {name: module.DETECTOR for name, module in family(signals).items()}
SHAPES: dict[str, Shape] = {module.SHAPE.path: module.SHAPE for module in family(shapes).values()}

CATCH_UP_S = 1.0
"""Of the start may go into learning what a killed process had recorded; the rest is learnt while serving."""

END_S = 10.0
"""Of the end may go into learning; the rest waits in the journal."""

log = structlog.get_logger()


class Running(msgspec.Struct, frozen=True, kw_only=True):
    """A gateway that is ready to handle requests, and what else shows what it does."""

    gateway: Gateway
    telemetry: Telemetry
    memory: str
    """`on`, or why memory is off although the gateway runs."""
    store: MemoryStore
    journal: Journal
    history: History
    wake: Callable[[], None]
    """Says that there is something to learn."""
    settle: asyncio.Event
    """Set whenever the learner has nothing left to do."""
    distilled: asyncio.Event
    """Set whenever nothing waits for the distilling model."""


@asynccontextmanager
async def running(config: Config, *, past: Clock | None = None) -> AsyncIterator[Running]:
    """Build and start; on leaving, finish what is under way and release everything.

    Raises `DataDirError` or `ConfigError` for what must be put right by a person first.

    Args:
        past: the clock of a log that is replayed. Then no model is asked to distil, and policies stay as they are.
    """
    data = DataDir(Path(config.data_dir))
    policies = policy_book(config)
    async with AsyncExitStack() as stack:
        data.hold()
        stack.callback(data.release)
        parts = await _opened(config, data, stack, past or SystemClock())
        memory = await prove(parts.store, parts.clock)
        precedents = Precedents(parts.store, parts.clock)
        asker, backlog = Asker(parts.upstream, parts.counter), await asyncio.to_thread(Backlog, data.distil)
        distiller = Distiller(
            backlog, parts.journal, parts.store, asker, policies, KINDS, parts.counter, parts.clock, parts.telemetry
        )
        learner = _learner(parts, precedents, distiller.learnt if past is None else lambda exchanges: None)
        attempts, accounts = Attempts(parts.clock), Accounts(parts.telemetry)
        recorder = Recorder(
            parts.journal,
            parts.fence,
            parts.clock,
            commit_wait_s=config.server.commit_wait_ms / 1000,
            on_recorded=functools.partial(_recorded, accounts, learner),
            on_unrecorded=accounts.unrecorded,
            on_late=parts.telemetry.late,
            on_ended=attempts.end,
        )
        others = () if past is not None else (distiller.run, functools.partial(policies.watch, on_change=_reloaded))
        stack.push_async_callback(distiller.save)  # when the last has been learnt, which is after it is told to stop
        await _background(stack, learner, (learner.run, *others))
        stack.push_async_callback(recorder.drain)
        gateway = Gateway(
            accounts=accounts,
            attempts=attempts,
            clock=parts.clock,
            upstream=parts.upstream,
            augmenter=_augmenter(parts, precedents),
            recorder=recorder,
            shapes=SHAPES if memory == "on" else {},
            visits=_visits(config, policies, parts.fence),
            telemetry=parts.telemetry,
            fence=parts.fence,
            secret=parts.secret,
            signing=_signing(config, parts.clock),
        )
        yield Running(
            gateway=gateway,
            telemetry=parts.telemetry,
            memory=memory,
            store=parts.store,
            journal=parts.journal,
            history=parts.history,
            wake=learner.wake,
            settle=learner.idle,
            distilled=distiller.idle,
        )


class _Parts(msgspec.Struct, frozen=True, kw_only=True):
    """What all else is built on, opened."""

    clock: Clock
    secret: bytes
    fence: Fence
    telemetry: Telemetry
    counter: TokenCounter
    journal: Journal
    history: History
    store: MemoryStore
    upstream: Upstream


async def _opened(config: Config, data: DataDir, stack: AsyncExitStack, clock: Clock) -> _Parts:
    """Open what is on disk and beyond, for as long as the stack. Raises `DataDirError` or `ConfigError`."""
    secret = data.secret()
    counter, embedder = await asyncio.gather(asyncio.to_thread(token_counter), open_embedder(config, data, stack))
    journal = await asyncio.to_thread(SqliteJournal, data.journal)
    stack.push_async_callback(journal.aclose)
    history = SqliteHistory(data.journal, journal.writer, clock)
    stack.push_async_callback(history.aclose)
    store = await asyncio.to_thread(_store, data, embedder)
    stack.push_async_callback(store.aclose)
    upstream = configured_upstream(config)
    stack.push_async_callback(upstream.aclose)
    return _Parts(
        clock=clock,
        secret=secret,
        fence=Fence(secret),
        telemetry=Telemetry(),
        counter=counter,
        journal=journal,
        history=history,
        store=store,
        upstream=upstream,
    )


def _learner(parts: _Parts, precedents: Precedents, on_learnt: Callable[[Sequence[Exchange]], None]) -> Learner:
    study = Study(
        parts.journal,
        parts.history,
        parts.store,
        KINDS,
        DETECTORS,
        parts.counter,
        parts.clock,
        parts.telemetry,
        precedents.forget,
    )
    return Learner(parts.journal, parts.store, KINDS, parts.counter, study, on_learnt)


def _augmenter(parts: _Parts, precedents: Precedents) -> Augmenter:
    return Augmenter(
        clock=parts.clock,
        journal=parts.journal,
        store=parts.store,
        precedents=precedents,
        kinds=KINDS,
        composer=Composer(KINDS, parts.counter, parts.fence),
        telemetry=parts.telemetry,
        secret=parts.secret,
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


def _signing(config: Config, clock: Clock) -> OpenWebUi | None:
    secret = config.auth.openwebui_jwt_secret
    return None if secret is None else OpenWebUi(secret=secret, clock=clock)


async def open_embedder(config: Config, data: DataDir, stack: AsyncExitStack) -> Embedder:
    """The one that is configured, open as long as the stack. Raises `ConfigError`."""
    if config.embedder.kind == "wordllama":
        return await asyncio.to_thread(_wordllama)
    embedder = await asyncio.to_thread(configured_embedder, config.embedder, data.path / "models")
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


def _store(data: DataDir, embedder: Embedder) -> LocalStore:
    return LocalStore(data.memories, data.index, embedder, _former)


async def _background(
    stack: AsyncExitStack, learner: Learner, duties: Iterable[Callable[[asyncio.Event], Coroutine[None, None, None]]]
) -> None:
    """Start learning and the other duties; all end before what they use is closed."""
    stop = asyncio.Event()
    tasks = {asyncio.create_task(duty(stop)) for duty in duties}

    async def end() -> None:
        stop.set()
        _, late = await asyncio.wait(tasks, timeout=END_S)
        for task in late:
            task.cancel()

    stack.push_async_callback(end)
    with contextlib.suppress(TimeoutError):  # what an earlier process left unlearnt, if that is quickly done
        async with asyncio.timeout(CATCH_UP_S):
            await learner.idle.wait()


def _recorded(accounts: Accounts, learner: Learner, exchange: Exchange) -> None:
    accounts.recorded(exchange)
    learner.wake()


def _reloaded(complaint: str | None) -> None:
    if complaint is None:
        log.info("policies_loaded")
    else:
        log.error("policies_kept", complaint=complaint)
