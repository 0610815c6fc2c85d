"""The Responses API over WebSocket, end to end: a real client, real sockets, an upstream in a process of its own."""

from __future__ import annotations

import asyncio
import json
import sqlite3
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager, closing, suppress
from pathlib import Path
from typing import Any

import aiohttp
import pytest
from websockets.asyncio.client import ClientConnection, connect
from websockets.exceptions import ConnectionClosed
from websockets.typing import Subprotocol

from gateway import conversation
from gateway.body import Body
from gateway.conversation import Conversation, Joined
from gateway.conversation import connect as connect_upstream
from gateway.datadir import DataDir
from gateway.errors import MemoryUnavailable, NotNow
from gateway.journals.sqlite.rows import read_exchange
from gateway.pipeline import Request
from gateway.ports import Closing
from gateway.sections import PostDisconnect, Server
from gateway.testing import ScriptedUpstream, Step
from gateway.tunnel import Listener, Nobody, Watched
from gateway.types import Exchange
from tests.conftest import Serve, Served
from tests.evaluation import data_dir

KEY = {"authorization": "Bearer sk-test"}
DOG = "My dog Biscuit is allergic to chicken."
QUESTION = "What should my dog not eat?"
DATA = data_dir()

Exchanges = Callable[[], list[Exchange]]
Event = dict[str, Any]


@pytest.fixture
def exchanges(tmp_path: Path) -> Exchanges:
    """Everything on record, oldest first."""

    def read() -> list[Exchange]:
        with closing(sqlite3.connect(DataDir(tmp_path / "data").journal)) as rows:
            ids = [row[0] for row in rows.execute("SELECT id FROM exchanges ORDER BY rowid")]
            return [exchange for row in ids if (exchange := read_exchange(rows, row)) is not None]

    return read


@asynccontextmanager
async def opened(served: Served, path: str = "/responses", **headers: str) -> AsyncIterator[ClientConnection]:
    url = f"ws{served.url[4:]}{path}"
    async with asyncio.timeout(20), connect(url, additional_headers={**KEY, **headers}, proxy=None) as socket:
        yield socket


def asking(*texts: str, **members: object) -> str:
    items = [{"role": "user", "content": text} for text in texts]
    return json.dumps({"type": "response.create", "model": "gpt-5", "input": items, **members})


async def told(socket: ClientConnection) -> list[Event]:
    """The events of one response."""
    events: list[Event] = []
    while not events or events[-1]["type"] not in ("response.completed", "error"):
        events.append(json.loads(await socket.recv()))
    return events


async def say(socket: ClientConnection, *texts: str, **members: object) -> Event:
    """The response to what is said."""
    await socket.send(asking(*texts, **members))
    response: Event = (await told(socket))[-1]["response"]
    return response


def text_of(response: Event) -> str:
    text: str = response["output"][0]["content"][0]["text"]
    return text


async def nothing() -> AsyncIterator[bytes]:
    return
    yield


def messages(upstream: ScriptedUpstream) -> list[str]:
    return [request.body.decode() for request in upstream.requests() if request.method == "MESSAGE"]


async def test_the_second_connection_is_answered_with_what_was_said_on_the_first(served: Served) -> None:
    async with opened(served) as socket:
        await say(socket, DOG)
    await served.learnt()
    async with opened(served) as socket:
        assert "allergic to chicken" in text_of(await say(socket, QUESTION))


async def test_http_and_websocket_share_one_memory(served: Served) -> None:
    async with opened(served) as socket:
        await say(socket, DOG)
    await served.learnt()
    asked = {"model": "gpt-5", "input": QUESTION}
    async with aiohttp.ClientSession(headers=KEY) as http, http.post(served.url + "/responses", json=asked) as answer:
        assert "allergic to chicken" in text_of(await answer.json())


