"""The scripted upstream over WebSocket, as a client sees it."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator
from typing import Any

import pytest
from websockets.asyncio.client import ClientConnection, connect
from websockets.exceptions import ConnectionClosed, InvalidStatus

from gateway.testing import ScriptedUpstream, Step

ASK = {"type": "response.create", "model": "m", "input": "hello"}


@pytest.fixture
async def socket(upstream: ScriptedUpstream) -> AsyncIterator[ClientConnection]:
    async with connect(f"ws{upstream.url[4:]}/responses", proxy=None) as socket:
        yield socket


async def told(socket: ClientConnection, *, end: str = "response.completed") -> list[dict[str, Any]]:
    """Events up to the one of this type."""
    events = [json.loads(await socket.recv())]
    while events[-1]["type"] != end:
        events.append(json.loads(await socket.recv()))
    return events


async def test_a_response_is_told_in_events(socket: ClientConnection, upstream: ScriptedUpstream) -> None:
    await socket.send(json.dumps(ASK))
    events = await told(socket)
    assert events[0]["type"] == "response.created"
    assert "hello" in events[-1]["response"]["output"][0]["content"][0]["text"]
    assert [(request.method, request.target) for request in upstream.requests()] == [
        ("GET", "/v1/responses"),
        ("MESSAGE", "/v1/responses"),
    ]


async def test_a_response_that_is_not_stored_can_be_continued(socket: ClientConnection) -> None:
    await socket.send(json.dumps({**ASK, "store": False, "generate": False}))
    warm = (await told(socket))[-1]["response"]
    assert warm["output"] == []
    await socket.send(json.dumps({**ASK, "previous_response_id": warm["id"], "store": False}))
    assert (await told(socket))[-1]["response"]["previous_response_id"] == warm["id"]


async def test_lanes_do_not_wait_for_each_other_and_name_themselves(
    socket: ClientConnection, upstream: ScriptedUpstream
) -> None:
    upstream.script([Step(chunks=[b'{"type":"slow"}'], hold=[0])])
    await socket.send(json.dumps({**ASK, "stream_id": "a"}))
    await socket.send(json.dumps({**ASK, "stream_id": "b"}))
    assert {event["stream_id"] for event in await told(socket)} == {"b"}
    upstream.release()
    assert await socket.recv() == '{"type":"slow"}'


async def test_a_refusal_is_an_event_with_a_status(socket: ClientConnection) -> None:
    await socket.send(json.dumps({**ASK, "previous_response_id": "resp_unknown", "stream_id": "a"}))
    refusal = json.loads(await socket.recv())
    assert (refusal["type"], refusal["status"], refusal["stream_id"]) == ("error", 400, "a")
    assert refusal["error"]["code"] == "previous_response_not_found"


async def test_other_paths_send_every_message_back(upstream: ScriptedUpstream) -> None:
    async with connect(f"ws{upstream.url[4:]}/realtime?model=m", proxy=None) as socket:
        for message in ("words", b"\x00\xff", "[]", '{"stream_id": 1}'):
            await socket.send(message)
            assert await socket.recv() == message


async def test_a_script_refuses_the_handshake(upstream: ScriptedUpstream) -> None:
    upstream.script([Step(status=405, chunks=[b"no"])])
    with pytest.raises(InvalidStatus) as refused:
        await connect(f"ws{upstream.url[4:]}/responses", proxy=None)
    assert (refused.value.response.status_code, refused.value.response.body) == (405, b"no")


async def test_a_script_closes_with_a_code(socket: ClientConnection, upstream: ScriptedUpstream) -> None:
    upstream.script([Step(chunks=[b"last"], framing="close", status=1012)])
    await socket.send("x")
    assert await socket.recv() == "last"
    with pytest.raises(ConnectionClosed) as closed:
        await socket.recv()
    assert closed.value.rcvd is not None
    assert closed.value.rcvd.code == 1012


async def test_a_script_cuts_the_connection(socket: ClientConnection, upstream: ScriptedUpstream) -> None:
    upstream.script([Step(chunks=[b"one", b"two"], cut=3, hold=[1])])
    await socket.send("x")
    assert await socket.recv() == "one"
    upstream.release()
    with pytest.raises(ConnectionClosed) as closed:
        await socket.recv()
    assert closed.value.rcvd is None


async def test_a_close_is_received_with_its_reason(upstream: ScriptedUpstream) -> None:
    async with connect(f"ws{upstream.url[4:]}/responses", proxy=None) as socket:
        await socket.close(4001, "bye")
    assert [request.body for request in upstream.requests() if request.method == "CLOSE"] == [b"4001 bye"]


async def test_a_client_that_vanishes_ends_its_answers(upstream: ScriptedUpstream) -> None:
    upstream.script([])
    async with asyncio.timeout(5), connect(f"ws{upstream.url[4:]}/responses", proxy=None) as socket:
        upstream.script([Step(chunks=[b"never"], hold=[0])])
        await socket.send("x")
        while "MESSAGE" not in [request.method for request in upstream.requests()]:
            await socket.ping()
        socket.transport.abort()
    async with connect(f"ws{upstream.url[4:]}/responses", proxy=None) as socket:
        await socket.send(json.dumps(ASK))
        assert (await told(socket))[-1]["type"] == "response.completed"
