"""From record to memory: every finished exchange is leased from the journal, read once, and what is worth keeping is
put into the store. Nothing here is on the way of a request.

What an exchange leaves behind is said by gateway/derive.py, what becomes of it beside what is known by
gateway/merge.py.
"""

from __future__ import annotations

import asyncio
import traceback
from collections.abc import Awaitable, Callable, Mapping, Sequence

import structlog

from gateway.deadletters import DeadLetter, DeadLetters, Stage
from gateway.derive import Derived, derive
from gateway.erasures import Erasures
from gateway.errors import MemoryUnavailable
from gateway.filling import counted
from gateway.kinds.base import Kind
from gateway.memories import EPISODE, Memory, Query
from gateway.merge import Merger
from gateway.ports import Journal, MemoryStore, TokenCounter
from gateway.revisions import corrects
from gateway.study import Study
from gateway.types import Exchange, Scope, Turn

BATCH = 64
"""Exchanges leased at once."""

LAST_BATCHES = 4
"""Learnt at most on the way out, which takes a second; the rest waits in the journal for the next start."""

GATHER_S = 0.1
"""From the first exchange to learning it: those that come meanwhile share its write, and a burst of calls is served
first. Nobody begins their next session sooner."""

RETRY_S = 1.0
"""Between two tries while the store or the journal cannot answer."""

MAX_PINNED = 500
"""Newest pinned memories of an owner with which a new statement is compared."""

STRUCK = 20
"""Episodes looked through for a statement that ended, per way of searching: its words find the turns in which it was
said first, and the answers to them, in whose keys it stands."""

MAX_CORRECTION_CHARS = 600
"""Of a message with a correction in it are searched by; nobody corrects at greater length."""

log = structlog.get_logger()