@pytest.mark.promise("P1")
async def test_a_message_to_which_nothing_is_added_passes_as_it_is(served: Served, upstream: ScriptedUpstream) -> None:
    odd = [
        ' {"type" : "response.create","input":"hi","model":"m", "temperature":1.0, "seed":12345678901234567890}\n',
        '{"type":"response.create","input":[],"x":"\\ud800"}',
        '{"type":"response.cancel","response_id":"resp_1"}',
        '{"type":"response.steer","previous_response_id":"resp_1","input":"no, the other one"}',
        '{"type":7}',
        "no JSON",
        "",
    ]
    last = b'{"type":"response.completed","response":{"id":"resp_1","output":[]}}'
    async with opened(served) as socket:
        upstream.script([Step(chunks=[last])] * (len(odd) + 1))
        for message in odd:
            await socket.send(message)
            assert await socket.recv() == last.decode()
        await socket.send(asking(DOG).encode())
        assert await socket.recv() == last
    assert messages(upstream) == [*odd, asking(DOG)]


CALLS = {
    "flat": '{"type":"response.create","stream_id":"a","model":"m", "input": "What should my dog not eat?",'
    ' "temperature" :1.0, "n":12345678901234567890, "e":"\\u00e9 \\ud800"}',
    "nested": ' { "type":"response.create","stream_id":"a","response" : {"input": "What should my dog not eat?" ,'
    ' "n":12345678901234567890, "e":"\\u00e9 \\ud800"} , "last":1.0}',
}


@pytest.mark.promise("P2")
@pytest.mark.parametrize("form", CALLS)
async def test_only_the_notes_differ(served: Served, upstream: ScriptedUpstream, form: str) -> None:
    async with opened(served) as socket:
        await say(socket, DOG)
    await served.learnt()
    sent = CALLS[form]
    async with opened(served) as socket:
        upstream.script([Step(chunks=[b'{"type":"response.completed","stream_id":"a","response":{"id":"r"}}'])])
        await socket.send(sent)
        await socket.recv()
    went = messages(upstream)[-1]
    before, _, after = sent.partition(QUESTION)
    assert went.startswith(before)
    assert went.endswith(after)
    assert "allergic to chicken" in went


@pytest.mark.promise("P3")
async def test_events_arrive_as_they_were_sent_and_when_they_were_sent(
    served: Served, upstream: ScriptedUpstream
) -> None:
    events = [
        b' {"type":"response.created",\n "response":{"id":"resp_1"}}',
        b'{"type":"codex.rate_limits"}',
        '{"type":"response.output_text.delta","delta":"\u2028é"}'.encode(),
        b'{"type":"response.completed","response":{"id":"resp_1","status":"completed","output":[]}}',
        b'{"type":"late"}',
    ]
    async with opened(served) as socket:
        upstream.script([Step(chunks=events, hold=[0, 1, 2, 3, 4])])
        await socket.send(asking("hi"))
        for event in events:
            upstream.release()
            assert await socket.recv() == event.decode()


@pytest.mark.promise("P6")
async def test_the_last_event_is_told_when_its_exchange_is_on_record(served: Served, exchanges: Exchanges) -> None:
    async with opened(served) as socket:
        response = await say(socket, "My cellar is full of marmalade.")
        (exchange,) = exchanges()
    assert (exchange.state, exchange.status, exchange.path) == ("done", 200, "/responses")
    assert exchange.reply is not None
    assert exchange.reply.id == response["id"]
    assert exchange.reply.turns[0].text == text_of(response)
    assert [turn.text for turn in exchange.turns] == ["My cellar is full of marmalade."]


@pytest.mark.promise("P4")
async def test_a_journal_that_cannot_write_holds_nothing_back(serve: Serve, monkeypatch: pytest.MonkeyPatch) -> None:
    async def broken(self: object, exchange: Exchange) -> None:
        raise MemoryUnavailable("the disk is full")

    monkeypatch.setattr("gateway.journals.sqlite.SqliteJournal.commit", broken)
    async with serve() as served, opened(served) as socket:
        assert "You said: hi" in text_of(await say(socket, "hi"))


