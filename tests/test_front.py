"""The front of the server, over real sockets: what it lets in, for how long it waits, and how it says no."""

from __future__ import annotations

import asyncio
import contextlib
import json
from collections.abc import AsyncIterator

import pytest
from websockets.asyncio.client import connect

from gateway import front
from gateway import serve as serving
from gateway.sections import Server
from gateway.testing import ScriptedUpstream, Step
from tests.conftest import Serve, Served

CHAT = b'{"model":"m","messages":[{"role":"user","content":"hi"}]}'
LIVE = b"GET /livez HTTP/1.1\r\nhost: localhost\r\n\r\n"
EXPECTED_S = 10
"""For what takes a moment."""


def port(served: Served) -> int:
    return int(served.url.split(":")[2].split("/")[0])


class Client:
    """One connection."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.reader, self.writer = reader, writer

    def send(self, data: bytes) -> None:
        self.writer.write(data)

    async def answer(self) -> tuple[int, bytes]:
        """The next answer, which has a length."""
        async with asyncio.timeout(EXPECTED_S):
            head = await self.reader.readuntil(b"\r\n\r\n")
            length = int(head.lower().partition(b"content-length: ")[2].partition(b"\r\n")[0])
            return int(head.split(b" ")[1]), head + await self.reader.readexactly(length)

    async def end(self) -> bytes:
        """What comes until the server closes, or breaks off."""
        received = b""
        async with asyncio.timeout(EXPECTED_S):
            with contextlib.suppress(ConnectionError):
                while data := await self.reader.read(65_536):
                    received += data
        return received


@contextlib.asynccontextmanager
async def connected(served: Served) -> AsyncIterator[Client]:
    reader, writer = await asyncio.open_connection("127.0.0.1", port(served))
    try:
        yield Client(reader, writer)
    finally:
        writer.close()


async def said(served: Served, request: bytes) -> bytes:
    """Everything that one connection gets."""
    async with connected(served) as client:
        client.send(request)
        return await client.end()


def refusal(answer: bytes) -> tuple[int, str]:
    """Status and code of the one answer there is, which is in OpenAI's shape and the last of its connection."""
    head, _, body = answer.partition(b"\r\n\r\n")
    assert b"connection: close" in head
    assert f"content-length: {len(body)}".encode() in head
    return int(head.split(b" ")[1]), json.loads(body)["error"]["code"]


def counted(served: Served, line: str) -> int:
    counters = served.parts.telemetry.render().decode().splitlines()
    return next((int(float(counter.split()[-1])) for counter in counters if counter.startswith(f"{line} ")), 0)


def settled(served: Served) -> int:
    """Calls of which it is known what became of them, whatever that was."""
    names = ("accrue_recorded_total", "accrue_unrecorded_total", "accrue_refused_total")
    lines = served.parts.telemetry.render().decode().splitlines()
    return sum(int(float(line.split()[-1])) for line in lines if line.startswith(names))


def post(body: bytes, *lines: str) -> bytes:
    head = ["POST /v1/chat/completions HTTP/1.1", "host: localhost", f"content-length: {len(body)}", *lines]
    return "\r\n".join(head).encode() + b"\r\n\r\n" + body


CHUNKED = b"POST /v1/files HTTP/1.1\r\nhost: localhost\r\ntransfer-encoding: chunked\r\n\r\n"


async def test_a_head_that_does_not_come_whole_is_refused_and_counted(serve: Serve) -> None:
    async with serve(server=Server(port=0, header_timeout_s=0.2)) as served:
        assert refusal(await said(served, b"GET /v1/models HTT")) == (408, "request_timeout")
        assert counted(served, "accrue_received_total") == 1
        assert counted(served, 'accrue_refused_total{status="408"}') == 1


async def test_a_body_that_does_not_come_whole_is_refused_and_counted_once(
    serve: Serve, upstream: ScriptedUpstream
) -> None:
    async with serve(server=Server(port=0, body_timeout_s=0.2)) as served:
        assert refusal(await said(served, post(CHAT)[:-1])) == (408, "request_timeout")
        assert counted(served, "accrue_received_total") == 1
        assert counted(served, 'accrue_unrecorded_total{reason="gone"}') == 1
        assert counted(served, 'accrue_refused_total{status="408"}') == 0
        assert upstream.requests() == []


async def test_the_rest_of_a_body_whose_request_is_answered_is_not_awaited_for_ever(serve: Serve) -> None:
    async with serve(server=Server(port=0, body_timeout_s=0.3)) as served, connected(served) as client:
        client.send(b"POST /livez HTTP/1.1\r\nhost: localhost\r\ncontent-length: 9\r\n\r\n")
        assert (await client.answer())[0] == 405
        assert await client.end() == b""


