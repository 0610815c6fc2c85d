"""Feedback over HTTP: taken at once, from whom it may come, in which form, and what one is told of it."""

from __future__ import annotations

import asyncio
import gzip
import io
import json
import re
import time
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import aiohttp
import jwt
import msgspec
import openai
import pytest
from openai import AsyncOpenAI

from gateway.admin import feedback
from gateway.admin.feedback import Desk, Given, is_feedback
from gateway.body import Body
from gateway.errors import NotNow
from gateway.pipeline import Request
from gateway.sections import Auth
from gateway.testing import ScriptedUpstream, Step
from gateway.types import Operator
from tests.conftest import Serve, Served
from tests.journals.sqlite.test_history import opened

CHAT = {"model": "gpt-4o", "messages": [{"role": "user", "content": "Which city is the capital of Australia?"}]}
EVENTS = [("content-type", "text/event-stream")]
KEY = {"authorization": "Bearer sk-test"}
DAY = 86_400.0


@pytest.fixture
async def http() -> AsyncIterator[aiohttp.ClientSession]:
    async with aiohttp.ClientSession(headers=KEY) as session:
        yield session


async def call(http: aiohttp.ClientSession, url: str, **headers: str) -> str:
    """Make a call, and read its answer; its exchange."""
    async with http.post(url + "/chat/completions", json=CHAT, headers=headers) as answer:
        await answer.read()
        return answer.headers["x-accrue-exchange"]


async def give(http: aiohttp.ClientSession, url: str, body: object, **headers: str) -> tuple[int, Any]:
    async with http.post(url + "/feedback", json=body, headers=headers) as answer:
        return answer.status, await answer.json()


async def became(http: aiohttp.ClientSession, url: str, identifier: str, **headers: str) -> tuple[int, Any]:
    async with http.get(f"{url}/feedback/{identifier}", headers=headers) as answer:
        return answer.status, await answer.json()


def sent_upstream(upstream: ScriptedUpstream) -> set[str]:
    return {received.target for received in upstream.requests()}


# Taken at once


async def test_feedback_is_given_and_followed_with_the_sdk_and_never_goes_upstream(
    served: Served, upstream: ScriptedUpstream
) -> None:
    async with AsyncOpenAI(base_url=served.url, api_key="sk-test") as sdk:
        raw = await sdk.chat.completions.with_raw_response.create(**CHAT)  # type: ignore[call-overload] # as JSON
        exchange = raw.headers["x-accrue-exchange"]
        given = {"exchange": exchange, "metric": "helpful", "value": 0.5, "comment": "Canberra, and say why."}
        accepted = await sdk.post("/feedback", cast_to=dict[str, Any], body=given)
        assert accepted["status"] == "accepted"
        assert re.fullmatch(r"fb_[0-9a-f]{32}", accepted["id"])
        told = await sdk.get(f"/feedback/{accepted['id']}", cast_to=dict[str, Any])
    assert set(told) == {"id", "state", "exchange", "memories", "changes"}
    assert (told["id"], told["exchange"]) == (accepted["id"], exchange)
    assert sent_upstream(upstream) == {"/v1/chat/completions"}


async def test_a_refusal_is_an_error_that_the_sdk_shows(served: Served) -> None:
    async with AsyncOpenAI(base_url=served.url, api_key="sk-test") as sdk:
        with pytest.raises(openai.NotFoundError, match="there is no exchange ex_none under this key"):
            await sdk.post("/feedback", cast_to=object, body={"exchange": "ex_none", "value": True})


async def test_feedback_may_come_before_the_answer_has_ended(
    served: Served, upstream: ScriptedUpstream, http: aiohttp.ClientSession
) -> None:
    chunks = [b'data: {"choices":[{"delta":{"content":"Syd"}}]}\n\n', b"data: [DONE]\n\n"]
    upstream.script([Step(headers=EVENTS, chunks=chunks, framing="chunked", hold=[1])])
    async with http.post(served.url + "/chat/completions", json={**CHAT, "stream": True}) as answer:
        await answer.content.readany()
        exchange = answer.headers["x-accrue-exchange"]
        status, accepted = await give(http, served.url, {"exchange": exchange, "correction": "Canberra"})
        assert (status, accepted["status"]) == (202, "accepted")
        assert await served.parts.history.given(9) == []
        assert (await became(http, served.url, accepted["id"]))[1]["state"] == "waiting"
        upstream.release()
        await answer.read()