async def test_a_chain_is_one_session(served: Served, exchanges: Exchanges) -> None:
    async with opened(served) as socket:
        first = await say(socket, "one", store=False)
        await say(socket, "two", previous_response_id=first["id"], store=False)
    async with opened(served) as socket:
        await say(socket, "three")
    one, two, three = exchanges()
    assert one.scope.session == two.scope.session != three.scope.session
    assert [turn.text for turn in two.turns] == ["two"]


async def test_a_connection_opened_anew_goes_on_with_the_chain(served: Served, exchanges: Exchanges) -> None:
    async with opened(served) as socket:
        first = await say(socket, "one")
    async with opened(served) as socket:
        await say(socket, "two", previous_response_id=first["id"])
    assert len({exchange.scope.session for exchange in exchanges()}) == 1


async def test_lanes_run_at_the_same_time_and_each_is_a_session(
    served: Served, upstream: ScriptedUpstream, exchanges: Exchanges
) -> None:
    lane = '{"type":"%s","stream_id":"%s","response":{"id":"resp_%s","status":"completed","output":[]}}'
    slow = [lane % (kind, "a", "a") for kind in ("response.created", "response.completed")]
    async with opened(served) as socket:
        upstream.script([Step(chunks=[event.encode() for event in slow], hold=[1])])
        await socket.send(asking("slow", stream_id="a"))
        assert await socket.recv() == slow[0]
        await socket.send(asking("quick", stream_id="b"))
        quick = (await told(socket))[-1]
        assert (quick["type"], quick["stream_id"]) == ("response.completed", "b")
        upstream.release()
        assert await socket.recv() == slow[1]
    by_text = {exchange.turns[0].text: exchange for exchange in exchanges()}
    assert {name: exchange.reply.id for name, exchange in by_text.items() if exchange.reply} == {
        "slow": "resp_a",
        "quick": quick["response"]["id"],
    }
    assert by_text["slow"].scope.session != by_text["quick"].scope.session


async def test_responses_of_one_lane_are_told_apart_by_their_order(served: Served, exchanges: Exchanges) -> None:
    async with opened(served) as socket:
        for text in ("one", "two", "three"):
            await socket.send(asking(text))
        ids = [(await told(socket))[-1]["response"]["id"] for _ in range(3)]
    assert [exchange.reply.id for exchange in exchanges() if exchange.reply] == ids
    assert [exchange.turns[0].text for exchange in exchanges()] == ["one", "two", "three"]


@pytest.mark.parametrize("lane", [{}, {"stream_id": "a"}])
async def test_a_refusal_is_on_record_and_teaches_nothing(
    served: Served, upstream: ScriptedUpstream, exchanges: Exchanges, lane: dict[str, str]
) -> None:
    refusal = b'{"type":"error","status":429,"error":{"code":"rate_limit_exceeded"}}'
    async with opened(served) as socket:
        upstream.script([Step(chunks=[refusal])])
        await socket.send(asking("hi", **lane))
        assert await socket.recv() == refusal.decode()
        await say(socket, "again", **lane)
    refused, answered = exchanges()
    assert (refused.status, refused.state, answered.status) == (429, "done", 200)


async def test_an_error_of_nobody_in_particular_passes(
    served: Served, upstream: ScriptedUpstream, exchanges: Exchanges
) -> None:
    error = b'{"type":"error","status":400,"error":{"code":"websocket_connection_limit_reached"}}'
    async with opened(served) as socket:
        upstream.script([Step(chunks=[error])])
        await socket.send('{"type":"response.other"}')
        assert await socket.recv() == error.decode()
    assert exchanges() == []


