"""The listening process: a socket, uvicorn over it, and what is printed at the start."""

from __future__ import annotations

import asyncio
import contextlib
import gc
import logging
import os
import signal
import socket
from collections.abc import AsyncIterator, Callable, Iterator, Sequence
from pathlib import Path

import httptools
import uvicorn
from starlette.routing import BaseRoute
from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol
from websockets import http11

from gateway.admin import health, report
from gateway.admin.feedback import Desk
from gateway.app import application
from gateway.config import Config, check_bind
from gateway.datadir import DataDir
from gateway.errors import ConfigError
from gateway.lookback import look_back
from gateway.period import Facts
from gateway.ports import MAX_MESSAGE_BYTES
from gateway.routes import DEFAULT, in_force
from gateway.sections import Server
from gateway.wiring import Running, running

BACKLOG = 2048

KEEP_ALIVE_S = 75
"""Longer than the clients' pools keep an idle connection, so that it is the client who closes."""

MAX_LINE_BYTES = 64 * 1024
"""Of a header of a WebSocket handshake; over HTTP there is no limit. Codex names its workspaces in one."""

UNFINISHED = "ASGI callable returned without completing response."
"""What uvicorn logs as an error when an answer is aborted on purpose; gateway/app.py has logged why."""


async def serve(config: Config, announce: Callable[[str], None]) -> None:
    """Serve until told to stop by SIGINT or SIGTERM; then finish what is under way, for `grace_s` at most.

    Raises `ConfigError` or `DataDirError` before anything is served.
    """
    check_bind(config)
    with contextlib.closing(_bound(config.server)) as listening:
        async with running(config) as parts:
            server = _Server(_uvicorn(config, parts))
            with _stopping(server):
                announce(banner(config, parts, listening.getsockname()[1]))
                # What start-up made stays: going over it again and again costs pauses of tens of milliseconds.
                gc.collect()
                gc.freeze()
                await server.serve(sockets=[listening])


@contextlib.asynccontextmanager
async def serving(config: Config, parts: Running) -> AsyncIterator[int]:
    """Serve while the block runs, in this event loop and without touching signals; gives the port."""
    with contextlib.closing(_bound(config.server)) as listening:
        server = _Server(_uvicorn(config, parts))
        task = asyncio.create_task(server.serve(sockets=[listening]))
        try:
            yield listening.getsockname()[1]
        finally:
            server.should_exit = True
            await task


def banner(config: Config, parts: Running, port: int) -> str:
    """What a person needs to know at the start, and the line to paste."""
    host = f"[{config.server.host}]" if ":" in config.server.host else config.server.host
    return "\n".join(
        (
            f"Accrue listens on  http://{host}:{port}",
            *(f"  {title:<17}{served}" for title, served in reachable(config)),
            f"  data directory   {config.data_dir}",
            f"  policies         {', '.join(policy.name for policy in parts.gateway.visits.policies.current.policies)}",
            f"  memory           {parts.memory}",
            "",
            "Point your client at it:",
            f"  export ANTHROPIC_BASE_URL=http://{host}:{port}",
            f"  export OPENAI_BASE_URL=http://{host}:{port}/v1",
        )
    )


def reachable(config: Config) -> Iterator[tuple[str, str]]:
    """The upstreams that calls can reach: under which heading, and what is behind each."""
    routes = in_force(config.routes, config.upstreams)
    names = dict.fromkeys((DEFAULT, *(name for route in routes for name in route.upstreams)))
    for name in names:
        upstream = config.upstreams[name]
        title = "upstream" if name == DEFAULT else f"  {name}"
        yield title, upstream.url or f"{upstream.provider} by litellm"


class _Server(uvicorn.Server):
    """A server that leaves signals to whoever runs it.

    Uvicorn would take them late, and raise them again after it has shut down, which would end the process before
    memory is closed.
    """

    @contextlib.contextmanager
    def capture_signals(self) -> Iterator[None]:
        yield


