"""The upstream over HTTP/1.1, byte for byte: no header, encoding, redirect or cookie of its own making.

It frames and carries; which headers may travel is decided by gateway/forward.py, and nothing here reads a body.

What aiohttp does not let through as it came: header names are sent in lower case, `host` comes first and
`content-length` last, and a header value that is not UTF-8 is sent as UTF-8.
"""

from __future__ import annotations

import asyncio
import io
import os
import socket
import ssl
from collections.abc import AsyncGenerator, AsyncIterator
from functools import partial
from types import SimpleNamespace
from typing import Any

import aiohttp
from multidict import CIMultiDict
from yarl import URL

from gateway import loops
from gateway.errors import BadRequest, ConfigError, RequestError, UpstreamTimeout, UpstreamUnreachable
from gateway.headers import SECRET_HEADERS, is_key_parameter
from gateway.ports import Headers, Incoming, Opened, Outgoing
from gateway.upstreams import sockets
from gateway.upstreams.connection import CarefulConnection

CONNECT_TIMEOUT_S = 5.0
READ_TIMEOUT_S = 600.0
"""Both as in OpenAI's SDKs. Reading: between two pieces of an answer, and up to its first."""

KEEPALIVE_S = 60.0
"""Idle connections outlive a person's pause; one the upstream closed meanwhile costs a second try, not an error."""

MAX_HEADER_BYTES = 64 * 1024

LARGE_BODY_BYTES = 1024 * 1024
"""From here on aiohttp wants a file, which it writes in pieces; of bytes in one piece it warns."""

_KEY_PLACES = {b"authorization": b"Bearer ", b"x-api-key": b"", b"api-key": b""}
"""Where a key is put, and what precedes it there: OpenAI, Anthropic, Azure."""


_BROKE_OFF = "broke off its answer"
"""Before its first byte or in its middle, and so also when it closed the connection without one."""