async def test_a_call_too_long_with_its_notes_is_sent_once_more_without_them(
    served: Served, upstream: ScriptedUpstream, exchanges: Exchanges
) -> None:
    async with opened(served) as socket:
        await say(socket, DOG)
    await served.learnt()
    refusal = b'{"type":"error","status":400,"error":{"code":"context_length_exceeded","message":"too long"}}'
    async with opened(served) as socket:
        upstream.script([Step(chunks=[refusal])])
        await socket.send(asking(QUESTION))
        response = (await told(socket))[-1]["response"]
        with_notes, without = messages(upstream)[-2:]
        assert "chicken" in with_notes
        assert without == asking(QUESTION)
        upstream.script([Step(chunks=[refusal])])
        await socket.send(asking(QUESTION, previous_response_id=response["id"]))
        assert await socket.recv() == refusal.decode()
        await say(socket, "And what does my dog's allergy to chicken mean?", previous_response_id=response["id"])
    assert [exchange.outcome.reason for exchange in exchanges()[1:]] == ["context_overflow"] * 3


async def test_a_call_too_long_with_its_notes_is_not_sent_again_behind_a_later_one(
    served: Served, upstream: ScriptedUpstream, exchanges: Exchanges
) -> None:
    async with opened(served) as socket:
        await say(socket, DOG)
    await served.learnt()
    refusal = b'{"type":"error","status":400,"error":{"code":"context_length_exceeded","message":"too long"}}'
    lane = refusal.replace(b'"status"', b'"stream_id":"a","status"')
    async with opened(served) as socket:
        upstream.script([Step(), Step(), Step(chunks=[lane])])
        for message in (asking(QUESTION, stream_id="a"), asking(QUESTION, stream_id="b"), '{"type":"response.other"}'):
            await socket.send(message)
        assert await socket.recv() == lane.decode()
    assert [exchange.outcome.reason for exchange in exchanges()[1:2]] == ["context_overflow"]


async def test_a_response_that_fails_because_it_is_too_long_leaves_the_session_without_notes(
    served: Served, upstream: ScriptedUpstream
) -> None:
    async with opened(served) as socket:
        await say(socket, DOG)
    await served.learnt()
    failed = {"id": "resp_1", "status": "failed", "output": [], "error": {"code": "context_length_exceeded"}}
    events = [json.dumps({"type": f"response.{kind}", "response": failed}).encode() for kind in ("created", "failed")]
    async with opened(served, **{"x-accrue-session": "s1"}) as socket:
        upstream.script([Step(chunks=events)])
        await socket.send(asking(QUESTION))
        assert [await socket.recv() for _ in events] == [event.decode() for event in events]
        assert "chicken" in messages(upstream)[-1]
        await say(socket, QUESTION)
    assert messages(upstream)[-1] == asking(QUESTION)


async def test_a_prewarm_gets_no_notes_and_teaches_nothing_but_is_followed(
    served: Served, upstream: ScriptedUpstream, exchanges: Exchanges
) -> None:
    async with opened(served) as socket:
        await say(socket, "Always answer in French.")
    await served.learnt()
    upstream.clear()
    async with opened(served, **{"x-accrue-session": "s1"}) as socket:
        warm = await say(socket, "Always answer in rhymes.", generate=False)
        await say(socket, "hi", previous_response_id=warm["id"])
        (aside, turn) = exchanges()[1:]
    assert messages(upstream)[0] == asking("Always answer in rhymes.", generate=False)
    assert (aside.is_aside, aside.turns, aside.learns) == (True, (), ())
    assert aside.scope.session == turn.scope.session == "s1"
    assert not turn.is_aside


@pytest.mark.parametrize("mode", ["read", "write"])
async def test_a_mode_holds_for_the_whole_connection(
    served: Served, upstream: ScriptedUpstream, exchanges: Exchanges, mode: str
) -> None:
    async with opened(served) as socket:
        await say(socket, DOG)
    await served.learnt()
    async with opened(served, **{"x-accrue-memory": mode}) as socket:
        await say(socket, QUESTION)
    assert ("chicken" in messages(upstream)[-1]) == (mode == "read")
    assert bool(exchanges()[-1].turns) == (mode == "write")


