"""HttpUpstream against bytes on a socket."""

from __future__ import annotations

import asyncio
import gzip
import socket
import struct
from collections.abc import AsyncGenerator, AsyncIterator, Awaitable, Callable
from contextlib import aclosing, asynccontextmanager

import pytest

from gateway.errors import BadRequest, ConfigError, UpstreamTimeout, UpstreamUnreachable
from gateway.ports import Headers, Incoming, Outgoing
from gateway.testing import ScriptedUpstream, Step
from gateway.upstreams.http import LARGE_BODY_BYTES, HttpUpstream

Script = Callable[[asyncio.StreamReader, asyncio.StreamWriter], Awaitable[None]]
OK = b"HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\nok"

SECRETS = (
    b"x-api-key",
    b"authorization",
    b"api-key",
    b"X-Goog-Api-Key",
    b"ocp-apim-subscription-key",
    b"x-litellm-api-key",
    b"cookie",
    b"x-openwebui-user-jwt",
)


def outgoing(
    target: str = "/x",
    *,
    method: str = "POST",
    headers: Headers | None = None,
    body: bytes | AsyncIterator[bytes] | None = b"{}",
) -> Outgoing:
    return Outgoing(method=method, target=target, headers=headers or [], body=body)


async def send(upstream: HttpUpstream, request: Outgoing) -> Incoming:
    async with asyncio.timeout(5):
        return await upstream.send(request)


async def read(answer: Incoming) -> bytes:
    async with asyncio.timeout(5):
        return b"".join([chunk async for chunk in answer.chunks])


async def read_request(reader: asyncio.StreamReader) -> bytes:
    """The bytes of one request with the body `{}` or none."""
    head = await reader.readuntil(b"\r\n\r\n")
    return head + (await reader.readexactly(2) if b"content-length: 2" in head.lower() else b"")


@asynccontextmanager
async def serving(*scripts: Script) -> AsyncGenerator[str]:
    """A server whose n-th connection follows the n-th script, the last one for all later ones; yields its URL."""
    left = list(scripts)
    running: set[asyncio.Task[None]] = set()

    async def connected(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        script = left.pop(0) if len(left) > 1 else left[0]
        task = asyncio.current_task()
        assert task is not None
        running.add(task)
        try:
            await script(reader, writer)
        finally:
            writer.close()

    server = await asyncio.start_server(connected, "127.0.0.1", 0)
    try:
        yield f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}/v1"
    finally:
        server.close()
        for task in running:
            task.cancel()
        await asyncio.gather(*running, return_exceptions=True)