async def test_two_hundred_callers_at_once_are_all_accepted(served: Served, http: aiohttp.ClientSession) -> None:
    exchange = await call(http, served.url)
    given = ({"exchange": exchange, "value": number % 2 == 0} for number in range(200))
    answers = await asyncio.gather(*(give(http, served.url, body) for body in given))
    assert {status for status, _ in answers} == {202}
    assert len({body["id"] for _, body in answers}) == 200


async def test_feedback_under_an_id_of_ones_own_is_taken_once(served: Served, http: aiohttp.ClientSession) -> None:
    body = {"id": "ticket-7", "exchange": await call(http, served.url), "value": False}
    answers = await asyncio.gather(*(give(http, served.url, body) for _ in range(5)))
    assert answers == [(202, {"id": "ticket-7", "status": "accepted"})] * 5


async def test_feedback_outlives_a_restart(serve: Serve, http: aiohttp.ClientSession) -> None:
    async with serve() as first:
        exchange = await call(http, first.url)
        await give(http, first.url, {"id": "ticket-7", "exchange": exchange, "value": False})
    async with serve() as second:
        status, told = await became(http, second.url, "ticket-7")
        assert (status, told["exchange"]) == (200, exchange)
        assert (await give(http, second.url, {"exchange": exchange, "value": True}))[0] == 202


async def test_it_reaches_the_memories_that_stood_in_the_exchange_replayed_ones_too_and_no_others(
    served: Served, http: aiohttp.ClientSession
) -> None:
    async def said(session: str, *texts: str) -> str:
        messages = [{"role": ("user", "assistant")[place % 2], "content": text} for place, text in enumerate(texts)]
        body, headers = {"model": "gpt-4o", "messages": messages}, {"x-accrue-session": session}
        async with http.post(served.url + "/chat/completions", json=body, headers=headers) as answer:
            await answer.read()
            return answer.headers["x-accrue-exchange"]

    async def reached(exchange: str) -> list[str]:
        _, accepted = await give(http, served.url, {"exchange": exchange, "value": True})
        _, told = await became(http, served.url, accepted["id"])
        return list(told["memories"])

    before = await said("s0", "My dog Biscuit is allergic to chicken.")
    await served.learnt()
    question = "What should my dog Biscuit not eat?"
    first = await said("s1", question)
    second = await said("s1", question, "Chicken.", "Thank you, that is all.")
    assert await reached(before) == []
    assert await reached(first) != []
    assert set(await reached(first)) <= set(await reached(second))


# From whom


@pytest.mark.promise("P7")
async def test_of_another_key_there_is_neither_an_exchange_nor_feedback(
    served: Served, http: aiohttp.ClientSession
) -> None:
    exchange = await call(http, served.url)
    await give(http, served.url, {"id": "mine", "exchange": exchange, "value": True})
    other = {"authorization": "Bearer sk-other"}
    assert (await give(http, served.url, {"exchange": exchange, "value": True}, **other))[0] == 404
    assert (await became(http, served.url, "mine", **other))[0] == 404
    assert (await became(http, served.url, "mine"))[0] == 200


@pytest.mark.promise("P7")
async def test_who_names_a_user_neither_judges_nor_reads_what_is_another_users(
    served: Served, http: aiohttp.ClientSession
) -> None:
    root = served.url.removesuffix("/v1")
    exchange = await call(http, f"{root}/u/alice/v1")
    body = {"id": "mine", "exchange": exchange, "comment": "My account is 4711."}
    assert (await give(http, f"{root}/u/alice/v1", body))[0] == 202
    correction = {"exchange": exchange, "correction": "Ask Mallory."}
    for url, named, headers in (
        (f"{root}/u/mallory/v1", {}, {}),
        (served.url, {"user": "mallory"}, {}),
        (served.url, {}, {"x-accrue-user": "mallory"}),
        (served.url, {"user": "alice"}, {"x-accrue-user": "mallory"}),
    ):
        status, refused = await give(http, url, {**correction, **named}, **headers)
        assert (status, refused) == await give(http, url, {**correction, **named}, **headers)
        assert (status, refused["error"]["code"]) == (404, "not_found")
        unknown = await give(http, url, {**correction, **named, "exchange": "ex_none"}, **headers)
        assert unknown[1]["error"]["message"].replace("ex_none", exchange) == refused["error"]["message"]
    assert (await became(http, f"{root}/u/mallory/v1", "mine"))[0] == 404
    assert (await became(http, served.url, "mine", **{"x-accrue-user": "mallory"}))[0] == 404
    assert (await became(http, f"{root}/u/alice/v1", "mine"))[0] == 200
    assert (await became(http, served.url, "mine"))[0] == 200
    assert (await give(http, served.url, {**correction, "user": "alice"}))[0] == 202
    assert (await give(http, served.url, correction))[0] == 202  # an application's own check