@pytest.mark.promise("P1")
async def test_with_memory_off_nothing_is_read(
    served: Served, upstream: ScriptedUpstream, exchanges: Exchanges
) -> None:
    async with opened(served, **{"x-accrue-memory": "off"}) as socket:
        await say(socket, DOG)
    assert messages(upstream) == [asking(DOG)]
    assert exchanges() == []


async def test_only_responses_with_memory_on_have_a_listener(served: Served) -> None:
    async def listener(path: str, mode: str) -> Listener:
        headers = [(b"x-accrue-memory", mode.encode())]
        body = Body(nothing(), length=0)
        request = Request(method="GET", path=path, query="", headers=headers, body=body)
        joined = await connect_upstream(served.parts.gateway, request)
        assert isinstance(joined, Joined)
        await joined.opened.connection.close(Closing(code=1000))
        assert isinstance(joined.listener, Watched)
        return joined.listener.listener

    assert isinstance(await listener("/v1/responses", "on"), Conversation)
    assert isinstance(await listener("/v1/responses", "off"), Nobody)
    assert isinstance(await listener("/v1/realtime", "on"), Nobody)


async def test_a_policy_may_turn_memory_off(
    serve: Serve, tmp_path: Path, upstream: ScriptedUpstream, exchanges: Exchanges
) -> None:
    (tmp_path / "policies").mkdir()
    (tmp_path / "policies" / "default.yaml").write_text("memory: off\n")
    async with serve() as served, opened(served) as socket:
        await say(socket, DOG)
    assert messages(upstream) == [asking(DOG)]
    assert exchanges() == []


async def test_what_is_too_large_or_too_much_passes_unread(
    serve: Serve, exchanges: Exchanges, monkeypatch: pytest.MonkeyPatch
) -> None:
    large = "x" * 300_000
    limited = Server(port=0, max_augmented_bytes=len(large) + 1_000)
    async with serve(server=limited) as served, opened(served) as socket:
        await say(socket, large)
        await say(socket, large + "too large" * 1_000)
        monkeypatch.setattr(conversation, "MAX_OPEN", 0)
        await say(socket, "too much")
    assert [exchange.turns[0].text for exchange in exchanges()] == [large]


async def test_identity_comes_from_the_path_of_the_handshake(served: Served, exchanges: Exchanges) -> None:
    root = served.url.removesuffix("/v1")
    async with asyncio.timeout(10):
        url = f"ws{root[4:]}/u/ada/s/tea/v1/responses"
        async with connect(url, additional_headers=KEY, proxy=None) as socket:
            await say(socket, "hi")
    (exchange,) = exchanges()
    assert (exchange.scope.user, exchange.scope.session) == ("ada", "tea")


# Which answer belongs to which call: where that is in doubt, none is put down to any

FIRST, SECOND, THIRD = (f"resp_{place}0f1e2d3c4b5a69788796a5b4c3d2e1f0" for place in range(3))
MALFORMED = b'{"type":"error","status":"400","stream_id":null,"error":{"code":"invalid_request"}}'


def answer(name: str, words: str, *, kind: str = "completed") -> list[bytes]:
    content = [{"type": "output_text", "text": words, "annotations": []}]
    output = [{"type": "message", "id": f"msg_{name}", "role": "assistant", "content": content}]
    events: list[Event] = [
        {"type": "response.created", "response": {"id": name, "output": []}},
        {"type": f"response.{kind}", "response": {"id": name, "status": kind, "output": output}},
    ]
    return [json.dumps(event).encode() for event in events]


def said_and_answered(exchanges: Exchanges) -> dict[str, list[str]]:
    """What was answered to whom, of those on record."""
    return {
        exchange.turns[0].text: [turn.text for turn in exchange.reply.turns if exchange.reply] if exchange.reply else []
        for exchange in exchanges()
    }


