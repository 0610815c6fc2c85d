"""Memory's part in a call: find the session, recall within the deadline, compose. It fails open, visibly (promise P4).

Late, broken or overrun memory means the session's earlier notes with the pinned lines held in process, else its earlier
notes alone, else nothing; never another status, shape or stream.
"""

from __future__ import annotations

import asyncio
from collections import OrderedDict
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from functools import partial
from typing import Literal

import msgspec
import structlog

from gateway import credit, guard, identify, triggers
from gateway.breaker import Breaker, KeptAway, OnChange, unheard
from gateway.compose import Composer, Prompt, open_slots
from gateway.dependency import Dependency
from gateway.errors import MemoryUnavailable
from gateway.kinds.base import Kind
from gateway.memories import EPISODE, Memory, Query, Recalled
from gateway.ports import Clock, Journal, MemoryStore
from gateway.precedents import Precedents, called_for
from gateway.recall import recall
from gateway.redact import cleaned
from gateway.selftest import PROOF
from gateway.telemetry import Telemetry
from gateway.types import Outcome, Scope, Session
from gateway.visits import Visit

HELD_OWNERS = 1024
"""Owners whose pinned memories are held in process for the moment in which the store cannot answer."""

THREADED_BYTES = 64 * 1024
"""A larger request is looked through off the event loop: that may take milliseconds, which would be everybody's."""

RECALLS = 24
"""At once. Each takes some two milliseconds of the interpreter, so that one more would be late with all the others."""

PROBE = Query(text="memory", kinds=(EPISODE,), pinned=(), limit=1)

log = structlog.get_logger()


class Trouble(msgspec.Struct, frozen=True, kw_only=True):
    """Why memory did not take part as it should."""

    status: Literal["timeout", "breaker", "error"]
    cause: str
    """As it is counted."""
    reason: str = ""
    """As the header says it; empty where the status says enough."""


class Augmenter:
    """Adds what is worth remembering to calls."""

    def __init__(
        self,
        *,
        clock: Clock,
        journal: Journal,
        store: MemoryStore,
        precedents: Precedents,
        kinds: Mapping[str, Kind],
        composer: Composer,
        telemetry: Telemetry,
        secret: bytes,
        on_breaker: OnChange = unheard,
    ) -> None:
        self._clock = clock
        self._journal = journal
        self._store = store
        self._precedents = precedents
        self._kinds = kinds
        self._composer = composer
        self._telemetry = telemetry
        self._secret = secret
        breaker = Breaker("store", clock, on_change=on_breaker)
        self._stored = Dependency(breaker, partial(store.search, PROOF, PROBE), limit=RECALLS)
        self._held: OrderedDict[str, Recalled] = OrderedDict()
        self._news = 0
        self._full: OrderedDict[tuple[str, str], None] = OrderedDict()

    async def augment(self, visit: Visit) -> tuple[Session, Prompt]:
        """The session, and the request as memory would have it."""
        stand_in = identify.new_session(self._clock, visit.who)
        session = msgspec.structs.replace(stand_in, is_adrift=True)
        recalled: Recalled | None = None
        prompt = Prompt(body=visit.call.body, outcome=Outcome(status="error"))
        troubles: list[Trouble] = []
        with self._failing_open(troubles):
            async with asyncio.timeout(visit.policy.recall.deadline_ms / 1000):
                with self._telemetry.stage("identify"):
                    session = await identify.session_of(self._journal, self._clock, visit.who, visit.call)
                recalled = await self._recall(visit, session)
        held = self._held.get(session.scope.owner, Recalled())
        for known in (held if recalled is None else recalled, Recalled()):
            with self._failing_open(troubles):
                prompt = self._compose(visit, session, known)
                break
        outcome = _explained(prompt.outcome, troubles, visit)
        self._telemetry.called(outcome)
        return session, msgspec.structs.replace(prompt, outcome=outcome)

    async def aclose(self) -> None:
        """Look for nothing any more."""
        await self._stored.aclose()

    @contextmanager
    def _failing_open(self, troubles: list[Trouble]) -> Iterator[None]:
        """The one place where any error at all is caught: no fault of memory may become the caller's."""
        try:
            yield
        except Exception as error:  # noqa: BLE001 - the documented fail-open of P4
            troubles.append(self._trouble(error))

    def give_up(self, scope: Scope) -> None:
        """Add nothing more in this session: its conversation and the notes do not fit the model together."""
        self._full[scope.owner, scope.session] = None
        if len(self._full) > HELD_OWNERS:
            self._full.popitem(last=False)

    def forget(self, scope: Scope) -> None:
        """Hold nothing of a scope's owner any more."""
        self._news += 1
        self._held.pop(scope.owner, None)
        self._full = OrderedDict.fromkeys(key for key in self._full if key[0] != scope.owner)

    def forget_all(self) -> None:
        """Hold nothing of anybody any more."""
        self._news += 1
        self._held.clear()

    def _is_full(self, session: Session) -> bool:
        return (session.scope.owner, session.scope.session) in self._full

    async def _recall(self, visit: Visit, session: Session) -> Recalled:
        """What the store knows; it is not asked where the session has already decided what it adds."""
        if (
            visit.mode == "write"
            or visit.is_aside
            or self._is_full(session)
            or not any(open_slots(visit.call, session, visit.policy.place))
        ):
            return Recalled()
        with self._telemetry.stage("recall"):
            return await self._stored.ask(partial(self._recalled, visit, session))

    async def _recalled(self, visit: Visit, session: Session) -> Recalled:
        question = await _question(visit)
        settings, now, news = visit.policy.recall, self._clock.now(), self._news
        recalled, lessons = await asyncio.gather(
            recall(self._store, session.scope, question, self._kinds, settings, now),
            self._lessons(session.scope, visit.policy.recall.deadline_ms / 2000),
        )
        if news == self._news:  # else it may be out of date by now, or of somebody who was erased
            self._hold(session.scope, recalled)
        if len(visit.call.body) > THREADED_BYTES:
            return await asyncio.to_thread(_called_for, visit, session, question, recalled, lessons)
        return _called_for(visit, session, question, recalled, lessons)

    async def _lessons(self, scope: Scope, patience_s: float) -> Sequence[Memory]:
        """Lessons of a scope; none where they are not to be had, or take so long that they would cost all else."""
        try:
            async with asyncio.timeout(patience_s):
                return await self._precedents.of(scope)
        except (TimeoutError, MemoryUnavailable):
            self._telemetry.failed("lessons")
            return ()

    def _hold(self, scope: Scope, recalled: Recalled) -> None:
        lasting = tuple(memory for memory in recalled.pinned if memory.reach == "user")
        self._held[scope.owner] = Recalled(pinned=lasting)
        self._held.move_to_end(scope.owner)
        if len(self._held) > HELD_OWNERS:
            self._held.popitem(last=False)

    def _compose(self, visit: Visit, session: Session, recalled: Recalled) -> Prompt:
        if self._is_full(session):
            return Prompt(body=visit.call.body, outcome=Outcome(status="empty", reason="context_overflow"))
        if session.is_adrift:  # what it has been told is not known, so anything added now would break its prefix
            return Prompt(body=visit.call.body, outcome=Outcome(status="error", reason="session"))
        if self._is_withheld(visit, session):
            return Prompt(body=visit.call.body, outcome=Outcome(status="holdout"))
        if visit.is_aside or visit.mode == "write":
            reason = "side_call" if visit.is_aside else "write"
            return Prompt(body=visit.call.body, outcome=Outcome(status="off", reason=reason))
        with self._telemetry.stage("compose"):
            return self._composer.compose(visit.shape, visit.call, session, recalled, visit.policy)

    def _is_withheld(self, visit: Visit, session: Session) -> bool:
        """Whether this owner is of those who are told nothing, so that it is known what memory is worth.

        A session that has been told something is told it again, whatever the policy says by now.
        """
        is_told = any(note.text for note in session.ledger.values())
        return not is_told and credit.holdout(self._secret, session.scope.owner, visit.policy.holdout)

    def _trouble(self, error: Exception) -> Trouble:
        """Count a failure, and log it; that nobody was asked has been said by the breaker, once."""
        trouble = _trouble_of(error)
        self._telemetry.failed(trouble.cause)
        if not isinstance(error, KeptAway):
            is_expected = isinstance(error, TimeoutError | MemoryUnavailable)
            traced = None if is_expected else error
            log.warning("recall_failed", cause=trouble.cause, error=repr(error), exc_info=traced)
        return trouble