@pytest.mark.promise("P7")
async def test_where_users_are_signed_for_each_request_has_to_name_one(
    serve: Serve, http: aiohttp.ClientSession
) -> None:
    secret = "a secret of at least thirty-two bytes"
    says = {"iss": "open-webui", "exp": time.time() + 300}
    alice, mallory = (
        {"x-openwebui-user-jwt": jwt.encode({"sub": name, **says}, secret, algorithm="HS256")}
        for name in ("alice", "mallory")
    )
    async with serve(auth=Auth(openwebui_jwt_secret=secret)) as served:
        exchange = await call(http, served.url, **alice)
        body = {"id": "mine", "exchange": exchange, "value": True}
        assert (await give(http, served.url, body))[1]["error"]["code"] == "user_required"
        assert (await give(http, served.url, body, **{"x-openwebui-user-id": "alice"}))[0] == 401
        assert (await give(http, served.url, {**body, "exchange": None, "session": "s1"}))[0] == 401
        assert (await give(http, served.url, body, **mallory))[0] == 404
        assert (await give(http, served.url, body, **alice))[0] == 202
        assert [(await became(http, served.url, "mine", **who))[0] for who in ({}, mallory, alice)] == [401, 404, 200]


async def test_an_id_of_ones_own_is_each_users_and_is_not_lost_for_what_another_gave(
    served: Served, http: aiohttp.ClientSession
) -> None:
    exchanges = {name: await call(http, served.url, **{"x-accrue-user": name}) for name in ("ana", "bob")}
    for name, exchange in exchanges.items():
        body = {"id": "1", "exchange": exchange, "value": False}
        assert (await give(http, served.url, body)) == (202, {"id": "1", "status": "accepted"})
        told = await became(http, served.url, "1", **{"x-accrue-user": name})
        assert told[1]["exchange"] == exchange
    status, refused = await became(http, served.url, "1")
    assert (status, "name the user" in refused["error"]["message"]) == (404, True)


async def test_an_id_that_says_something_else_is_refused_with_its_reason(
    served: Served, http: aiohttp.ClientSession
) -> None:
    body = {"id": "ticket-7", "exchange": await call(http, served.url), "value": False}
    assert (await give(http, served.url, body))[0] == 202
    for other in ({**body, "value": True}, {**body, "exchange": await call(http, served.url)}):
        status, refused = await give(http, served.url, other)
        assert (status, refused["error"]["code"], refused["error"]["param"]) == (409, "id_taken", "id")
        assert "ticket-7 is on record already, on another exchange or with other words" in refused["error"]["message"]
    assert (await give(http, served.url, body))[0] == 202


@pytest.mark.parametrize(
    ("prefix", "headers", "body"),
    [
        ("", {"x-accrue-user": "ana", "x-accrue-session": "s1"}, {}),
        ("", {"x-accrue-user": "ana"}, {"session": "s1"}),
        ("", {}, {"user": "ana", "session": " s1 "}),
        ("/u/ana", {}, {"session": "s1"}),
        ("/u/ana/s/s1", {}, {}),
        ("/a/coder/u/ana/s/s1", {}, {}),
        ("", {"x-session-id": "s1"}, {"user": "ana"}),
    ],
)
async def test_a_session_is_named_as_calls_name_it(
    served: Served, http: aiohttp.ClientSession, prefix: str, headers: dict[str, str], body: dict[str, str]
) -> None:
    root = served.url.removesuffix("/v1")
    exchange = await call(http, f"{root}/u/ana/s/s1/v1")
    await call(http, f"{root}/u/bob/s/s1/v1")
    status, accepted = await give(http, f"{root}{prefix}/v1", {"value": True, **body}, **headers)
    assert status == 202
    assert (await became(http, served.url, accepted["id"]))[1]["exchange"] == exchange


async def test_where_nobody_is_named_the_session_is_the_credentials(
    served: Served, http: aiohttp.ClientSession
) -> None:
    exchange = await call(http, served.url, **{"x-accrue-session": "s1"})
    _, accepted = await give(http, served.url, {"session": "s1", "value": True})
    assert (await became(http, served.url, accepted["id"]))[1]["exchange"] == exchange
    status, refused = await give(http, served.url, {"session": "s1", "user": "ana", "value": True})
    assert (status, refused["error"]["message"]) == (404, "there is no session s1 of this user under this key")


async def test_a_session_that_got_its_name_from_us_is_known_by_it(served: Served, http: aiohttp.ClientSession) -> None:
    async with http.post(served.url + "/chat/completions", json=CHAT) as answer:
        session = answer.headers["x-accrue-session"]
    assert (await give(http, served.url, {"session": session, "value": True}))[0] == 202