async def play(served: Served, upstream: ScriptedUpstream, asked: list[str], *steps: list[bytes]) -> None:
    """Send each message, then read all that the upstream has to say to it."""
    async with opened(served) as socket:
        upstream.script([Step(chunks=step) for step in steps])
        for message, step in zip(asked, steps, strict=True):
            await socket.send(message)
            for event in step:
                assert await socket.recv() == event.decode()


@pytest.mark.promise("P7")
async def test_a_refusal_whatever_it_looks_like_ends_its_call_and_no_other(
    served: Served, upstream: ScriptedUpstream, exchanges: Exchanges
) -> None:
    asked = [asking(text) for text in ("one", "two")]
    await play(served, upstream, asked, [MALFORMED], answer(SECOND, "answer to two"))
    assert said_and_answered(exchanges) == {"one": [], "two": ["answer to two"]}


@pytest.mark.promise("P7")
async def test_what_is_told_of_a_response_after_its_end_is_not_the_next_ones(
    served: Served, upstream: ScriptedUpstream, exchanges: Exchanges
) -> None:
    late = answer(FIRST, "half of it", kind="failed")[1]
    asked = [asking(text) for text in ("one", "two")]
    await play(served, upstream, asked, [MALFORMED], [late, *answer(SECOND, "answer to two")])
    assert said_and_answered(exchanges) == {"one": [], "two": ["answer to two"]}


@pytest.mark.promise("P7")
@pytest.mark.parametrize(
    ("doubtful", "told_of_it"),
    [
        ('{"type":"response.other"}', MALFORMED),
        ('{"type":"response.steer","input":"not that"}', b'{"type":"response.steer.accepted"}'),
    ],
    ids=["an error of one of two", "steering"],
)
async def test_after_a_doubt_nothing_more_is_put_on_record(
    served: Served, upstream: ScriptedUpstream, exchanges: Exchanges, doubtful: str, told_of_it: bytes
) -> None:
    async with opened(served) as socket:
        upstream.script([Step(), Step(), Step(chunks=[told_of_it]), Step(chunks=answer(FIRST, "nobody's"))])
        for message in (asking("one"), asking("two"), doubtful, asking("three")):
            await socket.send(message)
        assert [await socket.recv() for _ in range(3)] == [
            event.decode() for event in (told_of_it, *answer(FIRST, "nobody's"))
        ]
        await served.parts.gateway.recorder.drain()
    found = said_and_answered(exchanges)
    assert (found.pop("one"), found.pop("two")) == ([], [])
    assert found.pop("three", []) == []


@pytest.mark.promise("P7")
async def test_a_response_that_nobody_asked_for_is_nobodys(
    served: Served, upstream: ScriptedUpstream, exchanges: Exchanges
) -> None:
    asked = ['{"type":"response.other"}', asking("one"), asking("two")]
    twice = [*answer(SECOND, "answer to one"), *answer(THIRD, "nobody's")]
    await play(served, upstream, asked, answer(FIRST, "nobody's"), twice, answer(FIRST, "answer to two"))
    assert said_and_answered(exchanges) == {"one": ["answer to one"], "two": ["answer to two"]}


async def test_a_handshake_that_was_a_retry_makes_no_retry_of_its_calls(served: Served, exchanges: Exchanges) -> None:
    async with opened(served, **{"x-stainless-retry-count": "1"}) as socket:
        for _ in range(2):
            await say(socket, "hi")
    assert [exchange.attempts for exchange in exchanges()] == [1, 1]


@pytest.mark.promise("P7")
async def test_two_keys_in_subprotocols_are_two_tenants(served: Served, exchanges: Exchanges) -> None:
    url = f"ws{served.url[4:]}/responses"
    async with asyncio.timeout(20):
        for key in ("sk-alice", "sk-bob"):
            protocols = [Subprotocol("realtime"), Subprotocol(f"openai-insecure-api-key.{key}")]
            async with connect(url, subprotocols=protocols, proxy=None) as socket:
                await say(socket, "hi")
    alice, bob = exchanges()
    assert alice.scope.tenant != bob.scope.tenant


