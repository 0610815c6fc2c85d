"""Upstreams that answer wrongly, slowly, endlessly or not at all: the SDK fares through the gateway as it does alone.

Two things differ on purpose. What the upstream did to its connection is told by the gateway in words, so that the SDK
has an error with a reason (`api_connection_error`, `api_timeout_error`) where it would have had one of its transport's.
And what the SDK alone does not notice is told (`Fault.is_told`): that a stream which only its connection ends lacks its
end mark, and that an answer is longer than it says, or framed in two ways at once (RFC 9112, 6.3).
"""

from __future__ import annotations

import asyncio
import contextlib
import gzip
import json
import re
import socket
import struct
import zlib
from collections.abc import AsyncIterator, Mapping, Sequence
from pathlib import Path
from typing import Any, Literal

import httpx
import msgspec
import openai
import pytest

from gateway.testing import GatewayProcess
from tests.faults.mutants import Mutant
from tests.faults.scale import scaled

RUNS = scaled([("on", 1)], [("on", 1), ("off", 10)])
"""Whether memory takes part, and how often all faults are gone through. More than once only without: what is said in
answers of 5 MB is kept, and takes its room."""

MAX_GROWTH_KB = 40 * 1024
LANES = 6
"""Calls at a time."""

LOOKS, LOOK_S = 8, 0.25
"""How often, and after which pauses, memory is looked at."""

PATIENCE_S = 1.5
"""Of the SDK; what is slower than that is a hang."""

Ending = Literal["closes", "resets", "stays", "repeats"]


class Fault(msgspec.Struct, frozen=True, kw_only=True):
    """What an upstream does when it is asked."""

    pieces: Sequence[bytes]
    """Written one by one, the head included."""
    ending: Ending = "closes"
    """And then; `repeats` the last piece for as long as anybody takes it."""
    is_stream: bool = True
    is_early: bool = False
    """Whether it answers as soon as it is called."""
    is_told: bool = False
    """Whether the gateway tells that the connection is broken where the SDK alone does not notice."""


def event(**delta: Any) -> bytes:
    choice = {"index": 0, "delta": delta, "finish_reason": None if delta else "stop"}
    chunk = {"id": "c1", "object": "chat.completion.chunk", "created": 1, "model": "m", "choices": [choice]}
    return b"data: " + json.dumps(chunk).encode() + b"\n\n"


def sized(size: int) -> bytes:
    return event(content="x" * size)


MESSAGE = {"role": "assistant", "content": "Very well."}
WHOLE = json.dumps(
    {
        "id": "c1",
        "object": "chat.completion",
        "created": 1,
        "model": "m",
        "choices": [{"index": 0, "message": MESSAGE, "finish_reason": "stop"}],
    }
).encode()
EVENTS = [event(role="assistant", content="Very "), event(content="well."), event()]
DONE = b"data: [DONE]\n\n"
ERROR = b'data: {"error":{"message":"overloaded","type":"server_error","code":null,"param":null}}\n\n'
OK = b"HTTP/1.1 200 OK\r\n"
LAST = b"0\r\n\r\n"


def chunk(piece: bytes) -> bytes:
    return b"%x\r\n%b\r\n" % (len(piece), piece)


def head(*lines: str, status: str = "200 OK", kind: str = "text/event-stream") -> bytes:
    return "\r\n".join([f"HTTP/1.1 {status}", f"content-type: {kind}", *lines, "", ""]).encode("latin-1")


CHUNKED = "transfer-encoding: chunked"


def stream(*pieces: bytes, ends: bytes = LAST, **changes: Any) -> Fault:
    """A chunked stream; a connection that has come to an end in order is used again."""
    ending: Ending = "stays" if ends.endswith(LAST) else "closes"
    return Fault(pieces=[head(CHUNKED), *map(chunk, pieces), ends], **{"ending": ending, **changes})


def until_closed(*pieces: bytes, **changes: Any) -> Fault:
    """A stream that only the end of its connection ends."""
    return Fault(pieces=[head("connection: close"), *pieces], **changes)


def whole(body: bytes, *lines: str, status: str = "200 OK", kind: str = "application/json", **changes: Any) -> Fault:
    """An answer in one piece, of known length unless the lines say otherwise."""
    is_framed = any("length:" in line or line == CHUNKED for line in lines)
    length = [] if is_framed else [f"content-length: {len(body)}"]
    pieces = [head(*length, *lines, status=status, kind=kind), body]
    return Fault(pieces=pieces, is_stream=False, **{"ending": "closes" if is_framed else "stays", **changes})


