"""An upstream that speaks neither OpenAI's nor Anthropic's API over HTTP: litellm translates both ways.

It keeps the port: one request is one call of the provider, what the provider refuses is an answer, and a death is told.
What each endpoint takes and how its answer is written is known by gateway/upstreams/litellm_endpoints.py. Importing
litellm takes seconds and 165 MB, so this module is imported only where such an upstream is configured, and after the
environment has told litellm to stay off the network.

The provider is asked with the configured key, or with what its cloud gives this machine; the client's own credential
is never sent, for it was not made for this provider, and in a chain of upstreams not even meant for it.
"""

from __future__ import annotations

import asyncio
import itertools
import logging
from collections.abc import AsyncGenerator, AsyncIterator, Iterator, Mapping, Sequence
from typing import Any

import aiohttp
import httpx
import litellm
import msgspec
import openai

from gateway import encodings
from gateway.errors import (
    HTTP_ERROR,
    AccrueError,
    BadRequest,
    ConfigError,
    NotFound,
    RequestError,
    UpgradeRequired,
    UpstreamTimeout,
    UpstreamUnreachable,
)
from gateway.headers import first_value
from gateway.ports import Headers, Incoming, Opened, Outgoing
from gateway.upstreams.litellm_endpoints import ENDPOINTS, EndedEarly, Endpoint, Events

MAX_BODY_BYTES = 64 << 20
"""A translator must hold a request whole; no provider behind one takes more."""

SERVER_ERROR = 500

MAX_REASON_CHARS = 200
"""Of litellm's own words; a traceback follows their first line."""

MAX_CAUSES = 20
"""How far back an error is followed. litellm wraps the transport's own in up to five of others."""

_TIMEOUTS = (openai.APITimeoutError, httpx.TimeoutException, TimeoutError)
_NO_CONNECTION = (httpx.ConnectError, aiohttp.ClientConnectorError)
_LOST = (httpx.TransportError, aiohttp.ClientError, ConnectionError, EndedEarly)

_UNTRANSLATABLE = (ValueError, TypeError, LookupError, AttributeError)
"""What litellm's translators raise over a body that is not built as its API says."""

_KEPT_HEADERS = ("retry-after", "retry-after-ms")

_BROKE_OFF = "broke off its answer"

_JSON = (b"content-type", b"application/json")
_EVENTS = (b"content-type", b"text/event-stream; charset=utf-8")


