"""HTTP itself: what the server does with odd requests, and with answers that have no ordinary end."""

from __future__ import annotations

import asyncio
import contextlib
import json
import re
from collections.abc import Sequence

import aiohttp
import pytest

from gateway import app
from gateway.front import Front
from gateway.testing import ScriptedUpstream, Step
from tests.conftest import Served

EVENTS = (("content-type", "text/event-stream"),)
CHAT = b'{"model":"m","stream":true,"messages":[{"role":"user","content":"My cellar is full of marmalade."}]}'


def port(served: Served) -> int:
    return int(served.url.split(":")[2].split("/")[0])


async def talk(served: Served, request: bytes) -> bytes:
    """Send bytes, and read until the server closes."""
    reader, writer = await asyncio.open_connection("127.0.0.1", port(served))
    writer.write(request)
    async with asyncio.timeout(10):
        answer = await reader.read()
    writer.close()
    return answer


def chunk(piece: bytes) -> bytes:
    """A piece as it stands on the wire in a chunked body."""
    return b"%x\r\n%s\r\n" % (len(piece), piece)


def post(path: str, body: bytes, *headers: str) -> bytes:
    lines = [f"POST {path} HTTP/1.1", "host: localhost", f"content-length: {len(body)}", "connection: close", *headers]
    return "\r\n".join(lines).encode() + b"\r\n\r\n" + body


@pytest.mark.parametrize("path", ["/", "/livez", "/readyz", "/metrics"])
async def test_our_own_paths_answer_without_a_credential(served: Served, path: str) -> None:
    async with aiohttp.ClientSession() as http, http.get(f"http://127.0.0.1:{port(served)}{path}") as answer:
        assert answer.status == 200


async def test_clients_probe_the_root_with_head(served: Served) -> None:
    answer = await talk(served, b"HEAD / HTTP/1.1\r\nhost: localhost\r\nconnection: close\r\n\r\n")
    assert answer.startswith(b"HTTP/1.1 200")


async def test_a_base_url_without_v1_works_as_well(served: Served, upstream: ScriptedUpstream) -> None:
    answer = await talk(served, post("/chat/completions", CHAT))
    assert b"marmalade" in answer
    assert upstream.requests()[-1].target == "/v1/chat/completions"


@pytest.mark.promise("P1")
async def test_the_upstreams_headers_come_as_they_are_and_no_other_but_our_own(
    served: Served, upstream: ScriptedUpstream
) -> None:
    sent = [("x-request-id", "r1"), ("date", "then"), ("server", "theirs"), ("keep-alive", "timeout=5")]
    upstream.script([Step(headers=sent, chunks=[b"ok"])])
    answer = await talk(served, b"GET /v1/models HTTP/1.1\r\nhost: localhost\r\nconnection: close\r\n\r\n")
    head, _, body = answer.partition(b"\r\n\r\n")
    names = [line.split(b":")[0].lower() for line in head.split(b"\r\n")[1:]]
    assert body == b"ok"
    assert names == [b"x-request-id", b"date", b"server", b"content-length", b"x-accrue-memory", b"connection"]


@pytest.mark.promise("P1")
async def test_a_redirect_is_the_clients_to_follow(served: Served, upstream: ScriptedUpstream) -> None:
    upstream.script([Step(status=307, headers=[("location", "http://127.0.0.1:9/elsewhere")])])
    answer = await talk(served, post("/v1/files", b"x"))
    assert answer.startswith(b"HTTP/1.1 307")
    assert b"location: http://127.0.0.1:9/elsewhere" in answer


async def test_an_answer_that_was_not_modified_has_no_body_whatever_length_it_names(
    served: Served, upstream: ScriptedUpstream
) -> None:
    upstream.script(
        [Step(status=304, headers=[("etag", "e"), ("content-length", "10")], framing="raw", chunks=[RAW_304])]
    )
    answer = await talk(served, b"GET /v1/models HTTP/1.1\r\nhost: localhost\r\nconnection: close\r\n\r\n")
    assert answer.startswith(b"HTTP/1.1 304")
    assert b"content-length" not in answer


RAW_304 = b"HTTP/1.1 304 Not Modified\r\netag: e\r\ncontent-length: 10\r\n\r\n"


@pytest.mark.promise("P3")
async def test_an_upstream_that_dies_in_a_stream_ends_it_with_an_error_and_an_aborted_connection(
    served: Served, upstream: ScriptedUpstream
) -> None:
    event = b'data: {"choices":[{"index":0,"delta":{"content":"half"}}]}\n\n'
    upstream.script(
        [Step(headers=EVENTS, chunks=[event, event], framing="chunked", hold=[1], cut=len(chunk(event)) + 3)]
    )
    request = asyncio.create_task(talk(served, post("/v1/chat/completions", CHAT)))
    upstream.release()
    answer = await request
    assert chunk(event) in answer
    assert b'data: {"error":' in answer
    assert not answer.endswith(b"0\r\n\r\n")