def at_once(body: bytes, *lines: str, **changes: Any) -> Fault:
    """An answer whose framing is wrong, which is noticed when all of it comes together."""
    plain = whole(body, *lines, is_told=True, **changes)
    return msgspec.structs.replace(plain, pieces=[b"".join(plain.pieces)])


def bomb(size: int) -> bytes:
    return gzip.compress(WHOLE + b" " * size)


def deflated(body: bytes) -> bytes:
    return zlib.compress(body)[2:-4]


ALL = b"".join([*EVENTS, DONE])
ONE_BYTE = [bytes([byte]) for byte in b"".join(map(chunk, [*EVENTS, DONE])) + LAST]

FAULTS: Mapping[str, Fault] = {
    "nothing is wrong with a stream": stream(*EVENTS, DONE, ending="stays"),
    "nothing is wrong with an answer": whole(WHOLE, ending="stays"),
    "reset before its head": Fault(pieces=[], ending="resets", is_stream=False),
    "closed before its head": Fault(pieces=[], is_stream=False),
    "reset before the head of a stream": Fault(pieces=[], ending="resets"),
    "closed within its head": Fault(pieces=[head()[:30]], is_stream=False),
    "reset within its head": Fault(pieces=[head()[:30]], ending="resets"),
    "no head, ever": Fault(pieces=[], ending="stays", is_stream=False),
    "half a head, and silence": Fault(pieces=[head()[:30]], ending="stays"),
    "a head, and silence": Fault(pieces=[head(CHUNKED)], ending="stays"),
    "silence after an event": Fault(pieces=[head(CHUNKED), chunk(EVENTS[0])], ending="stays"),
    "no status line": Fault(pieces=[b"<html>sorry</html>"], is_stream=False),
    "a status line of another protocol": Fault(pieces=[b"SSH-2.0-OpenSSH_9.6\r\n\r\n"], is_stream=False),
    "a status that is a word": Fault(pieces=[b"HTTP/1.1 fine OK\r\ncontent-length: 0\r\n\r\n"], is_stream=False),
    "status 999": whole(b"{}", status="999 Odd"),
    "HTTP/1.0": Fault(pieces=[head(kind="application/json").replace(b"1.1", b"1.0"), WHOLE], is_stream=False),
    "many headers": whole(WHOLE, *(f"x-{number}: {number}" for number in range(90))),
    "a header of 60 KB": whole(WHOLE, f"x-long: {'x' * 60_000}"),
    "headers without end": Fault(pieces=[OK, b"x-more: " + b"x" * 8_000 + b"\r\n"], ending="repeats", is_stream=False),
    "control characters in a header": whole(WHOLE, "x-odd: a\x00b"),
    "a header that is not ASCII": whole(WHOLE, "x-odd: caf\xe9"),
    "a header without a name": whole(WHOLE, ": nobody"),
    "100 Continue, and again": Fault(
        pieces=[b"HTTP/1.1 100 Continue\r\n\r\n"] * 200
        + [head(f"content-length: {len(WHOLE)}", kind="application/json"), WHOLE],
        is_stream=False,
        ending="stays",
    ),
    "103 Early Hints": Fault(
        pieces=[
            b"HTTP/1.1 103 Early Hints\r\nlink: </a>\r\n\r\n",
            head(f"content-length: {len(WHOLE)}", kind="application/json"),
            WHOLE,
        ],
        is_stream=False,
        ending="stays",
    ),
    "100 Continue for ever": Fault(pieces=[b"HTTP/1.1 100 Continue\r\n\r\n" * 100], ending="repeats", is_stream=False),
    "a length that is too long": whole(WHOLE, f"content-length: {len(WHOLE) + 10}"),
    "a length that is too short": at_once(WHOLE, f"content-length: {len(WHOLE) - 10}"),
    "a length that is no number": whole(WHOLE, "content-length: many"),
    "two lengths": whole(WHOLE, f"content-length: {len(WHOLE)}", f"content-length: {len(WHOLE) - 1}"),
    "a length beside chunks": at_once(chunk(WHOLE) + LAST, CHUNKED, "content-length: 5"),
    "a stream with too long a length": Fault(pieces=[head(f"content-length: {len(ALL) + 10}"), ALL]),
    "an answer before the request is there": whole(
        b'{"error":{"message":"too large"}}', "connection: close", status="413 Too Large", is_early=True
    ),
    "cut within a chunk": stream(EVENTS[0], ends=chunk(EVENTS[1])[:20]),
    "reset within a chunk": stream(EVENTS[0], ends=chunk(EVENTS[1])[:20], ending="resets"),
    "cut within a chunk's size": stream(EVENTS[0], ends=b"a"),
    "cut between chunks": stream(*EVENTS[:2], ends=b""),
    "no last chunk": stream(*EVENTS, DONE, ends=b""),
    "a chunk size that is none": stream(EVENTS[0], ends=b"zz\r\nnonsense\r\n"),
    "a chunk size beyond all numbers": stream(EVENTS[0], ends=b"f" * 40 + b"\r\nx\r\n"),
    "a negative chunk size": stream(EVENTS[0], ends=b"-5\r\nhello\r\n"),
    "a chunk longer than it says": stream(EVENTS[0], ends=b"3\r\nhello\r\n" + LAST),
    "chunk extensions": Fault(
        pieces=[head(CHUNKED), *(chunk(piece).replace(b"\r\n", b";a=b\r\n", 1) for piece in [*EVENTS, DONE]), LAST],
        ending="stays",
    ),
    "trailers": stream(*EVENTS, DONE, ends=b"0\r\nx-late: 1\r\n\r\n"),
    "no [DONE]": stream(*EVENTS),
    "no [DONE], and nothing else that ends it": until_closed(*EVENTS[:2], is_told=True),
    "an error in the middle": stream(EVENTS[0], ERROR),
    "an error at once": stream(ERROR),
    "an error in an unframed stream": until_closed(EVENTS[0], ERROR, DONE),
    "a byte order mark": stream(b"\xef\xbb\xbf" + EVENTS[0], *EVENTS[1:], DONE),
    "lines ended by CR LF": stream(*(piece.replace(b"\n", b"\r\n") for piece in [*EVENTS, DONE])),
    "lines ended by CR": stream(*(piece.replace(b"\n", b"\r") for piece in [*EVENTS, DONE])),
    "lines ended in every manner": stream(
        EVENTS[0].replace(b"\n", b"\r\n"), EVENTS[1].replace(b"\n", b"\r"), EVENTS[2], DONE
    ),
    "an event of 5 MB": stream(EVENTS[0], sized(5 << 20), EVENTS[2], DONE),
    "an event of 5 MB, byte-cut": stream(
        *[sized(5 << 20)[at : at + 65_521] for at in range(0, 5 << 20, 65_521)], b"\n\n", DONE
    ),
    "one byte at a time": Fault(pieces=[head(CHUNKED), *ONE_BYTE], ending="stays"),
    "comments alone": stream(b": hello\n\n" * 50),
    "comments between": stream(b": ping\n\n", EVENTS[0], b": ping\n\n", *EVENTS[1:], DONE),
    "[DONE] twice": stream(*EVENTS, DONE, DONE),
    "words after [DONE]": stream(*EVENTS, DONE, event(content=" And more.")),
    "[DONE] alone": stream(DONE),
    "nothing at all": stream(),
    "an event that is no JSON": stream(EVENTS[0], b"data: {not json\n\n", DONE),
    "an event that is no object": stream(EVENTS[0], b"data: 17\n\n", *EVENTS[1:], DONE),
    "half a surrogate": stream(b'data: {"choices":[{"index":0,"delta":{"content":"\\ud800"}}]}\n\n', DONE),
    "bytes that are no UTF-8": stream(b'data: {"choices":[{"index":0,"delta":{"content":"\xff\xfe"}}]}\n\n', DONE),
    "NULs between events": stream(EVENTS[0], b"\x00\x00", *EVENTS[1:], DONE),
    "5 MB of whitespace": Fault(
        pieces=[head(CHUNKED, kind="application/json"), *[chunk(b" " * (1 << 20))] * 5, chunk(WHOLE), LAST],
        is_stream=False,
        ending="stays",
    ),
    "no JSON": whole(b"{not json"),
    "an empty answer": whole(b""),
    "JSON in UTF-16": whole(WHOLE.decode().encode("utf-16")),
    "JSON that is a list": whole(b"[1, 2]"),
    "HTML for JSON": whole(b"<html>hello</html>", kind="text/html"),
    "HTML with 502": whole(b"<html>bad gateway</html>", status="502 Bad Gateway", kind="text/html"),
    "500 without a body": whole(b"", status="500 Oops"),
    "429": whole(b'{"error":{"message":"slow down"}}', "retry-after: 1", status="429 Too Many Requests"),
    "a stream that is JSON": whole(WHOLE, kind="text/event-stream"),
    "204 with a body": at_once(WHOLE, status="204 No Content"),
    "304": whole(b"", status="304 Not Modified"),
    "a redirect": whole(b"", "location: http://127.0.0.1:9/v1", status="307 Temporary Redirect"),
    "gzip": whole(gzip.compress(WHOLE), "content-encoding: gzip"),
    "a gzip bomb": whole(bomb(48 << 20), "content-encoding: gzip"),
    "gzip that is none": whole(WHOLE, "content-encoding: gzip"),
    "gzip that is cut": whole(gzip.compress(WHOLE)[:-12], "content-encoding: gzip"),
    "deflate without its head": whole(deflated(WHOLE), "content-encoding: deflate"),
    "an encoding that nobody knows": whole(WHOLE, "content-encoding: x-secret"),
    "closed after a good answer": whole(WHOLE, "connection: close", ending="closes"),
    "noise after a good answer": at_once(WHOLE + b"noise", f"content-length: {len(WHOLE)}"),
}


