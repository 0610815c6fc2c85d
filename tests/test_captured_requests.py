"""Requests of real clients as they were captured, through a gateway on a real socket: what arrives, and whose they are.

WebSocket captures are replayed in tests/test_conversation.py, sessions in tests/test_captured_sessions.py.
"""

from __future__ import annotations

import re
from collections.abc import AsyncIterator, Mapping
from fnmatch import fnmatchcase
from pathlib import Path

import msgspec
import pytest

from gateway.headers import CREDENTIAL_HEADERS
from gateway.identify import CREDENTIAL_USER
from gateway.testing import Received, ScriptedUpstream, Step
from gateway.types import Operator
from tests.captures import PATIENT, Answered, Sent, captured, chat, in_force, send
from tests.conftest import Serve, Served

AUGMENTED = ("/v1/chat/completions", "/v1/responses", "/v1/messages")
RULE = "Always answer in metric units, please."

NOT_ONWARD = ("host", "content-length", "connection", "cdn-loop")
"""Of the headers in the captures are the connection's own, or made anew."""

BLOCK = rb"<accrue-(?:rules|notes) [0-9a-f]{20}>(?:(?!accrue-).)*</accrue-(?:rules|notes) [0-9a-f]{20}>"
ADDED = re.compile(
    rb'(?:\\n\\n%b)+|,\{"type":"(?:input_)?text","text":"%b(?:\\n\\n%b)*"\}' % (BLOCK, BLOCK, BLOCK), re.DOTALL
)
"""All that we may write into a body: the end of a text, or one more part that is a text."""


@pytest.fixture
async def served(serve: Serve, tmp_path: Path) -> AsyncIterator[Served]:
    in_force(tmp_path)
    async with serve(server=PATIENT) as gateway:
        yield gateway


def arrived(upstream: ScriptedUpstream) -> Received:
    return upstream.requests()[-1]


def lines(request: Received) -> list[tuple[str, str]]:
    """The headers that are meant for the upstream."""
    read = [(name.decode().lower(), value.decode()) for name, value in request.headers]
    return [line for line in read if line[0] not in NOT_ONWARD]


def sent_lines(request: Sent) -> list[tuple[str, str]]:
    read = [(name.lower(), value) for name, value in request.headers]
    return [line for line in read if line[0] not in NOT_ONWARD]


def calls() -> list[Sent]:
    """The captured requests that memory may take part in."""
    return [request for request in captured("single") if request.path in AUGMENTED]


# Nothing to add


@pytest.mark.promise("P1")
async def test_what_a_real_client_sends_arrives_and_what_the_upstream_says_comes_back(
    serve: Serve, upstream: ScriptedUpstream, tmp_path: Path
) -> None:
    in_force(tmp_path, "learn: {enabled: false}")
    answer = Step(status=418, headers=[("x-request-id", "r1")], chunks=[b'{"odd" :1.0}\xff'])
    requests = [request for request in captured("single") if request.path != "/"]
    async with serve(server=PATIENT) as served:
        for request in requests:
            upstream.script([answer])
            ours = [("x-accrue-memory", "on"), ("X-Accrue-Agent", "replay")]
            told = await send(served.url, msgspec.structs.replace(request, headers=[*request.headers, *ours]))
            got = arrived(upstream)
            assert (got.method, got.target, got.body) == (request.method, request.target, request.body), request.name
            assert lines(got) == sent_lines(request), request.name
            assert (told.status, told.headers["x-request-id"], told.body) == (418, "r1", b'{"odd" :1.0}\xff')
    assert len(requests) > 90
    assert len(upstream.requests()) == len(requests)


async def test_claude_codes_probe_of_the_root_is_answered_here(served: Served, upstream: ScriptedUpstream) -> None:
    probes = [request for request in captured("single") if request.path == "/"]
    assert {(await send(served.url, probe)).status for probe in probes} == {200}
    assert upstream.requests() == []


@pytest.mark.promise("P1")
async def test_what_is_no_completion_is_answered_as_if_nobody_stood_between(
    served: Served, upstream: ScriptedUpstream
) -> None:
    requests = [request for request in captured("single") if request.path not in (*AUGMENTED, "/")]
    for request in requests:
        told, direct = await send(served.url, request), await send(upstream.url, request)
        assert told.memory == "off"
        assert (told.status, told.body) == (direct.status, direct.body)
        assert {name: told.headers[name] for name in direct.headers} == direct.headers
    assert {request.path for request in requests} == {"/v1/models", "/v1/embeddings"}


# Something to add


@pytest.mark.promise("P2")
async def test_with_a_memory_known_only_the_notes_are_added(served: Served, upstream: ScriptedUpstream) -> None:
    requests = calls()
    for request in requests:
        await say_as(served, request)
    await served.learnt()
    for request in requests:
        told = await send(served.url, request)
        got = arrived(upstream)
        if told.memory == "off; reason=side_call":
            assert got.body == request.body, request.name
        else:
            assert told.memory.startswith("hit; "), request.name
            assert RULE.encode() in got.body
            assert ADDED.sub(b"", got.body) == request.body, request.name
        assert lines(got) == sent_lines(request)
        assert told.status == (await send(upstream.url, request)).status, (request.name, told.body)


async def say_as(served: Served, request: Sent) -> None:
    """Say something memorable under the identity of a captured request."""
    user, _, _ = SPEAKERS[row_of(request.name)]
    keys = [name.decode() for name in CREDENTIAL_HEADERS]
    headers = [line for line in request.headers if line[0].lower() in (*keys, "openai-organization", "openai-project")]
    if not user.startswith(CREDENTIAL_USER):
        headers.append(("x-accrue-user", user))
    assert (await send(served.url, chat([{"role": "user", "content": RULE}], *headers))).status == 200


