"""The second half of learning: what an exchange says about how things went, and what follows from it.

Detectors look at each exchange that has been learnt, at feedback, and once more at a session when it is over. What
they see teaches lessons and credits those that were told or withheld; all of that is pure (gateway/signals,
gateway/lessons.py, gateway/outcomes.py), and `studied` puts it together. Here it is fetched, put in order and kept.
"""

from __future__ import annotations

import asyncio
from collections import OrderedDict
from collections.abc import Callable, Collection, Iterable, Mapping, Sequence

import msgspec
import structlog

from gateway.chronicle import History, Learnt
from gateway.credit import is_harmful
from gateway.errors import MemoryUnavailable
from gateway.experience import Change, Earned, Feedback, Signal
from gateway.filling import counted
from gateway.kinds.base import Kind
from gateway.lessons import retired, taught
from gateway.memories import MAX_TAUGHT, TAUGHT, Memory
from gateway.outcomes import drawn, outcomes, rewarded
from gateway.ports import Clock, Journal, MemoryStore, TokenCounter
from gateway.sharing import agreed, candidate, is_shareable, shared, shared_id
from gateway.signals.base import MAX_EARLIER, Detector, Seen
from gateway.telemetry import Telemetry
from gateway.types import Exchange, Operator, Scope

OF_FEEDBACK = ("feedback", "label_corrected")
"""Detectors that read what was said about an answer; the others have seen the answer itself."""

OF_THE_END = ("abandonment",)
"""Detectors that look at how a session ended."""

RULES = ("constraint",)
MAX_RULES = 200
FEEDBACK_AT_ONCE = 64

QUIET_S = 30 * 60.0
"""After which a session is taken to be over."""

END_CHARS = 8_000
"""Of either end of a text that is looked back on."""

MAX_SESSIONS = 500
"""Whose exchanges are kept at hand; beyond, the one that has been quiet longest is taken to be over."""

log = structlog.get_logger()


class Studied(msgspec.Struct, frozen=True, kw_only=True):
    """What follows from signals."""

    memories: tuple[Memory, ...] = ()
    """Lessons that are new, or not what they were."""
    evicted: tuple[str, ...] = ()
    changes: tuple[Change, ...] = ()
    earned: tuple[Earned, ...] = ()


def studied(seen: Seen, signals: Sequence[Signal], known: Sequence[Memory], common: Sequence[Memory] = ()) -> Studied:
    """What follows from signals for lessons: what they teach, and what those drawn in the session have earned.

    Args:
        known: the owner's lessons, in whatever state.
        common: those that users share, which can earn as well.
    """
    lessons = taught(signals, seen, known)
    gone = {change.memory for change in lessons.changes if change.action == "EVICT"}
    before = {memory.id: memory for memory in (*common, *known)}
    table = before | {memory.id: memory for memory in lessons.memories}
    changes = list(lessons.changes)
    outcome = outcomes(seen, signals, drawn((*seen.earlier, seen.exchange), table))
    for earned in outcome:
        table[earned.memory] = rewarded(table[earned.memory], earned)
        lesson = table[earned.memory].lesson
        is_judged = not table[earned.memory].is_pinned  # a person wants it told
        if is_judged and lesson is not None and lesson.state == "active" and is_harmful(lesson.credit):
            table[earned.memory], change = retired(table[earned.memory], earned.at, "things go better without it")
            changes.append(msgspec.structs.replace(change, cause=earned.exchange))
    return Studied(
        memories=tuple(one for id, one in table.items() if one != before.get(id) and id not in gone),
        evicted=tuple(sorted(gone)),
        changes=tuple(changes),
        earned=tuple(outcome),
    )