@pytest.mark.promise("P3")
@pytest.mark.parametrize(("path", "line"), [("/v1/chat/completions", b""), ("/v1/messages", b"event: error\n")])
@pytest.mark.parametrize("memory", ["on", "off"])
async def test_the_error_has_a_name_where_clients_skip_events_without_one(
    served: Served, upstream: ScriptedUpstream, path: str, line: bytes, memory: str
) -> None:
    event = b"event: ping\ndata: {}\n\n"
    upstream.script([Step(headers=EVENTS, chunks=[event, event], framing="chunked", cut=len(chunk(event)) + 3)])
    answer = await talk(served, post(path, CHAT, f"x-accrue-memory: {memory}"))
    assert b"\r\n" + line + b'data: {"error":' in answer


@pytest.mark.promise("P3")
@pytest.mark.parametrize("is_reset", [True, False])
async def test_a_stream_that_only_its_connection_ends_and_that_is_cut_ends_with_an_error_and_an_aborted_connection(
    served: Served, upstream: ScriptedUpstream, is_reset: bool
) -> None:
    event = b'data: {"choices":[{"index":0,"delta":{"content":"half"}}]}\n\n'
    cut = len(event) if is_reset else None
    upstream.script([Step(headers=EVENTS, chunks=[event, event], framing="close", hold=[1], cut=cut)])
    request = asyncio.create_task(talk(served, post("/v1/chat/completions", CHAT)))
    upstream.release()
    answer = await request
    assert event in answer
    assert b'data: {"error":' in answer
    assert not answer.endswith(b"0\r\n\r\n")


async def test_a_stream_of_known_length_that_dies_is_left_short_without_an_event_it_has_no_room_for(
    served: Served, upstream: ScriptedUpstream, caplog: pytest.LogCaptureFixture
) -> None:
    event = b'data: {"choices":[{"index":0,"delta":{"content":"half"}}]}\n\n'
    upstream.script([Step(headers=EVENTS, chunks=[event, event], cut=len(event) + 3)])
    answer = await talk(served, post("/v1/chat/completions", CHAT))
    assert answer.endswith(b"\r\n\r\n" + event + event[:3])
    assert not caplog.records  # the server says when it is given too much


@pytest.mark.parametrize("status", [999, 101])
@pytest.mark.parametrize("path", ["/v1/chat/completions", "/v1/files"])
async def test_an_answer_whose_status_is_none_is_an_error_of_the_upstream(
    served: Served, upstream: ScriptedUpstream, status: int, path: str
) -> None:
    upstream.script([Step(status=status, chunks=[b"{}"])])
    answer = await talk(served, post(path, CHAT))
    assert answer.startswith(b"HTTP/1.1 502")
    error = json.loads(answer.partition(b"\r\n\r\n")[2])["error"]
    assert (error["type"], str(status) in error["message"]) == ("api_connection_error", True)


async def test_an_upstream_that_dies_in_a_plain_answer_leaves_it_short(
    served: Served, upstream: ScriptedUpstream
) -> None:
    upstream.script([Step(chunks=[b"0123456789"], cut=5)])
    answer = await talk(served, post("/v1/chat/completions", CHAT))
    assert b"content-length: 10" in answer
    assert answer.endswith(b"\r\n\r\n01234")


@pytest.mark.promise("P6")
async def test_a_client_that_hangs_up_teaches_all_the_same(served: Served, upstream: ScriptedUpstream) -> None:
    event = b'data: {"choices":[{"index":0,"delta":{"content":"Noted, the cellar it is, all of it."}}]}\n\n'
    end = b'data: {"choices":[{"index":0,"delta":{},"finish_reason":"stop"}]}\n\ndata: [DONE]\n\n'
    upstream.script([Step(headers=EVENTS, chunks=[event, end], framing="chunked", hold=[1])])
    reader, writer = await asyncio.open_connection("127.0.0.1", port(served))
    writer.write(post("/v1/chat/completions", CHAT))
    async with asyncio.timeout(5):
        await reader.readuntil(b"all of it.")
    writer.transport.abort()
    upstream.release()
    async with asyncio.timeout(10):
        while b"all of it." not in await talk(served, post("/v1/chat/completions", QUESTION)):
            await served.parts.settle.wait()


QUESTION = b'{"model":"m","messages":[{"role":"user","content":"Where is the marmalade, in the cellar?"}]}'


