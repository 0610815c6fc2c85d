"""The way of one request, end to end: a real client, real sockets, an upstream in a process of its own."""

from __future__ import annotations

import asyncio
import gzip
import io
import itertools
import json
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import aiohttp
import brotli
import openai
import pytest
from multidict import CIMultiDictProxy
from openai import AsyncOpenAI

from gateway.routes import UpstreamConfig
from gateway.testing import ScriptedUpstream, Step
from tests.conftest import Serve, Served

CHAT = "/chat/completions"
JSON = {"content-type": "application/json", "authorization": "Bearer sk-test"}
EVENTS = (("content-type", "text/event-stream"),)
DOG = "My dog Biscuit is allergic to chicken."
QUESTION = "What should my dog not eat?"


@pytest.fixture
async def http() -> AsyncIterator[aiohttp.ClientSession]:
    async with aiohttp.ClientSession(auto_decompress=False) as session:
        yield session


def client(served: Served, key: str = "sk-test", **headers: str) -> AsyncOpenAI:
    return AsyncOpenAI(base_url=served.url, api_key=key, max_retries=0, default_headers=headers)


async def say(served: Served, *texts: str, key: str = "sk-test", **headers: str) -> str:
    """Say something in a new conversation of one or more texts, user and assistant by turns."""
    roles = ("user", "assistant")
    messages = [{"role": roles[place % 2], "content": text} for place, text in enumerate(texts)]
    async with client(served, key, **headers) as sdk:
        answer = await sdk.chat.completions.create(model="gpt-4o", messages=messages)  # type: ignore[arg-type] # two roles, one type
    return answer.choices[0].message.content or ""


async def post(
    http: aiohttp.ClientSession, url: str, body: bytes, **headers: str
) -> tuple[int, CIMultiDictProxy[str], bytes]:
    """Send a body to chat completions; status, headers and body of the whole answer."""
    async with http.post(url + CHAT, data=io.BytesIO(body), headers={**JSON, **headers}) as answer:
        return answer.status, answer.headers, await answer.read()


def chat(*texts: str, **members: object) -> bytes:
    messages = [{"role": "user", "content": text} for text in texts]
    return json.dumps({"model": "gpt-4o", "messages": messages, **members}).encode()


async def test_the_second_session_is_answered_with_what_the_first_one_said(served: Served) -> None:
    await say(served, DOG)
    await served.learnt()
    assert "allergic to chicken" in await say(served, QUESTION)


async def test_a_restart_keeps_everything(serve: Serve) -> None:
    async with serve() as first:
        await say(first, DOG)
    async with serve() as second:
        assert "allergic to chicken" in await say(second, QUESTION)


async def test_a_streamed_answer_teaches_as_well(served: Served) -> None:
    async with client(served) as sdk:
        stream = await sdk.chat.completions.create(
            model="gpt-4o", messages=[{"role": "user", "content": DOG}], stream=True
        )
        assert [chunk async for chunk in stream]
    await served.learnt()
    assert "allergic to chicken" in await say(served, QUESTION)


async def test_a_standing_instruction_is_there_whatever_is_asked(served: Served) -> None:
    await say(served, "Always answer in French.")
    await served.learnt()
    assert "Always answer in French." in await say(served, "How tall is the Eiffel tower?")


# P1, P2, P3: transparency


@pytest.mark.promise("P1")
@pytest.mark.parametrize("method", ["GET", "POST", "PUT", "PATCH", "DELETE"])
async def test_any_path_and_content_type_passes_byte_for_byte(
    served: Served, upstream: ScriptedUpstream, http: aiohttp.ClientSession, method: str
) -> None:
    body = bytes(range(256)) * 50 if method != "GET" else None
    headers = {"content-type": "application/x-thing", "X-Odd": "a, b"}
    async with http.request(method, f"{served.url}/files/a%2Fb//c?x=%20&x=2", data=body, headers=headers) as answer:
        echoed = await answer.read()
    received = upstream.requests()[-1]
    assert (received.method, received.target) == (method, "/v1/files/a%2Fb//c?x=%20&x=2")
    assert received.body == (body or b"") == echoed
    assert (b"x-odd", b"a, b") in [(name.lower(), value) for name, value in received.headers]


@pytest.mark.promise("P1")
async def test_a_call_without_memory_is_passed_on_as_it_came(
    served: Served, upstream: ScriptedUpstream, http: aiohttp.ClientSession
) -> None:
    sent = (
        b'{ "messages" :[{"content":"h\\u00e9 1.0", "role":"user"}] ,"model":"m","big":123456789012345678901234567890 }'
    )
    _, headers, _ = await post(http, served.url, sent)
    assert headers["x-accrue-memory"] == "empty"
    assert upstream.requests()[-1].body == sent


