"""A console put together from real parts over a folder, for the tests of what is made over it."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from functools import partial
from pathlib import Path
from typing import Any

import httpx
import msgspec
from starlette.applications import Starlette

from gateway.admin.operations import Operation, routes
from gateway.admin.operators import Operators
from gateway.backlog import Backlog
from gateway.caches import Caches
from gateway.config import Config
from gateway.console import Console, Health, Rehearsal
from gateway.curation import Curator
from gateway.datadir import DataDir
from gateway.embedders.wordllama import WordLlamaEmbedder
from gateway.erasure import Eraser, Guarded
from gateway.erasures import Erasures
from gateway.journals.sqlite import SqliteArchive, SqliteChronicle, SqliteHistory, SqliteJournal
from gateway.journals.sqlite.dead import SqliteLetters
from gateway.journals.sqlite.sessions import SqliteSessions
from gateway.learn import Learner
from gateway.memories import Memory, Ranked
from gateway.parts import token_counter
from gateway.period import Facts
from gateway.policy import Recall
from gateway.policybook import PolicyBook
from gateway.ports import Headers, TokenCounter
from gateway.recall import recall
from gateway.stores.local import LocalStore
from gateway.stores.local.catalogue import LocalCatalogue
from gateway.study import Study
from gateway.telemetry import Telemetry
from gateway.testing import ManualClock
from gateway.types import Exchange, Operator, Scope
from gateway.wiring import DETECTORS, KINDS
from tests.exchanges import NOW

KEY = "an-admin-key-that-is-long-enough-for-a-test"


class Desk(msgspec.Struct, frozen=True, kw_only=True):
    """A console, and the parts of it that a test fills and looks at."""

    console: Console
    config: Config
    store: LocalStore
    guarded: Guarded
    journal: SqliteJournal
    history: SqliteHistory
    learner: Learner
    erasures: Erasures
    counter: TokenCounter
    turn: asyncio.Lock
    """Shared by learner and curator."""
    clock: ManualClock
    changed: list[Scope]
    """Whose memories were changed by hand, in order."""

    async def happened(self, *exchanges: Exchange) -> None:
        """Each comes on record and is learnt when it ends."""
        for one in exchanges:
            self.clock.advance(one.at - self.clock.now())
            await self.journal.commit(msgspec.structs.replace(one, ended_at=one.at))
            while await self.learner.step():
                pass


@asynccontextmanager
async def opened_desk(folder: Path, *, turn: asyncio.Lock | None = None, **given: Any) -> AsyncIterator[Desk]:
    """A desk over a folder, which may hold what an earlier one left.

    Args:
        turn: that learner and curator share.
        given: members of the console in place of the real ones; `facts`, `rehearse` and `health` where they are asked.
    """
    config = Config(data_dir=str(folder / "data"), policies=str(folder / "policies"))
    clock, changed, turn = ManualClock(NOW), list[Scope](), turn or asyncio.Lock()
    async with AsyncExitStack() as stack:
        data = DataDir(Path(config.data_dir))
        data.hold()
        stack.callback(data.release)
        store, catalogue = LocalStore(data.memories, data.index, WordLlamaEmbedder()), LocalCatalogue(data.memories)
        erasures = Erasures(data.secret())
        journal = SqliteJournal(data.journal, on_opened=erasures.add)
        history = SqliteHistory(data.journal, journal.writer, clock)
        archive = SqliteArchive(data.journal, journal.writer, journal.forget)
        chronicle, sessions = SqliteChronicle(data.journal), SqliteSessions(data.journal)
        for part in (store, catalogue, journal, history, archive, chronicle, sessions):
            stack.push_async_callback(part.aclose)
        guarded, counter = Guarded(store, erasures), token_counter()
        study = Study(journal, history, guarded, KINDS, DETECTORS, counter, clock, Telemetry())
        console = Console(
            clock=clock,
            kinds=KINDS,
            catalogue=catalogue,
            curator=Curator(
                guarded, history, KINDS, counter, clock,
                turn=turn, is_gone=erasures.is_gone, on_changed=[changed.append],
            ),
            eraser=Eraser(
                archive, store, catalogue, Backlog(data.distil), erasures, clock,
                renew=store.renew, copies=data.copies, forgetting=[changed.append],
            ),
            caches=Caches(), sessions=sessions, chronicle=chronicle,
            letters=SqliteLetters(data.journal),
            policies=PolicyBook(Path(config.policies), KINDS),
            read=partial(journal.read, Operator()),
            search=partial(_searched, guarded, clock),
            facts=_no_facts,
            rehearse=_no_rehearsal,
            health=_no_health,
            wake=lambda: None,
        )  # fmt: skip
        yield Desk(
            console=msgspec.structs.replace(console, **given),
            config=config,
            store=store,
            guarded=guarded,
            journal=journal,
            history=history,
            learner=Learner(journal, guarded, KINDS, counter, study, turn=turn),
            erasures=erasures,
            counter=counter,
            turn=turn,
            clock=clock,
            changed=changed,
        )


@asynccontextmanager
async def over_http(console: Console, operations: Sequence[Operation]) -> AsyncIterator[httpx.AsyncClient]:
    """A client of an operator's, who asks these operations over HTTP, in process."""

    async def reached() -> Console:
        return console

    app = Starlette(routes=routes(operations, reached, Operators(KEY)))
    headers = {"authorization": f"Bearer {KEY}"}
    async with httpx.AsyncClient(transport=httpx.ASGITransport(app), base_url="http://accrue", headers=headers) as on:
        yield on


async def _searched(store: Guarded, clock: ManualClock, scope: Scope, question: str) -> Sequence[Ranked | Memory]:
    recalled = await recall(store, scope, question, KINDS, Recall(), clock.now())
    return (*recalled.pinned, *(hit for hit in recalled.hits if not hit.skipped))


async def _no_facts(tenant: str | None, since: float | None) -> Facts:
    raise NotImplementedError("give `facts`")


async def _no_rehearsal(scope: Scope, path: str, headers: Headers, body: Mapping[str, Any]) -> Rehearsal:
    raise NotImplementedError("give `rehearse`")


async def _no_health() -> Health:
    raise NotImplementedError("give `health`")
