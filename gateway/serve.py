"""The listening process: a socket, uvicorn over it, and what is printed at the start."""

from __future__ import annotations

import asyncio
import contextlib
import functools
import gc
import logging
import os
import signal
import socket
import sys
from collections.abc import AsyncIterator, Callable, Iterator, Sequence
from contextlib import AsyncExitStack

import uvicorn
from starlette.routing import BaseRoute
from websockets import http11

from gateway import heap, loops
from gateway.admin import OPERATIONS, dashboard, health, openapi, operations
from gateway.admin.feedback import Desk
from gateway.admin.mcp.configured import mounted
from gateway.admin.operators import Operators, admin_key
from gateway.admin.refusals import Refusals
from gateway.app import application
from gateway.config import Config, check_bind, is_loopback
from gateway.errors import ConfigError
from gateway.front import Front
from gateway.gate import Gate
from gateway.operating import Office
from gateway.ports import MAX_MESSAGE_BYTES
from gateway.routes import DEFAULT, in_force
from gateway.running import Running
from gateway.sections import Server
from gateway.wiring import running

BACKLOG = 2048

KEEP_ALIVE_S = 75
"""Longer than the clients' pools keep an idle connection, so that it is the client who closes."""

MAX_HANDSHAKE_HEADERS = 100_000
"""The library for WebSockets has limits of its own, in which clients would see errors of ours; the gate has others."""

SWITCH_S = 0.0005
"""After which a thread makes way for the event loop: with Python's 5 ms each step of a call could wait so long, while
something is counted or learnt."""

UNFINISHED = "ASGI callable returned without completing response."
"""What uvicorn logs as an error when an answer is aborted on purpose; gateway/app.py has logged why."""


async def serve(config: Config, announce: Callable[[str], None]) -> None:
    """Serve until told to stop by SIGINT or SIGTERM; then finish what is under way, for `grace_s` at most.

    Raises `ConfigError` or `DataDirError` before anything is served.
    """
    check_bind(config)
    with contextlib.closing(_bound(config.server)) as listening:
        refuse_own_address(config, listening.getsockname()[1])
        async with running(config) as parts, AsyncExitStack() as stack:
            office = Office(config, parts, stack)
            agents = await mounted(config.mcp, parts, stack)
            server = _Server(_uvicorn(config, parts, office, agents))
            with _stopping(server):
                parts.data.announce(address(config, listening.getsockname()[1]))
                announce(banner(config, parts, listening.getsockname()[1]))
                # What start-up made stays: going over it again and again costs pauses of tens of milliseconds.
                heap.give_back_large_blocks()
                gc.collect()
                gc.freeze()
                sys.setswitchinterval(SWITCH_S)
                async with office.looking():
                    await server.serve(sockets=[listening])


@contextlib.asynccontextmanager
async def serving(config: Config, parts: Running) -> AsyncIterator[int]:
    """Serve while the block runs, in this event loop and without touching signals; gives the port."""
    async with AsyncExitStack() as stack:
        listening = stack.enter_context(contextlib.closing(_bound(config.server)))
        office = Office(config, parts, stack)
        agents = await mounted(config.mcp, parts, stack)
        server = _Server(_uvicorn(config, parts, office, agents))
        task = asyncio.create_task(server.serve(sockets=[listening]))
        try:
            async with office.looking():
                yield listening.getsockname()[1]
        finally:
            server.should_exit = True
            await task


def refuse_own_address(config: Config, port: int) -> None:
    """Raise `ConfigError` for an upstream that is the address that is listened on."""
    for name, upstream in config.upstreams.items():
        if upstream.url and loops.is_own(upstream.url, config.server.host, port):
            raise ConfigError(f"$.upstreams.{name}.url is the gateway itself: {upstream.url}")


def banner(config: Config, parts: Running, port: int) -> str:
    """What a person needs to know at the start, and the line to paste."""
    at = address(config, port)
    return "\n".join(
        (
            f"Accrue listens on  {at}",
            *(f"  {title:<17}{served}" for title, served in reachable(config)),
            f"  data directory   {config.data_dir}",
            f"  policies         {', '.join(policy.name for policy in parts.gateway.visits.policies.current.policies)}",
            f"  memory           {parts.proof.memory}",
            f"  dashboard        {at}/accrue/ (`accrue dashboard` signs you in)",
            "",
            "Point your client at it:",
            f"  export ANTHROPIC_BASE_URL={at}",
            f"  export OPENAI_BASE_URL={at}/v1",
        )
    )


def address(config: Config, port: int) -> str:
    """Where the gateway is asked from its own machine."""
    host = {"0.0.0.0": "127.0.0.1", "::": "::1"}.get(config.server.host, config.server.host)
    return f"http://[{host}]:{port}" if ":" in host else f"http://{host}:{port}"


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


def own_routes(config: Config, parts: Running, office: Office) -> Sequence[BaseRoute]:
    """What is asked of us, and not of the upstream."""

    def ready() -> health.Readiness:
        return health.Readiness(memory=parts.proof.memory, journal=parts.proof.journal)

    key, refusals = admin_key(config, parts.data), Refusals(parts.gateway.clock, parts.telemetry.admin_refused)
    return [
        *health.routes(parts.telemetry, ready),
        *openapi.routes(OPERATIONS),
        *operations.routes(OPERATIONS, office.console, Operators(key, refusals.add)),
        *dashboard.routes(office.console, key, parts.gateway.clock, refusals.add),
    ]


def _uvicorn(config: Config, parts: Running, office: Office, agents: Sequence[BaseRoute]) -> uvicorn.Config:
    """Uvicorn as we run it: with our front, and adding no header."""
    http11.MAX_LINE_LENGTH, http11.MAX_NUM_HEADERS = config.server.max_header_bytes, MAX_HANDSHAKE_HEADERS
    logging.getLogger("uvicorn").setLevel(logging.WARNING)
    logging.getLogger("uvicorn.error").addFilter(_is_news)
    gate = Gate(limits=config.server, counters=parts.telemetry, is_local_only=_is_local_only(config))
    desk = Desk(gateway=parts.gateway, history=parts.history, memory=lambda: parts.proof.memory, on_given=parts.wake)
    return uvicorn.Config(
        application(parts.gateway, [*agents, *own_routes(config, parts, office)], desk, parts.pumps),
        loop="none",
        http=functools.partial(Front, gate),  # type: ignore[arg-type] # a class but for its gate: it is only called
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


def _is_local_only(config: Config) -> bool:
    """Whether nothing but the address keeps others out."""
    return is_loopback(config.server.host) and config.auth.mode != "keys" and not config.auth.allow_public


def _is_news(record: logging.LogRecord) -> bool:
    return record.getMessage() != UNFINISHED


def _bound(server: Server) -> socket.socket:
    family = socket.AF_INET6 if ":" in server.host else socket.AF_INET
    try:
        listening = socket.create_server((server.host, server.port), family=family, backlog=BACKLOG)
        # What is accepted has it too. uvloop sets it itself; without it a first token can wait 40 ms for an ACK.
        listening.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        return listening
    except OSError as error:
        reason = os.strerror(error.errno) if error.errno else str(error)
        raise ConfigError(
            f"cannot listen on {server.host} port {server.port}: {reason} (--port takes another)"
        ) from error