@pytest.mark.promise("P1")
async def test_with_memory_off_nothing_is_added_recorded_or_changed(
    served: Served, upstream: ScriptedUpstream, http: aiohttp.ClientSession
) -> None:
    await say(served, DOG)
    await served.learnt()
    headers = [
        ("x-request-id", "r1"),
        ("x-ratelimit-remaining-tokens", "7"),
        ("Set-Cookie", "a=1"),
        ("Set-Cookie", "b=2"),
    ]
    upstream.script([Step(status=418, headers=headers, chunks=[b"\x00\xff"])])
    sent = chat(QUESTION)
    async with http.post(served.url + CHAT, data=sent, headers={**JSON, "x-accrue-memory": "off"}) as answer:
        assert (answer.status, await answer.read()) == (418, b"\x00\xff")
        names = [name for name, _ in answer.raw_headers]
    assert upstream.requests()[-1].body == sent
    assert names == [
        b"x-request-id",
        b"x-ratelimit-remaining-tokens",
        b"set-cookie",
        b"set-cookie",
        b"content-length",
        b"x-accrue-memory",
    ]


@pytest.mark.promise("P2")
async def test_only_the_notes_differ_in_what_the_upstream_receives(
    served: Served, upstream: ScriptedUpstream, http: aiohttp.ClientSession
) -> None:
    await say(served, DOG)
    await served.learnt()
    sent = chat(QUESTION, unknown={"a": 1.0, "b": [1e-7]}, seed=12345678901234567890)
    _, headers, _ = await post(http, served.url, sent)
    assert headers["x-accrue-memory"].startswith("hit; notes=")
    received = upstream.requests()[-1].body
    at = received.index(b"\\n\\n<accrue-notes")
    assert received != sent
    assert received[:at] + received[at + len(received) - len(sent) :] == sent


@pytest.mark.promise("P3")
async def test_a_stream_arrives_piece_by_piece_while_the_rest_is_not_there_yet(
    served: Served, upstream: ScriptedUpstream, http: aiohttp.ClientSession
) -> None:
    pieces = [b'data: {"choices":[{"index":0,"delta":{"content":"h\xc3', b'\xa9"}}]}\n\n', b"data: [DONE]\n\n"]
    upstream.script([Step(headers=EVENTS, chunks=pieces, framing="chunked", hold=[1, 2])])
    async with http.post(served.url + CHAT, data=chat("Hello you", stream=True), headers=JSON) as answer:
        async with asyncio.timeout(5):
            assert await answer.content.readany() == pieces[0]
            upstream.release()
            assert await answer.content.readany() == pieces[1]
            upstream.release()
            assert await answer.content.read() == pieces[2]


@pytest.mark.promise("P3")
@pytest.mark.parametrize(("coding", "compress"), [("gzip", gzip.compress), ("br", brotli.compress)])
async def test_a_compressed_answer_passes_compressed_and_is_still_read(
    served: Served,
    upstream: ScriptedUpstream,
    http: aiohttp.ClientSession,
    coding: str,
    compress: object,
) -> None:
    reply = json.dumps(
        {"choices": [{"index": 0, "message": {"role": "assistant", "content": "Gleam, said the moon."}}]}
    )
    packed: bytes = compress(reply.encode())  # type: ignore[operator] # one of two compressors
    upstream.script(
        [Step(headers=[("content-encoding", coding), ("content-type", "application/json")], chunks=[packed])]
    )
    _, headers, body = await post(http, served.url, chat("Who said gleam?"))
    assert body == packed
    assert headers["content-encoding"] == coding
    await served.learnt()
    assert "Gleam, said the moon." in await say(served, "What was it that the moon said?")


@pytest.mark.promise("P2")
async def test_a_compressed_request_is_understood_and_sent_on_plain_when_notes_are_added(
    served: Served, upstream: ScriptedUpstream, http: aiohttp.ClientSession
) -> None:
    packed = gzip.compress(chat(DOG))
    await post(http, served.url, packed, **{"content-encoding": "gzip"})
    assert upstream.requests()[-1].body == packed
    await say(served, DOG)
    await served.learnt()
    packed = gzip.compress(chat(QUESTION))
    status, _, _ = await post(http, served.url, packed, **{"content-encoding": "gzip"})
    assert status == 200
    received = upstream.requests()[-1]
    assert b"allergic to chicken" in received.body
    assert b"content-encoding" not in [name.lower() for name, _ in received.headers]