def answering(*answers: bytes, seen: list[bytes] | None = None) -> Script:
    """One answer per request, then the end of the connection; an empty answer is the end without one."""

    async def script(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        for answer in answers:
            request = await read_request(reader)
            if seen is not None:
                seen.append(request)
            writer.write(answer)
            await writer.drain()

    return script


async def holding(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    """Reads and never answers."""
    await reader.read()


def reset(writer: asyncio.StreamWriter) -> None:
    """End a connection with RST instead of FIN."""
    connection: socket.socket = writer.get_extra_info("socket")
    connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    writer.transport.abort()


@pytest.mark.promise("P1")
async def test_the_wire_shows_the_request_and_nothing_more() -> None:
    seen: list[bytes] = []
    headers = [(b"authorization", b"Bearer mine"), (b"x-two", b"1"), (b"accept", b"a/b"), (b"x-two", "é".encode())]
    async with serving(answering(OK, seen=seen)) as url, aclosing(HttpUpstream(url)) as upstream:
        await read(await send(upstream, outgoing("/chat/completions?a=%2F", headers=headers)))
    assert seen == [
        b"POST /v1/chat/completions?a=%2F HTTP/1.1\r\nHost: "
        + url[7:-3].encode()
        + b"\r\nauthorization: Bearer mine\r\nx-two: 1\r\naccept: a/b\r\nx-two: \xc3\xa9\r\nContent-Length: 2\r\n\r\n{}"
    ]


@pytest.mark.promise("P1")
@pytest.mark.parametrize(
    "target",
    ["", "/a//b", "/a%2Fb/%7e~", "/a/../b/.", "/a?b=%2F&b=+%20", "/a?", "/a?b=c?d", "/a?b=[]|{}", "/%e4", "//evil/x"],
)
async def test_a_target_arrives_as_it_was_written(scripted: ScriptedUpstream, target: str) -> None:
    async with aclosing(HttpUpstream(scripted.url + "/")) as upstream:
        await read(await send(upstream, outgoing(target, method="GET", body=None)))
    assert [request.target for request in scripted.requests()] == ["/v1" + target]


@pytest.mark.promise("P1")
@pytest.mark.parametrize("body", [None, b"", b"\x00\xff", b"x" * (LARGE_BODY_BYTES + 1)], ids=repr)
@pytest.mark.parametrize("method", ["GET", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"])
async def test_a_body_arrives_as_it_was_given(scripted: ScriptedUpstream, method: str, body: bytes | None) -> None:
    wrong = [(b"Content-Length", b"7")]
    async with aclosing(HttpUpstream(scripted.url)) as upstream:
        answer = await send(upstream, outgoing("/files", method=method, headers=wrong, body=body))
        assert await read(answer) == (body or b"")
    (request,) = scripted.requests()
    assert (request.method, request.body) == (method, body or b"")
    if not body and method in ("GET", "OPTIONS"):
        assert [name for name, _ in request.headers] == [b"Host"]


@pytest.mark.parametrize(
    ("given", "framing"), [([], b"transfer-encoding"), ([(b"content-length", b"6")], b"content-length")]
)
async def test_an_upload_is_streamed_and_keeps_the_length_it_came_with(
    scripted: ScriptedUpstream, given: Headers, framing: bytes
) -> None:
    async def pieces() -> AsyncIterator[bytes]:
        yield b"abc"
        yield b"def"

    async with aclosing(HttpUpstream(scripted.url)) as upstream:
        assert await read(await send(upstream, outgoing("/files", headers=given, body=pieces()))) == b"abcdef"
    (request,) = scripted.requests()
    assert framing in {name.lower() for name, _ in request.headers}


@pytest.mark.promise("P1")
@pytest.mark.promise("P3")
async def test_an_answer_arrives_as_it_was_written() -> None:
    body = gzip.compress(b'{"a":1}')
    long = b"x" * 60_000
    head = b"HTTP/1.1 302 Found\r\nLocation: /elsewhere\r\nSet-Cookie: a=1\r\nX-Long: %b\r\nset-cookie: b=\xe9\r\n"
    wire = head % long + b"Content-Encoding: gzip\r\nContent-Length: %d\r\n\r\n%b" % (len(body), body)
    seen: list[bytes] = []
    async with serving(answering(wire, OK, seen=seen)) as url, aclosing(HttpUpstream(url)) as upstream:
        answer = await send(upstream, outgoing())
        assert answer.status == 302
        assert answer.headers == [
            (b"Location", b"/elsewhere"),
            (b"Set-Cookie", b"a=1"),
            (b"X-Long", long),
            (b"set-cookie", b"b=\xe9"),
            (b"Content-Encoding", b"gzip"),
            (b"Content-Length", str(len(body)).encode()),
        ]
        assert await read(answer) == body
        await read(await send(upstream, outgoing()))
    assert b"cookie" not in seen[1].lower()


async def test_a_header_that_is_not_utf_8_is_sent_as_utf_8(scripted: ScriptedUpstream) -> None:
    async with aclosing(HttpUpstream(scripted.url)) as upstream:
        await read(await send(upstream, outgoing(headers=[(b"x-name", b"caf\xe9")])))
    (request,) = scripted.requests()
    assert (b"x-name", "café".encode()) in request.headers


async def test_the_answer_to_head_has_headers_and_no_body(scripted: ScriptedUpstream) -> None:
    async with aclosing(HttpUpstream(scripted.url)) as upstream:
        answer = await send(upstream, outgoing("/models", method="HEAD", body=None))
        assert int(dict(answer.headers)[b"content-length"]) > 0
        assert await read(answer) == b""


@pytest.mark.parametrize(
    ("sent", "arrives"),
    [
        ([], [(b"authorization", b"Bearer ours")]),
        ([(b"Authorization", b"Bearer theirs")], [(b"authorization", b"Bearer ours")]),
        ([(b"x-api-key", b"theirs")], [(b"x-api-key", b"ours")]),
        ([(b"api-key", b"theirs"), (b"authorization", b"x")], [(b"api-key", b"ours")]),
        ([(b"x-goog-api-key", b"theirs")], [(b"authorization", b"Bearer ours")]),
        (
            [(b"authorization", b"Bearer theirs"), (b"anthropic-version", b"2023-06-01")],
            [(b"anthropic-version", b"2023-06-01"), (b"x-api-key", b"ours")],
        ),
        ([(name, b"theirs") for name in SECRETS] + [(b"x-kept", b"1")], [(b"x-kept", b"1"), (b"x-api-key", b"ours")]),
    ],
)
async def test_a_configured_key_takes_the_place_of_the_clients(
    scripted: ScriptedUpstream, sent: Headers, arrives: Headers
) -> None:
    async with aclosing(HttpUpstream(scripted.url, api_key="ours")) as upstream:
        await read(await send(upstream, outgoing(headers=sent)))
    (request,) = scripted.requests()
    assert [line for line in request.headers if line[0].lower() not in (b"host", b"content-length")] == arrives


@pytest.mark.parametrize(("target", "arrives"), [
    ("/a?key=theirs", "/a"),
    ("/a?x=%2f&key=theirs&y=", "/a?x=%2f&y="),
    ("/a?api-key=theirs&api_key=theirs&api-version=2", "/a?api-version=2"),
    ("/a?%6bey=theirs&KEY=theirs&key", "/a"),
    ("/a?keys=1&metadata[key]=2&monkey=key", "/a?keys=1&metadata[key]=2&monkey=key"),
    ("/a?", "/a?"),
    ("/key=1", "/key=1"),
])  # fmt: skip
async def test_no_key_of_the_clients_stays_in_the_query_where_another_is_sent(
    scripted: ScriptedUpstream, target: str, arrives: str
) -> None:
    async with (
        aclosing(HttpUpstream(scripted.url, api_key="ours")) as keyed,
        aclosing(HttpUpstream(scripted.url)) as plain,
    ):
        for upstream in (keyed, plain):
            await read(await send(upstream, outgoing(target)))
    assert [request.target for request in scripted.requests()] == ["/v1" + arrives, "/v1" + target]


@pytest.mark.parametrize(
    "url",
    [
        "",
        "api.example.com/v1",
        "ftp://a/v1",
        "http://",
        "http://u:p@a/v1",
        "http://a/v1?b=c",
        "http://a/#b",
        "http://[/",
    ],
)
def test_a_url_that_is_not_a_plain_base_is_refused(url: str) -> None:
    with pytest.raises(ConfigError, match="upstream url"):
        HttpUpstream(url)


async def test_a_request_that_no_http_can_carry_is_the_clients_fault(scripted: ScriptedUpstream) -> None:
    async with aclosing(HttpUpstream(scripted.url)) as upstream:
        with pytest.raises(BadRequest):
            await send(upstream, outgoing(headers=[(b"a", b"b\r\nc: d")]))
    assert scripted.requests() == []


@pytest.mark.promise("P3")
@pytest.mark.parametrize(
    ("wire", "arrives"),
    [
        (b"content-length: 9\r\n\r\ncut off", b"cut off"),
        (b"transfer-encoding: chunked\r\n\r\n3\r\ncut\r\n", b"cut"),
        (b"transfer-encoding: chunked\r\n\r\n9\r\ncut", b"cut"),
    ],
)
async def test_what_came_before_a_death_is_delivered_even_to_a_late_reader(wire: bytes, arrives: bytes) -> None:
    dying = answering(b"HTTP/1.1 200 OK\r\n" + wire)
    async with serving(dying, answering(OK)) as url, aclosing(HttpUpstream(url)) as upstream:
        answer = await send(upstream, outgoing())
        await read(await send(upstream, outgoing()))  # while this goes to and fro, the end of the other arrives
        assert await anext(answer.chunks) == arrives
        with pytest.raises(UpstreamUnreachable):
            await anext(answer.chunks)
        with pytest.raises(StopAsyncIteration):
            await anext(answer.chunks)


async def test_noise_after_a_whole_answer_changes_nothing() -> None:
    is_answered = asyncio.Event()

    async def noisy(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await answering(OK)(reader, writer)
        await is_answered.wait()
        writer.write(b"nonsense\r\n")

    async with serving(noisy, answering(OK)) as url, aclosing(HttpUpstream(url)) as upstream:
        answer = await send(upstream, outgoing())
        is_answered.set()
        async with aclosing(HttpUpstream(url)) as other:
            await read(await send(other, outgoing()))  # while this goes to and fro, the noise arrives
        assert await read(answer) == b"ok"


async def test_an_answer_that_turns_into_nonsense_is_unreachable(scripted: ScriptedUpstream) -> None:
    head = b"HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n3\r\nabc\r\n"
    scripted.script([Step(chunks=[head, b"nonsense\r\n"], framing="raw", hold=[1, 2])])
    async with asyncio.timeout(5), aclosing(HttpUpstream(scripted.url)) as upstream:
        answer = await send(upstream, outgoing())
        assert await anext(answer.chunks) == b"abc"
        scripted.release()
        with pytest.raises(UpstreamUnreachable):
            await anext(answer.chunks)


@pytest.mark.parametrize(
    ("head", "happened"),
    [
        (b"", "broke off its answer"),
        (b"HTTP/1.1 2", "broke off its answer"),
        (b"nonsense\r\n\r\n", "sent an answer that is not HTTP"),
    ],
)
async def test_a_connection_without_a_whole_head_is_unreachable(head: bytes, happened: str) -> None:
    async with serving(answering(head)) as url, aclosing(HttpUpstream(url)) as upstream:
        with pytest.raises(UpstreamUnreachable, match=happened):
            await send(upstream, outgoing())


async def test_a_host_without_an_address_is_unreachable() -> None:
    async with aclosing(HttpUpstream("http://nowhere.invalid/v1")) as upstream:
        with pytest.raises(UpstreamUnreachable, match=r"nowhere\.invalid cannot be reached: \w"):
            await send(upstream, outgoing())


async def test_an_upstream_that_speaks_no_tls_is_unreachable(scripted: ScriptedUpstream) -> None:
    async with aclosing(HttpUpstream(scripted.url.replace("http:", "https:"))) as upstream:
        with pytest.raises(UpstreamUnreachable, match="cannot be reached: the connection was closed"):
            await send(upstream, outgoing())


async def test_an_upstream_that_answers_tls_with_http_is_unreachable() -> None:
    async def plain(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(OK)
        await reader.read()

    async with serving(plain) as url, aclosing(HttpUpstream(url.replace("http:", "https:"))) as upstream:
        with pytest.raises(UpstreamUnreachable, match=r"cannot be reached: \[SSL: WRONG_VERSION_NUMBER\]"):
            await send(upstream, outgoing())


async def test_no_head_in_time_is_a_timeout() -> None:
    async with serving(holding) as url, aclosing(HttpUpstream(url, read_timeout_s=0.05)) as upstream:
        with pytest.raises(UpstreamTimeout):
            await send(upstream, outgoing())


async def test_a_pause_too_long_in_the_body_is_a_timeout(scripted: ScriptedUpstream) -> None:
    scripted.script([Step(chunks=[b"a", b"b"], hold=[1])])
    async with aclosing(HttpUpstream(scripted.url, read_timeout_s=0.05)) as upstream:
        answer = await send(upstream, outgoing())
        assert await anext(answer.chunks) == b"a"
        with pytest.raises(UpstreamTimeout):
            await anext(answer.chunks)


@pytest.mark.parametrize("is_begun", [True, False])
@pytest.mark.parametrize("is_thrown", [True, False])
async def test_breaking_off_closes_the_connection(is_begun: bool, is_thrown: bool) -> None:
    closed = asyncio.Event()

    async def endless(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await read_request(reader)
        writer.write(b"HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n1\r\na\r\n")
        await reader.read()
        closed.set()

    async with asyncio.timeout(5), serving(endless) as url, aclosing(HttpUpstream(url)) as upstream:
        answer = await send(upstream, outgoing())
        if is_begun:
            assert await answer.chunks.asend(None) == b"a"
        if is_thrown:
            with pytest.raises(KeyError):
                await answer.chunks.athrow(KeyError("stop"))
        else:
            await answer.chunks.aclose()
        await closed.wait()


async def test_a_connection_is_used_again() -> None:
    async with serving(answering(OK, OK), answering(b"")) as url, aclosing(HttpUpstream(url)) as upstream:
        assert [await read(await send(upstream, outgoing())) for _ in range(2)] == [b"ok", b"ok"]


@pytest.mark.parametrize("method", ["GET", "POST"])
@pytest.mark.parametrize("body", [None, b"{}"])
async def test_a_connection_that_died_while_idle_costs_a_second_try(method: str, body: bytes | None) -> None:
    seen: list[bytes] = []
    stale, fresh = answering(OK, b"", seen=seen), answering(OK, seen=seen)
    async with serving(stale, fresh) as url, aclosing(HttpUpstream(url)) as upstream:
        await read(await send(upstream, outgoing()))
        assert await read(await send(upstream, outgoing(method=method, body=body))) == b"ok"
    assert len(seen) == 3


async def test_the_second_try_does_not_take_another_idle_connection() -> None:
    stale, fresh = answering(OK, b""), answering(OK)
    async with serving(stale, stale, fresh) as url, aclosing(HttpUpstream(url)) as upstream:
        for answer in await asyncio.gather(send(upstream, outgoing()), send(upstream, outgoing())):
            await read(answer)
        assert await read(await send(upstream, outgoing())) == b"ok"


async def test_there_is_no_third_try() -> None:
    seen: list[bytes] = []
    stale, fresh = answering(OK, b"", seen=seen), answering(b"", seen=seen)
    async with serving(stale, fresh) as url, aclosing(HttpUpstream(url)) as upstream:
        await read(await send(upstream, outgoing()))
        with pytest.raises(UpstreamUnreachable):
            await send(upstream, outgoing())
    assert len(seen) == 3


async def test_a_post_on_a_new_connection_is_sent_once() -> None:
    seen: list[bytes] = []
    async with serving(answering(b"", seen=seen)) as url, aclosing(HttpUpstream(url)) as upstream:
        with pytest.raises(UpstreamUnreachable):
            await send(upstream, outgoing())
    assert len(seen) == 1


async def test_a_post_of_which_an_answer_began_is_sent_once() -> None:
    seen: list[bytes] = []
    async with serving(answering(OK, b"HTTP/1.1 2", seen=seen)) as url, aclosing(HttpUpstream(url)) as upstream:
        await read(await send(upstream, outgoing()))
        with pytest.raises(UpstreamUnreachable):
            await send(upstream, outgoing())
    assert len(seen) == 2


async def test_an_upload_is_sent_once() -> None:
    async def pieces() -> AsyncIterator[bytes]:
        yield b"{}"

    seen: list[bytes] = []
    length = [(b"content-length", b"2")]
    async with serving(answering(OK, b"", seen=seen)) as url, aclosing(HttpUpstream(url)) as upstream:
        await read(await send(upstream, outgoing()))
        with pytest.raises(UpstreamUnreachable):
            await send(upstream, outgoing(headers=length, body=pieces()))
    assert len(seen) == 2


async def test_a_post_on_a_connection_that_was_reset_is_sent_once() -> None:
    seen: list[bytes] = []

    async def resetting(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await answering(OK, seen=seen)(reader, writer)
        seen.append(await read_request(reader))
        reset(writer)

    async with serving(resetting) as url, aclosing(HttpUpstream(url)) as upstream:
        await read(await send(upstream, outgoing()))
        with pytest.raises(UpstreamUnreachable):
            await send(upstream, outgoing())
    assert len(seen) == 2