class Study:
    """Learns from how things went."""

    def __init__(
        self,
        journal: Journal,
        history: History,
        store: MemoryStore,
        kinds: Mapping[str, Kind],
        detectors: Mapping[str, Detector],
        counter: TokenCounter,
        clock: Clock,
        telemetry: Telemetry,
        on_changed: Callable[[Scope], None] = lambda scope: None,
        still: Callable[[Scope], object] = lambda scope: None,
    ) -> None:
        """Study what a journal holds.

        Args:
            on_changed: told of each scope whose lessons are not what they were.
            still: raises `MemoryUnavailable` where others learn from somebody by now.
        """
        self._journal = journal
        self._history = history
        self._store = store
        self._kinds = kinds
        self._detectors = detectors
        self._counter = counter
        self._clock = clock
        self._telemetry = telemetry
        self._on_changed = on_changed
        self._still = still
        self._sessions: OrderedDict[tuple[str, str], list[Exchange]] = OrderedDict()
        """Exchanges of the sessions that are going on, as detectors look back on them; the quietest first."""
        self._leaves = 0

    async def learn(self, exchange: Exchange) -> None:
        """Look at an exchange that has ended. Raises `MemoryUnavailable`."""
        leaves = self._leaves
        earlier = await self._earlier(exchange)
        rules = await self._rules(exchange) if exchange.learns else ()
        await self._look(Seen(exchange=exchange, earlier=earlier, rules=rules), self._detectors)
        if leaves == self._leaves:  # else others may learn from them by now, and end the session
            self._keep(exchange, earlier)

    async def judge(self) -> int:
        """Look at feedback that has come; how much there was. Raises `MemoryUnavailable`."""
        given = await self._history.given(FEEDBACK_AT_ONCE)
        for feedback in given:
            exchange = await self._journal.read(Operator(), feedback.exchange)
            if exchange is not None:
                await self.hear(exchange, (feedback,))
        return len(given)

    async def hear(self, exchange: Exchange, feedback: Sequence[Feedback]) -> None:
        """Look at what was said of an exchange. Raises `MemoryUnavailable`."""
        earlier = await self._earlier(exchange)
        await self._look(Seen(exchange=exchange, earlier=earlier, feedback=tuple(feedback)), OF_FEEDBACK)

    async def end(self, exchange: Exchange) -> None:
        """Look once more at the last exchange of a session that is over. Raises `MemoryUnavailable`."""
        earlier = await self._earlier(exchange)
        await self._look(Seen(exchange=exchange, earlier=earlier, is_over=True), OF_THE_END)

    async def close(self) -> int:
        """Look once more at sessions that are over by now; how many there were. Raises `MemoryUnavailable`."""
        quiet_since = self._clock.now() - QUIET_S
        over = [key for key, exchanges in self._sessions.items() if exchanges[-1].ended < quiet_since]
        for key in over or list(self._sessions)[: max(0, len(self._sessions) - MAX_SESSIONS)]:
            exchanges = self._sessions.get(key)
            if exchanges is not None:  # it may have been left meanwhile
                await self.end(exchanges[-1])
                self._sessions.pop(key, None)
        return len(over)

    def leave(self, is_left: Callable[[Scope], bool]) -> None:
        """Keep nothing at hand of those from whom others learn from now on."""
        self._leaves += 1
        for key, exchanges in list(self._sessions.items()):
            if is_left(exchanges[-1].scope):
                del self._sessions[key]

    async def _look(self, seen: Seen, detectors: Iterable[str]) -> None:
        """Put on record what is to be seen, and what it changes."""
        exchange = seen.exchange
        signals = await asyncio.to_thread(self._signals, seen, detectors) if exchange.learns else []
        result = Studied()
        if signals or any(note.draws for one in (*seen.earlier, exchange) for note in one.notes):
            result = await self._taught(seen, signals)
        learnt = Learnt(
            exchange=exchange.id,
            feedback=tuple(feedback.id for feedback in seen.feedback),
            is_over=seen.is_over,
            signals=tuple(signals),
            changes=result.changes,
            earned=result.earned,
        )
        await self._history.taught(exchange.scope, learnt)
        for signal in signals:
            self._telemetry.signal(signal.name, is_good=signal.is_good)
        for change in result.changes:
            self._telemetry.lesson(change.action)

    def _signals(self, seen: Seen, detectors: Iterable[str]) -> list[Signal]:
        """What detectors see; one with a fault sees nothing, and does not keep the others from seeing."""
        found: list[Signal] = []
        for detector in (self._detectors[name] for name in detectors if name in self._detectors):
            try:
                found += detector.find(seen)
            except Exception as error:  # a fault of ours: the record has the exchange, and a mended detector may look
                log.error("detector_failed", detector=detector.name, exchange=seen.exchange.id, exc_info=error)
        return found

    async def _taught(self, seen: Seen, signals: Sequence[Signal]) -> Studied:
        """What follows from signals; after a fault of ours nothing, and what was seen is on record all the same."""
        try:
            return await self._teach(seen, signals)
        except MemoryUnavailable:
            raise
        except Exception as error:
            log.error("unstudied", exchange=seen.exchange.id, exc_info=error)
            return Studied()

    async def _teach(self, seen: Seen, signals: Sequence[Signal]) -> Studied:
        """Store lessons as they are after these signals; what followed from them."""
        scope = seen.exchange.scope
        known = await self._store.list(scope, TAUGHT, MAX_TAUGHT)
        common = await self._store.list(scope.common, TAUGHT, MAX_TAUGHT)
        result = await asyncio.to_thread(studied, seen, signals, known, common)
        self._still(scope)
        shared = {memory.id for memory in common} - {memory.id for memory in known}
        await self._put(scope, [memory for memory in result.memories if memory.id not in shared])
        await self._put(scope.common, [memory for memory in result.memories if memory.id in shared])
        for memory in result.memories:
            if memory.id not in shared:
                await self._share(scope, memory)
        if result.evicted:
            await self._store.forget(scope, result.evicted)
        if result.memories or result.evicted:
            self._on_changed(scope)
        return result

    async def _share(self, scope: Scope, memory: Memory) -> None:
        """Count the user among those with whom a lesson holds; of enough of them it becomes one that all are told."""
        if scope.user is None or not is_shareable(memory):
            return
        counting = candidate(memory, scope.user, await self._store.get(scope.common, [shared_id(memory)]))
        users = counting.lesson.users if counting.lesson is not None else ()
        held = [(user, one) for user in users for one in await self._store.get(_of(scope, user), [memory.id])]
        await self._put(scope.common, [agreed(counting, shared(held))])

    async def _put(self, scope: Scope, memories: Sequence[Memory]) -> None:
        if memories:
            lines = await asyncio.to_thread(lambda: [counted(one, self._kinds, self._counter) for one in memories])
            await self._store.put(scope, lines)

    async def _rules(self, exchange: Exchange) -> tuple[Memory, ...]:
        """Constraints that held when an exchange was answered."""
        listed = await self._store.list(exchange.scope, RULES, MAX_RULES)
        return tuple(rule for rule in listed if _held(rule, exchange))

    async def _earlier(self, exchange: Exchange) -> tuple[Exchange, ...]:
        kept = self._sessions.get(_session(exchange))
        if kept is None:
            return tuple(map(_brief, await self._history.session(exchange.scope, exchange.id, MAX_EARLIER)))
        return tuple(one for one in kept if one.id < exchange.id)

    def _keep(self, exchange: Exchange, earlier: Collection[Exchange]) -> None:
        """In the order of ids: of calls that were under way together the later may end first."""
        if exchange.is_refused:
            return
        kept = self._sessions.get(_session(exchange), earlier)
        by_id = {one.id: one for one in (*kept, _brief(exchange))}
        self._sessions[_session(exchange)] = [by_id[id] for id in sorted(by_id)][-MAX_EARLIER - 1 :]
        self._sessions.move_to_end(_session(exchange))
        if len(self._sessions) > 2 * MAX_SESSIONS:  # where nobody closes any, as when the record is learnt again
            self._sessions.popitem(last=False)


def _of(scope: Scope, user: str) -> Scope:
    return msgspec.structs.replace(scope, user=user)


def _brief(exchange: Exchange) -> Exchange:
    """An exchange as it is kept at hand: both ends of long texts, and not what was considered for it."""
    turns = tuple(msgspec.structs.replace(turn, text=_ends(turn.text)) for turn in exchange.turns)
    return msgspec.structs.replace(exchange, turns=turns, considered=())


def _ends(text: str) -> str:
    return text if len(text) <= 2 * END_CHARS else f"{text[:END_CHARS]}\n{text[-END_CHARS:]}"


def _session(exchange: Exchange) -> tuple[str, str]:
    return exchange.scope.owner, exchange.scope.session


def _held(rule: Memory, exchange: Exchange) -> bool:
    """Whether a rule held when an exchange was answered; one that was said in it held as well."""
    is_near = rule.reach == "user" or rule.session == exchange.scope.session
    return is_near and rule.at <= exchange.at and (rule.ended_at is None or rule.ended_at > exchange.at)