# P5: the prompt cache


@pytest.mark.promise("P5")
async def test_each_request_of_a_session_is_a_prefix_of_the_next_as_the_upstream_sees_it(
    served: Served, upstream: ScriptedUpstream
) -> None:
    await say(served, "Always answer in French.")
    await say(served, DOG)
    await served.learnt()
    messages: list[dict[str, str]] = [{"role": "system", "content": "You are terse."}]
    async with client(served) as sdk:
        for text in (QUESTION, "And what about salmon?", "Which food is Biscuit allergic to?", "yes", "yes"):
            messages.append({"role": "user", "content": text})
            answer = await sdk.chat.completions.create(model="gpt-4o", messages=messages)  # type: ignore[arg-type] # dicts do as well
            messages.append({"role": "assistant", "content": answer.choices[0].message.content or ""})
    bodies = [request.body for request in upstream.requests()[-5:]]
    lists = [body[body.index(b'"messages":[') : body.rindex(b'],"model"')] for body in bodies]
    assert b"accrue-rules" in lists[0]
    for earlier, later in itertools.pairwise(lists):
        assert later.startswith(earlier)


# P7, P9, and who is who


@pytest.mark.promise("P7")
async def test_nobody_is_told_what_another_user_or_another_key_said(served: Served) -> None:
    await say(served, DOG, **{"x-accrue-user": "ana"})
    await served.learnt()
    assert "allergic" in await say(served, QUESTION, **{"x-accrue-user": "ana"})
    assert "allergic" not in await say(served, QUESTION, **{"x-accrue-user": "ben"})
    assert "allergic" not in await say(served, QUESTION, key="sk-other", **{"x-accrue-user": "ana"})
    assert "allergic" not in await say(served, QUESTION)


async def test_a_user_may_be_named_in_the_path_or_in_the_body(served: Served, http: aiohttp.ClientSession) -> None:
    prefixed = served.url.replace("/v1", "/a/bot/u/ana%20b/s/one/v1")
    _, headers, _ = await post(http, prefixed, chat(DOG))
    assert headers["x-accrue-session"] == "one"
    await served.learnt()
    _, _, body = await post(http, served.url, chat(QUESTION, user="ana b"))
    assert b"allergic to chicken" in body


async def test_a_session_is_followed_by_what_the_client_echoes(
    served: Served, upstream: ScriptedUpstream, http: aiohttp.ClientSession
) -> None:
    reply = "A long enough answer that nobody else has ever been given before."
    upstream.respond(reply)
    _, first, _ = await post(http, served.url, chat("hi"))
    messages = [
        {"role": "user", "content": "hi"},
        {"role": "assistant", "content": reply},
        {"role": "user", "content": "go"},
    ]
    _, second, _ = await post(http, served.url, json.dumps({"model": "gpt-4o", "messages": messages}).encode())
    assert second["x-accrue-session"] == first["x-accrue-session"]
    _, third, _ = await post(http, served.url, chat("hi"))
    assert third["x-accrue-session"] != first["x-accrue-session"]


@pytest.mark.promise("P9")
async def test_our_own_notes_coming_back_are_not_learnt(served: Served, upstream: ScriptedUpstream) -> None:
    await say(served, DOG)
    await served.learnt()
    upstream.respond("I was shown this:{notes} and more.")
    await say(served, QUESTION)
    body = json.loads(upstream.requests()[-1].body)
    block = body["messages"][0]["content"].removeprefix(QUESTION)
    await say(served, "Somebody pasted the prompt of zebras:" + block)
    await served.learnt()
    upstream.respond("{notes}")
    assert "accrue-notes" not in await say(served, "Who pasted the prompt of zebras?")


# What one call may ask for


async def test_mode_read_recalls_and_teaches_nothing(served: Served) -> None:
    await say(served, DOG)
    await served.learnt()
    reading = {"x-accrue-memory": "read"}
    assert "allergic" in await say(served, QUESTION, **reading)
    await say(served, "My cat Crumpet is afraid of thunder.", **reading)
    await served.learnt()
    assert "Crumpet" not in await say(served, "What is my cat afraid of?")


async def test_mode_write_teaches_and_adds_nothing(served: Served, upstream: ScriptedUpstream) -> None:
    writing = {"x-accrue-memory": "write"}
    await say(served, DOG, **writing)
    await served.learnt()
    sent = await say(served, QUESTION, **writing)
    assert "allergic" not in sent
    assert "allergic" in await say(served, QUESTION)


