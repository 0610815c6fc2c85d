"""gateway/asking.py: questions of our own to a real server, which answers as it should, otherwise, or not at all."""

from __future__ import annotations

import gzip
import json
from collections.abc import AsyncIterator
from typing import Any

import pytest

from gateway import asking
from gateway.asking import Asker, Question, keyless
from gateway.errors import UpstreamTimeout, UpstreamUnreachable
from gateway.routes import BUILT_IN, Route, RouteMatch, UpstreamConfig
from gateway.testing import ScriptedUpstream, Step
from gateway.tokens import Tokens
from gateway.upstreams.http import HttpUpstream

TOKENS = Tokens.from_litellm()
QUESTION = Question(model="gpt-4o", task="Count.", words='["one", "two"]', max_tokens=50)
PROMPT = TOKENS.count('Count.\n["one", "two"]', "gpt-4o")


def answered(text: str, **members: Any) -> Step:
    message = {"role": "assistant", "content": text}
    answer = {"choices": [{"index": 0, "message": message, "finish_reason": "stop"}], **members}
    return Step(chunks=[json.dumps(answer).encode()])


@pytest.fixture
async def asker(upstream: ScriptedUpstream) -> AsyncIterator[Asker]:
    http = HttpUpstream(upstream.url, api_key="sk-own", read_timeout_s=5)
    yield Asker(http, TOKENS)
    await http.aclose()


async def test_a_question_is_asked_with_the_upstreams_key_and_what_it_cost_is_told(
    asker: Asker, upstream: ScriptedUpstream
) -> None:
    upstream.script([answered("Two.", usage={"prompt_tokens": 30, "completion_tokens": 12})])
    spent: list[int] = []
    assert await asker.ask(QUESTION, spent.append) == "Two."
    assert spent == [42]
    (received,) = upstream.requests()
    assert (received.method, received.target) == ("POST", "/v1/chat/completions")
    assert dict(received.headers)[b"authorization"] == b"Bearer sk-own"
    assert json.loads(received.body) == {
        "model": "gpt-4o",
        "messages": [{"role": "system", "content": "Count."}, {"role": "user", "content": '["one", "two"]'}],
        "temperature": 0,
        "max_completion_tokens": 50,
        "response_format": {"type": "json_object"},
    }


@pytest.mark.parametrize("usage", [None, {}, {"prompt_tokens": -5}, {"prompt_tokens": "many"}])
async def test_what_a_provider_does_not_count_is_counted_here(
    asker: Asker, upstream: ScriptedUpstream, usage: object
) -> None:
    upstream.script([answered("Two of them.", usage=usage)])
    spent: list[int] = []
    await asker.ask(QUESTION, spent.append)
    assert spent == [PROMPT + TOKENS.count("Two of them.", "gpt-4o")]


async def test_the_most_that_a_question_may_cost_is_known_before(asker: Asker) -> None:
    assert await asker.cost(QUESTION) == PROMPT + 50


@pytest.mark.parametrize("status", [400, 422])
async def test_a_model_that_takes_no_settings_is_asked_plainly_and_from_then_on_at_once(
    asker: Asker, upstream: ScriptedUpstream, status: int
) -> None:
    upstream.script([Step(status=status, chunks=[b"{}"]), answered("Two."), answered("Three.")])
    spent: list[int] = []
    assert await asker.ask(QUESTION, spent.append) == "Two."
    assert await asker.ask(QUESTION, spent.append) == "Three."
    assert [sorted(json.loads(one.body)) for one in upstream.requests()] == [
        ["max_completion_tokens", "messages", "model", "response_format", "temperature"],
        ["messages", "model"],
        ["messages", "model"],
    ]
    assert spent[0] == 0


async def test_a_question_that_is_refused_either_way_has_no_answer_and_costs_nothing(
    asker: Asker, upstream: ScriptedUpstream
) -> None:
    upstream.script([Step(status=400), Step(status=413), answered("Two.")])
    spent: list[int] = []
    assert await asker.ask(QUESTION, spent.append) is None
    assert await asker.ask(QUESTION, spent.append) == "Two."
    assert spent[:2] == [0, 0]
    assert "temperature" in json.loads(upstream.requests()[-1].body)


