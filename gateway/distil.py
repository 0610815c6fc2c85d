"""Distilling: in the background a model notes facts about users, each with the user's own words that say so.

This file knows when a session's turn comes, what a day may cost, and what to do when the upstream does not answer.
What is asked, and which answers stand up, is known by gateway/facts.py. Facts are only ever added: nothing that is
remembered is changed, ended or removed here, and nothing here is on the way of a request. What a person has ended or
forgotten by hand does not come back out of what was said before that.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Iterator, Mapping, Sequence
from functools import partial

import msgspec
import structlog

from gateway import facts
from gateway.asking import Asker, Question, keyless
from gateway.backlog import Backlog, Waiting
from gateway.derive import derive
from gateway.errors import DataDirError, MemoryUnavailable, RequestError
from gateway.experience import Change
from gateway.filling import counted
from gateway.kinds.base import DAY_S, Kind, day
from gateway.memories import Memory
from gateway.pause import pause
from gateway.policy import Distil
from gateway.policybook import Policies, PolicyBook
from gateway.ports import Clock, Journal, MemoryStore, TokenCounter
from gateway.routes import Route, UpstreamConfig
from gateway.telemetry import Telemetry
from gateway.types import Exchange, Scope

LOOK_S = 5.0
"""Between two looks for a session whose turn has come. What was learnt since the last look is lost in a killed
process, for this purpose only; `Backlog` is on disk at each look."""

ENOUGH_TURNS = 20
"""Of a user, after which a session is not waited for to be quiet."""

LONGEST_WAIT_S = 7 * DAY_S
"""A session whose turn does not come for a week is given up."""

FIRST_PAUSE_S, LONGEST_PAUSE_S = 10.0, 900.0
"""After a failure nothing is asked for so long; twice as long after each further one."""

Changes = Callable[[Scope, float], Awaitable[Sequence[Change]]]

log = structlog.get_logger()


class Distiller:
    """Hands what was learnt to a model, one session at a time."""

    def __init__(
        self,
        backlog: Backlog,
        journal: Journal,
        store: MemoryStore,
        asker: Asker,
        policies: PolicyBook,
        kinds: Mapping[str, Kind],
        counter: TokenCounter,
        clock: Clock,
        telemetry: Telemetry,
        changes: Changes,
    ) -> None:
        """Hand sessions to a model.

        Args:
            changes: what became of somebody's memories since a time in Unix seconds, in order.
        """
        self._backlog = backlog
        self._journal = journal
        self._store = store
        self._asker = asker
        self._policies = policies
        self._kinds = kinds
        self._counter = counter
        self._clock = clock
        self._telemetry = telemetry
        self._changes = changes
        self._exhausted: dict[str, tuple[str, int]] = {}
        """By policy: the day on which its tokens did not suffice, and how many they were."""
        self._failures = 0
        self._resumes_at = 0.0
        self.idle = asyncio.Event()
        """Set while no session waits."""
        self._told()

    def learnt(self, exchanges: Sequence[Exchange]) -> None:
        """Take note of exchanges that have been learnt, and whose policy wants them distilled."""
        for exchange in exchanges:
            turns = len(facts.users_turns(exchange))
            if turns and self._settings(exchange.policy) is not None:
                displaced = self._backlog.add(exchange, turns)
                if displaced is not None:
                    self._telemetry.distilled("dropped")
                    log.warning("distil_dropped", reason="too many sessions wait")
        self._told()

    async def run(self, stop: asyncio.Event) -> None:
        """Distil until told to stop; a call under way is given up then, and its session waits for the next start."""
        working = asyncio.create_task(self._work(stop))
        try:
            await stop.wait()
        finally:
            working.cancel()
        await asyncio.wait({working})

    async def save(self) -> None:
        """Put on disk what waits and what was spent."""
        await self._backlog.save()

    async def step(self) -> bool:
        """Distil the session whose turn it is; whether there was one, and there may be more."""
        due = self._next()
        if due is None:
            self._told()
            return False
        try:
            outcome = await self._distil(due)
        except (RequestError, MemoryUnavailable, DataDirError) as error:
            self._pause(str(error))
            self._backlog.defer(due.waiting)
            self._telemetry.distilled("failed")
            return False
        except Exception as error:  # a fault of ours: it must not end all distilling, and asking again would not help
            log.error("undistilled", exc_info=error)
            outcome = "error"
        if outcome != "postponed":
            self._failures = 0
            self._backlog.done(due.waiting)
        self._telemetry.distilled(outcome)
        self._told()
        return True

    async def _work(self, stop: asyncio.Event) -> None:
        while not stop.is_set():
            await pause(stop, LOOK_S)
            while await self.step():
                await self.save()
            await self.save()

    def _told(self) -> None:
        if len(self._backlog):
            self.idle.clear()
        else:
            self.idle.set()

    def _settings(self, policy: str) -> Distil | None:
        """What a policy says now; None when it wants nothing distilled."""
        known = self._policies.current.policies
        return next((one.learn.distil for one in known if one.name == policy and one.learn.distil.model), None)

    def _next(self) -> _Due | None:
        """The session that has waited longest of those whose turn it is."""
        now = self._clock.now()
        if now < self._resumes_at:
            return None
        for waiting in self._backlog:
            settings = self._settings(waiting.policy)
            if settings is None or settings.model is None or now - waiting.at > LONGEST_WAIT_S:
                self._backlog.done(waiting)
                self._telemetry.distilled("dropped")
                continue
            is_quiet = now - waiting.at >= settings.quiet_s
            is_exhausted = self._exhausted.get(waiting.policy) == (day(now), settings.tokens_per_day)
            if not is_exhausted and (is_quiet or waiting.turns >= ENOUGH_TURNS):
                return _Due(waiting=waiting, model=settings.model, limit=settings.tokens_per_day)
        return None

    def _pause(self, reason: str) -> None:
        pause_s = min(FIRST_PAUSE_S * 2 ** min(self._failures, 10), LONGEST_PAUSE_S)
        self._failures += 1
        self._resumes_at = self._clock.now() + pause_s
        log.warning("distil_failed", reason=reason, pause_s=pause_s)

    async def _distil(self, due: _Due) -> str:
        """What came of it, in a word.

        Raises `RequestError`, `MemoryUnavailable` or `DataDirError` when it is to be tried again.
        """
        waiting = due.waiting
        read = [await self._journal.read(waiting.scope, exchange) for exchange in waiting.exchanges]
        said = await asyncio.to_thread(facts.said, [exchange for exchange in read if exchange is not None])
        if not said:
            return "empty"
        words, max_tokens = facts.words(said), facts.MAX_ANSWER_TOKENS
        question = Question(model=due.model, task=facts.TASK, words=words, max_tokens=max_tokens)
        if not self._is_affordable(due, await self._asker.cost(question)):
            return "postponed"
        answer = await self._asker.ask(question, partial(self._spend, waiting.policy))
        if answer is None:
            log.warning("distil_refused", model=due.model)
            return "refused"
        claims = facts.claims(answer)
        if claims is None:
            return "unreadable"
        await self._keep(waiting, claims, said)
        return "done"

    def _spend(self, policy: str, tokens: int) -> None:
        self._backlog.spend(policy, day(self._clock.now()), tokens)
        self._telemetry.distil_cost(tokens)

    def _is_affordable(self, due: _Due, tokens: int) -> bool:
        """Whether the day's tokens suffice; a call that no day's would suffice for takes a whole one."""
        policy, today = due.waiting.policy, day(self._clock.now())
        if self._backlog.spent(policy, today) + min(tokens, due.limit) <= due.limit:
            return True
        self._exhausted[policy] = (today, due.limit)
        log.warning("distil_postponed", policy=policy, tokens_per_day=due.limit)
        return False

    async def _keep(self, waiting: Waiting, claims: Sequence[facts.Claim], said: Sequence[facts.Said]) -> None:
        """Store what stands up and is not there yet; what is there may have been ended since, and stays as it is.

        What was ended by hand and is not there any more counts as known, too.
        """
        looked_at = claims[: facts.MAX_FACTS]
        proved = facts.proved(looked_at, said, self._clock.now())
        known = {memory.id for memory in await self._store.get(waiting.scope, [memory.id for memory in proved])}
        gone = await self._gone(waiting.scope, min(one.exchange.at for one in said))
        lasting = await asyncio.to_thread(self._lasting, looked_at, said, gone)
        fresh = [memory for memory in lasting if memory.id not in known]
        if fresh:
            await self._store.put(waiting.scope, await asyncio.to_thread(self._counted, fresh))
        self._telemetry.facts("kept", len(fresh))
        self._telemetry.facts("known", len(proved) - len(fresh))
        self._telemetry.facts("unproved", len(looked_at) - len(proved))
        self._telemetry.facts("surplus", len(claims) - len(looked_at))

    async def _gone(self, scope: Scope, since: float) -> dict[str, float]:
        """Ids of what a person has ended or forgotten since a time and has not restored, each with when."""
        gone: dict[str, float] = {}
        for change in await self._changes(scope, since):
            if change.action in ("FORGET", "RETIRE", "SUPERSEDE"):
                gone[change.memory] = change.at
            elif change.action == "RESTORE":
                gone.pop(change.memory, None)
        return gone

    def _lasting(
        self, claims: Sequence[facts.Claim], said: Sequence[facts.Said], gone: Mapping[str, float]
    ) -> list[Memory]:
        """Facts that stand up, each by the first exchange since which neither it nor what else says so is gone."""
        found: dict[str, Memory] = {}
        for one in said:
            for fact in facts.proved(claims, [one], self._clock.now()):
                if not self._is_gone(fact, one.exchange, gone):
                    found.setdefault(fact.id, fact)
        return [*found.values()]

    def _is_gone(self, fact: Memory, source: Exchange, gone: Mapping[str, float]) -> bool:
        since = {id for id, at in gone.items() if at >= source.at}
        learnt = derive(source, self._kinds, source.ended).memories if since else []
        return fact.id in since or any(one.id in since for one in learnt if fact.evidence in one.text)

    def _counted(self, memories: Sequence[Memory]) -> list[Memory]:
        return [counted(memory, self._kinds, self._counter) for memory in memories]


class _Due(msgspec.Struct, frozen=True, kw_only=True):
    """A session whose turn it is, and what its policy says."""

    waiting: Waiting
    model: str
    limit: int
    """Tokens per day."""


def faults(policies: Policies, routes: Sequence[Route], upstreams: Mapping[str, UpstreamConfig]) -> Iterator[str]:
    """Complaints about policies whose model is behind an upstream without a key.

    Args:
        routes: those in force.
    """
    for policy in policies.policies:
        model = policy.learn.distil.model
        for name in keyless(model, routes, upstreams) if model else ():
            yield (
                f"{policy.name}.yaml: $.learn.distil.model: {model} is asked in the background, where no client's "
                f"credential is at hand, so the upstream {name} needs an api_key in config.yaml"
            )
