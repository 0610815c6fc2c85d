"""Configuration to a running gateway: the one place that names adapters and puts everything together."""

from __future__ import annotations

import asyncio
import contextlib
import functools
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from pathlib import Path

import msgspec

from gateway import distil, kinds, shapes, signals, upkeep
from gateway.accounts import Accounts
from gateway.admission import Admission, Open, issued
from gateway.asking import Asker
from gateway.augment import Augmenter
from gateway.backlog import Backlog
from gateway.caches import Caches
from gateway.clock import SystemClock
from gateway.compose import Composer
from gateway.config import Config, is_loopback
from gateway.curation import Curator
from gateway.datadir import DataDir
from gateway.distil import Distiller
from gateway.duties import begun, reloaded
from gateway.erasure import erased_elsewhere
from gateway.errors import MemoryUnavailable
from gateway.kinds.base import Kind
from gateway.learn import Learner
from gateway.lookback import changes
from gateway.parts import Parts, eraser_of, opened
from gateway.pipeline import Gateway
from gateway.policybook import PolicyBook
from gateway.ports import Clock
from gateway.precedents import Precedents
from gateway.pump import Pumps
from gateway.record import Recorder
from gateway.redact import clean
from gateway.registry import family
from gateway.retries import Attempts
from gateway.routes import in_force
from gateway.running import Running
from gateway.selftest import SelfTest
from gateway.shapes.base import Shape
from gateway.signals.base import Detector
from gateway.signatures import OpenWebUi
from gateway.study import Study
from gateway.telemetry import Telemetry
from gateway.types import Exchange
from gateway.upkeep import Upkeep
from gateway.visits import Visits

KINDS: dict[str, Kind] = {name: module.KIND for name, module in family(kinds).items()}
DETECTORS: dict[str, Detector] = {name: module.DETECTOR for name, module in family(signals).items()}
SHAPES: dict[str, Shape] = {module.SHAPE.path: module.SHAPE for module in family(shapes).values()}

PROOF_S = 1.5
"""Of the start may go into finding out whether memory works."""


@asynccontextmanager
async def running(config: Config, *, past: Clock | None = None) -> AsyncIterator[Running]:
    """Build and start; on leaving, finish what is under way and release everything.

    Raises `DataDirError` or `ConfigError` for what must be put right by a person first.

    Args:
        past: the clock of a log that is replayed. Then no model is asked to distil, and policies stay as they are.
    """
    policies = policy_book(config)
    async with AsyncExitStack() as stack:
        data = _held(config, stack)
        parts = await opened(config, data, stack, past or SystemClock())
        proof = await _proof(parts)
        precedents = Precedents(parts.store, parts.clock, parts.telemetry.breaker)
        stack.push_async_callback(precedents.aclose)
        backlog = await asyncio.to_thread(Backlog, data.distil)
        distiller = _distiller(config, parts, policies, backlog)
        turn = asyncio.Lock()
        learner = _learner(parts, precedents, distiller.learnt if past is None else lambda exchanges: None, turn)
        admission = await _admission(config, data, parts, stack)
        attempts, accounts = Attempts(parts.clock), Accounts(parts.telemetry, parts.follow)
        recorder = _recorder(config, parts, accounts, learner, attempts)
        augmenter = _augmenter(parts, precedents)
        rehearsing = _rehearsing(parts, precedents)
        stack.push_async_callback(rehearsing.aclose)
        caches = Caches(augmenter, precedents, rehearsing)
        await _hear_of_the_erased(parts, backlog, caches)
        retention = Upkeep(parts.record.archive, parts.store, policies, parts.clock)
        stack.push_async_callback(augmenter.aclose)
        watching = functools.partial(policies.watch, on_change=reloaded)
        others = () if past is not None else (distiller.run, retention.run, proof.run, watching)
        stack.push_async_callback(distiller.save)  # when the last has been learnt, which is after it is told to stop
        await begun(stack, learner, (learner.run, lambda stop: parts.record.watch(stop, learner.wake), *others))
        stack.push_async_callback(recorder.drain)
        pumps = Pumps(config.server.post_disconnect)
        stack.push_async_callback(pumps.drain)
        gateway = _gateway(config, policies, parts, (accounts, attempts, augmenter, recorder, admission))
        yield Running(
            gateway=gateway,
            data=data,
            parts=parts,
            pumps=pumps,
            proof=proof,
            backlog=backlog,
            eraser=eraser_of(parts, data, backlog, [caches.forget]),
            curator=_curator(parts, turn, caches),
            caches=caches,
            rehearsing=rehearsing,
            wake=learner.wake,
            settle=learner.idle,
            distilled=distiller.idle,
        )


def _gateway(
    config: Config,
    policies: PolicyBook,
    parts: Parts,
    made: tuple[Accounts, Attempts, Augmenter, Recorder, Admission],
) -> Gateway:
    accounts, attempts, augmenter, recorder, admission = made
    return Gateway(
        accounts=accounts,
        attempts=attempts,
        clock=parts.clock,
        upstream=parts.upstream,
        augmenter=augmenter,
        recorder=recorder,
        shapes=SHAPES,
        visits=_visits(config, policies, parts),
        telemetry=parts.telemetry,
        fence=parts.fence,
        secret=parts.secret,
        admission=admission,
        signing=_signing(config, parts.clock),
    )