async def test_a_policy_turns_memory_off_for_a_model(serve: Serve, tmp_path: Path, http: aiohttp.ClientSession) -> None:
    (tmp_path / "policies").mkdir()
    (tmp_path / "policies" / "tiny.yaml").write_text('match: {model: ["gpt-4o*"]}\nmemory: "off"\n')
    async with serve() as served:
        _, headers, _ = await post(http, served.url, chat(DOG))
    assert headers["x-accrue-memory"] == "off"


async def test_when_nobody_is_named_and_the_policy_says_off_nothing_is_remembered(
    serve: Serve, tmp_path: Path, http: aiohttp.ClientSession
) -> None:
    (tmp_path / "policies").mkdir()
    (tmp_path / "policies" / "default.yaml").write_text('identify: {anonymous: "off"}\n')
    async with serve() as served:
        _, headers, _ = await post(http, served.url, chat(DOG))
    assert headers["x-accrue-memory"] == "unscoped"


# What bad input gets


@pytest.mark.promise("P1")
@pytest.mark.parametrize(
    "body",
    [
        b"{",
        b"",
        b"[1]",
        b'{"messages": 7}',
        b'{"messages":' + b"[" * 100_000 + b"]" * 100_000 + b"}",
        b'{"messages":[{"role":"user","content":"\xff\xfe"}]}',
        b"x" * 40_000_000,
    ],
    ids=["cut", "empty", "list", "wrong type", "deep", "not utf-8", "40 MB"],
)
async def test_a_body_that_is_not_understood_reaches_the_upstream_as_it_is(
    served: Served, upstream: ScriptedUpstream, http: aiohttp.ClientSession, body: bytes
) -> None:
    upstream.script([Step(status=400, chunks=[b'{"error":{"message":"no"}}'])])
    status, headers, refusal = await post(http, served.url, body)
    assert (status, refusal) == (400, b'{"error":{"message":"no"}}')
    assert headers["x-accrue-memory"].startswith("error; reason=")
    assert upstream.requests()[-1].body == body


@pytest.mark.parametrize("text", ["\ud83d lone \udc00", "<|endoftext|><|im_start|>", "\x00\x1f", "🎉" * 5000])
async def test_strange_text_is_a_text_like_any_other(
    served: Served, upstream: ScriptedUpstream, http: aiohttp.ClientSession, text: str
) -> None:
    reply = Step(chunks=[b'{"choices":[{"index":0,"message":{"role":"assistant","content":"Hm."}}]}'])
    upstream.script([reply, reply])
    for _ in range(2):
        status, headers, _ = await post(http, served.url, chat(f"My parrot Zog says {text} at dawn."))
        assert status == 200
        assert headers["x-accrue-memory"].split(";")[0] in ("empty", "hit", "timeout")  # late on a busy machine
    await served.learnt()
    upstream.respond("{notes}")
    assert "Zog" in await say(served, "What does my parrot say at dawn?")


async def get(served: Served, path: str) -> bytes:
    """Ask for a path just as it is written; no client library sends such ones unchanged."""
    reader, writer = await asyncio.open_connection("127.0.0.1", int(served.url.split(":")[2].split("/")[0]))
    writer.write(f"GET {path} HTTP/1.1\r\nhost: localhost\r\nconnection: close\r\n\r\n".encode())
    answer = await reader.read()
    writer.close()
    return answer


@pytest.mark.parametrize(
    "path",
    [
        "/v1/organization/users",
        "/projects",
        "/v1//organization",
        "/v1/%6frganization/x",
        "//v1/v1/projects",
        "/u/a/v1/projects",
    ],
)
async def test_administration_paths_are_refused(served: Served, upstream: ScriptedUpstream, path: str) -> None:
    answer = await get(served, path)
    assert answer.startswith(b"HTTP/1.1 403")
    assert b"path_denied" in answer
    assert upstream.requests() == []


@pytest.mark.parametrize("path", ["/v1/x/../projects", "/v1/%2e%2e/organization", "/v1/..%2fadmin", "/v1/./models"])
async def test_paths_that_lead_elsewhere_are_refused(served: Served, upstream: ScriptedUpstream, path: str) -> None:
    assert (await get(served, path)).startswith(b"HTTP/1.1 400")
    assert upstream.requests() == []