class Upstream:
    """An upstream that does what the model that is asked for says."""

    def __init__(self) -> None:
        self.serving: set[asyncio.Task[Any]] = set()

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        assert task is not None
        self.serving.add(task)
        task.add_done_callback(self.serving.discard)
        with contextlib.suppress(ConnectionError, asyncio.IncompleteReadError, asyncio.CancelledError):
            while True:
                head = await reader.readuntil(b"\r\n\r\n")
                early = re.search(rb"x-fault-early: (.+)\r\n", head)
                if early:
                    await self._play(FAULTS[early[1].decode()], writer)
                    break
                length = re.search(rb"(?i)content-length: (\d+)", head)
                body = json.loads(await reader.readexactly(int(length[1]) if length else 0))
                if not await self._play(FAULTS[body["model"]], writer):
                    break
        writer.close()

    async def _play(self, fault: Fault, writer: asyncio.StreamWriter) -> bool:
        """True when the connection goes on."""
        for piece in fault.pieces:
            writer.write(piece)
            await writer.drain()
        while fault.ending == "repeats":
            writer.write(fault.pieces[-1])
            await writer.drain()
        if fault.ending == "resets":
            writer.get_extra_info("socket").setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
            writer.transport.abort()
        return fault.ending == "stays"


@contextlib.asynccontextmanager
async def upstream() -> AsyncIterator[str]:
    faulty = Upstream()
    async with await asyncio.start_server(faulty.serve, "127.0.0.1", 0) as server:
        yield f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}/v1"
    while faulty.serving:  # none of them outlives its client
        await asyncio.wait(faulty.serving, timeout=1)
        for task in faulty.serving:
            task.cancel()