class HttpUpstream:
    """One OpenAI-compatible server. `url` is its base, usually ending in `/v1`."""

    def __init__(
        self,
        url: str,
        *,
        api_key: str | None = None,
        mark: bytes | None = None,
        connect_timeout_s: float = CONNECT_TIMEOUT_S,
        read_timeout_s: float = READ_TIMEOUT_S,
    ) -> None:
        """Send to one server.

        Args:
            api_key: sent in place of all credentials of the client, which then stay here.
            mark: by which a call is known that comes back (gateway/loops.py).
        """
        base = _base(url)
        self._scheme = base.scheme
        self._authority = base.raw_authority
        self._prefix = base.raw_path.rstrip("/")
        self._api_key = api_key.encode() if api_key else None
        self._mark = mark
        self._connect_timeout_s = connect_timeout_s
        self._read_timeout_s = read_timeout_s
        self._sessions: tuple[aiohttp.ClientSession, aiohttp.ClientSession] | None = None
        self._for_sockets: aiohttp.ClientSession | None = None

    async def send(self, request: Outgoing) -> Incoming:
        """Send, and return when the answer's head is there.

        A POST is sent a second time only when an idle connection turned out to be dead: it ended without a byte.
        Methods that may be repeated by definition are repeated once by aiohttp, whichever connection was lost.
        """
        try:
            response = await self._send(request)
        except (aiohttp.ClientError, TimeoutError) as error:
            raise _explained(error, self._authority) from error
        except ValueError as error:
            raise BadRequest(f"the request cannot be sent on: {error}") from error
        return Incoming(status=response.status, headers=list(response.raw_headers), chunks=_Chunks(response))

    async def connect(self, request: Outgoing) -> Opened | Incoming:
        """Open a WebSocket; the upstream's own answer where it refused the caller."""
        if self._for_sockets is None:
            self._for_sockets = self._session(force_close=True, is_for_sockets=True)
        has_own_key = self._api_key is not None
        try:
            url, headers = self._url(request), self._headers(request)
            return await sockets.opened(self._for_sockets, url, headers, has_own_key=has_own_key)
        except sockets.Refused as refused:
            response = refused.response
            if response.status in sockets.TELLING_STATUSES:
                return Incoming(status=response.status, headers=list(response.raw_headers), chunks=_Chunks(response))
            response.close()
            raise sockets.unsupported(f"it answered with {response.status}") from None
        except (aiohttp.ClientConnectorError, aiohttp.ConnectionTimeoutError) as error:
            raise _explained(error, self._authority) from error
        except (aiohttp.ClientError, TimeoutError) as error:
            raise sockets.unsupported("it did not answer the handshake") from error
        except ValueError as error:
            raise BadRequest(f"the handshake cannot be sent on: {error}") from error

    async def aclose(self) -> None:
        """Release connections."""
        for session in (*(self._sessions or ()), self._for_sockets):
            if session is not None:
                await session.close()

    async def _send(self, request: Outgoing) -> aiohttp.ClientResponse:
        if self._sessions is None:
            self._sessions = self._session(keepalive_timeout=KEEPALIVE_S), self._session(force_close=True)
        pooled, fresh = self._sessions
        connection = SimpleNamespace(is_reused=False)
        try:
            return await self._attempt(pooled, request, connection)
        except aiohttp.ServerDisconnectedError as error:
            # aiohttp puts the piece of a head that came before the end into `message`: a string means not one byte.
            is_stale = connection.is_reused and isinstance(error.message, str)
            if not is_stale or not (request.body is None or isinstance(request.body, bytes)):
                raise
        return await self._attempt(fresh, request, connection)

    async def _attempt(
        self, session: aiohttp.ClientSession, request: Outgoing, connection: SimpleNamespace
    ) -> aiohttp.ClientResponse:
        return await session.request(
            request.method,
            self._url(request),
            headers=self._headers(request),
            data=_data(request.body),
            allow_redirects=False,
            trace_request_ctx=connection,
        )

    def _url(self, request: Outgoing) -> URL:
        # The whole target goes in as an encoded path: so yarl neither splits nor normalises it.
        target = request.target if self._api_key is None else _without_keys(request.target)
        path = self._prefix + target
        return URL.build(scheme=self._scheme, authority=self._authority, path=path, encoded=True)

    def _headers(self, request: Outgoing) -> CIMultiDict[str]:
        headers = request.headers
        if self._api_key is not None:
            headers = _with_key(headers, self._api_key)
        if self._mark is not None:
            headers = loops.marked(headers, self._mark)
        keeps_length = not (request.body is None or isinstance(request.body, bytes))
        lines = [(name.lower(), value) for name, value in headers]
        return CIMultiDict(
            [(name.decode("ascii"), _text(value)) for name, value in lines if keeps_length or name != b"content-length"]
        )

    def _session(self, *, is_for_sockets: bool = False, **options: Any) -> aiohttp.ClientSession:
        read_timeout_s = sockets.HANDSHAKE_TIMEOUT_S if is_for_sockets else self._read_timeout_s
        trace = aiohttp.TraceConfig()
        trace.on_connection_reuseconn.append(_mark_reused)
        pool = aiohttp.TCPConnector(limit=0, **options)
        pool._factory = partial(CarefulConnection, loop=asyncio.get_running_loop())  # type: ignore[assignment]  # a subclass
        return aiohttp.ClientSession(
            connector=pool,
            cookie_jar=aiohttp.DummyCookieJar(),
            skip_auto_headers=("User-Agent", "Accept", "Accept-Encoding", "Content-Type"),
            auto_decompress=False,
            timeout=aiohttp.ClientTimeout(total=None, connect=self._connect_timeout_s, sock_read=read_timeout_s),
            middlewares=(sockets.stop_at_refusal,) if is_for_sockets else (),
            max_line_size=MAX_HEADER_BYTES,
            max_field_size=MAX_HEADER_BYTES,
            trace_configs=[trace],
        )


