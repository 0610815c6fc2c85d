"""From record to memory: every finished exchange is leased from the journal, read once, and what is worth keeping is
put into the store. Nothing here is on the way of a request.

The ids of memories follow from what they hold, so learning an exchange twice changes nothing.
"""

from __future__ import annotations

import asyncio
import hashlib
import itertools
from collections.abc import Iterator, Mapping, Sequence

import msgspec
import structlog

from gateway.errors import HTTP_ERROR, MemoryUnavailable
from gateway.kinds.base import Kind
from gateway.kinds.sentences import is_off_the_record
from gateway.memories import Memory, Origin, Span
from gateway.ports import Clock, Journal, MemoryStore, TokenCounter
from gateway.types import Exchange, Turn

BATCH = 64
"""Exchanges leased at once."""

LAST_BATCHES = 16
"""Learnt at most on the way out; the rest waits in the journal for the next start."""

GATHER_S = 0.1
"""From the first exchange to learning it: those that come meanwhile share its write, and a burst of calls is served
first. Nobody begins their next session sooner."""

RETRY_S = 1.0
"""Between two tries while the store or the journal cannot answer."""

TURN_CHARS = 4_000
"""Of a turn go into its own key; what is longer was pasted, and its beginning says what it is."""

WINDOW_CHARS = 400
"""Of a neighbouring turn go into the key that a turn is found by."""

MAX_TURNS = 500
"""Newest turns learnt of one exchange; one with more is no conversation, and the record has it whole."""

TURNS_BEFORE = 2

TURN_WEIGHT = 2
"""Times the turn itself stands in its key: previous + 2 x turn + next found .70 of the evidence where the turn alone
found .63 (LoCoMo R@10, DESIGN section 7)."""

STANDARD_MODEL = "gpt-4o"
"""Lines are counted once, with this model's vocabulary; what goes upstream is counted again for the model in use."""

_ORIGINS: Mapping[str, Origin] = {"user": "user", "assistant": "assistant"}

log = structlog.get_logger()


class Learner:
    """Turns finished exchanges into memories, in the order in which they were recorded."""

    def __init__(
        self, journal: Journal, store: MemoryStore, kinds: Mapping[str, Kind], counter: TokenCounter, clock: Clock
    ) -> None:
        self._journal = journal
        self._store = store
        self._kinds = kinds
        self._counter = counter
        self._clock = clock
        self._work = asyncio.Event()
        self.idle = asyncio.Event()
        """Set while there is nothing left to learn."""

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
            log.warning("learn_postponed", reason=str(error))
        else:
            if left and not self._work.is_set():
                self.idle.set()

    async def step(self) -> int:
        """Learn one batch; how many exchanges it held. Raises `MemoryUnavailable`."""
        exchanges = await self._journal.lease(BATCH)
        for owned in _by_owner(exchanges):
            await self._learn(owned)
        if exchanges:
            await self._journal.done([exchange.id for exchange in exchanges])
        return len(exchanges)

    async def _learn(self, exchanges: Sequence[Exchange]) -> None:
        """Learn exchanges of one owner with one write.

        What cannot be learnt because of a fault of ours is logged and passed over: the record has it, and one bad
        exchange must not keep all later ones waiting.
        """
        scope = exchanges[0].scope
        try:
            memories = await asyncio.to_thread(self._derived, exchanges)
            memories = await self._widened(exchanges, memories)
            if memories:
                await self._store.put(scope, memories)
        except MemoryUnavailable:
            raise
        except Exception as error:
            if len(exchanges) == 1:
                log.error("unlearnt", exchange=exchanges[0].id, exc_info=error)
                return
            for exchange in exchanges:  # one is at fault, and the others have something to teach
                await self._learn([exchange])

    def _derived(self, exchanges: Sequence[Exchange]) -> list[Memory]:
        now = self._clock.now()
        derived = (memory for exchange in exchanges for memory in derive(exchange, self._kinds, now))
        return [self._counted(memory) for memory in derived]

    def _counted(self, memory: Memory) -> Memory:
        line = self._kinds[memory.kind].line(memory)
        return msgspec.structs.replace(memory, tokens=self._counter.count(line, STANDARD_MODEL))

    async def _widened(self, exchanges: Sequence[Exchange], fresh: Sequence[Memory]) -> list[Memory]:
        """These memories, and the episodes before the exchanges, now that what followed them is known."""
        keys: dict[str, str] = {}
        for exchange in exchanges:
            if "episode" in exchange.learns and exchange.context and not _is_refused(exchange):
                last = exchange.context[-1]
                identifier = _id("episode", exchange.scope.session, last.role, last.text)
                keys[identifier] = window_key(_turns(exchange), len(exchange.context) - 1)
        known = await self._store.get(exchanges[0].scope, list(keys)) if keys else []
        latest = {memory.id: memory for memory in (*known, *fresh)}
        return [msgspec.structs.replace(memory, key=keys.get(memory.id, memory.key)) for memory in latest.values()]

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


