"""What the gateway needs of the outside, as protocols: no logic here, only how each is called and how it fails.

A memory port (`Embedder`, `MemoryStore`, `Journal`) raises `MemoryUnavailable` when it cannot answer now; the
request path fails open on it. Anything else they raise is a fault of ours.
"""

from __future__ import annotations

from collections.abc import AsyncGenerator, AsyncIterator, Sequence
from concurrent.futures import Future
from typing import Any, Protocol

import msgspec

from gateway.memories import Found, Memory, Query
from gateway.types import Exchange, Operator, Scope, Session

Headers = list[tuple[bytes, bytes]]
"""Raw header lines in order, repeated names kept."""


class Clock(Protocol):
    """Time and ids. Nothing else in the gateway asks the machine for either (promise P12)."""

    def now(self) -> float:
        """Unix seconds."""
        ...

    def new_id(self, prefix: str) -> str:
        """An id no one can guess, `prefix_…`, that sorts by time of making."""
        ...


class Embedder(Protocol):
    """Texts to unit vectors. Blocking: call it off the event loop."""

    @property
    def name(self) -> str:
        """Identifies the vector space: an index made under another name must be made anew. Always known."""
        ...

    @property
    def size(self) -> int:
        """Dimensions. Raises `MemoryUnavailable` while they are not known: of a server that has not answered yet."""
        ...

    def embed(self, texts: Sequence[str]) -> list[list[float]]:
        """One vector of length 1 per text to be found, in order (all zeros for a text with nothing in it)."""
        ...

    def query(self, text: str) -> list[float]:
        """The vector of a text to search by, soon: it rather raises `MemoryUnavailable` than keep a search waiting."""
        ...


class TokenCounter(Protocol):
    """Tokens and context windows by model name. Blocking: call it off the event loop."""

    def count(self, text: str, model: str) -> int:
        """Tokens of a text, exact for a known model, else an estimate that errs high."""
        ...

    def window(self, model: str, *, needed: int = 0) -> int:
        """The model's context window in tokens; a cautious figure for an unknown model, though not below `needed`."""
        ...


class MemoryStore(Protocol):
    """Finds candidates; ranking, decay and budget are above it, so that all stores behave the same."""

    async def search(self, scope: Scope, query: Query) -> Found:
        """Pinned kinds and candidates of this scope's owner.

        Ended memories are among the pinned ones where `Query.has_ended` asks for them, and nowhere else.
        """
        ...

    async def put(self, scope: Scope, memories: Sequence[Memory]) -> None:
        """Write durably; the same id replaces. Visible to `search` when it returns."""
        ...

    async def get(self, scope: Scope, ids: Sequence[str], *, reach: int = 0) -> list[Memory]:
        """Memories of this owner by id; unknown and foreign ids are absent.

        With `reach`, the episodes up to so many steps before and after them come as well (`Memory.before`, `after`).
        """
        ...

    async def list(self, scope: Scope, kinds: Sequence[str], limit: int) -> list[Memory]:
        """Memories of this owner, newest first, ended ones included; no kinds named means every kind."""
        ...

    async def forget(self, scope: Scope, ids: Sequence[str]) -> int:
        """Remove memories of this owner for good; how many there were."""
        ...

    @property
    def trouble(self) -> str:
        """Why memories cannot be relied on now; empty when all is well. Asks the file system, and nothing more."""
        ...

    async def aclose(self) -> None:
        """Flush and release."""
        ...


class Held(msgspec.Struct, frozen=True, kw_only=True):
    """A memory as any store can hold it."""

    owner: str
    """`Scope.owner` of those whose it is."""
    tenant: str
    memory: Memory


class Movable(Protocol):
    """A store as it is emptied into another one. Raises `MemoryUnavailable`."""

    async def page(self, after: tuple[str, str], limit: int) -> Sequence[Held]:
        """The next memories after this one's owner and id, in an order of the store's own; none when there are no more.

        Begin with `("", "")`.
        """
        ...

    async def take(self, held: Sequence[Held]) -> None:
        """Return when they are written; the same owner and id replaces."""
        ...

    async def aclose(self) -> None:
        """Flush and release."""
        ...


class Echoes(msgspec.Struct, frozen=True, kw_only=True):
    """What a request brings back of earlier answers, by which its session is found."""

    anchors: Sequence[str] = ()
    """Newest first (gateway/anchors.py)."""
    texts: Sequence[str] = ()
    """What is said in it, in which an earlier reply may be quoted, newest first."""
    since: float = 0.0
    """Unix seconds before which a reply was too long ago to be meant by a quotation."""


