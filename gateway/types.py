"""The values that travel through the gateway. They are frozen, and they hold no logic beyond saying what they are.

This file knows nothing of HTTP, JSON on the wire, storage or ranking.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Literal

import msgspec

from gateway.errors import HTTP_ERROR, ScopeError

MemoryMode = Literal["on", "read", "write", "off"]
"""What a caller or a policy allows: `read` recalls without recording, `write` records without adding."""

Redact = Literal["off", "secrets", "pii"]
"""What is replaced by placeholders before it is kept: nothing, keys and passwords, or also what tells who a person is
(e-mail addresses, phone and account numbers, IP addresses)."""

ExchangeState = Literal["intent", "done", "interrupted"]
"""`intent`: sent upstream, nothing back yet. `interrupted`: the answer ended before its end."""


class Scope(msgspec.Struct, frozen=True, kw_only=True):
    """Whose memory a call may touch. Every store and journal call takes one (promise P7)."""

    tenant: str
    """Keyed hash of the whole credential; never taken from a header or a body."""
    user: str | None
    """The named user; None when nobody named one, and then memory is confined to the session."""
    session: str = ""
    """Empty only while the session is still being looked for."""
    agent: str = "default"
    is_shared: bool = False
    """True for what all users of the tenant share: lessons that nobody's words are in."""

    def __post_init__(self) -> None:
        if not self.tenant:
            raise ScopeError("a scope needs a tenant")
        if self.user == "":
            raise ScopeError("an unnamed user is None, never an empty name")

    @property
    def common(self) -> Scope:
        """The scope of what all users of the tenant share."""
        return Scope(tenant=self.tenant, user=None, is_shared=True)

    @property
    def owner(self) -> str:
        """The one key that memories are filtered by; parts are length-prefixed so that no two scopes share one."""
        if self.is_shared:
            return f"{len(self.tenant)}:{self.tenant}t"
        if self.user is None and not self.session:
            raise ScopeError("a scope without a user needs a session")
        kind, name = ("s", self.session) if self.user is None else ("u", self.user)
        return f"{len(self.tenant)}:{self.tenant}{kind}{len(name)}:{name}"


class Operator(msgspec.Struct, frozen=True, kw_only=True):
    """Authority over every tenant of one data directory; made only by the command line and the admin API."""


class ToolCall(msgspec.Struct, frozen=True, kw_only=True, gc=False):
    """A call the assistant made, as it stood on the wire."""

    id: str
    name: str
    arguments: str


class Turn(msgspec.Struct, frozen=True, kw_only=True, gc=False):
    """One message of a conversation, as read."""

    role: str
    text: str
    """Text parts joined by newlines; parts that are not text leave no trace here."""
    calls: tuple[ToolCall, ...] = ()
    """Tool calls of an assistant turn."""
    answers: str | None = None
    """For a tool turn, the id of the call it answers."""
    is_error: bool = False
    """For a tool turn, whether the client says that the call failed; not every wire has a word for it."""
    name: str | None = None


SlotForm = Literal["string", "parts", "empty-parts", "opening"]
"""How a note is written at a place: at the end of a JSON string, as one more content part, or before a string."""


class Slot(msgspec.Struct, frozen=True, kw_only=True, gc=False):
    """A place in a request body where a note may be inserted and stay valid."""

    where: str
    """Digest of the message that owns the place: the same message gives the same value in the next request."""
    is_head: bool
    """True for the client's own system text, False for a user message."""
    at: int
    """Byte offset in the body at which text is spliced in."""
    form: SlotForm


class Call(msgspec.Struct, frozen=True, kw_only=True):
    """What a request asks for, as far as we understand it."""

    body: bytes
    """The client's own bytes."""
    fields: Mapping[str, msgspec.Raw]
    """Top-level members, undecoded."""
    model: str
    turns: tuple[Turn, ...]
    slots: tuple[Slot, ...]
    """As the model reads: the head first where there is one, then each user message."""
    echoes: tuple[str, ...] = ()
    """Ids that an upstream minted and the request names, newest first: of an earlier response, of its items."""
    is_continued: bool = False
    """True when the upstream keeps what was said before and the request holds only what is new."""
    is_stream: bool = False
    max_output_tokens: int | None = None
    prompt_tokens: int = 0
    """An estimate of the prompt's size that errs high; used against the context window, never billed."""

    @property
    def question(self) -> str:
        """What the user said last."""
        return next((turn.text for turn in reversed(self.turns) if turn.role == "user"), "")


class Note(msgspec.Struct, frozen=True, kw_only=True, gc=False):
    """Text inserted at a place, and kept in the session's ledger so that it is inserted there again."""

    where: str
    """`Slot.where` of the place."""
    text: str
    """Empty when it was decided to add nothing here; that decision is kept too."""
    tokens: int = 0
    memories: tuple[str, ...] = ()
    lanes: Mapping[str, int] = {}
    """Number of memories per lane."""
    lane_tokens: Mapping[str, int] = {}
    """Tokens of their lines, per lane."""
    draws: Mapping[str, float] = {}
    """Lessons that were drawn for here, and how likely each was to be told; one that is not in `memories` was
    withheld."""
    echoes: tuple[str, ...] = ()
    """Constraints that were said once more here."""