async def test_our_own_paths_never_go_upstream(served: Served, upstream: ScriptedUpstream) -> None:
    assert (await get(served, "/accrue/memories")).startswith(b"HTTP/1.1 401")
    assert (await get(served, "/accrue/none")).startswith(b"HTTP/1.1 404")
    assert upstream.requests() == []


async def test_a_memory_mode_that_does_not_exist_is_refused_by_name(served: Served) -> None:
    with pytest.raises(openai.BadRequestError, match="on, read, write, off"):
        await say(served, "hi", **{"x-accrue-memory": "sometimes"})


# What a failing upstream gets


async def test_an_unreachable_upstream_is_a_502_in_openais_shape(serve: Serve) -> None:
    async with serve(upstreams={"default": UpstreamConfig(url="http://127.0.0.1:9/v1")}) as served:
        with pytest.raises(openai.InternalServerError) as caught:
            await say(served, DOG)
    assert caught.value.status_code == 502
    assert isinstance(caught.value.body, dict)
    assert caught.value.body["type"] == "api_connection_error"
    assert caught.value.response.headers["x-accrue-exchange"]


async def test_an_error_answer_is_the_upstreams_own(served: Served, upstream: ScriptedUpstream) -> None:
    headers = [("content-type", "application/json"), ("retry-after", "3"), ("x-request-id", "r9")]
    upstream.script([Step(status=429, headers=headers, chunks=[b'{"error":{"message":"slow down","type":"x"}}'])])
    with pytest.raises(openai.RateLimitError, match="slow down") as caught:
        await say(served, DOG)
    assert caught.value.request_id == "r9"
    assert caught.value.response.headers["retry-after"] == "3"
    await served.learnt()
    assert "allergic" not in await say(served, QUESTION)


async def test_a_stream_cut_between_events_ends_in_an_error_and_not_in_silence(
    served: Served, upstream: ScriptedUpstream
) -> None:
    event = b'data: {"choices":[{"index":0,"delta":{"content":"My cellar is full of marmalade."}}]}\n\n'
    framed = b"%x\r\n%s\r\n" % (len(event), event)
    upstream.script([Step(headers=EVENTS, chunks=[event, event], framing="chunked", cut=len(framed))])
    seen: list[str | None] = []

    async def listen() -> None:
        async with client(served) as sdk:
            question: Any = [{"role": "user", "content": "What is my cellar full of?"}]
            async for chunk in await sdk.chat.completions.create(model="gpt-4o", messages=question, stream=True):
                seen.append(chunk.choices[0].delta.content)

    with pytest.raises(openai.APIError):
        await listen()
    assert seen == ["My cellar is full of marmalade."]
    await served.learnt()
    assert "marmalade" in await say(served, "Where is the marmalade?")


async def test_a_prompt_that_notes_made_too_long_is_sent_once_more_without_them(
    served: Served, upstream: ScriptedUpstream, http: aiohttp.ClientSession
) -> None:
    await say(served, DOG)
    await served.learnt()
    refusal = b'{"error":{"message":"too long","type":"invalid_request_error","code":"context_length_exceeded"}}'
    upstream.script([Step(status=400, chunks=[refusal])])
    session = {"x-accrue-session": "long"}
    status, headers, _ = await post(http, served.url, chat(QUESTION), **session)
    assert (status, headers["x-accrue-memory"]) == (200, "error; reason=context_overflow")
    with_notes, without = upstream.requests()[-2:]
    assert b"accrue-notes" in with_notes.body
    assert without.body == chat(QUESTION)
    upstream.clear()
    _, headers, _ = await post(http, served.url, chat(QUESTION), **session)
    assert headers["x-accrue-memory"] == "empty; reason=context_overflow"
    assert len(upstream.requests()) == 1


async def test_another_refusal_is_passed_on_and_not_tried_again(served: Served, upstream: ScriptedUpstream) -> None:
    await say(served, DOG)
    await served.learnt()
    upstream.clear()
    upstream.script([Step(status=400, chunks=[b'{"error":{"message":"bad tool","code":"x"}}'])])
    with pytest.raises(openai.BadRequestError, match="bad tool"):
        await say(served, QUESTION)
    assert len(upstream.requests()) == 1


async def test_what_is_off_the_record_leaves_nothing_and_neither_does_its_answer(served: Served) -> None:
    await say(served, "Don't remember this, but my locker code is 4711.")
    await say(served, "My locker is in the north hall.")
    await served.learnt()
    answer = await say(served, "What is the code of my locker?")
    assert "north hall" in answer
    assert "4711" not in answer