async def test_after_seven_days_it_is_too_late(served: Served, http: aiohttp.ClientSession) -> None:
    made = await served.parts.journal.read(Operator(), await call(http, served.url))
    assert made is not None
    for name, days in (("ex_recent", 6.9), ("ex_old", 7.1)):
        await served.parts.journal.commit(msgspec.structs.replace(made, id=name, at=made.at - days * DAY))
    assert (await give(http, served.url, {"exchange": "ex_recent", "value": True}))[0] == 202
    status, refused = await give(http, served.url, {"exchange": "ex_old", "value": True})
    assert (status, refused["error"]["message"]) == (410, "this is more than 7 days ago")


# In which form


@pytest.mark.parametrize(
    ("body", "param", "message"),
    [
        ([], None, "the body is not a JSON object"),
        ({}, None, "at least one of value, label, comment, correction, demonstration"),
        ({"exchange": "e", "metric": "m", "comment": "  ", "value": None}, None, "at least one of value, label"),
        ({"value": True}, "exchange", "say by `exchange` or `session`"),
        ({"exchange": "e", "session": "s", "value": True}, "session", "either `exchange` or `session`"),
        ({"exchange": "e", "value": 1.5}, "value", "<= 1.0"),
        ({"exchange": "e", "value": -1}, "value", ">= 0.0"),
        ({"exchange": "e", "value": "good"}, "value", "got `str`"),
        ({"exchange": "e", "score": 1, "rating": 2}, "rating", "no rating, score; it has id, exchange, session, user"),
        ({"exchange": "e", "comment": "x" * 8193}, "comment", "length <= 8192"),
        ({"exchange": "e", "id": "a b", "value": True}, "id", "matching regex"),
        ({"exchange": 7, "value": True}, "exchange", "got `int`"),
        ({"feedback": []}, "feedback", "a list of 1 to 100"),
        ({"feedback": {"value": True}}, "feedback", "a list of 1 to 100"),
        ({"feedback": [{}] * 101}, "feedback", "a list of 1 to 100"),
        ({"feedback": [{}], "user": "ana"}, "feedback", "one member"),
    ],
)
async def test_what_is_no_feedback_is_refused_and_it_is_said_why(
    served: Served, http: aiohttp.ClientSession, body: object, param: str | None, message: str
) -> None:
    status, refused = await give(http, served.url, body)
    assert (status, refused["error"]["param"], refused["error"]["code"]) == (400, param, "invalid_feedback")
    assert message in refused["error"]["message"]


@pytest.mark.parametrize("value", [True, False, 0, 1, 0.25])
async def test_a_value_is_right_or_wrong_or_between(
    served: Served, http: aiohttp.ClientSession, value: bool | float
) -> None:
    exchange = await call(http, served.url)
    assert (await give(http, served.url, {"exchange": exchange, "value": value, "label": None}))[0] == 202


async def test_a_batch_is_taken_one_by_one_and_each_is_told_its_own(
    served: Served, http: aiohttp.ClientSession
) -> None:
    exchange = await call(http, served.url)
    batch = [
        {"id": "a", "exchange": exchange, "value": True},
        {"id": "b", "exchange": "ex_none", "value": True},
        {"exchange": exchange, "score": 1},
        "good",
        {"id": "e", "exchange": exchange, "label": "capital_city"},
    ]
    status, answer = await give(http, served.url, {"feedback": batch})
    entries = answer["feedback"]
    assert (status, set(answer)) == (202, {"feedback"})
    assert [(entry["id"], entry["status"]) for entry in entries] == [
        ("a", "accepted"),
        ("b", "refused"),
        (None, "refused"),
        (None, "refused"),
        ("e", "accepted"),
    ]
    assert [entry["error"]["code"] for entry in entries[1:4]] == ["not_found", "invalid_feedback", "invalid_feedback"]
    assert (await became(http, served.url, "e"))[1]["exchange"] == exchange


async def test_a_batch_of_which_nothing_is_taken_is_an_error(served: Served, http: aiohttp.ClientSession) -> None:
    batch = [{"exchange": "ex_none", "value": True}, {"exchange": "ex_none", "score": 1}]
    status, answer = await give(http, served.url, {"feedback": batch})
    assert (status, answer["error"]["code"], len(answer["feedback"])) == (404, "not_found", 2)