def _trouble_of(error: Exception) -> Trouble:
    if isinstance(error, KeptAway) and error.cause == "overload":
        return Trouble(status="timeout", cause="overload", reason="overload")
    if isinstance(error, KeptAway):
        return Trouble(status="breaker", cause="breaker", reason=error.dependency)
    if isinstance(error, TimeoutError):
        return Trouble(status="timeout", cause="timeout")
    return Trouble(status="error", cause="error")


async def _question(visit: Visit) -> str:
    """What the user said last, as an embedder may see it: without what is not to be kept."""
    question, level = visit.call.question, visit.policy.redact
    if len(question) > THREADED_BYTES:
        return await asyncio.to_thread(cleaned, question, level)
    return cleaned(question, level)


def _called_for(
    visit: Visit, session: Session, question: str, recalled: Recalled, lessons: Sequence[Memory]
) -> Recalled:
    """What was recalled, with the lessons that the call calls for and the constraints to be said once more.

    A lesson that a person pinned is told like what else is pinned: neither for the call nor by lot. The user's own the
    store has recalled; those that all users share come from the lessons.
    """
    known = {memory.id for memory in recalled.pinned}
    loose = [lesson for lesson in lessons if lesson.id not in known and not lesson.is_pinned]
    told = called_for(loose, visit.call, question, session) if loose else ()
    always = (
        lesson for lesson in lessons if lesson.is_pinned and lesson.id not in known and triggers.is_active(lesson)
    )
    pinned = sorted((*recalled.pinned, *always), key=lambda one: one.is_pinned, reverse=True)
    echoes = guard.echoes(recalled.pinned, visit.call, session.ledger, visit.policy.guard)
    return msgspec.structs.replace(recalled, pinned=tuple(pinned), hits=(*told, *recalled.hits), echoes=echoes)


def _explained(outcome: Outcome, troubles: Sequence[Trouble], visit: Visit) -> Outcome:
    """The outcome as the header says it: trouble first, then that nobody was named."""
    if troubles:
        first = troubles[0]
        return msgspec.structs.replace(outcome, status=first.status, reason=first.reason or outcome.reason)
    if visit.who.user is not None:
        return outcome
    if outcome.status == "empty":
        return msgspec.structs.replace(outcome, status="unscoped")
    return msgspec.structs.replace(outcome, reason=outcome.reason or "unscoped")
