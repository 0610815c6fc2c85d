"""Several upstreams as one: which of them a call goes to, and which is asked when that one fails.

Knows no provider and no protocol beyond a status and three headers. That a fallback may be sent what the client sent
is seen to where the configuration is read (gateway/routes.py).
"""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Awaitable, Callable, Sequence

import msgspec

from gateway.errors import HTTP_ERROR, UpstreamTimeout, UpstreamUnreachable
from gateway.headers import first_value
from gateway.ports import Headers, Incoming, Opened, Outgoing, Upstream
from gateway.routes import RouteMatch

FAILED = frozenset((408, 429, 500, 502, 503, 504, 529))
"""Statuses after which it helps to ask again or elsewhere; 529 is Anthropic's overload. Any other is the answer."""

LONGEST_PAUSE_S = 2.0
"""An upstream that wants us to wait longer is given up; the client is waiting too."""

PAUSE_S = 0.25
"""Before an upstream that says nothing of it is asked again."""

ANSWERED_BY = b"x-accrue-upstream"
SHOULD_RETRY = b"x-should-retry"
"""OpenAI's and Anthropic's SDKs do as it says."""

_Answer = Incoming | UpstreamUnreachable | UpstreamTimeout


class _Named(msgspec.Struct):
    model: str = ""


_NAMED = msgspec.json.Decoder(_Named)


class Provider(msgspec.Struct, frozen=True, kw_only=True):
    """An upstream under its name in the configuration."""

    name: str
    upstream: Upstream
    retries: int = 0


async def _wait(seconds: float) -> None:
    with contextlib.suppress(TimeoutError):
        await asyncio.wait_for(asyncio.Event().wait(), seconds)  # nothing can happen that would end it early


class RoutedUpstream:
    """Asks the providers of the first route that matches, in their order; `default` where none does."""

    def __init__(
        self,
        routes: Sequence[tuple[RouteMatch, Sequence[Provider]]],
        default: Provider,
        *,
        wait: Callable[[float], Awaitable[None]] = _wait,
    ) -> None:
        """`wait` lets so many seconds pass."""
        self._routes = [*routes, (RouteMatch(), [default])]
        self._go_by_model = any(match.model != RouteMatch().model for match, _ in routes)
        self._wait = wait

    async def send(self, request: Outgoing) -> Incoming:
        """Send, again and elsewhere while that may help, and return when the head of the last answer is there.

        If even that one is a failure, it tells the client's SDK not to begin all over.
        """
        first, *fallbacks = self._providers(request)
        answer, asked = await self._ask(first, request)
        added: Headers = []
        for provider in fallbacks:
            if not _has_failed(answer):
                break
            await _discard(answer)
            answer, more = await self._ask(provider, request)
            asked += more
            added = [(ANSWERED_BY, provider.name.encode())]
        if asked > 1 and not _is_good(answer):
            added = [*added, (SHOULD_RETRY, b"false")]
        return _delivered(answer, added)

    async def connect(self, request: Outgoing) -> Opened | Incoming:
        """Open a WebSocket with the first provider of the route; the conversation is with that one alone."""
        return await self._providers(request)[0].upstream.connect(request)

    async def aclose(self) -> None:
        """Release the connections of every upstream."""
        upstreams = {id(provider.upstream): provider.upstream for _, chain in self._routes for provider in chain}
        for upstream in upstreams.values():
            await upstream.aclose()

    def _providers(self, request: Outgoing) -> Sequence[Provider]:
        """Whom to ask, in order; only the first when the body can be sent but once."""
        path = request.target.partition("?")[0]
        model = request.model or (_named_in(request.body) if self._go_by_model else "")
        chain = next(chain for match, chain in self._routes if match.fits(model, path, request.headers))
        return chain if _is_repeatable(request) else chain[:1]

    async def _ask(self, provider: Provider, request: Outgoing) -> tuple[_Answer, int]:
        """The provider's last answer, and how often it was asked. Retries of the client are not multiplied by ours."""
        retries = 0 if request.is_retry or not _is_repeatable(request) else provider.retries
        answer, asked = await _answer(provider, request), 1
        while asked <= retries and (pause_s := _pause_s(answer)) is not None:
            await _discard(answer)
            await self._wait(pause_s)
            answer, asked = await _answer(provider, request), asked + 1
        return answer, asked


def _named_in(body: object) -> str:
    """The model that a body names which nobody has read yet; a streamed one is not read for it."""
    if not isinstance(body, bytes):
        return ""
    try:
        return _NAMED.decode(body).model
    except (msgspec.DecodeError, UnicodeError, RecursionError):
        return ""


def _is_repeatable(request: Outgoing) -> bool:
    return request.body is None or isinstance(request.body, bytes)


async def _answer(provider: Provider, request: Outgoing) -> _Answer:
    try:
        return await provider.upstream.send(request)
    except (UpstreamUnreachable, UpstreamTimeout) as error:
        return error


def _has_failed(answer: _Answer) -> bool:
    return not isinstance(answer, Incoming) or answer.status in FAILED


def _is_good(answer: _Answer) -> bool:
    return isinstance(answer, Incoming) and answer.status < HTTP_ERROR


def _pause_s(answer: _Answer) -> float | None:
    """Seconds after which to ask again; None when that is no use, or too far off."""
    if not _has_failed(answer):
        return None
    if not isinstance(answer, Incoming):
        return PAUSE_S
    in_ms, in_s = (first_value(answer.headers, name) for name in (b"retry-after-ms", b"retry-after"))
    try:
        wanted_s = float(in_ms) / 1000 if in_ms else float(in_s or PAUSE_S)
    except ValueError:
        return None  # a date: whoever names one does not mean moments
    return wanted_s if 0 <= wanted_s <= LONGEST_PAUSE_S else None


async def _discard(answer: _Answer) -> None:
    if isinstance(answer, Incoming):
        await answer.chunks.aclose()


def _delivered(answer: _Answer, added: Headers) -> Incoming:
    """The answer with our headers in place of others of their names; or the error, raised, with them."""
    if not isinstance(answer, Incoming):
        answer.headers += added
        raise answer
    names = {name for name, _ in added}
    kept = [line for line in answer.headers if line[0].lower() not in names]
    return msgspec.structs.replace(answer, headers=kept + added) if added else answer
