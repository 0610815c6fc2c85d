"""What an agent asks of memory on purpose: to search it, to take note of something, to tell something no more.

Whoever asks is judged as with any call, by the same credential, names, policies and modes, and reaches only what would
be told to them in one. What an agent says on its own is put on record as a thing that an assistant said, and learnt
from there: it never becomes a rule, a taste or a fact (gateway/origins.py). By which protocol it is asked is not known
here.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager

import msgspec

from gateway import credit, identify
from gateway.curation import MAX_TEXT_CHARS, Curator
from gateway.errors import BadRequest, Forbidden, MemoryUnavailable, NotFound, NotNow
from gateway.ids import bare
from gateway.kinds.base import Kind
from gateway.memories import EPISODE, Memory, Recalled
from gateway.pipeline import Gateway
from gateway.ports import Headers, Journal, MemoryStore
from gateway.recall import recall
from gateway.redact import clean, cleaned
from gateway.shapes import chat
from gateway.telling import mention_of, telling
from gateway.types import Call, Exchange, Outcome, Reply, Scope, Turn
from gateway.visits import Visit

TARGET = "/mcp"
"""The path below `/v1` under which it is judged and on record."""

BY_AGENT = "asked for by an agent"
"""Why a memory is told no more that an agent had retired."""

PATIENCE_S = 5.0
"""For a search; a model that has called a tool waits for it, unlike a call that memory only adds to."""


class Caller(msgspec.Struct, frozen=True, kw_only=True):
    """Who asks, and was let in."""

    headers: Headers
    claimed: identify.Claims


class Found(msgspec.Struct, frozen=True, kw_only=True):
    """What a search has come to."""

    memories: tuple[Memory, ...]
    """What fits best first."""
    session: str
    """Empty where none was named."""


class Errands:
    """Runs errands. Methods raise `RequestError` for what is not to be done, with what the agent may be told."""

    def __init__(
        self,
        gateway: Gateway,
        store: MemoryStore,
        journal: Journal,
        kinds: Mapping[str, Kind],
        *,
        curator: Curator,
        is_gone: Callable[[Scope, float], bool],
        wake: Callable[[], None],
    ) -> None:
        """Work for a gateway.

        Args:
            is_gone: whether what was said in a scope at a time must not be known any more.
            wake: says that there is something to learn.
        """
        self._gateway = gateway
        self._store = store
        self._journal = journal
        self._kinds = kinds
        self._curator = curator
        self._is_gone = is_gone
        self._wake = wake

    def admit(self, headers: Headers, path: str, query: str) -> Caller:
        """Let in who asks. Raises `RequestError` for who may not."""
        gateway = self._gateway
        said = identify.claims(headers, path, gateway.secret, gateway.signing, query)
        return Caller(headers=headers, claimed=gateway.admission.admit(said, "call"))

    async def search(self, caller: Caller, question: str, limit: int) -> Found:
        """What recall would tell, but for lessons: which of these is told is decided by lot, once a session."""
        visit = self._visit(caller, Turn(role="user", text=question))
        _allow(visit, visit.mode in ("on", "read"), "memory is written here and not read")
        scope = visit.who.scope(visit.who.session or "")
        is_held_out = credit.holdout(self._gateway.secret, scope.owner, visit.policy.holdout)
        _allow(visit, not is_held_out, "nothing is told to this user for now, so that it is seen what memory is worth")
        asked = cleaned(visit.call.question, visit.policy.redact)
        now, settings = self._gateway.clock.now(), visit.policy.recall
        with _reaching():
            async with asyncio.timeout(PATIENCE_S):
                recalled = await recall(self._store, scope, asked, self._kinds, settings, now)
        return Found(memories=tuple(_best_first(recalled, asked)[:limit]), session=scope.session)

    async def remember(self, caller: Caller, text: str) -> str:
        """Return when what an agent wants remembered is on record, to be learnt at once: the exchange's id.

        Where a user but no session is named, the note is a session of its own.
        """
        visit = self._visit(caller, Turn(role="assistant", text=text.strip()))
        learn, said = visit.policy.learn, visit.call.turns
        _allow(visit, visit.mode in ("on", "write"), "memory is read here and not written")
        _allow(visit, learn.enabled and EPISODE in learn.kinds, "nothing that is said is to be remembered here")
        if len(text) > MAX_TEXT_CHARS or not self._kinds[EPISODE].find(said[0]):
            raise BadRequest(f"a note says something, in at most {MAX_TEXT_CHARS} characters", code="invalid_text")
        noted = await asyncio.to_thread(clean, self._noted(visit, Reply(turns=said)))
        if self._is_gone(noted.scope, noted.at):
            raise Forbidden("nothing is to be remembered of them", code="opted_out")
        with _reaching():
            await self._journal.commit(noted)
        self._wake()
        return noted.id

    async def retire(self, caller: Caller, id: str) -> None:
        """Tell a memory of the caller's no more. It is kept, and can be restored; an operator's are out of reach."""
        visit = self._visit(caller, Turn(role="assistant", text=""))
        _allow(visit, visit.mode in ("on", "write"), "memory is read here and not written")
        scope = visit.who.scope(visit.who.session or "")
        with _reaching():
            memory = next(iter(await self._store.get(scope, [id])), None)
            if memory is None:
                raise NotFound("there is no such memory", code="not_found", param="id")
            is_free = memory.origin != "operator" and not memory.is_pinned
            _allow(visit, is_free, "whoever runs this gateway wants it told")
            await self._curator.retire(scope, id, reason=BY_AGENT)

    def _visit(self, caller: Caller, said: Turn) -> Visit:
        """The errand, judged as a call in which only this is said."""
        body = said.text.encode("utf-8", "replace")
        call = Call(body=body, fields={}, model="", turns=(said,), slots=())
        visit = self._gateway.visits.judge(chat.SHAPE, caller.headers, caller.claimed, TARGET, call, body)
        if isinstance(visit, Visit) and (visit.who.user is not None or visit.who.session is not None):
            return visit
        if isinstance(visit, Outcome) and visit.status == "off":
            raise Forbidden("memory is off for this caller", code="memory_off")
        raise BadRequest(
            "whose memory is meant? Name the user (header x-accrue-user, or /u/NAME before the path), or else the "
            "session (x-accrue-session, /s/NAME)",
            code="unscoped",
        )

    def _noted(self, visit: Visit, reply: Reply) -> Exchange:
        """The record of it: said beside a conversation, so that it is no turn of it."""
        clock = self._gateway.clock
        now = clock.now()
        return Exchange(
            id=clock.new_id("ex"),
            scope=identify.new_session(clock, visit.who).scope,
            at=now,
            ended_at=now,
            path=TARGET,
            policy=visit.policy.name,
            mode=visit.mode,
            state="done",
            status=200,
            reply=reply,
            outcome=Outcome(status="off", reason="asked"),
            is_aside=True,
            redact=visit.policy.redact,
            learns=(EPISODE,),
        )


def _allow(visit: Visit, is_allowed: bool, why_not: str) -> None:
    if not is_allowed:
        raise Forbidden(f"{why_not} (policy {visit.policy.name})", code="memory_forbidden")


def _best_first(recalled: Recalled, question: str) -> Sequence[Memory]:
    """What is pinned and about the question, what was found for it, and what is pinned besides; no words twice."""
    is_asked = mention_of(telling(question))
    about = [memory for memory in recalled.pinned if is_asked(memory.text)]
    hits = [hit.memory for hit in recalled.hits if not hit.skipped]
    ordered = dict.fromkeys((*about, *hits, *recalled.pinned))
    return list({bare(memory.text): memory for memory in reversed(ordered)}.values())[::-1]


@contextmanager
def _reaching() -> Iterator[None]:
    """Unlike a call, an errand is nothing without memory."""
    try:
        yield
    except (MemoryUnavailable, TimeoutError) as error:
        raise NotNow(f"memory cannot be reached now; try again later: {error}", code="memory_unavailable") from error