class Learner:
    """Turns finished exchanges into memories, in the order in which they were recorded."""

    def __init__(
        self,
        journal: Journal,
        store: MemoryStore,
        kinds: Mapping[str, Kind],
        counter: TokenCounter,
        study: Study | None = None,
        on_learnt: Callable[[Sequence[Exchange]], None] = lambda exchanges: None,
        dead: DeadLetters | None = None,
        erasures: Erasures | None = None,
        still: Callable[[Scope], object] = lambda scope: None,
        turn: asyncio.Lock | None = None,
    ) -> None:
        """Learn from a journal.

        Args:
            study: looks at what was learnt once more; None where nobody asks how things went.
            on_learnt: told of each batch, but for those of whom nothing may be known any more.
            erasures: of whom nothing is learnt any more; None where nobody is erased meanwhile.
            still: raises `MemoryUnavailable` where others learn from somebody by now: what was read is out of date.
            dead: takes what is passed over; None where the journal is not to be written to.
            turn: taken around each step, by whoever else reads memories, changes them and writes them, too.
        """
        self._journal = journal
        self._store = store
        self._kinds = kinds
        self._counter = counter
        self._study = study
        self._on_learnt = on_learnt
        self._dead = dead
        self._erasures = erasures
        self._still = still
        self._turn = turn or asyncio.Lock()
        self._pinned = tuple(name for name, kind in kinds.items() if kind.is_pinned)
        self._postponed = ""
        self._work = asyncio.Event()
        self.idle = asyncio.Event()
        """Set while there is nothing left to learn."""

    def rehearse(self) -> None:
        """Read made-up words as if to learn them, which leaves nothing behind but the rules that it took half a second
        to read. Blocks; without it the first calls share the processor with that, and are late."""
        said = Turn(role="user", text="Please always answer briefly, because I live by the sea.")
        nobody = Scope(tenant="nobody", user=None, session="rehearsal")
        derive(
            Exchange(id="", scope=nobody, at=0.0, path="", turns=(said,), learns=tuple(self._kinds)), self._kinds, 0.0
        )

    def wake(self) -> None:
        """Say that there is something to learn."""
        self.idle.clear()
        self._work.set()

    async def run(self, stop: asyncio.Event) -> None:
        """Learn until told to stop, and then what is still waiting, within bounds.

        Trouble with a store is waited out; nothing is skipped because of it.
        """
        self.wake()
        while not stop.is_set():
            await self._wait(stop)
            await self._catch_up(stop)

    async def _catch_up(self, stop: asyncio.Event) -> None:
        """Learn all there is; only the last batches once told to stop."""
        left = LAST_BATCHES
        try:
            while left and await self.step():
                left -= stop.is_set()
        except MemoryUnavailable as error:
            if str(error) != self._postponed:  # said once, however long it lasts
                log.warning("learn_postponed", reason=str(error))
            self._postponed = str(error)
        else:
            self._postponed = ""
            if left and not self._work.is_set():
                self.idle.set()

    async def step(self) -> int:
        """Learn one batch, and what was said of learnt answers; how much it was. Raises `MemoryUnavailable`."""
        exchanges = await self._journal.lease(BATCH)
        for exchange in exchanges:
            async with self._turn:
                await self.take(exchange)
        if exchanges:
            await self._journal.done([exchange.id for exchange in exchanges])
            self._on_learnt([exchange for exchange in exchanges if not self._is_gone(exchange)])
        if self._study is None:
            return len(exchanges)
        async with self._turn:
            return len(exchanges) + await self._study.judge() + await self._study.close()

    async def take(self, exchange: Exchange) -> None:
        """Learn one exchange, and look at what it says about how things went. Raises `MemoryUnavailable`.

        One by one, because what ends by one is struck out of what others brought: the record learnt again in other
        batches has to give the same. What cannot be learnt because of a fault of ours is a dead letter: the record has
        it, and one bad exchange must not keep all later ones waiting.
        """
        if self._is_gone(exchange):
            return
        letters = [await _passed_over("unlearnt", exchange, self._learn)]
        if self._study is not None:
            letters.append(await _passed_over("unstudied", exchange, self._study.learn))
        letter = next(filter(None, letters), None)
        if letter is not None and self._dead is not None:
            await self._dead.bury(letter)

    def _is_gone(self, exchange: Exchange) -> bool:
        return self._erasures is not None and self._erasures.is_gone(exchange.scope, exchange.at)

    async def _learn(self, exchange: Exchange) -> None:
        scope = exchange.scope
        derived, texts = await asyncio.to_thread(self._derived, exchange)
        merger = Merger(await self._known(scope, derived), self._pinned)
        if texts:
            merger.meet(await self._about(scope, texts))
        ended, memories = await asyncio.to_thread(self._taken, merger, derived)
        if ended:
            told = await self._about(scope, [gone.text for gone in ended])
            memories = await asyncio.to_thread(self._struck, merger, ended, told)
        if memories:
            self._still(scope)
            await self._store.put(scope, memories)

    def _derived(self, exchange: Exchange) -> tuple[Derived, list[str]]:
        """What an exchange leaves behind, and what users say in it that may correct what was said before."""
        derived = derive(exchange, self._kinds, exchange.ended)
        turns = (turn for turn, _ in derived.stated if corrects(turn))
        return derived, [turn.text[:MAX_CORRECTION_CHARS] for turn in turns]

    def _taken(self, merger: Merger, derived: Derived) -> tuple[list[Memory], list[Memory]]:
        """What ends by an exchange, which is to be struck; and if nothing does, what there is to write."""
        ended = merger.take(derived)
        return ended, [] if ended else self._written(merger)

    def _struck(self, merger: Merger, ended: Sequence[Memory], told: Sequence[Memory]) -> list[Memory]:
        merger.strike(ended, told)
        return self._written(merger)

    def _written(self, merger: Merger) -> list[Memory]:
        """The new memories, and the known ones that are not what they were."""
        return [counted(one, self._kinds, self._counter) for one in merger.changed()]

    async def _known(self, scope: Scope, derived: Derived) -> list[Memory]:
        """What the store has of the same ids, and all that is pinned where somebody said something."""
        ids = {memory.id for memory in derived.memories}
        ids.update(() if derived.previous is None else (derived.previous.id,))
        known = await self._store.get(scope, sorted(ids)) if ids else []
        if derived.stated:
            known += await self._store.list(scope, self._pinned, MAX_PINNED)
        return known

    async def _about(self, scope: Scope, texts: Sequence[str]) -> list[Memory]:
        """Episodes about these texts, in which they may have been said or taken note of, and what follows them.

        What follows is asked for by id, because an answer of which only pieces are left is found no more.
        """
        queries = (Query(text=text, kinds=(EPISODE,), pinned=(), limit=STRUCK) for text in texts)
        found = [await self._store.search(scope, query) for query in queries]
        told = [hit.memory for one in found for hit in one.hits]
        return told + await self._store.get(scope, [memory.after for memory in told if memory.after])

    async def _wait(self, stop: asyncio.Event) -> None:
        """Until there is work, and a little longer so that more may come; or until the end.

        Now and then without either, because a lease may have been lost.
        """
        stopping = asyncio.ensure_future(stop.wait())
        working = asyncio.ensure_future(self._work.wait())
        await asyncio.wait({stopping, working}, timeout=RETRY_S, return_when=asyncio.FIRST_COMPLETED)
        if working.done():
            await asyncio.wait({stopping}, timeout=GATHER_S)
        stopping.cancel()
        working.cancel()
        self._work.clear()


async def _passed_over(
    stage: Stage, exchange: Exchange, work: Callable[[Exchange], Awaitable[None]]
) -> DeadLetter | None:
    """The letter of what cannot be learnt. Raises `MemoryUnavailable`."""
    try:
        await work(exchange)
    except MemoryUnavailable:
        raise
    except Exception as error:
        log.error(stage, exchange=exchange.id, exc_info=error)
        return DeadLetter(exchange=exchange.id, stage=stage, reason=_reason(error), at=exchange.at)
    return None


def _reason(error: Exception) -> str:
    """What went wrong and where, but for the message."""
    *_, (frame, line) = traceback.walk_tb(error.__traceback__)
    return f"{type(error).__name__} in {frame.f_globals['__name__']}, line {line}"