# Who speaks

KEY, PROJECT = CREDENTIAL_USER, f"{CREDENTIAL_USER} org-x proj-y"
NEW = "se_*"
DEVICE = "86c524fb0fa8cb59cba03338ffce0281e0f4fb03a2d966b604224cd55a040150"
CLAUDE_CODE = "d522f61f-ddc5-4479-8364-910af2f3a051"
OPENCODE = "ses_dfe273b27ffe9obNY86GZOgZ9Q"

SPEAKERS = {
    "ag2.*": (KEY, NEW, "OpenAI/Python:*"),
    "anthropic-python.01": ("u", NEW, "Anthropic/Python"),
    "anthropic-python.02": (KEY, NEW, "Anthropic/Python"),
    "crewai.*": (KEY, NEW, "R"),
    "dspy.01": (KEY, NEW, "DSPy"),
    "dspy.*": (KEY, NEW, "DSPy:*"),
    "haystack.01": (KEY, NEW, "OpenAI/Python"),
    "haystack.02": (KEY, NEW, "OpenAI/Python:*"),
    "langchain-js.*": (KEY, NEW, "langchainjs-openai"),
    "litellm-sdk.01": ("u-1", NEW, "OpenAI/Python"),
    "litellm-sdk.03": (KEY, NEW, "litellm"),
    "litellm-sdk.*": (KEY, NEW, "OpenAI/Python"),
    "openai-agents-py-chat.*": (KEY, NEW, "Agents/Python:*"),
    "openai-node.*": (KEY, NEW, "OpenAI/JS"),
    "openai-python-*": (PROJECT, NEW, "OpenAI/Python"),
    "semantic-kernel.*": (KEY, NEW, "A"),
    "t-ai-sdk.0[457]": (KEY, NEW, "ai-sdk"),
    "t-ai-sdk.*": (KEY, NEW, "ai"),
    "t-autogen.*": (KEY, NEW, "OpenAI/Python:*"),
    "t-claude-code-multi.*": (DEVICE, CLAUDE_CODE, "claude-cli:*"),
    "t-instructor.*": (KEY, NEW, "OpenAI/Python"),
    "t-langchain-openai-py.0[78]": (KEY, NEW, "OpenAI/Python:*"),
    "t-langchain-openai-py.*": (KEY, NEW, "OpenAI/Python"),
    "t-langgraph-multi.*": (KEY, NEW, "OpenAI/Python:*"),
    "t-llamaindex-multi.*": (KEY, NEW, "OpenAI/Python:*"),
    "t-llamaindex.0[34]": (KEY, NEW, "OpenAI/Python:*"),
    "t-llamaindex.*": (KEY, NEW, "OpenAI/Python"),
    "t-openai-agents-js.*": (KEY, NEW, "Agents/JavaScript:*"),
    "t-openai-agents-py*": (KEY, NEW, "Agents/Python:*"),
    "t-opencode-multi.*": (KEY, OPENCODE, "opencode:*"),
    "t-pydantic-ai.06": (KEY, NEW, "pydantic-ai"),
    "t-pydantic-ai*": (KEY, NEW, "pydantic-ai:*"),
    "t-smolagents.*": (KEY, NEW, "OpenAI/Python:*"),
}
"""User, session and agent by capture, the first row that fits. `se_…` is a session nobody named; behind the colon of an
agent stands a digest of its system text, which it has in these captures and in no others."""

ASIDE = {"t-opencode-multi.01", "t-smolagents.03"}
"""A title; and smolagents giving up, on which no session of its own is begun."""


async def test_each_captured_request_is_known_for_whose_it_is(served: Served) -> None:
    answers = {request.name: await send(served.url, request) for request in calls()}
    assert {name for name, told in answers.items() if told.memory == "off; reason=side_call"} == ASIDE
    found = {name: await speaker(served, told) for name, told in answers.items() if "x-accrue-exchange" in told.headers}
    assert set(answers) - set(found) == {"t-smolagents.03"}

    assert {name: who for name, who in found.items() if not fits(who, SPEAKERS[row_of(name)])} == {}
    assert {row_of(name) for name in found} == set(SPEAKERS)
    begun = [session for _, session, _ in found.values() if fnmatchcase(session, NEW)]
    assert len(begun) == len(set(begun)) > 70


async def speaker(served: Served, told: Answered) -> tuple[str, str, str]:
    """User, session and agent as the record has them."""
    exchange = await served.parts.journal.read(Operator(), told.exchange)
    assert exchange is not None
    assert exchange.scope.session == told.session
    return exchange.scope.user or "", exchange.scope.session, exchange.scope.agent


def row_of(name: str) -> str:
    return next(glob for glob in SPEAKERS if fnmatchcase(name, glob))


def fits(who: tuple[str, str, str], row: tuple[str, str, str]) -> bool:
    return all(map(fnmatchcase, who, row))


async def test_the_agents_of_one_product_are_told_apart_by_their_system_texts(served: Served) -> None:
    requests = [request for request in calls() if fnmatchcase(request.name, "t-*-multi.*")]
    texts: dict[str, set[str]] = {}
    for request in requests:
        told = await send(served.url, request)
        _, _, agent = await speaker(served, told)
        texts.setdefault(agent, set()).add(system_text(request.said))
    assert all(len(said) == 1 for said in texts.values()), texts
    assert len({agent for agent in texts if agent.startswith("opencode:")}) == 2


def system_text(said: Mapping[str, object]) -> str:
    """What stands where the client's system text does, with what changes from run to run taken out."""
    first = said.get("messages", [{}])
    assert isinstance(first, list)
    told = said.get("system") or said.get("instructions") or first[0].get("content")
    return re.sub(r"\d+|\S*/\S*", "", str(told))[:300]