def _held(config: Config, stack: AsyncExitStack) -> DataDir:
    """The data directory, for as long as the stack; on a bad disk what lies on it is opened when it is good."""
    data = DataDir(Path(config.data_dir), config.auth.shared_secret)
    with contextlib.suppress(MemoryUnavailable):
        data.hold()
    stack.callback(data.release)
    return data


async def _proof(parts: Parts) -> SelfTest:
    """What finds out whether memory works; where servers elsewhere are slow to say, it looks again while serving."""
    proof = SelfTest(parts.store, parts.record.journal, parts.clock)
    with contextlib.suppress(TimeoutError):
        async with asyncio.timeout(PROOF_S):
            await proof.look()
    return proof


def _distiller(config: Config, parts: Parts, policies: PolicyBook, backlog: Backlog) -> Distiller:
    asker, changed = Asker(parts.upstream, parts.counter), functools.partial(changes, config)
    kept = (backlog, parts.record.journal, parts.store)
    return Distiller(*kept, asker, policies, KINDS, parts.counter, parts.clock, parts.telemetry, changed)


def _learner(
    parts: Parts, precedents: Precedents, on_learnt: Callable[[Sequence[Exchange]], None], turn: asyncio.Lock
) -> Learner:
    record, kept = parts.record, (parts.record.journal, parts.record.history, parts.store)
    study = Study(*kept, KINDS, DETECTORS, parts.counter, parts.clock, parts.telemetry, precedents.forget, record.still)
    record.on_left(study.leave)
    taught = (study, on_learnt, record.dead, parts.erasures, record.still)
    return Learner(record.journal, parts.store, KINDS, parts.counter, *taught, turn=turn)


def _recorder(config: Config, parts: Parts, accounts: Accounts, learner: Learner, attempts: Attempts) -> Recorder:
    return Recorder(
        parts.record.journal,
        parts.fence,
        parts.clock,
        commit_wait_s=config.server.commit_wait_ms / 1000,
        durability=config.journal.durability,
        on_spool_full=config.journal.on_spool_full,
        checkpoint_s=config.journal.checkpoint_s,
        clean=clean,
        is_gone=parts.erasures.is_gone,
        on_unclean=parts.telemetry.unclean,
        on_recorded=functools.partial(_recorded, accounts, learner),
        on_unrecorded=accounts.unrecorded,
        on_late=parts.telemetry.late,
        on_ended=attempts.end,
    )


def _curator(parts: Parts, turn: asyncio.Lock, caches: Caches) -> Curator:
    kept, is_gone = (parts.store, parts.record.history), parts.erasures.is_gone
    return Curator(*kept, KINDS, parts.counter, parts.clock, turn=turn, is_gone=is_gone, on_changed=[caches.forget])


async def _hear_of_the_erased(parts: Parts, backlog: Backlog, caches: Caches) -> None:
    """Keep nothing of those who were erased at other gateways, before and from now on."""
    heard = functools.partial(erased_elsewhere, parts.erasures, backlog, [caches.forget_all])
    parts.record.on_erased(heard)
    await heard()


def _augmenter(parts: Parts, precedents: Precedents) -> Augmenter:
    return Augmenter(
        clock=parts.clock,
        journal=parts.record.journal,
        store=parts.store,
        precedents=precedents,
        kinds=KINDS,
        composer=Composer(KINDS, parts.counter, parts.fence, parts.telemetry.stage),
        telemetry=parts.telemetry,
        secret=parts.secret,
        on_breaker=parts.telemetry.breaker,
    )


def _rehearsing(parts: Parts, precedents: Precedents) -> Augmenter:
    """An augmenter that leaves no trace: what it counts, nobody reads. What it holds is forgotten when others forget;
    lessons are those that are held for calls, which are forgotten whenever something is learnt."""
    return _augmenter(msgspec.structs.replace(parts, telemetry=Telemetry(parts.clock.now)), precedents)


async def _admission(config: Config, data: DataDir, parts: Parts, stack: AsyncExitStack) -> Admission:
    """Who is let in, for as long as the stack. Raises `DataDirError`."""
    if config.auth.mode == "passthrough":
        return Open()
    return await stack.enter_async_context(issued(data.path, parts.secret, parts.clock))


def _visits(config: Config, policies: PolicyBook, parts: Parts) -> Visits:
    return Visits(
        policies=policies,
        fence=parts.fence,
        is_out=parts.erasures.is_out,
        anonymous="credential" if is_loopback(config.server.host) else "session",
        max_augmented_bytes=config.server.max_augmented_bytes,
        timing=parts.telemetry.stage,
        on_match=parts.telemetry.matched,
    )


def policy_book(config: Config) -> PolicyBook:
    """The policies, held against what else is configured. Raises `ConfigError`."""
    routes = in_force(config.routes, config.upstreams)
    keyless = functools.partial(distil.faults, routes=routes, upstreams=config.upstreams)
    outlived = functools.partial(upkeep.faults, journal=config.journal)
    return PolicyBook(Path(config.policies), KINDS, lambda found: [*keyless(found), *outlived(found)])


def _signing(config: Config, clock: Clock) -> OpenWebUi | None:
    secret = config.auth.openwebui_jwt_secret
    return None if secret is None else OpenWebUi(secret=secret, clock=clock)


def _recorded(accounts: Accounts, learner: Learner, exchange: Exchange) -> None:
    accounts.recorded(exchange)
    learner.wake()