async def test_feedback_may_be_compressed_and_may_not_be_endless(served: Served, http: aiohttp.ClientSession) -> None:
    body = json.dumps({"exchange": await call(http, served.url), "value": True}).encode()
    zeros = gzip.compress(b'{"comment":"' + b"0" * feedback.MAX_BODY_BYTES + b'"}')
    for sent, coding, expected in (
        (gzip.compress(body), "gzip", 202),
        (body, "nothing-known", 400),
        (zeros, "gzip", 400),
        (b" " * (feedback.MAX_BODY_BYTES + 1), "identity", 413),
    ):
        headers = {"content-encoding": coding}
        async with http.post(served.url + "/feedback", data=io.BytesIO(sent), headers=headers) as answer:
            assert (answer.status, coding) == (expected, coding)


# Paths


@pytest.mark.parametrize(
    ("path", "is_ours"),
    [
        ("/v1/feedback", True),
        ("/feedback", True),
        ("/v1/feedback/", True),
        ("/v1/feedback/fb_1", True),
        ("/a/x/u/y%2Fz/s/w/v1/feedback/fb_1", True),
        ("/u/feedback/v1/chat/completions", False),
        ("/v1/feedbacks", False),
        ("/v1/files/feedback", False),
        ("/v1/feedback/fb_1/more", False),
    ],
)
def test_only_feedback_is_ours_wherever_identity_stands(path: str, is_ours: bool) -> None:
    assert is_feedback(path) is is_ours


@pytest.mark.parametrize(("method", "path"), [("GET", "/feedback"), ("DELETE", "/feedback/a"), ("POST", "/feedback/a")])
async def test_what_is_not_there_is_not_looked_for_upstream(
    served: Served, upstream: ScriptedUpstream, http: aiohttp.ClientSession, method: str, path: str
) -> None:
    async with http.request(method, served.url + path) as answer:
        assert (answer.status, (await answer.json())["error"]["code"]) == (404, "unknown_path")
    assert sent_upstream(upstream) == set()


# When memory cannot


def request(method: str, path: str, document: object = None) -> Request:
    async def body() -> AsyncIterator[bytes]:
        yield json.dumps(document).encode()

    return Request(method=method, path=path, query="", headers=[], body=Body(body(), length=None))


GIVEN = {"exchange": "ex_1", "value": True}


@pytest.mark.parametrize(
    ("method", "path", "document"),
    [("POST", "/v1/feedback", GIVEN), ("GET", "/v1/feedback/fb_1", None), ("POST", "/v1/feedback", {"feedback": 3})],
)
async def test_while_memory_is_off_it_is_said_clearly(served: Served, method: str, path: str, document: object) -> None:
    parts = served.parts
    desk = Desk(
        gateway=parts.gateway, history=parts.history, memory=lambda: "self-test failed: disk full", on_given=parts.wake
    )
    with pytest.raises(NotNow, match="while memory is off: self-test failed: disk full") as refused:
        await feedback.answer(desk, request(method, path, document))
    assert refused.value.status == 503


@pytest.mark.parametrize(
    ("method", "path", "document"), [("POST", "/v1/feedback", GIVEN), ("GET", "/v1/feedback/fb_1", None)]
)
async def test_what_cannot_be_put_on_record_is_not_said_to_be_accepted(
    served: Served, tmp_path: Path, method: str, path: str, document: object
) -> None:
    woken: list[None] = []
    async with opened(tmp_path) as record:
        desk = Desk(
            gateway=served.parts.gateway,
            history=record.history,
            memory=lambda: "on",
            on_given=lambda: woken.append(None),
        )
        record.journal.writer.submit(lambda connection: connection.execute("DROP TABLE exchanges")).result(10)
        with pytest.raises(NotNow, match="no such table") as refused:
            await feedback.answer(desk, request(method, path, document))
    assert (refused.value.status, woken) == (503, [])


async def test_the_learner_is_woken_for_what_was_accepted(served: Served, http: aiohttp.ClientSession) -> None:
    woken: list[None] = []
    desk = Desk(
        gateway=served.parts.gateway,
        history=served.parts.history,
        memory=lambda: "on",
        on_given=lambda: woken.append(None),
    )
    async with http.post(served.url + "/chat/completions", json=CHAT) as answer:
        exchange = answer.headers["x-accrue-exchange"]
    sent = msgspec.structs.replace(
        request("POST", "/v1/feedback", {"exchange": exchange, "value": True}),
        headers=[(b"authorization", b"Bearer sk-test")],
    )
    assert (await feedback.answer(desk, sent)).status == 202
    assert woken == [None]


def test_the_documentation_names_every_member() -> None:
    page = Path("docs/feedback.md").read_text()
    rows = re.findall(r"^\| `(\w+)` \|", page, re.MULTILINE)
    assert tuple(rows) == Given.__struct_fields__