class LiteLlmUpstream:
    """One provider behind litellm, such as `bedrock`, `vertex_ai`, `gemini` or `cohere_chat`."""

    def __init__(
        self,
        provider: str,
        *,
        api_key: str | None = None,
        url: str | None = None,
        options: Mapping[str, str] | None = None,
        models: Sequence[str] = (),
        connect_timeout_s: float = 5.0,
        read_timeout_s: float = 600.0,
    ) -> None:
        """`options` go to litellm as they are (`aws_region_name`, `vertex_project`); `models` is what a list shows."""
        if provider not in {known.value for known in litellm.LlmProviders}:
            raise ConfigError(f"upstream provider: litellm knows no {provider!r}")
        _silence()
        self._provider = provider
        self._models = tuple(models)
        self._read_timeout_s = read_timeout_s
        """Kept here: with most providers litellm forgets it once a stream has begun (1.106)."""
        self._settings: dict[str, Any] = {
            **(options or {}),
            "timeout": httpx.Timeout(read_timeout_s, connect=connect_timeout_s),
            "num_retries": 0,
            "max_retries": 0,
            # Clients cannot know who answers: what the provider has no counterpart for is left out, not refused.
            "drop_params": True,
            "no-log": True,
            # litellm would call the MCP servers a client names; and without its proxy's packages it fails here.
            "_skip_mcp_handler": True,
        }
        given = {"api_key": api_key, "api_base": url}
        self._settings.update({name: value for name, value in given.items() if value is not None})

    async def send(self, request: Outgoing) -> Incoming:
        """Send, and return when the answer's first piece is there: only then litellm tells a refusal of a stream.

        Raises `BadRequest` for members that no API of ours has: some of them would steer litellm itself.
        """
        path = request.target.partition("?")[0]
        if (request.method, path) == ("GET", "/models"):
            return _answer(200, [_JSON], self._list())
        endpoint = ENDPOINTS.get(path) if request.method == "POST" else None
        if endpoint is None:
            raise NotFound(f"the upstream {self._provider} does not offer {request.method} {path}", code="unknown_path")
        members = self._checked(endpoint, await _decoded(request))
        settings = {**self._settings, "model": self._model(members)}
        try:
            async with asyncio.timeout(self._read_timeout_s):
                answer = await endpoint.call(members, settings)
        except (openai.OpenAIError, TimeoutError, *_LOST) as error:
            return self._refusal(error)
        except _UNTRANSLATABLE as error:
            raise BadRequest(f"the request cannot be translated for the upstream {self._provider}") from error
        if isinstance(answer, bytes):
            return _answer(200, [_JSON], answer)
        return Incoming(status=200, headers=[_EVENTS], chunks=_Chunks(answer, self._provider, self._read_timeout_s))

    async def connect(self, request: Outgoing) -> Opened | Incoming:
        """Refuse: litellm has no WebSocket that speaks OpenAI's frames for other providers."""
        raise UpgradeRequired(f"the upstream {self._provider} has no WebSocket; use HTTP", code="websocket_unsupported")

    async def aclose(self) -> None:
        """Release connections. litellm keeps them for all its upstreams together, so this closes those of all."""
        await litellm.close_litellm_async_clients()
        litellm.in_memory_llm_clients_cache.flush_cache()
        # Streams of Gemini and Vertex AI go by a client that is forgotten there; it opens anew when it is used again.
        await litellm.module_level_aclient.client._transport.aclose()

    def _list(self) -> bytes:
        models = [{"id": name, "object": "model", "created": 0, "owned_by": self._provider} for name in self._models]
        return msgspec.json.encode({"object": "list", "data": models})

    def _checked(self, endpoint: Endpoint, sent: Mapping[str, Any]) -> dict[str, Any]:
        members = {name: value for name, value in sent.items() if value is not None and name not in endpoint.left_out}
        for name in members:
            if name not in endpoint.members:
                told = f"the upstream {self._provider} does not take {name}"
                raise BadRequest(told, code="unknown_parameter", param=name)
        for name in endpoint.required:
            if name not in members:
                raise BadRequest(f"{name} is missing", code="missing_required_parameter", param=name)
        return members

    def _model(self, members: dict[str, Any]) -> str:
        """The name by which litellm finds the provider; one that a client prefixed itself is not prefixed again."""
        model = members.pop("model")
        if not isinstance(model, str):
            raise BadRequest("model must be a string", param="model")
        return f"{self._provider}/{model.removeprefix(self._provider + '/')}"

    def _refusal(self, error: Exception) -> Incoming:
        """The provider's refusal as an answer. Raises for an error that is none."""
        lost = _lost(error, self._provider)
        if lost is not None:
            raise lost from error
        error = getattr(error, "original_exception", None) or error
        status = getattr(error, "status_code", 0)
        if isinstance(error, openai.APIConnectionError) or status < HTTP_ERROR:
            # What litellm calls a lost connection without one is a fault of its own, or an answer it cannot read.
            reason = str(error).partition("\n")[0][:MAX_REASON_CHARS]
            raise UpstreamUnreachable(f"no answer of the upstream {self._provider}: {reason}") from error
        is_too_long = isinstance(error, litellm.ContextWindowExceededError)
        told = {
            "message": getattr(error, "message", str(error)),
            "type": "invalid_request_error" if status < SERVER_ERROR else "server_error",
            "param": None,
            "code": "context_length_exceeded" if is_too_long else None,
        }
        return _answer(status, [_JSON, *_kept_headers(error)], msgspec.json.encode({"error": told, "type": "error"}))