# The ends of a connection


@pytest.mark.promise("P3")
@pytest.mark.promise("P6")
async def test_an_upstream_that_dies_leaves_an_error_and_an_interrupted_exchange(
    served: Served, upstream: ScriptedUpstream, exchanges: Exchanges
) -> None:
    created = b'{"type":"response.created","stream_id":"a","response":{"id":"resp_1"}}'
    begun = b'{"type":"response.output_text.delta","stream_id":"a","output_index":0,"delta":"Once upon"}'
    async with opened(served) as socket:
        upstream.script([Step(hold=[0]), Step(chunks=[created, begun, b"more"], cut=len(created + begun), hold=[2])])
        await socket.send(asking("never answered"))
        await socket.send(asking("a tale", stream_id="a"))
        assert [await socket.recv() for _ in range(2)] == [created.decode(), begun.decode()]
        upstream.release()
        upstream.release()
        errors = [json.loads(await socket.recv()) for _ in range(2)]
        with pytest.raises(ConnectionClosed) as closed:
            await socket.recv()
    assert closed.value.rcvd is not None
    assert closed.value.rcvd.code == 1011
    assert [(error["type"], error["status"], error.get("stream_id")) for error in errors] == [
        ("error", 502, None),
        ("error", 502, "a"),
    ]
    assert errors[0]["error"]["type"] == "api_connection_error"
    lost, cut = exchanges()
    assert [exchange.state for exchange in (lost, cut)] == ["interrupted", "interrupted"]
    assert cut.reply is not None
    assert cut.reply.turns[0].text == "Once upon"


async def test_the_upstreams_close_reaches_the_client_with_its_code(
    served: Served, upstream: ScriptedUpstream, exchanges: Exchanges
) -> None:
    async with opened(served) as socket:
        upstream.script([Step(chunks=[b'{"type":"response.created"}'], framing="close", status=1012)])
        await socket.send(asking("hi"))
        assert await socket.recv() == '{"type":"response.created"}'
        with pytest.raises(ConnectionClosed) as closed:
            await socket.recv()
    assert closed.value.rcvd is not None
    assert closed.value.rcvd.code == 1012
    assert exchanges()[0].state == "interrupted"


async def test_the_clients_close_reaches_the_upstream_with_its_code(serve: Serve, upstream: ScriptedUpstream) -> None:
    async with serve() as served, opened(served) as socket:
        await say(socket, "hi")
        await socket.close(4001, "bye")
    assert [request.body for request in upstream.requests() if request.method == "CLOSE"] == [b"4001 bye"]


@pytest.mark.promise("P6")
async def test_a_client_that_leaves_in_the_middle_loses_nothing(
    serve: Serve, upstream: ScriptedUpstream, exchanges: Exchanges
) -> None:
    events = [
        b'{"type":"response.created","response":{"id":"resp_1"}}',
        b'{"type":"response.completed","response":{"id":"resp_1","status":"completed","output":[]}}',
    ]
    async with serve() as served:
        async with opened(served) as socket:
            upstream.script([Step(chunks=events, hold=[1])])
            await socket.send(asking("hi"))
            await socket.recv()
            socket.transport.abort()
        upstream.release()
    (exchange,) = exchanges()
    assert exchange.state == "done"


async def test_a_client_that_has_left_is_not_heard_for_longer_than_allowed(
    serve: Serve, upstream: ScriptedUpstream, exchanges: Exchanges
) -> None:
    created = b'{"type":"response.created","response":{"id":"resp_1"}}'
    limits = PostDisconnect(seconds=0.01)
    async with serve(server=Server(port=0, post_disconnect=limits)) as served:
        async with opened(served) as socket:
            upstream.script([Step(chunks=[created, b"{}"], hold=[1])])
            await socket.send(asking("hi"))
            await socket.recv()
            socket.transport.abort()
        async with asyncio.timeout(10):
            while not any(exchange.state == "interrupted" for exchange in exchanges()):
                with suppress(TimeoutError):
                    await asyncio.wait_for(asyncio.Event().wait(), 0.02)
        upstream.release()


