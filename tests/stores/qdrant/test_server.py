from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator

import pytest

from gateway.errors import MemoryUnavailable
from gateway.stores.qdrant import connect
from gateway.stores.qdrant.server import COMPLAINT_CHARS, asked

LISTED = b'{"result":{"collections":[]},"status":"ok","time":0.0}'


class Wire:
    """A server that says what it is told to say to each request, and keeps the heads."""

    def __init__(self) -> None:
        self.answer = (200, LISTED)
        self.heads: list[bytes] = []
        self.connections = 0

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.connections += 1
        try:
            while head := await reader.readuntil(b"\r\n\r\n"):
                self.heads.append(head.lower())
                status, body = self.answer
                writer.write(b"HTTP/1.1 %d Said\r\ncontent-length: %d\r\n\r\n%b" % (status, len(body), body))
                await writer.drain()
        except asyncio.IncompleteReadError:
            writer.close()


@pytest.fixture
async def wire() -> AsyncIterator[tuple[Wire, str]]:
    wire = Wire()
    server = await asyncio.start_server(wire.serve, "127.0.0.1", 0)
    yield wire, f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}"
    server.close()


async def test_the_key_goes_with_every_question_over_one_connection_and_nothing_is_asked_before(
    wire: tuple[Wire, str],
) -> None:
    server, url = wire
    client = connect(url, "secret", 1.0)
    assert server.connections == 0
    for _ in range(2):
        assert (await asked(client.get_collections())).collections == []
    assert (server.connections, len(server.heads)) == (1, 2)
    assert all(head.startswith(b"get /collections ") and b"api-key: secret\r\n" in head for head in server.heads)
    await client.close()


@pytest.mark.parametrize(
    ("status", "body", "cause"),
    [
        (404, b'{"status":{"error":"Not found: Collection `x` doesn\'t exist!"}}', "404 Not found: Collection `x`"),
        (400, b'{"status":{"error":"%b"}}' % (b"x" * 999), "400 xxx"),
        (500, b"<html>oops</html>", "500 Said"),
        (503, b"", "503 Said"),
        (200, b'{"result":{"private":"words"},"status":"ok"}', "none of Qdrant's"),
        (200, b"not JSON", "JSONDecodeError"),
    ],
)
async def test_an_answer_that_is_none_is_no_memory_and_says_why(
    wire: tuple[Wire, str], status: int, body: bytes, cause: str
) -> None:
    server, url = wire
    server.answer = status, body
    client = connect(url, None, 1.0)
    with pytest.raises(MemoryUnavailable) as raised:
        await asked(client.get_collections())
    assert cause in str(raised.value)
    assert "private" not in str(raised.value)
    assert len(str(raised.value)) <= len("qdrant: ") + COMPLAINT_CHARS
    await client.close()


async def test_a_server_that_is_not_there_is_no_memory_and_is_asked_once() -> None:
    client = connect("http://127.0.0.1:1", None, 1.0)
    with pytest.raises(MemoryUnavailable, match="qdrant: ConnectError"):
        await asked(client.get_collections())
    await client.close()


async def test_who_gives_up_waiting_is_free_at_once_and_the_next_question_is_answered() -> None:
    held = asyncio.Event()

    async def silent(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await held.wait()
        await reader.readuntil(b"\r\n\r\n")
        writer.write(b"HTTP/1.1 200 OK\r\ncontent-length: %d\r\n\r\n%b" % (len(LISTED), LISTED))
        writer.close()

    server = await asyncio.start_server(silent, "127.0.0.1", 0)
    client = connect(f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}", None, 30.0)
    with pytest.raises(TimeoutError):
        async with asyncio.timeout(0.01):
            await asked(client.get_collections())
    held.set()
    async with asyncio.timeout(10):
        assert (await asked(client.get_collections())).collections == []
    await client.close()
    server.close()