@pytest.mark.parametrize("status", [302, 401, 404, 429, 500, 503])
async def test_a_status_that_may_be_another_next_time_raises_and_costs_nothing(
    asker: Asker, upstream: ScriptedUpstream, status: int
) -> None:
    upstream.script([Step(status=status, chunks=[b"sorry"])])
    spent: list[int] = []
    with pytest.raises(UpstreamUnreachable, match=str(status)):
        await asker.ask(QUESTION, spent.append)
    assert spent == [0]
    assert len(upstream.requests()) == 1


async def test_an_answer_that_does_not_end_in_time_costs_its_prompt(
    asker: Asker, upstream: ScriptedUpstream, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(asking, "ANSWER_S", 0.2)
    upstream.script([Step(chunks=[b'{"choices"', b"}"], hold=[1])])
    spent: list[int] = []
    with pytest.raises(UpstreamTimeout, match="did not finish its answer in time"):
        await asker.ask(QUESTION, spent.append)
    assert spent == [PROMPT]


async def test_an_answer_that_breaks_off_costs_its_prompt(asker: Asker, upstream: ScriptedUpstream) -> None:
    upstream.script([Step(chunks=[b'{"choices": []}'], cut=4)])
    spent: list[int] = []
    with pytest.raises(UpstreamUnreachable):
        await asker.ask(QUESTION, spent.append)
    assert spent == [PROMPT]


async def test_a_compressed_answer_is_read(asker: Asker, upstream: ScriptedUpstream) -> None:
    (plain,) = answered("Two.").chunks
    upstream.script([Step(headers=[("content-encoding", "gzip")], chunks=[gzip.compress(plain)])])
    assert await asker.ask(QUESTION, lambda tokens: None) == "Two."


@pytest.mark.parametrize(
    "step",
    [
        Step(chunks=[b"<html>"]),
        Step(chunks=[b'{"error": {"message": "no"}}']),
        answered("x" * (asking.MAX_ANSWER_BYTES + 1)),
        Step(
            headers=[("content-encoding", "gzip")],
            chunks=[gzip.compress(answered("x" * asking.MAX_ANSWER_BYTES).chunks[0])],
        ),
        Step(headers=[("content-encoding", "gzip")], chunks=[b"no gzip"]),
    ],
)
async def test_an_answer_that_is_none_says_nothing(asker: Asker, upstream: ScriptedUpstream, step: Step) -> None:
    upstream.script([step])
    assert await asker.ask(QUESTION, lambda tokens: None) == ""


HTTP = UpstreamConfig(url="http://127.0.0.1:1/v1")
KEYED = UpstreamConfig(url="http://127.0.0.1:1/v1", api_key="sk-own")
BEDROCK = UpstreamConfig(kind="litellm", provider="bedrock")


def route(*upstreams: str, **match: Any) -> Route:
    return Route(match=RouteMatch(**match), upstreams=upstreams)


@pytest.mark.parametrize(
    ("routes", "upstreams", "names"),
    [
        ([], {"default": HTTP}, ["default"]),
        ([], {"default": KEYED}, []),
        ([], {"default": BEDROCK}, []),
        ([], BUILT_IN, ["default"]),
        ([route("other", model=("gpt-*",))], {"default": HTTP, "other": KEYED}, []),
        ([route("other", model=("gpt-*",))], {"default": KEYED, "other": HTTP}, ["other"]),
        ([route("other", model=("claude-*",))], {"default": KEYED, "other": HTTP}, []),
        ([route("other", path=("/messages*",))], {"default": KEYED, "other": HTTP}, []),
        ([route("other", headers={"anthropic-version": "*"})], {"default": KEYED, "other": HTTP}, []),
        ([route("default", "other")], {"default": KEYED, "other": HTTP}, ["other"]),
    ],
)
def test_an_upstream_that_a_model_leads_to_needs_a_key(
    routes: list[Route], upstreams: dict[str, UpstreamConfig], names: list[str]
) -> None:
    assert list(keyless("gpt-4o-mini", routes, upstreams)) == names