async def test_a_call_that_we_refuse_is_answered_and_goes_no_further(
    served: Served, upstream: ScriptedUpstream, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def refuses(*_: object) -> None:
        raise NotNow("come again", code="journal_full")

    async with opened(served) as socket:
        with monkeypatch.context() as broken:
            broken.setattr(conversation, "begin", refuses)
            await socket.send(asking("hi", stream_id="one"))
            (refusal,) = await told(socket)
        assert (refusal["status"], refusal["stream_id"]) == (503, "one")
        assert refusal["error"]["code"] == "journal_full"
        await socket.send(asking("hi again"))
        assert (await told(socket))[-1]["type"] == "response.completed"
    assert accounted(served) == {"received": 3, "recorded": 1, "refused": 1, "unrecorded": 1}


async def test_a_fault_of_ours_in_a_call_is_counted_as_one(served: Served, monkeypatch: pytest.MonkeyPatch) -> None:
    async def fails(*_: object) -> None:
        raise ZeroDivisionError

    monkeypatch.setattr(conversation, "begin", fails)
    async with opened(served) as socket:
        await socket.send(asking("hi"))
        with pytest.raises(ConnectionClosed):
            await socket.recv()
    assert accounted(served) == {"received": 2, "recorded": 0, "refused": 0, "unrecorded": 2}


def accounted(served: Served) -> dict[str, int]:
    """What came in, and what became of it."""
    sums = dict.fromkeys(("received", "recorded", "refused", "unrecorded"), 0)
    for line in served.parts.telemetry.render().decode().splitlines():
        name = line.removeprefix("accrue_").partition("_total")[0]
        if name in sums and "_total" in line and not line.startswith("#"):
            sums[name] += int(float(line.split()[-1]))
    return sums


# Codex as it was captured


def captured(folder: Path) -> list[list[dict[str, Any]]]:
    """The connections: a handshake and its frames each."""
    connections: list[list[dict[str, Any]]] = []
    for file in sorted(folder.glob("t-codex-ws.*.json")):
        taken = json.loads(file.read_bytes())
        if taken["method"] == "WEBSOCKET":
            connections.append([])
        connections[-1].append(taken)
    return connections


@pytest.mark.skipif(DATA is None, reason="ACCRUE_DATA does not name the data folder, beside which the captures lie")
async def test_codex_is_one_session_whose_prewarms_are_no_turns(
    served: Served, upstream: ScriptedUpstream, exchanges: Exchanges
) -> None:
    assert DATA is not None
    for handshake, *frames in captured(DATA.parent / "captures" / "single"):
        kept = [(name, value) for name, value in handshake["headers"] if name not in HANDSHAKE]
        url = f"ws{served.url[4:]}/responses"
        async with (
            asyncio.timeout(20),
            connect(url, additional_headers=kept, user_agent_header=None, proxy=None) as socket,
        ):
            for frame in frames:
                body = {**frame["body"]}
                body.pop("previous_response_id", None)  # of another upstream
                await socket.send(json.dumps(body))
                assert (await told(socket))[-1]["type"] in ("response.completed", "error")
    recorded = exchanges()
    assert len({exchange.scope.session for exchange in recorded}) == 1
    assert recorded[0].scope.session == "01a201ce-21c3-72f1-aa4e-d92a1800a39a"
    assert recorded[0].scope.user == "a2234cf9-a533-4189-9682-ef37f42b71e1"
    assert [exchange.is_aside for exchange in recorded] == [True, False, False, True, False]
    sent = next(request for request in upstream.requests() if request.method == "GET")
    assert (b"openai-beta", b"responses_websockets=2026-02-06") in sent.headers


HANDSHAKE = ("host", "connection", "upgrade", *(f"sec-websocket-{name}" for name in ("key", "version", "extensions")))