class Journal(Protocol):
    """The append-only record of exchanges, which is also the learner's queue and the sessions' ledger."""

    def intend(self, exchange: Exchange, *, is_patient: bool = False) -> Future[Any]:
        """Queue the intent and the ledger entries of a call about to go upstream, which are known at once.

        The future is done when they are durable, or fails with `MemoryUnavailable`; a patient one takes its time. An
        intent is replaced by a later one of the same exchange, as answers grow, and by no other.
        """
        ...

    async def commit(self, exchange: Exchange) -> None:
        """Return when the finished exchange is durable and queued for the learner."""
        ...

    @property
    def trouble(self) -> str:
        """Why nothing can be put on record now; empty when all is well. Asks the file system, and nothing more."""
        ...

    async def prove(self) -> None:
        """Return when something that changes nothing is durable. Raises `MemoryUnavailable`."""
        ...

    async def find_session(self, scope: Scope, echoes: Echoes) -> Session | None:
        """The session named in the scope, else the one that owns the first anchor known, else the one quoted last.

        Strong anchors (`s:`) belong to the newest session that got them; weak ones (`w:`) only count while a single
        session has them. A quotation is the opening of a reply that stands in a text; an opening that two sessions
        share tells nothing. None when there is no such session.
        """
        ...

    async def read(self, authority: Scope | Operator, exchange: str) -> Exchange | None:
        """One exchange by id, if it lies in the authority's tenant."""
        ...

    async def lease(self, limit: int) -> list[Exchange]:
        """Finished exchanges not yet learnt, oldest first; leased again when not marked done."""
        ...

    async def done(self, exchanges: Sequence[str]) -> None:
        """Mark as learnt."""
        ...


class Outgoing(msgspec.Struct, frozen=True, kw_only=True):
    """A request to the upstream."""

    method: str
    target: str
    """Path and query below the upstream's base, still percent-encoded as the client sent it."""
    headers: Headers
    body: bytes | AsyncIterator[bytes] | None
    model: str = ""
    """The model asked for, where it is known; routes go by it."""
    is_retry: bool = False
    """True when the client says that it has sent this before."""


class Incoming(msgspec.Struct, frozen=True, kw_only=True):
    """The upstream's answer. The body is read by iterating, once; breaking off must be followed by `aclose` on it."""

    status: int
    headers: Headers
    chunks: AsyncGenerator[bytes, None]
    """As they came off the socket. Raises `UpstreamUnreachable` when the upstream dies before the end."""


MAX_MESSAGE_BYTES = 64 * 1024 * 1024
"""Of one WebSocket message, on either side: unlike a body it is held whole. Images travel inside, as base64."""


NORMAL_CLOSURE, INTERNAL_ERROR = 1000, 1011
"""Codes of a close (RFC 6455, 7.4.1): in order; because the other side of a tunnel is no more."""

NO_CODES = frozenset((0, 1005, 1006))
"""What stands for a close without a code, and may not be sent on (RFC 6455, 7.4.1); aiohttp says 0."""


class Closing(msgspec.Struct, frozen=True, kw_only=True):
    """The end of a connection as one side declared it."""

    code: int
    """RFC 6455, 7.4; 1005 when none was given, which nobody may send."""
    reason: str = ""


class Connection(Protocol):
    """An open WebSocket, seen from one end: text is `str`, binary is `bytes`.

    One reader at a time; messages of several writers do not mix.
    """

    async def send(self, message: str | bytes) -> None:
        """Send one message; waits while the other side is slow.

        Raises `ClientGone` or `UpstreamUnreachable` when there is no other side any more.
        """
        ...

    async def receive(self) -> str | bytes | Closing:
        """The next message, or the other side's close, after which nothing comes. Raises as `send` does."""
        ...

    async def close(self, closing: Closing) -> None:
        """Close with a code that may be sent. Never raises, and does nothing when it is closed already."""
        ...


class Opened(msgspec.Struct, frozen=True, kw_only=True):
    """A handshake the upstream accepted."""

    headers: Headers
    """Of its answer."""
    subprotocol: str | None
    connection: Connection


class Upstream(Protocol):
    """Where completions come from."""

    async def send(self, request: Outgoing) -> Incoming:
        """Send, and return when the answer's head is there.

        Raises `UpstreamUnreachable` or `UpstreamTimeout`. Redirects are returned, not followed.
        """
        ...

    async def connect(self, request: Outgoing) -> Opened | Incoming:
        """Open a WebSocket; the upstream's own answer where it refused the caller, and not the protocol (401, 429).

        Raises `UpgradeRequired` when it offers none, `UpstreamUnreachable` or `UpstreamTimeout` when it is not there.
        """
        ...

    async def aclose(self) -> None:
        """Release connections."""
        ...
