"""Handshakes and frames at the server's own socket: what is refused, and how; what travels without being read."""

from __future__ import annotations

import asyncio

import aiohttp
import pytest
from websockets.asyncio.client import connect
from websockets.exceptions import ConnectionClosed, InvalidStatus
from websockets.typing import Subprotocol

from gateway import websocket
from gateway.errors import ClientGone
from gateway.ports import Closing
from gateway.routes import UpstreamConfig
from gateway.testing import ScriptedUpstream, Step
from tests.conftest import Serve, Served
from tests.test_app import talk
from tests.upstreams.test_http import serving
from tests.upstreams.test_sockets import UPGRADE, accepting

PROTOCOLS = [Subprotocol("realtime"), Subprotocol("other")]


def only(url: str) -> dict[str, UpstreamConfig]:
    return {"default": UpstreamConfig(url=url)}


def socket_url(served: Served, path: str = "/responses") -> str:
    return f"ws{served.url[4:]}{path}"


async def refusal(served: Served, path: str = "/responses", **headers: str) -> tuple[int, bytes, dict[str, str]]:
    """Status, body and headers of the answer to a handshake."""
    async with asyncio.timeout(5):
        with pytest.raises(InvalidStatus) as refused:
            await connect(socket_url(served, path), additional_headers=headers, proxy=None)
    response = refused.value.response
    return response.status_code, bytes(response.body or b""), dict(response.headers.raw_items())


async def test_an_upstream_without_websocket_is_told_at_once_with_426(
    served: Served, upstream: ScriptedUpstream
) -> None:
    upstream.script([Step(status=405, chunks=[b"Method Not Allowed"])])
    status, body, headers = await refusal(served)
    assert status == 426
    assert b'"code":"websocket_unsupported"' in body
    assert headers["content-type"] == "application/json"
    assert len(upstream.requests()) == 1


@pytest.mark.promise("P1")
async def test_a_refusal_of_the_caller_is_the_upstreams_own(served: Served, upstream: ScriptedUpstream) -> None:
    upstream.script([Step(status=401, headers=[("x-request-id", "r1")], chunks=[b'{"error":', b'{"code":"bad"}}'])])
    status, body, headers = await refusal(served)
    assert (status, body, headers["x-request-id"]) == (401, b'{"error":{"code":"bad"}}', "r1")


async def test_a_refusal_that_breaks_off_is_an_upstream_that_broke_off(
    served: Served, upstream: ScriptedUpstream
) -> None:
    upstream.script([Step(status=429, chunks=[b'{"error":{}}'], cut=4)])
    assert (await refusal(served))[0] == 502


async def test_an_upstream_that_is_not_there_is_told_as_over_http(serve: Serve) -> None:
    async with serve(upstreams=only("http://127.0.0.1:1/v1")) as served:
        assert (await refusal(served))[0] == 502


@pytest.mark.parametrize(
    ("path", "status"), [("/organization/keys", 403), ("/accrue/socket", 404), ("/x/%2e%2e/y", 400)]
)
async def test_paths_that_are_not_passed_on_are_refused(
    served: Served, upstream: ScriptedUpstream, path: str, status: int
) -> None:
    assert (await refusal(served, path))[0] == status
    assert upstream.requests() == []


async def test_a_memory_mode_that_does_not_exist_is_refused(served: Served, upstream: ScriptedUpstream) -> None:
    status, body, _ = await refusal(served, **{"x-accrue-memory": "sometimes"})
    assert (status, b"invalid_memory_mode" in body) == (400, True)


@pytest.mark.promise("P1")
async def test_other_paths_are_carried_without_being_read(served: Served, upstream: ScriptedUpstream) -> None:
    url = socket_url(served, "/realtime?model=gpt-realtime&x=%20")
    async with asyncio.timeout(10), connect(url, subprotocols=PROTOCOLS, max_size=None, proxy=None) as socket:
        assert socket.subprotocol == PROTOCOLS[0]
        for message in ("", "wörds", b"\x00\xff", "x" * 3_000_000, b"y" * 3_000_000):
            await socket.send(message)
            assert await socket.recv() == message
        assert "sec-websocket-extensions" not in socket.response.headers  # type: ignore[union-attr] # after the handshake
    assert upstream.requests()[0].target == "/v1/realtime?model=gpt-realtime&x=%20"


async def test_messages_in_pieces_arrive_whole(served: Served) -> None:
    async with asyncio.timeout(10), connect(socket_url(served, "/realtime"), proxy=None) as socket:
        await socket.send(["on", "e", " message"])
        assert await socket.recv() == "one message"