class _Chunks(AsyncGenerator[bytes, None]):
    """The events of a stream. Not a generator function: one that never ran would ignore its `aclose`."""

    def __init__(self, events: Events, provider: str, read_timeout_s: float) -> None:
        self._events = events
        self._provider = provider
        self._read_timeout_s = read_timeout_s
        self._is_over = False

    async def asend(self, value: None) -> bytes:
        if self._is_over:
            raise StopAsyncIteration
        try:
            async with asyncio.timeout(self._read_timeout_s):
                return await anext(self._events)
        except StopAsyncIteration:
            await self._close()  # litellm lets go of the connection only when told
            raise
        except Exception as error:
            await self._close()
            broken = UpstreamUnreachable(f"the upstream {self._provider} {_BROKE_OFF}")
            raise _lost(error, self._provider) or broken from error

    async def athrow(self, typ: Any, val: Any = None, tb: Any = None) -> bytes:
        await self._close()
        raise typ if val is None else val

    async def _close(self) -> None:
        self._is_over = True
        await self._events.aclose()


async def _decoded(request: Outgoing) -> dict[str, Any]:
    body = encodings.decode(await _whole(request.body), first_value(request.headers, b"content-encoding"))
    try:
        return msgspec.json.decode(body or b"", type=dict[str, Any])
    except msgspec.DecodeError as error:
        raise BadRequest(f"the body is no JSON object: {error}") from error


async def _whole(body: bytes | AsyncIterator[bytes] | None) -> bytes:
    if body is None or isinstance(body, bytes):
        return body or b""
    whole = bytearray()
    async for piece in body:
        whole += piece
        if len(whole) > MAX_BODY_BYTES:
            raise BadRequest(f"the body is larger than {MAX_BODY_BYTES} bytes", code="request_too_large")
    return bytes(whole)


def _answer(status: int, headers: Headers, body: bytes) -> Incoming:
    async def once() -> AsyncGenerator[bytes, None]:
        yield body

    return Incoming(status=status, headers=headers, chunks=once())


def _lost(error: BaseException, provider: str) -> RequestError | None:
    """What to tell when the provider, or the way to it, failed; None for an error that says something else."""
    causes = list(_causes(error))
    if any(isinstance(cause, _TIMEOUTS) for cause in causes):
        return UpstreamTimeout(f"the upstream {provider} did not answer in time")
    if any(isinstance(cause, _NO_CONNECTION) for cause in causes):
        return UpstreamUnreachable(f"the upstream {provider} cannot be reached")
    if any(isinstance(cause, _LOST) for cause in causes):
        return UpstreamUnreachable(f"the upstream {provider} {_BROKE_OFF}")
    return None


def _causes(error: BaseException) -> Iterator[BaseException]:
    """The error and what led to it, back to errors of ours: a call may be made while one of those is handled."""

    def back() -> Iterator[BaseException]:
        cause: BaseException | None = error
        while cause is not None and not isinstance(cause, AccrueError):
            yield cause
            cause = getattr(cause, "original_exception", None) or cause.__cause__ or cause.__context__

    return itertools.islice(back(), MAX_CAUSES)


def _kept_headers(error: BaseException) -> Headers:
    for cause in _causes(error):
        headers = getattr(getattr(cause, "response", None), "headers", {})
        if kept := [(name.encode(), headers[name].encode()) for name in _KEPT_HEADERS if name in headers]:
            return kept
    return []


def _silence() -> None:
    """No hints on standard output, no lines in the log, nothing sent to anyone but the provider."""
    litellm.suppress_debug_info = True
    litellm.telemetry = False
    for name in ("LiteLLM", "LiteLLM Router", "LiteLLM Proxy"):
        logging.getLogger(name).disabled = True
