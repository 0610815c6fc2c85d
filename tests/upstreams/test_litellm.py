"""LiteLlmUpstream over the wire: the scripted upstream is the provider, and speaks the provider's own protocol."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import AsyncIterator
from contextlib import aclosing
from typing import Any

import msgspec
import pytest

from gateway.errors import BadRequest, ConfigError, NotFound, UpgradeRequired, UpstreamTimeout, UpstreamUnreachable
from gateway.ports import Headers, Incoming, Outgoing
from gateway.testing import ScriptedUpstream, Step
from gateway.upstreams import litellm
from gateway.upstreams.litellm import LiteLlmUpstream
from gateway.upstreams.litellm_endpoints import ENDPOINTS

# Of pydantic, over litellm's own types when they are built at the first call.
pytestmark = pytest.mark.filterwarnings("ignore:Item '.*' on TypedDict class .* using the `ReadOnly`:UserWarning")

CHAT = {"model": "m", "messages": [{"role": "user", "content": "hello"}]}
HI = b"""{"candidates": [{"content": {"role": "model", "parts": [{"text": "Hi"}]}, "finishReason": "STOP", "index": 0}],
"usageMetadata": {"promptTokenCount": 3, "candidatesTokenCount": 1, "totalTokenCount": 4}, "modelVersion": "m"}"""

STEERING = """
    api_base base_url api_key api_version custom_llm_provider model_list fallbacks mock_response extra_headers headers
    extra_body extra_query organization litellm_metadata litellm_params litellm_credential_name vertex_credentials
    vertex_project aws_role_name aws_profile_name aws_region_name aws_bedrock_runtime_endpoint azure_ad_token timeout
    num_retries max_retries callbacks success_callback logger_fn guardrails prompt_id input_cost_per_token caching
    use_litellm_proxy shared_session ssl_verify drop_params allowed_openai_params _skip_mcp_handler no-log acompletion
    langfuse_host proxy_server_request
