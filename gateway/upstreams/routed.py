"""Several upstreams as one: which of them a call goes to, and which is asked when that one fails.

Knows no provider and no protocol beyond a status and three headers. That a fallback may be sent what the client sent
is seen to where the configuration is read (gateway/routes.py).
"""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Awaitable, Callable, Sequence

import msgspec
import structlog

from gateway.errors import HTTP_ERROR, RequestError, UpstreamTimeout, UpstreamUnreachable
from gateway.headers import first_value
from gateway.ports import Headers, Incoming, Opened, Outgoing, Upstream
from gateway.routes import RouteMatch, plain
from gateway.upstreams.named_model import with_model

FAILED = frozenset((408, 429, 500, 502, 503, 504, 529))
"""Statuses after which it helps to ask again or elsewhere; 529 is Anthropic's overload. Any other is the answer."""

LONGEST_PAUSE_S = 2.0
"""An upstream that wants us to wait longer is given up; the client is waiting too."""

PAUSE_S = 0.25
"""Before an upstream that says nothing of it is asked again."""

ANSWERED_BY = b"x-accrue-upstream"
SHOULD_RETRY = b"x-should-retry"
"""OpenAI's and Anthropic's SDKs do as it says."""

log = structlog.get_logger()

_Answer = Incoming | UpstreamUnreachable | UpstreamTimeout


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
        max_held_bytes: int,
        wait: Callable[[float], Awaitable[None]] = _wait,
    ) -> None:
        """Route calls.

        Args:
            max_held_bytes: of a body are held where a route goes by the model that it names.
            wait: lets so many seconds pass.
        """
        self._routes = [*routes, (RouteMatch(), [default])]
        self._max_held_bytes = max_held_bytes
        self._wait = wait

    async def send(self, request: Outgoing) -> Incoming:
        """Send, again and elsewhere while that may help, and return when the head of the last answer is there.

        If even that one is a failure, it tells the client's SDK not to begin all over. Raises `RequestError` for a
        request that the first cannot take, or whose model must be known and cannot be read.
        """
        request, (first, *fallbacks) = await self._routed(request)
        answer, asked = await self._ask(first, request)
        added: Headers = []
        for provider in fallbacks:
            if not _has_failed(answer):
                break
            found = await self._ask_instead(answer, provider, request)
            if found is None:
                continue
            log.warning("upstream_passed_over", upstream=first.name, answered=provider.name)
            answer, more = found
            asked += more
            added = [(ANSWERED_BY, provider.name.encode())]
        if asked > 1 and not _is_good(answer):
            added = [*added, (SHOULD_RETRY, b"false")]
        return _delivered(answer, added)

    async def connect(self, request: Outgoing) -> Opened | Incoming:
        """Open a WebSocket with the first provider of the route; the conversation is with that one alone."""
        request, (first, *_) = await self._routed(request)
        return await first.upstream.connect(request)

    async def aclose(self) -> None:
        """Release the connections of every upstream."""
        upstreams = {id(provider.upstream): provider.upstream for _, chain in self._routes for provider in chain}
        for upstream in upstreams.values():
            await upstream.aclose()

    async def _routed(self, request: Outgoing) -> tuple[Outgoing, Sequence[Provider]]:
        """The request, and whom to ask, in order; only the first when the body can be sent but once."""
        path = plain(request.target.partition("?")[0])
        routes = [route for route in self._routes if route[0].fits_place(path, request.headers)]
        if not routes[0][0].fits_any_model:
            request = await with_model(request, self._max_held_bytes)
        chain = next(chain for match, chain in routes if match.fits_model(request.model))
        return request, chain if _is_repeatable(request) else chain[:1]

    async def _ask_instead(self, answer: _Answer, provider: Provider, request: Outgoing) -> tuple[_Answer, int] | None:
        """What `_ask` gives, in place of an answer that is then closed; None where the provider cannot take the call.

        That is a matter between us and the provider, and tells the client less than the answer there is.
        """
        try:
            found = await self._ask(provider, request)
        except RequestError:
            return None
        except BaseException:  # the client left, and nobody else will close it
            await _discard(answer)
            raise
        await _discard(answer)
        return found

    async def _ask(self, provider: Provider, request: Outgoing) -> tuple[_Answer, int]:
        """The provider's last answer, and how often it was asked. Retries of the client are not multiplied by ours."""
        retries = 0 if request.is_retry or not _is_repeatable(request) else provider.retries
        answer, asked = await _answer(provider, request), 1
        while asked <= retries and (pause_s := _pause_s(answer)) is not None:
            await _discard(answer)
            await self._wait(pause_s)
            answer, asked = await _answer(provider, request), asked + 1
        return answer, asked


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