class _Protocol(HttpToolsProtocol):
    """Uvicorn's HTTP, with two corrections."""

    _has_offer = False

    def data_received(self, data: bytes) -> None:
        """Read on; a request that offers to change the protocol is read again without the offer.

        Java's clients offer HTTP/2 with every first request, and Apache's TLS. We may ignore it (RFC 9110, 7.8), but
        the parser takes all that follows the head, which is their body, for the other protocol.
        """
        self._unset_keepalive_if_required()
        while data:
            try:
                self.parser.feed_data(data)
            except httptools.HttpParserUpgrade as stop:
                if not self._has_offer and self._should_upgrade():
                    self.handle_websocket_upgrade()
                    return
                data = self._declined() + data[stop.args[0] :] if self._has_offer else b""
                self.parser = _parser(self)  # the one that stopped reads no request after a last one
            except httptools.HttpParserError:
                self.send_400_response("Invalid HTTP request received.")
                return
            else:
                return

    def on_headers_complete(self) -> None:
        """Close the headers: what a chunked body brings after its end are trailers (RFC 9110, 6.5.1), and no names."""
        offers = [value.lower() for name, value in self.headers if name == b"upgrade"]
        is_handshake = offers == [b"websocket"] and self.parser.get_method() == b"GET"
        self._has_offer = bool(offers) and self.parser.should_upgrade() and not is_handshake
        if not self._has_offer:
            super().on_headers_complete()
        if not (self._has_offer or is_handshake):
            self.headers = []  # the scope keeps the list it has

    def on_message_complete(self) -> None:
        """End the message, unless it will be read again."""
        if not self._has_offer:
            super().on_message_complete()

    def _declined(self) -> bytes:
        """The head of the request that was read last, without the offer."""
        first = b"%b %b HTTP/%b" % (self.parser.get_method(), self.url, self.parser.get_http_version().encode())
        lines = [b"%b: %b" % line for line in self.headers if line[0] != b"upgrade"]
        return b"\r\n".join([first, *lines, b"\r\n"])


def _parser(protocol: _Protocol) -> httptools.HttpRequestParser:
    parser = httptools.HttpRequestParser(protocol)
    parser.set_dangerous_leniencies(lenient_data_after_close=True)  # as uvicorn's
    return parser


@contextlib.contextmanager
def _stopping(server: uvicorn.Server) -> Iterator[None]:
    """Let SIGINT and SIGTERM end the server in order, from before it says that it listens."""
    loop = asyncio.get_running_loop()
    signals = (signal.SIGINT, signal.SIGTERM)
    for number in signals:
        loop.add_signal_handler(number, server.handle_exit, number, None)
    try:
        yield
    finally:
        for number in signals:
            loop.remove_signal_handler(number)


def _own_routes(config: Config, parts: Running) -> Sequence[BaseRoute]:
    """What is asked of us, and not of the upstream."""
    clock, data = parts.gateway.clock, DataDir(Path(config.data_dir))

    async def read(tenant: str, since: float | None) -> Facts:
        return await look_back(data, tenant=tenant, since=since, until=clock.now())

    reported = report.routes(read, clock, parts.gateway.secret, host=config.server.host)
    return [*health.routes(parts.telemetry, health.Readiness(memory=parts.memory)), *reported]


def _uvicorn(config: Config, parts: Running) -> uvicorn.Config:
    """Uvicorn as we run it: pinned to httptools (h11 takes a content-length beside chunks), adding no header."""
    http11.MAX_LINE_LENGTH = MAX_LINE_BYTES  # at 8 KB the library would leave the client without an answer
    logging.getLogger("uvicorn").setLevel(logging.WARNING)
    logging.getLogger("uvicorn.error").addFilter(_is_news)
    desk = Desk(gateway=parts.gateway, history=parts.history, memory=parts.memory, on_given=parts.wake)
    return uvicorn.Config(
        application(parts.gateway, _own_routes(config, parts), desk),
        loop="none",
        http=_Protocol,
        ws="websockets-sansio",
        ws_max_size=MAX_MESSAGE_BYTES,
        ws_ping_timeout=None,  # a client that runs a tool between two reads answers no ping, and is not dead
        ws_per_message_deflate=False,  # as towards the upstream
        lifespan="off",
        log_config=None,
        access_log=False,
        proxy_headers=False,
        server_header=False,
        date_header=False,
        timeout_keep_alive=KEEP_ALIVE_S,
        timeout_graceful_shutdown=max(1, round(config.server.grace_s)),
    )


def _is_news(record: logging.LogRecord) -> bool:
    return record.getMessage() != UNFINISHED


def _bound(server: Server) -> socket.socket:
    family = socket.AF_INET6 if ":" in server.host else socket.AF_INET
    try:
        return socket.create_server((server.host, server.port), family=family, backlog=BACKLOG)
    except OSError as error:
        reason = os.strerror(error.errno) if error.errno else str(error)
        raise ConfigError(
            f"cannot listen on {server.host} port {server.port}: {reason} (--port takes another)"
        ) from error