def _by_owner(exchanges: Sequence[Exchange]) -> list[list[Exchange]]:
    """The exchanges of each owner, in order."""
    owned: dict[str, list[Exchange]] = {}
    for exchange in exchanges:
        owned.setdefault(exchange.scope.owner, []).append(exchange)
    return list(owned.values())


def derive(exchange: Exchange, kinds: Mapping[str, Kind], now: float) -> list[Memory]:
    """What an exchange leaves behind. An exchange that the upstream refused leaves nothing: it will come again.

    Args:
        now: Unix seconds at which it is learnt.
    """
    return [] if _is_refused(exchange) else list(_derived(exchange, kinds, now))


def _derived(exchange: Exchange, kinds: Mapping[str, Kind], now: float) -> Iterator[Memory]:
    turns = _turns(exchange)
    first = max(len(exchange.context), len(turns) - MAX_TURNS)
    taught = [kinds[name] for name in exchange.learns if name in kinds]  # a record may be older than the kinds we have
    for index in range(first, len(turns)):
        turn = turns[index]
        for kind in taught if turn.role in _ORIGINS else ():
            for span in kind.find(turn):
                yield _memory(exchange, kind, span, turn, window_key(turns, index), now)


def _memory(exchange: Exchange, kind: Kind, span: Span, turn: Turn, window: str, now: float) -> Memory:
    """A pinned memory is known by its words, whoever's turn it was said in; an episode by its place in a session."""
    session = exchange.scope.session
    return Memory(
        id=_id(kind.name, span.text.casefold()) if kind.is_pinned else _id(kind.name, session, turn.role, turn.text),
        kind=kind.name,
        text=span.text,
        key=span.text if kind.is_pinned else window,
        origin=_ORIGINS[turn.role],
        exchange=exchange.id,
        session=session,
        at=exchange.at,
        recorded_at=now,
        speaker=turn.role,
        reach=span.reach,
        slot=span.slot,
    )


def _is_refused(exchange: Exchange) -> bool:
    return exchange.status is not None and exchange.status >= HTTP_ERROR


def _turns(exchange: Exchange) -> list[Turn]:
    """What was said, in order, beginning with the context. What is off the record is blank, and so is the answer."""
    turns = [*exchange.context, *exchange.turns, *_answer(exchange)]
    off = {place for place, turn in enumerate(turns) if turn.role == "user" and is_off_the_record(turn.text)}
    return [
        msgspec.structs.replace(turn, text="")
        if place in off or (place - 1 in off and turn.role == "assistant")
        else turn
        for place, turn in enumerate(turns)
    ]


def _answer(exchange: Exchange) -> tuple[Turn, ...]:
    """The assistant's turn; none when it gave several, because which of them the user saw is not known."""
    turns = exchange.reply.turns if exchange.reply is not None else ()
    return turns if len(turns) == 1 else ()


def window_key(turns: Sequence[Turn], index: int) -> str:
    """What a turn is found by: itself, the two turns in words before it, and the one after.

    Two before, because the one before is the assistant's: of "No, on the 5th" only the user's own turn before it says
    what is on the 5th.
    """
    before = list(itertools.islice(_spoken(turns, range(index - 1, -1, -1)), TURNS_BEFORE))
    after = itertools.islice(_spoken(turns, range(index + 1, len(turns))), 1)
    return "\n".join([*reversed(before), *[turns[index].text[:TURN_CHARS]] * TURN_WEIGHT, *after])


def _spoken(turns: Sequence[Turn], places: range) -> Iterator[str]:
    return (turns[place].text[:WINDOW_CHARS] for place in places if turns[place].role in _ORIGINS and turns[place].text)


def _id(*parts: str) -> str:
    digest = hashlib.blake2b(digest_size=6)
    for part in parts:
        encoded = " ".join(part.split()).encode("utf-8", "replace")
        digest.update(b"%d:" % len(encoded))
        digest.update(encoded)
    return "m_" + digest.hexdigest()
