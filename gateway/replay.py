"""Learning from logs before the first live call: past calls go the way of live ones, each at its own time.

What a provider answered then comes back now, nothing goes upstream and nothing is added to a call. What is on record
already is passed over, so that a replay that was broken off goes on, and a second one changes nothing. The forms of
logs are known by gateway/transcripts.py; what becomes of a call is known where live calls are handled.
"""

from __future__ import annotations

import asyncio
import hashlib
from collections.abc import AsyncGenerator, Callable, Iterable, Iterator, Mapping

import msgspec

from gateway import identify
from gateway.body import Body
from gateway.clock import SystemClock
from gateway.config import Config
from gateway.errors import ConfigError, MemoryUnavailable, RequestError
from gateway.experience import Feedback
from gateway.lookback import endings
from gateway.pipeline import begin
from gateway.ports import Headers, Incoming
from gateway.redact import clean_feedback
from gateway.running import Running
from gateway.shapes import chat
from gateway.transcripts import Fault, Log, LoggedCall, Transcript
from gateway.types import Outcome
from gateway.visits import Visit
from gateway.wiring import running

TURN_S = 1.0
"""From one call of a conversation to the next: a log rarely says."""

BETWEEN_S = 60.0
"""From one conversation to the next, where a log does not say; the last of them began so long ago."""

PATIENCE_MS = 60_000
"""For finding a call's session, for which no client waits."""

LEARNT_AT_ONCE = 64
"""Calls recorded before they are learnt, so that learning is never far behind the time of the calls."""

LEARNING_S = 600.0
"""For learning them; what takes longer waits for a disk that is full, or for something that is broken."""

DIGEST_BYTES = 10
"""Of an exchange's id tell one call from another."""


class Speaker(msgspec.Struct, frozen=True, kw_only=True):
    """Whose calls a log holds."""

    credential: str
    """The key with which they are made, and by which the tenant is known."""
    user: str | None = None
    """Of all of them; None: whom each of them names."""

    def headers(self, session: str) -> Headers:
        """What a client would have sent with a call."""
        named = {"user": self.user or "", "session": session, "memory": "write"}
        own = [(f"x-accrue-{name}".encode(), value.encode()) for name, value in named.items() if value]
        return [(b"authorization", f"Bearer {self.credential}".encode()), *own]


class Tally(msgspec.Struct, kw_only=True):
    """What came of a replay."""

    recorded: int = 0
    known: int = 0
    """Calls that were on record before."""
    silent: int = 0
    """Calls of which a policy wants nothing recorded, or whose user was erased after them or at no telling when."""
    verdicts: int = 0
    """Feedback taken."""
    faults: list[Fault] = []
    """Found while replaying."""

    @property
    def summary(self) -> str:
        """In a line."""
        counts = {
            "calls recorded and learnt": self.recorded,
            "on record already": self.known,
            "left out by policy or because their user was erased": self.silent,
            "feedback taken": self.verdicts,
        }
        return ", ".join(f"{count} {what}" for what, count in counts.items() if count) or "nothing to learn"


class LogClock:
    """The time of the call that is replayed, and ids that follow from the call."""

    def __init__(self, now: float) -> None:
        self._now = now
        self._digest = ""

    def turn_to(self, at: float, digest: str) -> None:
        """Make it the time of a call."""
        self._now, self._digest = at, digest

    def now(self) -> float:
        """Unix seconds."""
        return self._now

    def new_id(self, prefix: str) -> str:
        """Sorts by time like any other; what is chance elsewhere is the call's digest."""
        return f"{prefix}_{round(self._now * 1000):012x}{self._digest}"


class Past(msgspec.Struct, frozen=True, kw_only=True):
    """A call in its time."""

    at: float
    transcript: Transcript
    number: int
    """Among the calls of the transcript."""

    @property
    def is_last(self) -> bool:
        """True for the call with which the transcript ends."""
        return self.number == len(self.transcript.answers) - 1


