"""WebSockets of HttpUpstream against the scripted upstream and against bytes on a socket."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator
from contextlib import aclosing, asynccontextmanager

import pytest
from websockets.utils import accept_key

from gateway.errors import BadRequest, UpgradeRequired, UpstreamTimeout, UpstreamUnreachable
from gateway.ports import Closing, Connection, Headers, Incoming, Opened, Outgoing
from gateway.testing import ScriptedUpstream, Step
from gateway.upstreams import sockets
from gateway.upstreams.http import HttpUpstream
from tests.upstreams.test_http import Script, answering, serving

BROWSER_KEY = b"openai-insecure-api-key.sk-1"
ASK = json.dumps({"type": "response.create", "model": "m", "input": "hello"})


def handshake(target: str = "/responses", headers: Headers | None = None) -> Outgoing:
    return Outgoing(method="GET", target=target, headers=headers or [], body=None)


@pytest.fixture(autouse=True)
def short_closes(monkeypatch: pytest.MonkeyPatch) -> None:
    """Some servers here answer no close."""
    monkeypatch.setattr(sockets, "CLOSE_TIMEOUT_S", 0.5)


@asynccontextmanager
async def opened(
    scripted: ScriptedUpstream, target: str = "/responses", headers: Headers | None = None, api_key: str | None = None
) -> AsyncIterator[Opened]:
    async with asyncio.timeout(10), aclosing(HttpUpstream(scripted.url, api_key=api_key)) as upstream:
        answer = await upstream.connect(handshake(target, headers))
        assert isinstance(answer, Opened)
        yield answer
        await answer.connection.close(Closing(code=1000))


async def closes_of(scripted: ScriptedUpstream) -> list[bytes]:
    return [request.body for request in scripted.requests() if request.method == "CLOSE"]


async def test_messages_travel_both_ways_as_they_are(scripted: ScriptedUpstream) -> None:
    async with opened(scripted, "/realtime?model=m") as answer:
        for message in ("", "wörds", b"\x00\xff", "x" * 5_000_000):
            await answer.connection.send(message)
            assert await answer.connection.receive() == message
    assert scripted.requests()[0].target == "/v1/realtime?model=m"


@pytest.mark.promise("P1")
async def test_the_handshake_carries_the_clients_headers_and_a_handshake_of_our_own(
    scripted: ScriptedUpstream,
) -> None:
    sent = [
        (b"authorization", b"Bearer theirs"),
        (b"openai-beta", b"responses_websockets=2026-02-06"),
        (b"x-two", b"1"),
        (b"x-two", b"2"),
        (b"sec-websocket-key", b"dGhlIHNhbXBsZSBub25jZQ=="),
        (b"sec-websocket-version", b"13"),
        (b"sec-websocket-extensions", b"permessage-deflate; client_max_window_bits"),
    ]
    async with opened(scripted, headers=sent):
        pass
    (request,) = (request for request in scripted.requests() if request.method == "GET")
    lines = [(name.lower(), value) for name, value in request.headers]
    assert [line for line in lines if line in sent] == [*sent[:4], (b"sec-websocket-version", b"13")]
    names = [name for name, _ in lines]
    assert (names.count(b"sec-websocket-key"), names.count(b"sec-websocket-extensions")) == (1, 0)


async def test_a_subprotocol_is_offered_and_the_chosen_one_told(scripted: ScriptedUpstream) -> None:
    lines = b"connection: Upgrade\r\nupgrade: websocket\r\nx-request-id: r1\r\nsec-websocket-protocol: realtime\r\n"
    seen: list[bytes] = []

    async with asyncio.timeout(5), serving(accepting(lines, seen)) as url, aclosing(HttpUpstream(url)) as upstream:
        offer = [
            (b"sec-websocket-protocol", b"realtime, openai-insecure-api-key.sk-1"),
            (b"sec-websocket-protocol", b"x"),
        ]
        answer = await upstream.connect(handshake(headers=offer))
        assert isinstance(answer, Opened)
        assert answer.subprotocol == "realtime"
        assert (b"x-request-id", b"r1") in answer.headers
        await answer.connection.close(Closing(code=1000))
    assert b"sec-websocket-protocol: realtime,openai-insecure-api-key.sk-1,x\r\n" in seen[0].lower()


async def test_a_configured_key_takes_the_place_of_the_clients(scripted: ScriptedUpstream) -> None:
    sent = [
        (b"authorization", b"Bearer theirs"),
        (b"cookie", b"theirs"),
        (b"sec-websocket-protocol", b"realtime, openai-insecure-api-key.sk-1"),
    ]
    async with opened(scripted, "/realtime?model=m&api-key=theirs", headers=sent, api_key="ours"):
        pass
    (request,) = (request for request in scripted.requests() if request.method == "GET")
    assert request.target == "/v1/realtime?model=m"
    headers = {name.lower(): value for name, value in request.headers}
    assert b"cookie" not in headers
    assert (headers[b"authorization"], headers[b"sec-websocket-protocol"]) == (b"Bearer ours", b"realtime")


@pytest.mark.parametrize("status", [200, 204, 301, 400, 403, 404, 405, 426, 500, 501, 503])
async def test_an_upstream_without_websocket_is_one_that_needs_http(scripted: ScriptedUpstream, status: int) -> None:
    scripted.script([Step(status=status, headers=[("location", "/v1/elsewhere")])])
    async with asyncio.timeout(5), aclosing(HttpUpstream(scripted.url)) as upstream:
        with pytest.raises(UpgradeRequired, match=f"it answered with {status}"):
            await upstream.connect(handshake())
    assert len(scripted.requests()) == 1


@pytest.mark.parametrize("status", [401, 429])
async def test_a_refusal_of_the_caller_is_told_as_it_is(scripted: ScriptedUpstream, status: int) -> None:
    scripted.script([Step(status=status, headers=[("retry-after", "3")], chunks=[b'{"error":{}}'])])
    async with asyncio.timeout(5), aclosing(HttpUpstream(scripted.url)) as upstream:
        answer = await upstream.connect(handshake())
        assert isinstance(answer, Incoming)
        assert (answer.status, b"".join([chunk async for chunk in answer.chunks])) == (status, b'{"error":{}}')
        assert (b"retry-after", b"3") in answer.headers


@pytest.mark.parametrize(
    "script",
    [
        answering(b""),
        answering(b"nonsense\r\n\r\n"),
        answering(b"HTTP/1.1 101 Switching Protocols\r\nconnection: upgrade\r\nupgrade: websocket\r\n\r\n"),
    ],
    ids=["nothing", "no HTTP", "no proof"],
)
async def test_a_handshake_that_fails_on_the_way_needs_http(script: Script) -> None:
    async with asyncio.timeout(5), serving(script) as url, aclosing(HttpUpstream(url)) as upstream:
        with pytest.raises(UpgradeRequired, match="did not answer the handshake"):
            await upstream.connect(handshake())


async def test_a_handshake_without_an_answer_is_given_up(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sockets, "HANDSHAKE_TIMEOUT_S", 0.05)

    async def silent(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.read()

    async with asyncio.timeout(5), serving(silent) as url, aclosing(HttpUpstream(url)) as upstream:
        with pytest.raises(UpgradeRequired, match="did not answer the handshake"):
            await upstream.connect(handshake())


async def test_an_upstream_that_is_not_there_is_unreachable() -> None:
    async with aclosing(HttpUpstream("http://127.0.0.1:1/v1")) as upstream:
        with pytest.raises(UpstreamUnreachable, match="connection refused"):
            await upstream.connect(handshake())


async def test_an_upstream_out_of_reach_is_a_timeout() -> None:
    async with aclosing(HttpUpstream("http://192.0.2.1/v1", connect_timeout_s=0.05)) as upstream:
        with pytest.raises((UpstreamTimeout, UpstreamUnreachable)):
            await upstream.connect(handshake())


async def test_a_handshake_that_no_http_can_carry_is_the_clients_fault(scripted: ScriptedUpstream) -> None:
    async with aclosing(HttpUpstream(scripted.url)) as upstream:
        with pytest.raises(BadRequest):
            await upstream.connect(handshake(headers=[(b"a", b"b\r\nc: d")]))
    assert scripted.requests() == []


async def test_the_upstreams_close_is_told_with_its_code_and_reason(scripted: ScriptedUpstream) -> None:
    async with opened(scripted) as answer:
        scripted.script([Step(chunks=[b"last"], framing="close", status=4002)])
        await answer.connection.send(ASK)
        assert await answer.connection.receive() == "last"
        assert await answer.connection.receive() == Closing(code=4002)


@pytest.mark.parametrize(
    ("given", "code"),
    [
        (b"", 1000),
        (b"\x03\xee", 1000),
        (b"\x03\xe9", 1001),
        (b"\x13\x87", 4999),
        (b"\x13\x88", 1011),
        (b"\xff\xff", 1011),
    ],
)
async def test_a_close_without_a_code_is_a_normal_one_and_one_that_nobody_may_send_an_error(
    given: bytes, code: int
) -> None:
    script = accepting(UPGRADE, [], b"\x88%c%b" % (len(given), given))
    async with asyncio.timeout(5), serving(script) as url, aclosing(HttpUpstream(url)) as upstream:
        answer = await upstream.connect(handshake())
        assert isinstance(answer, Opened)
        assert await answer.connection.receive() == Closing(code=code)
        await answer.connection.close(Closing(code=1000))


async def test_our_close_is_told_to_the_upstream(scripted: ScriptedUpstream) -> None:
    async with opened(scripted) as answer:
        await answer.connection.close(Closing(code=4001, reason="bye"))
        await answer.connection.close(Closing(code=4001))
        with pytest.raises(UpstreamUnreachable):
            await answer.connection.send("late")
    assert await closes_of(scripted) == [b"4001 bye"]


@pytest.mark.promise("P3")
async def test_a_death_is_told_after_what_came_before_it(scripted: ScriptedUpstream) -> None:
    async with opened(scripted) as answer:
        scripted.script([Step(chunks=[b"one", b"two"], cut=3)])
        await answer.connection.send(ASK)
        assert await answer.connection.receive() == "one"
        with pytest.raises(UpstreamUnreachable, match="broke off the connection"):
            await answer.connection.receive()
        with pytest.raises(UpstreamUnreachable):
            await answer.connection.receive()
        with pytest.raises(UpstreamUnreachable):
            await answer.connection.send("late")


async def test_a_silent_death_is_noticed(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sockets, "HEARTBEAT_S", 0.05)
    async with asyncio.timeout(5), serving(accepting(UPGRADE, [])) as url, aclosing(HttpUpstream(url)) as upstream:
        answer = await upstream.connect(handshake())
        assert isinstance(answer, Opened)
        with pytest.raises(UpstreamUnreachable):
            await answer.connection.receive()


async def test_an_upstream_that_reads_nothing_holds_the_sender_back() -> None:
    async with asyncio.timeout(10), serving(accepting(UPGRADE, [])) as url, aclosing(HttpUpstream(url)) as upstream:
        answer = await upstream.connect(handshake())
        assert isinstance(answer, Opened)
        with pytest.raises(TimeoutError):
            async with asyncio.timeout(0.5):
                await fill(answer.connection)
        await answer.connection.close(Closing(code=1000))


async def fill(connection: Connection) -> None:
    while True:
        await connection.send(b"x" * 1_000_000)


UPGRADE = b"connection: Upgrade\r\nupgrade: websocket\r\n"


async def holding(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    reader._transport.pause_reading()  # type: ignore[attr-defined] # asyncio's, which has no public way to it
    await asyncio.Event().wait()


def accepting(lines: bytes, seen: list[bytes], frames: bytes = b"", then: Script = holding) -> Script:
    """Accepts a handshake with these header lines, sends these bytes, and goes on as told: by reading nothing more."""

    async def script(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        head = await reader.readuntil(b"\r\n\r\n")
        seen.append(head)
        key = next(line.partition(b":")[2].strip() for line in head.split(b"\r\n") if b"-key:" in line.lower())
        proof = b"sec-websocket-accept: " + accept_key(key.decode()).encode()
        writer.write(b"HTTP/1.1 101 Switching Protocols\r\n%b%b\r\n\r\n%b" % (lines, proof, frames))
        await writer.drain()
        await then(reader, writer)

    return script