class Fared(msgspec.Struct, frozen=True, kw_only=True):
    """How a call went."""

    said: str | None
    """What came, when all was well."""
    failed: str | None
    """What has happened to the connection, or the class of the error."""
    error: str | None = None
    """That class."""
    status: int | None = None


async def fare(base_url: str, name: str, memory: str) -> Fared:
    """Make a call with OpenAI's SDK."""
    fault = FAULTS[name]
    headers = {"x-accrue-user": "ann", "x-accrue-memory": memory, **({"x-fault-early": name} if fault.is_early else {})}
    async with openai.AsyncOpenAI(
        base_url=base_url, api_key="k", max_retries=0, timeout=PATIENCE_S, default_headers=headers
    ) as client:
        try:
            async with asyncio.timeout(3 * PATIENCE_S):
                return Fared(said=await _said(client, name, is_stream=fault.is_stream), failed=None)
        except TimeoutError:
            return Fared(said=None, failed="hangs")
        except Exception as error:  # noqa: BLE001 - whatever a client can meet with is what is compared here
            status = getattr(error, "status_code", None)
            return Fared(said=None, failed=_kind(error), error=type(error).__name__, status=status)


async def _said(client: openai.AsyncOpenAI, model: str, *, is_stream: bool) -> str:
    messages: Any = [{"role": "user", "content": "Say that all is well."}]
    if not is_stream:
        answer = await client.chat.completions.create(model=model, messages=messages)
        return repr(answer)
    said = ""
    async for part in await client.chat.completions.create(model=model, messages=messages, stream=True):
        said += repr(part)
    return said