async def test_a_request_that_is_answered_before_it_was_all_there_leaves_the_connection_usable(
    served: Served,
) -> None:
    async with connected(served) as client:
        client.send(b"POST /livez HTTP/1.1\r\nhost: localhost\r\ncontent-length: 9\r\n\r\n")
        assert (await client.answer())[0] == 405
        client.send(b"123456789" + LIVE)
        assert (await client.answer())[0] == 200


async def test_a_body_that_is_still_coming_keeps_an_answered_connection_from_being_idle(
    serve: Serve, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(serving, "KEEP_ALIVE_S", 0.2)
    async with serve() as served, connected(served) as client:
        client.send(b"POST /livez HTTP/1.1\r\nhost: localhost\r\ncontent-length: 9\r\n\r\n")
        assert (await client.answer())[0] == 405
        assert await said(served, b"") == b""  # which takes as long
        client.send(b"123456789" + LIVE)
        assert (await client.answer())[0] == 200
        client.send(b"POST /livez HTTP/1.1\r\nhost: localhost\r\ncontent-length: 9\r\n\r\n")
        assert (await client.answer())[0] == 405
        client.send(b"123456789")
        assert await client.end() == b""


async def cut_off(served: Served, client: Client) -> None:
    """Wait until the connection is reset, which a socket says when it is written to."""
    async with asyncio.timeout(EXPECTED_S):
        while not client.writer.transport.is_closing():
            client.send(b"\r\n")
            await said(served, LIVE.replace(b"host", b"connection: close\r\nhost"))


async def test_a_client_that_takes_nothing_of_its_answer_is_let_go(serve: Serve, upstream: ScriptedUpstream) -> None:
    upstream.script([Step(chunks=[b"x" * (1 << 20)] * 64)])
    async with serve(server=Server(port=0, send_timeout_s=0.3)) as served, connected(served) as client:
        client.writer.transport.pause_reading()  # type: ignore[attr-defined] # it reads, as every socket's
        client.send(post(CHAT))
        await cut_off(served, client)


async def test_a_client_that_takes_its_answer_late_gets_all_of_it(serve: Serve, upstream: ScriptedUpstream) -> None:
    upstream.script([Step(chunks=[b"x" * (1 << 20)] * 16)])
    async with serve(server=Server(port=0, send_timeout_s=5)) as served, connected(served) as client:
        client.writer.transport.pause_reading()  # type: ignore[attr-defined] # it reads, as every socket's
        client.send(post(CHAT))
        async with asyncio.timeout(EXPECTED_S):
            while not upstream.requests():
                await said(served, LIVE.replace(b"host", b"connection: close\r\nhost"))
        client.writer.transport.resume_reading()  # type: ignore[attr-defined] # as above
        assert (await client.answer())[1].count(b"x" * 1024) == 16 << 10
        client.send(LIVE)
        assert (await client.answer())[0] == 200


async def test_a_client_that_goes_on_when_it_is_refused_is_cut_off(
    served: Served, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(front, "LINGER_S", 0.1)
    async with connected(served) as client:
        client.send(b"nonsense\r\n\r\n")
        assert refusal(await client.end()) == (400, "invalid_http")
        await cut_off(served, client)


@pytest.mark.parametrize("pieces", [1, 50])
async def test_a_head_that_is_too_large_is_refused_however_it_comes(serve: Serve, pieces: int) -> None:
    async with serve(server=Server(port=0, max_header_bytes=2_048)) as served, connected(served) as client:
        client.send(b"GET /livez HTTP/1.1\r\nhost: localhost\r\na: ")
        for _ in range(pieces):
            client.send(b"b" * (5_000 // pieces))
            await client.writer.drain()
        client.send(b"\r\n\r\n")
        assert refusal(await client.end()) == (431, "headers_too_large")


@pytest.mark.parametrize(
    "flood", [b"0\r\n" + b"a: b\r\n" * 3_000, b"0\r\na: " + b"b" * 20_000, b"1;" + b"x=y;" * 5_000]
)
async def test_what_stands_around_a_body_is_limited_as_well(serve: Serve, flood: bytes) -> None:
    async with serve(server=Server(port=0, max_header_bytes=2_048)) as served:
        assert refusal(await said(served, CHUNKED + flood)) == (431, "headers_too_large")


async def test_a_body_in_the_smallest_chunks_is_none_too_large_for_its_size(
    serve: Serve, upstream: ScriptedUpstream
) -> None:
    async with serve(server=Server(port=0, max_header_bytes=1_024)) as served, connected(served) as client:
        client.send(CHUNKED + b"1\r\na\r\n" * 20_000 + b"0\r\n\r\n")
        await client.answer()
        assert upstream.requests()[-1].body == b"a" * 20_000


@pytest.mark.parametrize(
    "request_bytes", [post(b"x" * 101), CHUNKED + b"33\r\n" + b"x" * 51 + b"\r\n33\r\n" + b"x" * 51 + b"\r\n"]
)
async def test_a_body_that_is_too_large_is_refused_announced_or_not(
    serve: Serve, upstream: ScriptedUpstream, request_bytes: bytes
) -> None:
    async with serve(server=Server(port=0, max_body_bytes=100)) as served:
        assert refusal(await said(served, request_bytes)) == (413, "body_too_large")
        assert counted(served, "accrue_received_total") == 1
        assert upstream.requests() == []


async def test_a_client_that_is_still_sending_hears_why_it_is_refused(serve: Serve) -> None:
    async with serve(server=Server(port=0, max_body_bytes=100)) as served:
        assert refusal(await said(served, post(b"x" * (4 << 20)))) == (413, "body_too_large")


async def test_a_bad_request_behind_a_good_one_is_refused_in_its_turn(
    served: Served, upstream: ScriptedUpstream
) -> None:
    upstream.script([Step(hold=[0], chunks=[b"good"])])
    async with connected(served) as client:
        client.send(post(CHAT) + b"nonsense\r\n\r\n")
        upstream.release()
        status, answer = await client.answer()
        assert (status, answer[-4:]) == (200, b"good")
        assert refusal(await client.end()) == (400, "invalid_http")


async def test_a_request_that_waits_for_its_turn_and_ends_badly_is_never_begun(
    served: Served, upstream: ScriptedUpstream
) -> None:
    upstream.script([Step(hold=[0], chunks=[b"good"])])
    async with connected(served) as client:
        client.send(post(CHAT) + CHUNKED + b"1\r\na\r\nnonsense\r\n")
        upstream.release()
        assert (await client.answer())[0] == 200
        assert refusal(await client.end()) == (400, "invalid_http")
    assert len(upstream.requests()) == 1
    assert counted(served, 'accrue_refused_total{status="400"}') == 1


async def test_a_head_that_is_late_behind_a_request_does_not_cut_its_answer(
    serve: Serve, upstream: ScriptedUpstream
) -> None:
    upstream.script([Step(hold=[0], chunks=[b"good"])])
    async with serve(server=Server(port=0, header_timeout_s=0.2)) as served, connected(served) as client:
        client.send(post(CHAT) + b"GET /v1")
        await said(served, b"GET")  # which takes as long
        upstream.release()
        assert (await client.answer())[1].endswith(b"good")
        assert refusal(await client.end()) == (408, "request_timeout")


async def test_pipelined_requests_are_answered_in_order(served: Served, upstream: ScriptedUpstream) -> None:
    upstream.script([Step(chunks=[b"first"]), Step(chunks=[b"second"])])
    async with connected(served) as client:
        client.send(post(CHAT) + post(CHAT) + LIVE)
        answers = [(await client.answer())[1].rpartition(b"\r\n\r\n")[2] for _ in range(3)]
    assert answers == [b"first", b"second", b"ok\n"]


@pytest.mark.parametrize("first", [b"", b"\r\n\r\n", LIVE, LIVE + b"\r\n"])
async def test_an_idle_connection_is_closed_without_a_word(
    serve: Serve, monkeypatch: pytest.MonkeyPatch, first: bytes
) -> None:
    monkeypatch.setattr(serving, "KEEP_ALIVE_S", 0.2)
    async with serve() as served, connected(served) as client:
        client.send(first)
        if LIVE in first:
            assert (await client.answer())[0] == 200
        assert await client.end() == b""
        assert counted(served, "accrue_received_total") == 0


async def test_more_requests_than_there_may_be_are_asked_to_come_again(
    serve: Serve, upstream: ScriptedUpstream
) -> None:
    upstream.script([Step(hold=[0], chunks=[b"good"])])
    async with serve(server=Server(port=0, max_requests=1)) as served, connected(served) as client:
        client.send(post(CHAT))
        async with asyncio.timeout(EXPECTED_S):
            while not upstream.requests():
                await asyncio.to_thread(upstream.requests)
        shed = await said(served, post(CHAT))
        assert refusal(shed) == (503, "overloaded")
        assert b"retry-after: 1\r\n" in shed
        for path in (b"/livez", b"/readyz", b"/metrics"):
            spared = await said(served, b"GET %b HTTP/1.1\r\nhost: localhost\r\nconnection: close\r\n\r\n" % path)
            assert spared.startswith(b"HTTP/1.1 200")
        upstream.release()
        assert (await client.answer())[0] == 200
        client.send(post(CHAT))
        assert (await client.answer())[0] == 200


async def test_more_connections_than_there_may_be_are_of_use_to_watch_us_only(serve: Serve) -> None:
    async with serve(server=Server(port=0, max_connections=1)) as served, connected(served) as first:
        first.send(LIVE)
        assert (await first.answer())[0] == 200
        async with connected(served) as second:
            second.send(LIVE)
            assert (await second.answer())[0] == 200
            second.send(post(CHAT))
            assert refusal(await second.end()) == (503, "overloaded")
        first.send(post(CHAT))
        assert (await first.answer())[0] == 200


async def test_an_open_websocket_is_no_request_that_could_be_late(serve: Serve) -> None:
    limits = Server(port=0, header_timeout_s=0.2, body_timeout_s=0.2, max_requests=1)
    async with serve(server=limits) as served:
        url = served.url.replace("http", "ws") + "/realtime"
        async with connect(url, additional_headers={"authorization": "Bearer k"}, proxy=None) as socket:
            await said(served, b"GET")  # which takes as long
            await socket.send("still there")
            assert await socket.recv() == "still there"


def handshake(*lines: str) -> bytes:
    offer = ["connection: upgrade", "upgrade: websocket", "sec-websocket-version: 13"]
    key = "sec-websocket-key: dGhlIHNhbXBsZSBub25jZQ=="
    return "\r\n".join(["GET /v1/realtime HTTP/1.1", *offer, key, *lines]).encode() + b"\r\n\r\n"


@pytest.mark.parametrize("lines", [[], ["host: localhost", "host: y"], ["host: localhost", "content-length: 3"]])
async def test_a_handshake_goes_through_the_same_gate(served: Served, lines: list[str]) -> None:
    assert refusal(await said(served, handshake(*lines))) == (400, "invalid_http")


async def test_a_handshake_may_have_as_many_headers_as_any_request(served: Served) -> None:
    lines = [f"x-{number}: y" for number in range(500)]
    async with connected(served) as client:
        client.send(handshake("host: localhost", *lines))
        async with asyncio.timeout(EXPECTED_S):
            assert (await client.reader.readuntil(b"\r\n\r\n")).startswith(b"HTTP/1.1 101")


@pytest.mark.parametrize("connection", ["connection: keep-alive", "connection: close"])
async def test_what_names_a_websocket_and_asks_for_none_is_a_request(served: Served, connection: str) -> None:
    plain = f"GET /livez HTTP/1.1\r\nhost: localhost\r\nupgrade: websocket\r\n{connection}\r\n\r\n".encode()
    async with connected(served) as client:
        client.send(plain)
        assert (await client.answer())[0] == 200


async def test_several_connection_headers_offer_a_websocket_all_the_same(
    served: Served, upstream: ScriptedUpstream
) -> None:
    async with connected(served) as client:
        client.send(handshake("host: localhost", "connection: keep-alive"))
        async with asyncio.timeout(EXPECTED_S):
            assert (await client.reader.readuntil(b"\r\n\r\n")).startswith(b"HTTP/1.1 101")
    assert len(upstream.requests()) == 1


async def test_blanks_after_a_value_are_no_part_of_it(served: Served, upstream: ScriptedUpstream) -> None:
    async with connected(served) as client:
        client.send(b"POST /v1/files HTTP/1.1\r\nhost: localhost \t\r\ncontent-length: 3 \r\nx-a: b \t\r\n\r\nabc")
        assert (await client.answer())[0] == 200
    (request,) = upstream.requests()
    assert request.body == b"abc"
    assert (b"x-a", b"b") in request.headers


async def test_a_client_that_leaves_pipelined_requests_behind_leaves_none_unsettled(
    served: Served, upstream: ScriptedUpstream
) -> None:
    for _ in range(5):
        async with connected(served) as client:
            client.send(post(CHAT) * 3)
    async with asyncio.timeout(EXPECTED_S):
        while not 0 < counted(served, "accrue_received_total") == settled(served):
            await asyncio.to_thread(upstream.requests)