async def test_a_client_that_leaves_while_sending_harms_nobody(served: Served, upstream: ScriptedUpstream) -> None:
    _, writer = await asyncio.open_connection("127.0.0.1", port(served))
    writer.write(b"POST /v1/chat/completions HTTP/1.1\r\nhost: localhost\r\ncontent-length: 100\r\n\r\n{")
    await writer.drain()
    writer.transport.abort()
    assert (await talk(served, post("/v1/chat/completions", CHAT))).startswith(b"HTTP/1.1 200")
    assert len(upstream.requests()) == 1


@pytest.mark.promise("P1")
async def test_a_chunked_upload_is_passed_on_whole(served: Served, upstream: ScriptedUpstream) -> None:
    head = b"POST /v1/files HTTP/1.1\r\nhost: localhost\r\ntransfer-encoding: chunked\r\nconnection: close\r\n\r\n"
    pieces = b"".join(chunk(piece) for piece in (b"a" * 300_000, b"b" * 10))
    await talk(served, head + pieces + b"0\r\n\r\n")
    assert upstream.requests()[-1].body == b"a" * 300_000 + b"b" * 10


async def test_a_session_name_may_hold_anything(served: Served) -> None:
    answer = await talk(served, post("/s/a%0d%0ax-evil:%201%E2%82%AC/v1/chat/completions", CHAT))
    assert answer.startswith(b"HTTP/1.1 200")
    assert b"\r\nx-evil" not in answer


ASKED = b'{"model":"m","messages":[{"role":"user","content":"What is in my cellar?"}]}'


@pytest.mark.promise("P7")
async def test_what_a_chunked_body_brings_after_its_end_names_nobody(
    served: Served, upstream: ScriptedUpstream
) -> None:
    await talk(served, post("/v1/chat/completions", CHAT, "x-accrue-user: victim"))
    await served.learnt()
    as_victim = await talk(served, post("/v1/chat/completions", ASKED, "x-accrue-user: victim"))
    assert b"x-accrue-memory: hit" in as_victim

    head = b"POST /v1/chat/completions HTTP/1.1\r\nhost: localhost\r\ntransfer-encoding: chunked\r\n"
    head += b"connection: close\r\n\r\n"
    trailers = b"0\r\nx-accrue-user: victim\r\nx-other: too late\r\n\r\n"
    answer = await talk(served, head + chunk(ASKED) + trailers)
    assert b"x-accrue-memory: empty" in answer
    assert b"marmalade" not in answer
    assert b"x-other" not in dict(upstream.requests()[-1].headers)


def offering(path: str, body: bytes, *headers: str, protocol: str = "h2c", connection: str = "keep-alive") -> bytes:
    """A request as Java's clients make them."""
    offer = [f"Connection: {connection}, Upgrade, HTTP2-Settings", "HTTP2-Settings: AAMAAABk", f"Upgrade: {protocol}"]
    lines = [f"POST {path} HTTP/1.1", "host: localhost", f"content-length: {len(body)}", *offer, *headers]
    return "\r\n".join(lines).encode() + b"\r\n\r\n" + body


@pytest.mark.parametrize("protocol", ["h2c", "H2C", "TLS/1.2", "h2c, websocket"])
async def test_an_offer_of_another_protocol_is_ignored_and_goes_no_further(
    served: Served, upstream: ScriptedUpstream, protocol: str
) -> None:
    answer = await talk(served, offering("/v1/chat/completions", CHAT, protocol=protocol, connection="close"))
    assert answer.startswith(b"HTTP/1.1 200")
    (request,) = upstream.requests()
    assert request.body == CHAT
    assert not {b"upgrade", b"http2-settings"} & {name.lower() for name, _ in request.headers}


async def test_an_offer_is_ignored_on_every_request_of_a_connection(served: Served, upstream: ScriptedUpstream) -> None:
    bodies = [b"upgrade: h2c\r\n\r\n", b"", b"\r\nupgrade: h2c", b"last"]
    requests = [offering("/v1/files", body) for body in bodies[:-1]]
    answer = await talk(served, b"".join(requests) + offering("/v1/files", bodies[-1], connection="close"))
    assert answer.count(b"HTTP/1.1 200") == len(bodies)
    assert [request.body for request in upstream.requests()] == bodies


async def talk_in_pieces(served: Served, pieces: Sequence[bytes], has_arrived: asyncio.Event) -> bytes:
    """Send each piece when the one before has been read."""
    reader, writer = await asyncio.open_connection("127.0.0.1", port(served))
    async with asyncio.timeout(10):
        for piece in pieces:
            has_arrived.clear()
            writer.write(piece)
            await has_arrived.wait()
        answer = await reader.read()
    writer.close()
    return answer