def credential(environ: Mapping[str, str], name: str) -> str:
    """The key in a variable of the environment. Raises `ConfigError` where there is none."""
    key = environ.get(name, "").strip()
    if not key:
        raise ConfigError(
            f"no key in {name}: memory belongs to the key with which your client makes its calls; "
            "set that variable, or name the one that holds it with --api-key-env"
        )
    return key


def timeline(log: Log, now: float) -> tuple[list[Past], list[Fault]]:
    """The calls of a log in the order of time, no two at the same millisecond; and what cannot have been yet."""
    undated = sum(transcript.at is None for transcript in log.transcripts)
    calls: list[Past] = []
    faults: list[Fault] = []
    for transcript in log.transcripts:
        start = now - undated * BETWEEN_S if transcript.at is None else transcript.at
        undated -= transcript.at is None
        if start > now:
            faults.append(Fault(where=transcript.where, reason="its time has not come yet"))
            continue
        for number, at in enumerate(transcript.moments(start, TURN_S)):
            calls.append(Past(at=min(at, now), transcript=transcript, number=number))
    return list(_apart(sorted(calls, key=lambda call: call.at))), faults


async def replay(config: Config, log: Log, speaker: Speaker, on_call: Callable[[], None] = lambda: None) -> Tally:
    """Record and learn the calls of a log, and say what came of it; `on_call` is called after each.

    Raises `DataDirError` or `ConfigError` for what must be put right by a person first, and `MemoryUnavailable` when
    calls could not be recorded.
    """
    now = SystemClock().now()
    calls, faults = timeline(log, now)
    clock = LogClock(now)
    async with running(config, past=clock) as parts:
        if parts.proof.memory != "on":
            raise MemoryUnavailable(f"nothing can be learnt: {parts.proof.memory}")
        replayer = _Replayer(parts, clock, speaker, await endings(config))
        for number, past in enumerate(calls, start=1):
            await replayer.take(past)
            if number % LEARNT_AT_ONCE == 0:
                await _learnt(parts)
            on_call()
        await _learnt(parts)
        clock.turn_to(now, "")
        await _learnt(parts)  # what there is to say of sessions that are over by now
    is_ended = await endings(config)
    if lost := sum(not is_ended.get(id, False) for id in replayer.made):
        raise MemoryUnavailable(f"{lost} calls could not be recorded; replay the log once more to go on")
    replayer.tally.faults += faults
    return replayer.tally