class Usage(msgspec.Struct, frozen=True, kw_only=True):
    """Tokens as the provider counted them."""

    prompt_tokens: int = 0
    completion_tokens: int = 0
    cached_tokens: int = 0


class Reply(msgspec.Struct, frozen=True, kw_only=True):
    """What came back, as far as we understand it."""

    turns: tuple[Turn, ...] = ()
    """One per choice; more than one when the client asked for `n` > 1."""
    id: str | None = None
    echoes: tuple[str, ...] = ()
    """Ids by which a later request may name it or its items."""
    model: str | None = None
    finish_reason: str | None = None
    usage: Usage | None = None
    is_complete: bool = True
    """False when the answer ended before its own end mark."""


class Considered(msgspec.Struct, frozen=True, kw_only=True, gc=False):
    """One memory recall looked at, and what became of it; `accrue explain` prints these."""

    memory: str
    lane: str
    text: str
    scores: Mapping[str, float] = {}
    score: float = 0.0
    tokens: int = 0
    decision: str
    """`injected`, or why not: `budget`, `weak`, `duplicate`, `limit`, `question` (it only
    asks), `in-context`, `told` (its sentences are pinned), `already-noted`, `withheld` (a lesson,
    to see what it is worth), `no-place`."""


class Outcome(msgspec.Struct, frozen=True, kw_only=True, gc=False):
    """What memory did on one call."""

    status: Literal["hit", "empty", "off", "holdout", "timeout", "breaker", "error", "unscoped"]
    notes: int = 0
    """Memories in the request, replayed ones included."""
    tokens: int = 0
    lanes: Mapping[str, int] = {}
    reason: str = ""
    """One word that says more, where the status alone would leave a question."""

    @property
    def header(self) -> str:
        """The value of `x-accrue-memory`."""
        parts: list[str] = [self.status]
        if self.notes:
            lanes = ",".join(f"{lane}:{count}" for lane, count in sorted(self.lanes.items()))
            parts += [f"notes={self.notes}", f"tokens={self.tokens}", f"lanes={lanes}"]
        if self.reason:
            parts.append(f"reason={self.reason}")
        return "; ".join(parts)


class Exchange(msgspec.Struct, frozen=True, kw_only=True):
    """One request and its answer: the raw record from which everything else is derived."""

    id: str
    scope: Scope
    at: float
    """Unix seconds at which the request was read."""
    path: str
    model: str = ""
    policy: str = ""
    mode: MemoryMode = "on"
    state: ExchangeState = "intent"
    turns: tuple[Turn, ...] = ()
    """What the client said that no earlier exchange of the session holds."""
    context: tuple[Turn, ...] = ()
    """The four messages in words before `turns`: the last is learnt anew, now that it is known what follows it."""
    asked: tuple[ToolCall, ...] = ()
    """Tool calls that `turns` answer, where the request holds them."""
    setup: str = ""
    """Digest of the model, the system text and the tools: with another one, what was learnt by trying need not hold."""
    notes: tuple[Note, ...] = ()
    """Ledger entries that this exchange added."""
    told: tuple[str, ...] = ()
    """Memories that the model read, in notes of this exchange or of earlier ones; feedback can reach no others."""
    outcome: Outcome = Outcome(status="empty")
    considered: tuple[Considered, ...] = ()
    anchors: tuple[str, ...] = ()
    """What the client must send back of the answer, by which its next request is known (gateway/anchors.py)."""
    openings: tuple[str, ...] = ()
    """How its texts begin, if long enough to be known again when a later request quotes them."""
    parent: str = ""
    """The session or agent whose sub-agent made this call, as the client says."""
    attempts: int = 1
    """How often the client has sent it."""
    ended_at: float | None = None
    """Unix seconds at which the answer had come; None while there is none."""
    schemas: Mapping[str, str] = {}
    """JSON schemas that the answer is held to: of the tools that it calls, by name, and of its format under `""`; `{}`
    for any JSON."""
    status: int | None = None
    """HTTP status of the answer; None while there is none."""
    reply: Reply | None = None
    is_aside: bool = False
    """True for a call about a conversation (a title, a summary), of which nothing that was said is kept; and for a note
    that an agent took on purpose (gateway/errands.py)."""
    is_adrift: bool = False
    """True when the session could not be looked up: then the answer leaves no anchors that would lead to a stand-in."""
    redact: Redact = "secrets"
    """What of its texts is replaced before it is on record."""
    learns: tuple[str, ...] = ()
    """Kinds of memory that the policy allows to be learnt from it; empty for none."""

    @property
    def ended(self) -> float:
        """Unix seconds of its end, or else of its beginning."""
        return self.at if self.ended_at is None else self.ended_at

    @property
    def is_refused(self) -> bool:
        """True when the upstream answered with an error: then it will come again, and teaches nothing."""
        return self.status is not None and self.status >= HTTP_ERROR


class Session(msgspec.Struct, frozen=True, kw_only=True):
    """What is known of a session when a request of it arrives."""

    scope: Scope
    ledger: Mapping[str, Note] = {}
    """Notes already inserted, by `Note.where`."""
    is_new: bool = False
    is_adrift: bool = False
    """True when the session could not be looked up, and this one stands in for it."""