class _Chunks(AsyncGenerator[bytes, None]):
    """The body as it comes off the socket. Not a generator function: one that never ran would ignore its `aclose`."""

    def __init__(self, response: aiohttp.ClientResponse) -> None:
        self._response = response
        self._is_over = False

    async def __anext__(self) -> bytes:
        if self._is_over:
            raise StopAsyncIteration
        content = self._response.content
        try:
            chunk = await content.readany()
        except (aiohttp.ClientError, TimeoutError) as error:
            # What came before the death is still in the buffer, and aiohttp has no public way to get at it.
            chunk = content._read_nowait(-1)
            if not chunk:
                await self.aclose()
                raise _explained(error, self._response.url.authority) from error
        self._is_over = not chunk
        if self._is_over:
            raise StopAsyncIteration
        return chunk

    async def asend(self, value: None) -> bytes:
        return await self.__anext__()

    async def athrow(self, typ: Any, val: Any = None, tb: Any = None) -> bytes:
        await self.aclose()
        raise typ if val is None else val

    async def aclose(self) -> None:
        """Close the connection, unless the body has ended and it went back to the pool."""
        self._is_over = True
        self._response.close()


def _base(url: str) -> URL:
    try:
        base = URL(url)
    except ValueError:
        base = URL()
    extras = base.raw_user or base.raw_password or base.raw_query_string or base.raw_fragment
    if base.scheme not in ("http", "https") or not base.raw_host or extras:
        raise ConfigError("upstream url: expected http(s)://host[:port][/path], without credentials, query or fragment")
    return base


async def _mark_reused(
    session: aiohttp.ClientSession, context: SimpleNamespace, params: aiohttp.TraceConnectionReuseconnParams
) -> None:
    context.trace_request_ctx.is_reused = True


def _data(body: bytes | AsyncIterator[bytes] | None) -> bytes | io.BytesIO | AsyncIterator[bytes] | None:
    if not isinstance(body, bytes):
        return body
    return body or None if len(body) <= LARGE_BODY_BYTES else io.BytesIO(body)


def _with_key(headers: Headers, key: bytes) -> Headers:
    """The key in place of all credentials: where the client put its first, else as `authorization`.

    Anthropic takes it as `x-api-key` alone; `authorization` is for tokens of people who signed in.
    """
    names = [name.lower() for name, _ in headers]
    first = next((name for name in names if name in _KEY_PLACES), b"authorization")
    place = b"x-api-key" if b"anthropic-version" in names else first
    kept = [line for line in headers if line[0].lower() not in SECRET_HEADERS]
    return [*kept, (place, _KEY_PLACES[place] + key)]


def _without_keys(target: str) -> str:
    """The target without the client's keys in its query; all else as it was written."""
    path, mark, query = target.partition("?")
    kept = [part for part in query.split("&") if not is_key_parameter(part)]
    return path + mark + "&".join(kept) if kept else path


def _text(value: bytes) -> str:
    try:
        return value.decode()
    except UnicodeDecodeError:
        return value.decode("latin-1")


def _explained(error: Exception, authority: str) -> RequestError:
    if isinstance(error, TimeoutError):
        return UpstreamTimeout(f"the upstream {authority} did not answer in time")
    if isinstance(error, aiohttp.ClientConnectorError):
        return UpstreamUnreachable(f"the upstream {authority} cannot be reached: {_reason(error)}")
    happened = "sent an answer that is not HTTP" if isinstance(error, aiohttp.ClientResponseError) else _BROKE_OFF
    return UpstreamUnreachable(f"the upstream {authority} {happened}")


def _reason(error: aiohttp.ClientConnectorError) -> str:
    """Why there is no connection, in the system's words; aiohttp's name the address once more, and its settings."""
    cause = error.__cause__  # not `os_error`, which an error over a certificate lacks
    if isinstance(cause, OSError) and cause.errno and not isinstance(cause, socket.gaierror | ssl.SSLError):
        return os.strerror(cause.errno).lower()  # resolvers and TLS count their errors on their own
    return getattr(cause, "strerror", None) or str(cause) or "the connection was closed"
