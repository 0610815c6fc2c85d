"""What answers cost in tokens, read as their bytes pass: as the provider counted them, whatever the endpoint.

Only the places where providers say it are kept, near the beginning and near the end of an answer. Nothing an answer
quotes can be taken for it: within a JSON string the quotes around `usage` are escaped.
"""

from __future__ import annotations

import json
import re
from collections import deque
from collections.abc import AsyncGenerator, Callable, Iterator
from typing import Any

import msgspec

from gateway.errors import HTTP_ERROR, UpgradeRequired
from gateway.headers import first_value, is_event_stream
from gateway.ports import Incoming, Opened, Outgoing, Upstream

HEAD_BYTES = 16 * 1024
"""Anthropic says what the prompt cost in the first event of a stream."""

TAIL_BYTES = 64 * 1024
"""All others say it at the end; what may come after it is much shorter."""

BYTES_PER_TOKEN = 4
"""Of a request whose cost nobody says; English takes about as many."""

_USAGE = re.compile(rb'"usage"\s*:\s*(?=\{)')
_PARTS = (
    ("prompt_tokens", "input_tokens"),
    ("cache_creation_input_tokens",),
    ("cache_read_input_tokens",),
    ("completion_tokens", "output_tokens"),
)
"""Of the cost, and what each is called; Anthropic counts what is cached beside the prompt, all others within."""

_PARSER = json.JSONDecoder()


class CountedUpstream:
    """An upstream for one caller, which tells what answers cost. It has no WebSocket: nothing is counted on one."""

    def __init__(self, upstream: Upstream, on_spent: Callable[[int], None]) -> None:
        self._upstream = upstream
        self._on_spent = on_spent

    async def send(self, request: Outgoing) -> Incoming:
        """Send; whatever is posted is asked to be answered without an encoding, so that it can be read."""
        if request.method != "POST":
            return await self._upstream.send(request)
        headers = [line for line in request.headers if line[0].lower() != b"accept-encoding"]
        plainly = msgspec.structs.replace(request, headers=[*headers, (b"accept-encoding", b"identity")])
        answer = await self._upstream.send(plainly)
        sent = len(request.body) if isinstance(request.body, bytes) else 0
        return msgspec.structs.replace(answer, chunks=_Counted(answer, sent, self._on_spent))

    async def connect(self, request: Outgoing) -> Opened | Incoming:
        """There is none to be had; clients fall back to HTTP."""
        raise UpgradeRequired("a key with limits has no WebSocket; use HTTP", code="websocket_unsupported")

    async def aclose(self) -> None:
        """Nothing is held but what others hold as well."""


class _Counted(AsyncGenerator[bytes, None]):
    """Chunks that pass. Not a generator function: one that never ran would ignore its `aclose`."""

    def __init__(self, answer: Incoming, sent: int, on_spent: Callable[[int], None]) -> None:
        self._chunks = answer.chunks
        self._heard = _Heard(answer, sent)
        self._on_spent = on_spent
        self._is_counted = False

    async def __anext__(self) -> bytes:
        try:
            chunk = await anext(self._chunks)
        except StopAsyncIteration:
            self._count()
            raise
        self._heard.hear(chunk)
        return chunk

    async def asend(self, value: None) -> bytes:
        return await self.__anext__()

    async def athrow(self, typ: Any, val: Any = None, tb: Any = None) -> bytes:
        await self.aclose()
        raise typ if val is None else val

    async def aclose(self) -> None:
        """Break off; what came until now is counted."""
        self._count()
        await self._chunks.aclose()

    def _count(self) -> None:
        if not self._is_counted:
            self._is_counted = True
            self._on_spent(self._heard.tokens())


class _Heard:
    """What is kept of an answer until its cost is known."""

    def __init__(self, answer: Incoming, sent: int) -> None:
        self._is_refusal = answer.status >= HTTP_ERROR
        self._is_stream = is_event_stream(answer.headers)
        self._is_encoded = first_value(answer.headers, b"content-encoding") not in ("", "identity")
        self._sent = sent
        self._head = b""
        self._tail: deque[bytes] = deque()
        self._tail_size = 0
        self._size = 0
        self._events = 0

    def hear(self, chunk: bytes) -> None:
        """Keep what may be needed of it."""
        self._size += len(chunk)
        self._events += chunk.count(b"data:")
        if len(self._head) < HEAD_BYTES:
            self._head += chunk[: HEAD_BYTES - len(self._head)]
        self._tail.append(chunk[-TAIL_BYTES:])
        self._tail_size += len(self._tail[-1])
        while self._tail_size - len(self._tail[0]) >= TAIL_BYTES:
            self._tail_size -= len(self._tail.popleft())

    def tokens(self) -> int:
        """As the provider says; where it says nothing of a stream, an estimate: providers send a token an event."""
        if self._is_refusal:
            return 0
        if self._is_encoded:
            return (self._sent + self._size) // BYTES_PER_TOKEN
        said = [usage for part in (self._head, b"".join(self._tail)) for usage in _usages(part)]
        if said:
            return sum(max(_largest(usage, names) for usage in said) for names in _PARTS)
        return self._sent // BYTES_PER_TOKEN + self._events if self._is_stream else 0


def _usages(part: bytes) -> Iterator[dict[str, Any]]:
    """What is said of usage in a piece of an answer; of a stream it grows from one to the next."""
    for found in _USAGE.finditer(part):
        try:
            usage, _ = _PARSER.raw_decode(part[found.end() : found.end() + HEAD_BYTES].decode("utf-8", "replace"))
        except (ValueError, RecursionError):  # cut by the edge of the piece
            continue
        yield usage


def _largest(usage: dict[str, Any], names: tuple[str, ...]) -> int:
    counts = (usage.get(name) for name in names)
    return max((count for count in counts if isinstance(count, int)), default=0)
