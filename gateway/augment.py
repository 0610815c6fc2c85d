"""Memory's part in a call: find the session, recall within the deadline, compose. It fails open, visibly (promise P4).

Late or broken memory means the session's earlier notes, and else the pinned lines held in process, and else nothing;
never another status, shape or stream.
"""

from __future__ import annotations

import asyncio
from collections import OrderedDict
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Literal

import msgspec
import structlog

from gateway import credit, guard, identify
from gateway.compose import Composer, Prompt, open_slots
from gateway.errors import MemoryUnavailable
from gateway.kinds.base import Kind
from gateway.memories import Memory, Recalled
from gateway.ports import Clock, Journal, MemoryStore
from gateway.precedents import Precedents, called_for
from gateway.recall import recall
from gateway.telemetry import Telemetry
from gateway.types import Outcome, Scope, Session
from gateway.visits import Visit

HELD_OWNERS = 1024
"""Owners whose pinned memories are held in process for the moment in which the store cannot answer."""

THREADED_BYTES = 64 * 1024
"""A larger request is looked through off the event loop: that may take milliseconds, which would be everybody's."""

Trouble = Literal["timeout", "error"]

log = structlog.get_logger()


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
    ) -> None:
        self._clock = clock
        self._journal = journal
        self._store = store
        self._precedents = precedents
        self._kinds = kinds
        self._composer = composer
        self._telemetry = telemetry
        self._secret = secret
        self._held: OrderedDict[str, Recalled] = OrderedDict()
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
                session = await identify.session_of(self._journal, self._clock, visit.who, visit.call)
                recalled = await self._recall(visit, session)
        with self._failing_open(troubles):
            held = self._held.get(session.scope.owner, Recalled())
            prompt = self._compose(visit, session, held if recalled is None else recalled)
        outcome = _explained(prompt.outcome, troubles, visit)
        self._telemetry.called(outcome.status, outcome.tokens)
        return session, msgspec.structs.replace(prompt, outcome=outcome)

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
        question = visit.call.question
        settings, now = visit.policy.recall, self._clock.now()
        recalled, lessons = await asyncio.gather(
            recall(self._store, session.scope, question, self._kinds, settings, now),
            self._lessons(session.scope, visit.policy.recall.deadline_ms / 2000),
        )
        self._hold(session.scope, recalled)
        if len(visit.call.body) > THREADED_BYTES:
            return await asyncio.to_thread(_called_for, visit, session, question, recalled, lessons)
        return _called_for(visit, session, question, recalled, lessons)

    async def _lessons(self, scope: Scope, patience_s: float) -> Sequence[Memory]:
        """Lessons of a scope; none where they take so long that they would cost the call all else."""
        try:
            async with asyncio.timeout(patience_s):
                return await self._precedents.of(scope)
        except TimeoutError:
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
        return self._composer.compose(visit.shape, visit.call, session, recalled, visit.policy)

    def _is_withheld(self, visit: Visit, session: Session) -> bool:
        """Whether this owner is of those who are told nothing, so that it is known what memory is worth.

        A session that has been told something is told it again, whatever the policy says by now.
        """
        is_told = any(note.text for note in session.ledger.values())
        return not is_told and credit.holdout(self._secret, session.scope.owner, visit.policy.holdout)

    def _trouble(self, error: Exception) -> Trouble:
        """Count and log a failure; what the header calls it."""
        trouble: Trouble = "timeout" if isinstance(error, TimeoutError) else "error"
        self._telemetry.failed(trouble)
        is_expected = isinstance(error, TimeoutError | MemoryUnavailable)
        log.warning("recall_failed", cause=trouble, error=repr(error), exc_info=None if is_expected else error)
        return trouble


def _called_for(
    visit: Visit, session: Session, question: str, recalled: Recalled, lessons: Sequence[Memory]
) -> Recalled:
    """What was recalled, with the lessons that the call calls for and the constraints to be said once more."""
    told = called_for(lessons, visit.call, question, session) if lessons else ()
    echoes = guard.echoes(recalled.pinned, visit.call, session.ledger, visit.policy.guard)
    return msgspec.structs.replace(recalled, hits=(*told, *recalled.hits), echoes=echoes)


def _explained(outcome: Outcome, troubles: Sequence[Trouble], visit: Visit) -> Outcome:
    """The outcome as the header says it: trouble first, then that nobody was named."""
    if troubles:
        return msgspec.structs.replace(outcome, status=troubles[0])
    if visit.who.user is not None:
        return outcome
    if outcome.status == "empty":
        return msgspec.structs.replace(outcome, status="unscoped")
    return msgspec.structs.replace(outcome, reason=outcome.reason or "unscoped")