def _kind(error: Exception) -> str:
    body = getattr(error, "body", None)
    told = body.get("type") if isinstance(body, dict) else None
    if told == "api_timeout_error" or isinstance(error, openai.APITimeoutError | httpx.TimeoutException):
        return "too late"
    if told == "api_connection_error" or isinstance(error, openai.APIConnectionError | httpx.TransportError):
        return "connection lost"
    return type(error).__name__


def resident_kb(process: GatewayProcess) -> int:
    status = Path(f"/proc/{process.process.pid}/status").read_text()
    found = re.search(r"VmRSS:\s+(\d+) kB", status)
    assert found is not None
    return int(found[1])


async def lowest_kb(process: GatewayProcess) -> int:
    """What is resident when all that has come is learnt, which nothing tells from outside."""
    seen = [resident_kb(process)]
    for _ in range(LOOKS):
        with contextlib.suppress(TimeoutError):
            await asyncio.wait_for(asyncio.Event().wait(), LOOK_S)
        seen.append(resident_kb(process))
    return min(seen)


async def differences(gateway: GatewayProcess, direct: str, names: Sequence[str], memory: str = "on") -> list[str]:
    """Everything by which the SDK fares otherwise through the gateway."""
    found: list[str] = []
    waiting = iter(names)

    async def lane() -> None:
        for name in waiting:
            alone, through = await asyncio.gather(fare(direct, name, memory), fare(gateway.url, name, memory))
            is_read = memory == "on" or through.failed is not None  # what passes unread is as it is alone
            if alone.failed == "hangs" or (FAULTS[name].is_told and is_read):
                alone = Fared(said=None, failed="connection lost")
            is_same = through.failed == alone.failed or (through.error is not None and through.error == alone.error)
            if through.said != alone.said or not is_same:
                found.append(f"{name}: {str(through)[:300]}, not {str(alone)[:300]}")
            if through.status == 500 and alone.status != 500:
                found.append(f"{name}: a 500 of ours")

    async with asyncio.TaskGroup() as lanes:
        for _ in range(LANES):
            lanes.create_task(lane())
    return found


def configured(folder: Path, url: str) -> list[str]:
    """Flags of a gateway that waits for an upstream no longer than its client does."""
    file = folder / "config.yaml"
    file.write_text(f"upstreams: {{default: {{url: '{url}', read_timeout_s: {PATIENCE_S * 0.8}}}}}\n")
    return ["--config", str(file)]


@pytest.mark.promise("P3")
@pytest.mark.parametrize(("memory", "rounds"), RUNS)
async def test_whatever_the_upstream_does_the_sdk_fares_as_it_would_alone(
    tmp_path: Path, memory: str, rounds: int
) -> None:
    assert len(FAULTS) >= 40
    async with upstream() as url:
        with GatewayProcess(url, tmp_path / "data", flags=configured(tmp_path, url)) as gateway:
            await differences(gateway, url, [name for name in FAULTS if name.startswith("nothing")] * 20)
            before = resident_kb(gateway)
            found = await differences(gateway, url, list(FAULTS) * rounds, memory)
            grown = await lowest_kb(gateway) - before
            print(f"{len(FAULTS)} faults, {rounds} rounds, memory {memory}: {grown} KB more")
    assert not found, "\n".join(found)
    assert grown <= MAX_GROWTH_KB


SILENT_ENDS = """
from gateway.errors import RequestError
from gateway.upstreams import http
read = http._Chunks.__anext__
async def silent(self):
    try:
        return await read(self)
    except RequestError:
        raise StopAsyncIteration
http._Chunks.__anext__ = silent
"""

TRUSTING = """
from gateway.upstreams import connection, http
from aiohttp.client_proto import ResponseHandler
http.CarefulConnection = ResponseHandler
"""


@pytest.mark.parametrize(
    ("breaking", "name"), [(SILENT_ENDS, "cut between chunks"), (TRUSTING, "100 Continue for ever")]
)
async def test_a_gateway_that_hides_or_overlooks_a_death_is_found_out(tmp_path: Path, breaking: str, name: str) -> None:
    async with upstream() as url:
        with Mutant(breaking, url, tmp_path / "data", flags=configured(tmp_path, url)) as gateway:
            assert await differences(gateway, url, [name])
            gateway.kill()  # the flood keeps it too busy to end by itself