class _Replayer:
    """Hands calls to a gateway, one after the other."""

    def __init__(self, parts: Running, clock: LogClock, speaker: Speaker, is_ended: Mapping[str, bool]) -> None:
        """Take note of what is on record: exchanges by id, and whether they have ended."""
        self._parts = parts
        self._clock = clock
        self._speaker = speaker
        self._is_ended = dict(is_ended)
        self._known = {id[-2 * DIGEST_BYTES :]: id for id in is_ended}
        self.made: list[str] = []
        """Exchanges that were recorded."""
        self.tally = Tally()

    async def take(self, past: Past) -> None:
        """Record a call unless it is on record, and what was said of it."""
        call = past.transcript.call(past.number)
        try:
            visit = await self._visit(past, call)
        except RequestError as error:
            if past.is_last:  # it is the same with all of them
                self.tally.faults.append(Fault(where=past.transcript.where, reason=str(error)))
            return
        if isinstance(visit, Outcome):
            self.tally.silent += 1
            return
        digest = _digest(visit, past.transcript, call)
        known = self._known.get(digest)
        self._clock.turn_to(past.at if known is None else _time_of(known), digest)
        if known is None or not self._is_ended[known]:
            known = await self._record(visit, call)
        else:
            self.tally.known += 1
        if known is not None and past.is_last:
            await self._judge(visit, past.transcript, known)

    async def _visit(self, past: Past, call: LoggedCall) -> Visit | Outcome:
        """The call as the gateway sees it. Raises `RequestError` for names that it does not take."""
        gateway, path = self._parts.gateway, chat.SHAPE.path
        headers = self._speaker.headers(past.transcript.session)
        claimed = gateway.admission.admit(identify.claims(headers, path, gateway.secret), "call")
        body = Body(_whole(call.request), length=len(call.request))
        visit = await gateway.visits.read(chat.SHAPE, headers, claimed, path, body)
        if isinstance(visit, Outcome):
            return visit
        if self._parts.eraser.is_gone(visit.who.scope(visit.who.session or ""), past.transcript.at and past.at):
            return Outcome(status="off", reason="erased")
        recall = msgspec.structs.replace(visit.policy.recall, deadline_ms=PATIENCE_MS)
        return msgspec.structs.replace(visit, policy=msgspec.structs.replace(visit.policy, recall=recall))

    async def _record(self, visit: Visit, call: LoggedCall) -> str | None:
        """Let a call pass, which leaves it on record: the exchange's id, or None where it is not to leave any."""
        gateway = self._parts.gateway
        begun = await begin(gateway, visit, chat.SHAPE.path, gateway.accounts.received())
        if isinstance(begun, Outcome):
            self.tally.silent += 1
            return None
        headers = [(b"content-type", b"application/json"), (b"content-length", b"%d" % len(call.answer))]
        answer = Incoming(status=200, headers=headers, chunks=_whole(call.answer))
        async for _ in gateway.recorder.listen(visit.shape, visit.call, begun.exchange, answer):
            pass
        self.made.append(begun.exchange.id)
        self._known[begun.exchange.id[-2 * DIGEST_BYTES :]] = begun.exchange.id
        self._is_ended[begun.exchange.id] = True
        self.tally.recorded += 1
        return begun.exchange.id

    async def _judge(self, visit: Visit, transcript: Transcript, exchange: str) -> None:
        """Give the feedback that the log holds: on a conversation as a whole, or on the one call."""
        who, is_conversation = visit.who, len(transcript.answers) > 1
        for number, verdict in enumerate(transcript.verdicts):
            feedback = Feedback(
                id=f"{self._clock.new_id('fb')}-{number}",
                tenant=who.tenant,
                exchange="" if is_conversation else exchange,
                session=who.session or "" if is_conversation else "",
                at=self._clock.now(),
                **msgspec.structs.asdict(verdict),
            )
            kept = clean_feedback(feedback, visit.policy.redact)
            taken = await self._parts.history.give(who.scope(who.session or ""), kept)
            self.tally.verdicts += taken == "new"


async def _learnt(parts: Running) -> None:
    """Return when all that is recorded has been learnt. Raises `MemoryUnavailable` when that does not come about."""
    await parts.gateway.recorder.drain()
    parts.wake()
    try:
        async with asyncio.timeout(LEARNING_S):
            await parts.settle.wait()
    except TimeoutError as error:
        raise MemoryUnavailable("learning has come to a stand; replay the log once more to go on") from error


def _apart(calls: Iterable[Past]) -> Iterator[Past]:
    """Calls whose times differ, so that their ids sort in this order."""
    moment = 0
    for call in calls:
        moment = max(moment + 1, round(call.at * 1000))
        yield msgspec.structs.replace(call, at=moment / 1000)


def _digest(visit: Visit, transcript: Transcript, call: LoggedCall) -> str:
    """The same call of the same person is the same exchange; where it has no date, whenever it is replayed."""
    digest = hashlib.blake2b(digest_size=DIGEST_BYTES)
    for part in (visit.who.tenant, visit.who.user or "", visit.who.session or "", str(transcript.at)):
        digest.update(b"%d:%b" % (len(part), part.encode(errors="replace")))
    digest.update(call.request + call.answer)
    return digest.hexdigest()


def _time_of(exchange: str) -> float:
    """The moment that an exchange's id tells."""
    return int(exchange[3:15], 16) / 1000


async def _whole(content: bytes) -> AsyncGenerator[bytes, None]:
    yield content