@pytest.mark.promise("P1")
async def test_the_handshake_reaches_the_upstream_without_what_is_ours(
    served: Served, upstream: ScriptedUpstream
) -> None:
    headers = {"authorization": "Bearer sk-1", "openai-beta": "x=1", "x-accrue-user": "ada"}
    async with connect(socket_url(served), additional_headers=headers, proxy=None):
        pass
    sent = {name.lower(): value for name, value in upstream.requests()[0].headers}
    assert (sent[b"authorization"], sent[b"openai-beta"]) == (b"Bearer sk-1", b"x=1")
    assert b"x-accrue-user" not in sent


async def test_long_headers_are_no_hindrance(served: Served, upstream: ScriptedUpstream) -> None:
    long = "x" * 60_000
    async with asyncio.timeout(5), connect(socket_url(served), additional_headers={"x-long": long}, proxy=None):
        pass
    assert (b"x-long", long.encode()) in upstream.requests()[0].headers


async def test_a_client_that_vanishes_closes_the_upstream(serve: Serve, upstream: ScriptedUpstream) -> None:
    async with serve() as served, connect(socket_url(served), proxy=None) as socket:
        socket.transport.abort()
    assert [request.body for request in upstream.requests() if request.method == "CLOSE"] == [b"1000 "]


async def test_a_close_without_a_code_is_passed_on_as_a_normal_one(served: Served, upstream: ScriptedUpstream) -> None:
    async with aiohttp.ClientSession() as http, http.ws_connect(served.url + "/responses") as socket:
        upstream.script([Step(framing="close", status=3999)])
        await socket.send_str("bye")
        closed = await socket.receive()
    assert (closed.type, closed.data) == (aiohttp.WSMsgType.CLOSE, 3999)


async def test_a_shutdown_closes_open_sockets(serve: Serve) -> None:
    async with serve() as served:
        socket = await connect(socket_url(served), proxy=None)
    with pytest.raises(ConnectionClosed) as closed:
        await socket.recv()
    assert closed.value.rcvd is not None
    assert closed.value.rcvd.code == 1012


@pytest.mark.parametrize("method", ["POST", "PUT"])
async def test_an_offer_of_websocket_that_is_no_handshake_is_ignored(
    served: Served, upstream: ScriptedUpstream, method: str
) -> None:
    head = f"{method} /v1/files HTTP/1.1\r\nhost: localhost\r\ncontent-length: 2\r\nconnection: close, upgrade\r\n"
    answer = await talk(served, head.encode() + b"upgrade: websocket\r\n\r\n{}")
    assert answer.startswith(b"HTTP/1.1 200")
    assert upstream.requests()[-1].body == b"{}"


@pytest.mark.parametrize("line", [b"", b"sec-websocket-version: 13\r\n", b"sec-websocket-key: x\r\n"])
async def test_a_handshake_that_is_none_is_refused_by_the_server(
    served: Served, upstream: ScriptedUpstream, line: bytes
) -> None:
    head = b"GET /v1/responses HTTP/1.1\r\nhost: localhost\r\nconnection: upgrade\r\nupgrade: websocket\r\n"
    assert b" 4" in (await talk(served, head + line + b"\r\n")).splitlines()[0]
    assert upstream.requests() == []


async def test_a_message_above_the_limit_is_refused(serve: Serve, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("gateway.serve.MAX_MESSAGE_BYTES", 1000)
    async with serve() as served, connect(socket_url(served, "/realtime"), proxy=None) as socket:
        await socket.send("x" * 1001)
        with pytest.raises(ConnectionClosed) as closed:
            await socket.recv()
    assert closed.value.rcvd is not None
    assert closed.value.rcvd.code == 1009


async def test_a_client_that_does_not_read_slows_the_upstream_down(serve: Serve) -> None:
    written: asyncio.Future[int] = asyncio.get_running_loop().create_future()
    megabyte = b"\x82\x7f" + (1 << 20).to_bytes(8, "big") + bytes(1 << 20)

    async def flood(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        for count in range(200):
            writer.write(megabyte)
            try:
                async with asyncio.timeout(1):
                    await writer.drain()
            except TimeoutError:
                written.set_result(count)
                break
        await reader.read()

    async with (
        asyncio.timeout(20),
        serving(accepting(UPGRADE, [], then=flood)) as url,
        serve(upstreams=only(url)) as served,
        connect(socket_url(served, "/realtime"), max_size=None, proxy=None) as socket,
    ):
        assert await written < 100
        socket.transport.abort()


async def test_a_client_that_is_gone_is_told_apart_from_a_fault() -> None:
    async def receive() -> dict[str, object]:
        return {"type": "websocket.disconnect", "code": 1005}

    async def send(event: object) -> None:
        raise OSError

    await websocket._answer(send, 426, [], b"")
    client = websocket._Client(receive, send)
    await client.accept(None, [])
    await client.close(Closing(code=1000))
    with pytest.raises(ClientGone):
        await client.send("late")
    assert await client.receive() == Closing(code=1000)
