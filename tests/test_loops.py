"""A gateway that is pointed at itself says so, at once."""

from __future__ import annotations

import asyncio
import socket
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import aiohttp
import pytest
from aiohttp import WSServerHandshakeError

from gateway import loops
from gateway.errors import LoopDetected
from gateway.routes import UpstreamConfig
from gateway.sections import Server
from tests.conftest import Serve, Served

MINE = loops.mark(b"secret")


def test_a_mark_belongs_to_a_secret_and_does_not_tell_it() -> None:
    assert loops.mark(b"secret") == MINE != loops.mark(b"another")
    assert MINE.startswith(b"accrue-")
    assert b"secret" not in MINE


def test_a_mark_is_added_to_what_others_wrote() -> None:
    before = [(b"cdn-loop", b"cdn.example"), (b"x-other", b"1")]
    assert loops.marked(before, MINE) == [*before, (b"cdn-loop", MINE)]


@pytest.mark.parametrize("value", [MINE, b"cdn.example, " + MINE + b"; hops=2, other", b"a," + MINE])
def test_a_call_that_was_here_before_is_refused_and_not_to_be_repeated(value: bytes) -> None:
    with pytest.raises(LoopDetected, match="has come back") as refused:
        loops.refuse([(b"host", b"x"), (b"cdn-loop", value)], MINE)
    assert refused.value.status == 508
    assert (b"x-should-retry", b"false") in refused.value.headers


@pytest.mark.parametrize(
    "headers", [[], [(b"cdn-loop", b"cdn.example")], [(b"cdn-loop", MINE + b"0")], [(b"x-other", MINE)]]
)
def test_any_other_call_passes(headers: list[tuple[bytes, bytes]]) -> None:
    loops.refuse(headers, MINE)


@pytest.mark.parametrize(
    ("url", "host", "is_own"),
    [
        ("http://127.0.0.1:8080/v1", "127.0.0.1", True),
        ("http://localhost:8080/v1", "127.0.0.1", True),
        ("http://[::1]:8080/v1", "0.0.0.0", True),
        ("http://gateway.example:8080/v1", "gateway.example", True),
        ("http://127.0.0.1:8081/v1", "127.0.0.1", False),
        ("http://10.0.0.7:8080/v1", "127.0.0.1", False),
        ("https://api.openai.com/v1", "0.0.0.0", False),
    ],
)
def test_an_upstream_that_is_the_listener_itself_is_seen_by_its_address(url: str, host: str, is_own: bool) -> None:
    assert loops.is_own(url, host, 8080) is is_own


@asynccontextmanager
async def relay(port: int) -> AsyncIterator[int]:
    """Another name of the same server: what comes to this port goes to that one."""

    async def carried(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        async def pour(source: asyncio.StreamReader, sink: asyncio.StreamWriter) -> None:
            while data := await source.read(65_536):
                sink.write(data)
            sink.close()

        behind, there = await asyncio.open_connection("127.0.0.1", port)
        await asyncio.gather(pour(reader, there), pour(behind, writer))

    async with await asyncio.start_server(carried, "127.0.0.1", 0) as server:
        yield server.sockets[0].getsockname()[1]


def free_port() -> int:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        port: int = taken.getsockname()[1]
        return port


def upstreams(port: int, host: str = "127.0.0.1") -> dict[str, UpstreamConfig]:
    return {"default": UpstreamConfig(url=f"http://{host}:{port}/v1")}


async def asked(served: Served, path: str) -> tuple[int, str, str | None]:
    """Status and code of the error, and whether it helps to try again."""
    body = {"model": "m", "messages": [{"role": "user", "content": "hello"}]}
    async with (
        asyncio.timeout(10),
        aiohttp.ClientSession() as http,
        http.post(served.url + path, json=body) as answer,
    ):
        told = await answer.json()
        return answer.status, told["error"]["code"], answer.headers.get("x-should-retry")


def received(served: Served) -> int:
    lines = served.parts.telemetry.render().decode().splitlines()
    return int(float(next(line.split()[1] for line in lines if line.startswith("accrue_received_total"))))


REFUSED = (508, "loop_detected", "false")


@pytest.mark.parametrize("path", ["/chat/completions", "/files"])
@pytest.mark.parametrize("host", ["127.0.0.1", "localhost"])
async def test_a_gateway_whose_upstream_is_itself_says_so_at_once(serve: Serve, path: str, host: str) -> None:
    port = free_port()
    async with serve(server=Server(port=port), upstreams=upstreams(port, host)) as served:
        assert await asked(served, path) == REFUSED
        assert received(served) == 2


async def test_a_gateway_behind_another_name_of_itself_says_so_at_once(serve: Serve) -> None:
    port = free_port()
    async with relay(port) as other, serve(server=Server(port=port), upstreams=upstreams(other)) as served:
        assert await asked(served, "/chat/completions") == REFUSED
        assert received(served) == 2


async def test_two_gateways_that_are_each_others_upstream_say_so_at_once(serve: Serve, tmp_path: Path) -> None:
    first, second = free_port(), free_port()
    async with (
        serve(server=Server(port=first), upstreams=upstreams(second)) as one,
        serve(server=Server(port=second), upstreams=upstreams(first), data_dir=str(tmp_path / "second")) as two,
    ):
        assert await asked(one, "/chat/completions") == REFUSED
        assert (received(one), received(two)) == (2, 1)


async def test_a_websocket_that_would_go_round_is_refused(serve: Serve) -> None:
    port = free_port()
    async with (
        serve(server=Server(port=port), upstreams=upstreams(port)) as served,
        asyncio.timeout(10),
        aiohttp.ClientSession() as http,
    ):
        with pytest.raises(WSServerHandshakeError) as refused:
            await http.ws_connect(served.url + "/responses")
        assert refused.value.status == 426  # what the upstream of the first refuses is no WebSocket to be had
        assert received(served) == 2


async def test_gateways_one_behind_the_other_are_no_loop(serve: Serve, tmp_path: Path) -> None:
    async with (
        serve() as behind,
        serve(upstreams={"default": UpstreamConfig(url=behind.url)}, data_dir=str(tmp_path / "front")) as front,
        aiohttp.ClientSession() as http,
        http.post(
            front.url + "/chat/completions", json={"model": "m", "messages": [{"role": "user", "content": "hi"}]}
        ) as answer,
    ):
        assert answer.status == 200