""".split()  # noqa: SIM905 - forty strings in quotes read worse


def outgoing(
    target: str = "/chat/completions",
    members: dict[str, Any] | None = None,
    *,
    method: str = "POST",
    headers: Headers | None = None,
    body: bytes | AsyncIterator[bytes] | None = None,
) -> Outgoing:
    sent = body if body is not None or members is None else msgspec.json.encode(members)
    return Outgoing(method=method, target=target, headers=headers or [], body=sent)


def gemini(scripted: ScriptedUpstream, **settings: Any) -> LiteLlmUpstream:
    return LiteLlmUpstream("gemini", **{"api_key": "ours", "url": scripted.url.removesuffix("/v1"), **settings})


async def told(answer: Incoming) -> Any:
    return msgspec.json.decode(b"".join([chunk async for chunk in answer.chunks]))


async def collect(answer: Incoming, heard: list[bytes]) -> None:
    async for chunk in answer.chunks:
        heard.append(chunk)


async def test_a_provider_litellm_does_not_know_is_a_mistake_of_the_configuration() -> None:
    with pytest.raises(ConfigError, match="litellm knows no 'bedrok'"):
        LiteLlmUpstream("bedrok")


async def test_the_list_of_models_is_that_of_the_configuration(scripted: ScriptedUpstream) -> None:
    async with aclosing(gemini(scripted, models=["one", "two"])) as upstream:
        answer = await upstream.send(outgoing("/models?limit=9", method="GET"))
        assert [model["id"] for model in (await told(answer))["data"]] == ["one", "two"]
    assert scripted.requests() == []


@pytest.mark.parametrize(("method", "target"), [("POST", "/files"), ("GET", "/chat/completions"), ("POST", "/models")])
async def test_what_cannot_be_translated_is_not_offered(scripted: ScriptedUpstream, method: str, target: str) -> None:
    async with aclosing(gemini(scripted)) as upstream:
        with pytest.raises(NotFound, match=f"the upstream gemini does not offer {method} {target}"):
            await upstream.send(outgoing(target, CHAT, method=method))


async def test_a_websocket_is_refused_so_that_clients_fall_back_at_once(scripted: ScriptedUpstream) -> None:
    async with aclosing(gemini(scripted)) as upstream:
        with pytest.raises(UpgradeRequired):
            await upstream.connect(outgoing("/responses", method="GET"))


@pytest.mark.parametrize("name", STEERING)
@pytest.mark.parametrize("target", ENDPOINTS)
async def test_what_would_steer_litellm_is_refused_by_name(scripted: ScriptedUpstream, target: str, name: str) -> None:
    whole = {"model": "m", "messages": [], "prompt": "", "input": "", "max_tokens": 1}
    members = {member: whole[member] for member in ENDPOINTS[target].required}
    async with aclosing(gemini(scripted)) as upstream:
        with pytest.raises(BadRequest, match=f"does not take {name}") as refused:
            await upstream.send(outgoing(target, {**members, name: "http://elsewhere"}))
    assert (refused.value.param, scripted.requests()) == (name, [])


@pytest.mark.parametrize(
    ("body", "message"),
    [
        (b"", "no JSON object"),
        (b"[]", "no JSON object"),
        (b'{"messages":[]}', "model is missing"),
        (b'{"model":"m"}', "messages is missing"),
        (b'{"model":1,"messages":[]}', "model must be a string"),
    ],
)
async def test_a_body_that_is_no_call_is_refused(scripted: ScriptedUpstream, body: bytes, message: str) -> None:
    async with aclosing(gemini(scripted)) as upstream:
        with pytest.raises(BadRequest, match=message):
            await upstream.send(outgoing(body=body))


async def test_a_body_litellm_cannot_follow_is_the_clients_fault(scripted: ScriptedUpstream) -> None:
    async with aclosing(gemini(scripted)) as upstream:
        with pytest.raises(BadRequest, match="cannot be translated for the upstream gemini"):
            await upstream.send(outgoing("/messages", {"model": "m", "max_tokens": 1, "messages": [{"nonsense": 1}]}))


async def test_a_body_may_come_in_pieces(scripted: ScriptedUpstream) -> None:
    async def pieces() -> AsyncIterator[bytes]:
        whole = msgspec.json.encode(CHAT)
        yield whole[:9]
        yield whole[9:]

    scripted.script([Step(chunks=[HI])])
    async with aclosing(gemini(scripted)) as upstream:
        answer = await upstream.send(outgoing(body=pieces()))
        assert (await told(answer))["choices"][0]["message"]["content"] == "Hi"


async def test_a_body_without_end_is_refused(scripted: ScriptedUpstream, monkeypatch: pytest.MonkeyPatch) -> None:
    async def endless() -> AsyncIterator[bytes]:
        while True:
            yield b" " * 64

    monkeypatch.setattr(litellm, "MAX_BODY_BYTES", 1024)
    async with aclosing(gemini(scripted)) as upstream:
        with pytest.raises(BadRequest, match="larger than 1024 bytes"):
            await upstream.send(outgoing(body=endless()))


@pytest.mark.parametrize("api_key", ["ours", None])
async def test_the_clients_credential_stays_here(
    scripted: ScriptedUpstream, monkeypatch: pytest.MonkeyPatch, api_key: str | None
) -> None:
    monkeypatch.setenv("GEMINI_API_KEY", "ours")
    scripted.script([Step(chunks=[HI])])
    clients: Headers = [(b"authorization", b"Bearer theirs"), (b"x-api-key", b"theirs"), (b"x-goog-api-key", b"theirs")]
    async with aclosing(gemini(scripted, api_key=api_key)) as upstream:
        await told(await upstream.send(outgoing(members=CHAT, headers=clients)))
    (request,) = scripted.requests()
    assert (b"x-goog-api-key", b"ours") in request.headers
    assert not any(b"theirs" in content for _, content in request.headers)


@pytest.mark.parametrize("model", ["m", "gemini/m"])
async def test_a_model_is_asked_for_by_the_providers_name(scripted: ScriptedUpstream, model: str) -> None:
    scripted.script([Step(chunks=[HI])])
    async with aclosing(gemini(scripted)) as upstream:
        await told(await upstream.send(outgoing(members={**CHAT, "model": model})))
    assert [request.target for request in scripted.requests()] == ["/models/m:generateContent"]


async def test_a_name_of_another_provider_does_not_lead_there(scripted: ScriptedUpstream) -> None:
    scripted.script([Step(chunks=[HI])])
    async with aclosing(gemini(scripted)) as upstream:
        await told(await upstream.send(outgoing(members={**CHAT, "model": "openai/m"})))
    assert [request.target for request in scripted.requests()] == ["/models/openai/m:generateContent"]


async def test_options_reach_the_provider(scripted: ScriptedUpstream) -> None:
    reply = b"""{"output": {"message": {"role": "assistant", "content": [{"text": "Hi"}]}}, "stopReason": "end_turn",
        "usage": {"inputTokens": 3, "outputTokens": 1, "totalTokens": 4}, "metrics": {"latencyMs": 1}}"""
    scripted.script([Step(chunks=[reply])])
    options = {"aws_region_name": "eu-central-1", "aws_access_key_id": "id", "aws_secret_access_key": "secret"}
    upstream = LiteLlmUpstream("bedrock", url=scripted.url.removesuffix("/v1"), options=options)
    async with aclosing(upstream):
        answer = await upstream.send(outgoing(members={**CHAT, "model": "amazon.nova-pro-v1:0"}))
        assert (await told(answer))["choices"][0]["message"]["content"] == "Hi"
    (request,) = scripted.requests()
    assert request.target == "/model/amazon.nova-pro-v1%3A0/converse"
    assert b"Credential=id/" in dict(request.headers)[b"authorization"]
    assert b"/eu-central-1/bedrock/" in dict(request.headers)[b"authorization"]


@pytest.mark.parametrize("is_stream", [True, False])
async def test_a_prompt_too_long_is_told_by_openais_code(scripted: ScriptedUpstream, is_stream: bool) -> None:
    error = b'{"error": {"message": "This model\'s maximum context length is 8 tokens", "code": 400}}'
    scripted.script([Step(status=400, chunks=[error])])
    async with aclosing(LiteLlmUpstream("hosted_vllm", url=scripted.url, api_key="k")) as upstream:
        answer = await upstream.send(outgoing(members={**CHAT, "stream": is_stream}))
        assert answer.status == 400
        assert (await told(answer))["error"]["code"] == "context_length_exceeded"


@pytest.mark.promise("P3")
@pytest.mark.parametrize("status", [429, 500, 503])
async def test_a_failure_is_not_tried_again(scripted: ScriptedUpstream, status: int) -> None:
    scripted.script([Step(status=status, chunks=[b"{}"])])
    async with aclosing(LiteLlmUpstream("hosted_vllm", url=scripted.url, api_key="k")) as upstream:
        answer = await upstream.send(outgoing(members=CHAT))
        assert answer.status == status
        assert (await told(answer))["type"] == "error"
    assert len(scripted.requests()) == 1


async def test_a_refusal_that_litellm_tells_within_a_stream_is_an_answer(scripted: ScriptedUpstream) -> None:
    scripted.script([Step(status=429, headers=[("retry-after", "3")], chunks=[b'{"error": {"message": "slow down"}}'])])
    async with aclosing(gemini(scripted)) as upstream:
        answer = await upstream.send(outgoing(members={**CHAT, "stream": True}))
        assert answer.status == 429
        assert (b"retry-after", b"3") in answer.headers
        assert "slow down" in (await told(answer))["error"]["message"]


async def test_a_pause_too_long_is_a_timeout_where_litellm_counts_none(scripted: ScriptedUpstream) -> None:
    piece = b"data: " + HI.replace(b', "finishReason": "STOP"', b"").replace(b"\n", b"") + b"\n\n"
    sse = [("content-type", "text/event-stream")]
    scripted.script([Step(headers=sse, chunks=[piece, piece], framing="chunked", hold=[1])])
    async with asyncio.timeout(5), aclosing(gemini(scripted, read_timeout_s=0.5)) as upstream:
        answer = await upstream.send(outgoing(members={**CHAT, "stream": True}))
        await anext(answer.chunks)
        with pytest.raises(UpstreamTimeout):
            await anext(answer.chunks)


async def test_an_answer_that_cannot_be_read_is_no_answer(scripted: ScriptedUpstream) -> None:
    scripted.script([Step(chunks=[b'{"other": 1}'])])
    async with aclosing(LiteLlmUpstream("bedrock", url=scripted.url, api_key="k")) as upstream:
        with pytest.raises(UpstreamUnreachable, match=r"no answer of the upstream bedrock: \S.*") as raised:
            await upstream.send(outgoing(members={**CHAT, "model": "amazon.nova-pro-v1:0"}))
    assert "Traceback" not in str(raised.value)


async def test_what_was_handled_before_a_call_is_not_taken_for_its_cause(scripted: ScriptedUpstream) -> None:
    scripted.script([Step(status=400, chunks=[b'{"error": {"message": "no"}}'])])
    async with aclosing(LiteLlmUpstream("hosted_vllm", url=scripted.url, api_key="k")) as upstream:
        try:
            raise UpstreamTimeout("another upstream did not answer") from TimeoutError()
        except UpstreamTimeout:
            answer = await upstream.send(outgoing(members=CHAT))
        assert answer.status == 400


@pytest.mark.promise("P3")
@pytest.mark.parametrize("target", ["/chat/completions", "/responses", "/messages", "/completions"])
async def test_a_broken_stream_never_ends_well_nor_says_a_word_of_litellms(
    scripted: ScriptedUpstream, capfd: pytest.CaptureFixture[str], target: str
) -> None:
    piece = b"data: " + HI.replace(b', "finishReason": "STOP"', b"").replace(b"\n", b"") + b"\n\n"
    sse = [("content-type", "text/event-stream")]
    scripted.script([Step(headers=sse, chunks=[piece, piece], framing="chunked", cut=len(piece) + 30, hold=[1])])
    whole = {"messages": CHAT["messages"], "prompt": "hello", "input": "hello", "max_tokens": 9}
    members = {member: whole[member] for member in ENDPOINTS[target].required if member in whole}
    heard: list[bytes] = []
    async with aclosing(gemini(scripted)) as upstream:
        answer = await upstream.send(outgoing(target, {"model": "m", "stream": True, **members}))
        scripted.release()
        with pytest.raises(UpstreamUnreachable, match="the upstream gemini broke off its answer"):
            await collect(answer, heard)
        assert [chunk async for chunk in answer.chunks] == []
    assert b"Hi" in b"".join(heard)
    assert b"error" not in b"".join(heard).replace(b'"error":null', b"")
    assert capfd.readouterr() == ("", "")
    assert logging.getLogger("LiteLLM").disabled