@pytest.mark.parametrize(
    "before", [b"host", b"\nUpgrade", b"Upgrade:", b"grade:", b"2c\r", b"\ncontent", b"\n\r\n{", b"{"]
)
async def test_an_offer_is_ignored_wherever_the_request_is_cut(
    served: Served, upstream: ScriptedUpstream, monkeypatch: pytest.MonkeyPatch, before: bytes
) -> None:
    has_arrived = asyncio.Event()
    read = Front.data_received

    def noted(protocol: Front, data: bytes) -> None:
        read(protocol, data)
        has_arrived.set()

    monkeypatch.setattr(Front, "data_received", noted)
    whole = offering("/v1/files", b"{}" * 9, connection="close")
    first, cut, rest = whole.partition(before)
    assert cut
    answer = await talk_in_pieces(served, [first, cut + rest], has_arrived)
    assert answer.startswith(b"HTTP/1.1 200")
    assert [request.body for request in upstream.requests()] == [b"{}" * 9]


@pytest.mark.parametrize("request_line", [b"CONNECT example.com:443 HTTP/1.1", b"nonsense"])
async def test_what_is_no_request_to_an_api_is_refused(served: Served, request_line: bytes) -> None:
    offer = b"connection: close, upgrade\r\nupgrade: h2c"
    assert (await talk(served, request_line + b"\r\nhost: localhost\r\n" + offer + b"\r\n\r\n")).startswith(
        b"HTTP/1.1 400"
    )


def accounted(served: Served) -> dict[str, int]:
    """What came in, and what became of it, by the reason or status where there is one."""
    counted: dict[str, int] = {}
    for line in served.parts.telemetry.render().decode().splitlines():
        found = re.match(r'accrue_(received|recorded|unrecorded|refused)_total(?:\{\w+="(.*)"\})? (\S+)', line)
        if found and float(found[3]):
            counted[" ".join(filter(None, found.group(1, 2)))] = int(float(found[3]))
    return counted


async def settled(served: Served, calls: int) -> dict[str, int]:
    """The accounts, as soon as so many calls have come in and been settled."""
    async with asyncio.timeout(10):
        while sum((counted := accounted(served)).values()) != 2 * calls:
            with contextlib.suppress(TimeoutError):
                await asyncio.wait_for(asyncio.Event().wait(), 0.01)
    return counted


async def test_every_call_is_accounted_for(served: Served, upstream: ScriptedUpstream) -> None:
    await talk(served, post("/v1/chat/completions", CHAT))
    await talk(served, post("/v1/chat/completions", CHAT, "x-accrue-memory: off"))
    await talk(served, post("/v1/feedback", b"{}"))
    await talk(served, post("/v1/organization/users", b"{}"))
    upstream.script([Step(status=999)] * 2)
    await talk(served, post("/v1/chat/completions", CHAT))
    await talk(served, post("/v1/files", b"{}"))
    _, writer = await asyncio.open_connection("127.0.0.1", port(served))
    writer.write(post("/v1/chat/completions", CHAT)[:-1])
    await writer.drain()
    writer.transport.abort()
    assert await settled(served, 7) == {
        "received": 7,
        "recorded": 2,
        "unrecorded off": 1,
        "refused 400": 1,
        "refused 403": 1,
        "refused 502": 1,
        "unrecorded gone": 1,
    }


async def test_a_fault_of_ours_is_accounted_for_as_one(served: Served, monkeypatch: pytest.MonkeyPatch) -> None:
    async def fails(*_: object) -> None:
        raise ZeroDivisionError

    monkeypatch.setattr(app, "handle", fails)
    assert (await talk(served, post("/v1/chat/completions", CHAT))).startswith(b"HTTP/1.1 500")
    assert accounted(served) == {"received": 1, "unrecorded error": 1}


async def test_an_upload_whose_client_leaves_is_gone_and_no_fault_of_the_upstream(
    served: Served, upstream: ScriptedUpstream
) -> None:
    _, writer = await asyncio.open_connection("127.0.0.1", port(served))
    writer.write(b"POST /v1/files HTTP/1.1\r\nhost: localhost\r\ncontent-length: 1000000\r\n\r\n" + b"x" * 400_000)
    await writer.drain()
    writer.transport.abort()
    assert await settled(served, 1) == {"received": 1, "unrecorded gone": 1}


async def test_what_is_not_recorded_is_left_as_soon_as_its_client_leaves(
    served: Served, upstream: ScriptedUpstream
) -> None:
    upstream.script([Step(framing="raw", chunks=[b"never"], hold=[0])])
    _, writer = await asyncio.open_connection("127.0.0.1", port(served))
    writer.write(post("/v1/embeddings", b"{}"))
    async with asyncio.timeout(10):
        while not await asyncio.to_thread(upstream.requests):
            pass
    writer.transport.abort()
    assert await settled(served, 1) == {"received": 1, "unrecorded gone": 1}
