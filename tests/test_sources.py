"""Where requests say who speaks: on captured requests of real clients, and row by row."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import msgspec
import pytest

from gateway.shapes.chat import SHAPE as CHAT
from gateway.shapes.messages import SHAPE as MESSAGES
from gateway.shapes.responses import SHAPE as RESPONSES
from gateway.sources import AGENT, PARENT, SESSION, USER, Sent, Source, first, request_kind
from gateway.types import Call, Turn
from tests.evaluation import data_dir

TABLES = {"user": USER, "session": SESSION, "agent": AGENT, "parent": PARENT}

SHAPES = {f"/v1{shape.path}": shape for shape in (CHAT, RESPONSES, MESSAGES)}


def sent(
    headers: Mapping[str, str] | None = None, body: Mapping[str, object] | None = None, *turns: Turn, agent: str = ""
) -> Sent:
    lines = {"user-agent": agent, **(headers or {})}
    fields = {name: msgspec.Raw(msgspec.json.encode(value)) for name, value in (body or {}).items()}
    call = Call(body=b"{}", fields=fields, model="m", turns=turns, slots=())
    return Sent([(name.encode(), value.encode()) for name, value in lines.items()], call)


def names(says: Sent) -> dict[str, str]:
    found = {name: first(table, says) for name, table in TABLES.items()}
    return {name: value for name, value in found.items() if value}


# --- what real clients sent ---------------------------------------------------------------------------------------

CODEX = "01a201ce-21c3-72f1-aa4e-d92a1800a39a"
CLAUDE_CODE = "d522f61f-ddc5-4479-8364-910af2f3a051"
OPENCODE = "ses_dfe273b27ffe9obNY86GZOgZ9Q"

CAPTURED: dict[str, dict[str, str]] = {
    "openai-python-3.01": {"agent": "OpenAI/Python"},
    "openai-node.01": {"agent": "OpenAI/JS"},
    "litellm-sdk.01": {"user": "u-1", "agent": "OpenAI/Python"},
    "anthropic-python.01": {"user": "u", "agent": "Anthropic/Python"},
    "langchain-js.01": {"agent": "langchainjs-openai"},
    "dspy.01": {"agent": "DSPy"},
    "semantic-kernel.01": {"agent": "A"},
    "crewai.01": {"agent": "R"},
    "t-autogen.01": {"agent": "OpenAI/Python:51f8c6fe"},
    "openai-agents-py-chat.01": {"agent": "Agents/Python:66a0c588"},
    "t-opencode-multi.01": {"session": OPENCODE, "agent": "opencode:61ec010d"},
    "t-opencode-multi.02": {"session": OPENCODE, "agent": "opencode:746da30a"},
    "t-claude-code-multi.02": {
        "user": "86c524fb0fa8cb59cba03338ffce0281e0f4fb03a2d966b604224cd55a040150",
        "session": CLAUDE_CODE,
        "agent": "claude-cli:08c6ccc2",
    },
    "t-codex-ws.03": {"user": "a2234cf9-a533-4189-9682-ef37f42b71e1", "session": CODEX, "agent": "/root"},
}


def captured(name: str) -> Sent:
    data = data_dir()
    path = None if data is None else data.parent / "captures" / "single" / f"{name}.json"
    if path is None or not path.is_file():
        pytest.skip("captured requests are not here: set ACCRUE_DATA to the folder beside them")
    return read(path)


def read(path: Path) -> Sent:
    request: dict[str, Any] = json.loads(path.read_bytes())
    call = SHAPES[request["path"]].read(json.dumps(request["body"]).encode())
    assert call is not None
    return Sent([(name.lower().encode(), value.encode()) for name, value in request.get("headers", ())], call)


@pytest.mark.parametrize("name", CAPTURED)
def test_a_captured_request_says_who_it_is(name: str) -> None:
    assert names(captured(name)) == CAPTURED[name]


def test_what_codex_says_a_request_is_for() -> None:
    assert request_kind(captured("t-codex-ws.02")) == "prewarm"
    assert request_kind(captured("t-codex-ws.03")) == "turn"
    assert request_kind(captured("openai-python-3.01")) == ""


# --- row by row: what no captured client sends --------------------------------------------------------------------

LEGACY = "user_6c1f_account_9d2e-11_session_77aa-33"
TURN_METADATA = json.dumps({"installation_id": "inst", "agent_name": "reviewer", "request_kind": "compaction"})


@pytest.mark.parametrize(
    ("headers", "user"),
    [
        ({"x-openwebui-user-id": "Bj%C3%B6rn"}, "Björn"),
        ({"x-litellm-customer-id": "ann"}, "ann"),
        ({"x-litellm-end-user-id": "ann"}, "ann"),
        ({"x-sm-user-id": "ann"}, "ann"),
        ({"helicone-user-id": "ann"}, "ann"),
        ({"langfuse_user_id": "ann"}, "ann"),
        ({"x-portkey-metadata": '{"_user": "ann", "env": "prod"}'}, "ann"),
        ({"x-portkey-metadata": '{"env": "prod"}'}, None),
        ({"x-portkey-metadata": "ann"}, None),
        ({"baggage": "tenant=x, user.id=Bj%C3%B6rn;p=1 ,session.id=s1"}, "Björn"),
        ({"baggage": "user.id"}, None),
        ({"x-codex-turn-metadata": TURN_METADATA}, "inst"),
        ({"x-openwebui-user-id": " ", "helicone-user-id": " ann "}, "ann"),
        ({"x-accrue-user": "ann", "x-user-id": "ann"}, None),
    ],
)
def test_a_header_names_the_user(headers: dict[str, str], user: str | None) -> None:
    assert first(USER, sent(headers)) == user


@pytest.mark.parametrize(
    ("body", "user"),
    [
        ({}, None),
        ({"user": "ann"}, "ann"),
        ({"user": {"id": "ann", "email": "a@example.org"}}, "ann"),
        ({"user": {"id": 5}}, None),
        ({"user": {}}, None),
        ({"user": 5, "safety_identifier": "s"}, "s"),
        ({"user": " ", "safety_identifier": "", "metadata": {"user_id": "m"}}, "m"),
        ({"user": "ann", "safety_identifier": "s", "metadata": {"user_id": "m"}}, "s"),
        ({"user": "ann", "metadata": {"user_id": "m"}}, "ann"),
        ({"metadata": {"userId": "m"}}, "m"),
        ({"metadata": {"user_id": 5}}, None),
        ({"metadata": None}, None),
        ({"metadata": {"user_id": '{"device_id":"d","account_uuid":"a","session_id":"x"}'}}, "a"),
        ({"metadata": {"user_id": '{"device_id":"d","account_uuid":"","session_id":"x"}'}}, "d"),
        ({"metadata": {"user_id": '{"session_id":"x"}'}}, None),
        ({"metadata": {"user_id": "{not json"}}, "{not json"),
        ({"metadata": {"user_id": "12"}}, "12"),
        ({"metadata": {"user_id": LEGACY}}, "9d2e-11"),
        ({"metadata": {"user_id": LEGACY.replace("9d2e-11", "")}}, "6c1f"),
        ({"prompt_cache_key": "8f14e45fceea167a"}, None),
        ({"user": "x" * 70_000}, None),
        ({"metadata": {"user_id": "user_" + "x_account_" * 52}}, "user_" + "x_account_" * 52),
    ],
)
def test_the_body_names_the_user(body: dict[str, object], user: str | None) -> None:
    assert first(USER, sent(body=body)) == user


def test_a_header_outranks_the_body() -> None:
    says = sent({"helicone-user-id": "header", "helicone-session-id": "h"}, {"user": "body", "conversation": "b"})
    assert names(says) == {"user": "header", "session": "h"}


@pytest.mark.parametrize(
    ("agent", "headers", "session"),
    [
        ("", {"x-litellm-session-id": "s"}, "s"),
        ("", {"helicone-session-id": "s"}, "s"),
        ("", {"x-sm-conversation-id": "s"}, "s"),
        ("", {"x-openwebui-chat-id": "a%2Fb"}, "a/b"),
        ("", {"x-conversation-id": "s"}, "s"),
        ("", {"langfuse_session_id": "s"}, "s"),
        ("", {"x-portkey-trace-id": "s"}, "s"),
        ("", {"x-claude-code-session-id": "s"}, "s"),
        ("", {"x-session-id": "s"}, "s"),
        ("", {"x-acme-session-id": "s"}, "s"),
        ("", {"x-parent-session-id": "s"}, None),
        ("", {"agent-session-id": "s"}, "s"),
        ("", {"goose-session-id": "s"}, "s"),
        ("codex_exec/1", {"session-id": "s"}, "s"),
        ("codex_exec/1", {"thread-id": "s"}, "s"),
        ("opencode/1", {"session_id": "s"}, "s"),
        ("opencode/1", {"conversation_id": "s"}, "s"),
        ("curl/8", {"originator": "codex_vscode", "session-id": "s"}, "s"),
        ("curl/8", {"session-id": "s", "thread-id": "t"}, None),
        ("", {"traceparent": "00-1-2-01", "x-client-request-id": "r"}, None),
        ("", {"baggage": "session.id=s"}, "s"),
    ],
)
def test_a_header_names_the_session(agent: str, headers: dict[str, str], session: str | None) -> None:
    assert first(SESSION, sent(headers, agent=agent)) == session


@pytest.mark.parametrize(
    ("agent", "body", "session"),
    [
        ("", {"conversation": "conv_1"}, "conv_1"),
        ("", {"conversation": {"id": "conv_1"}}, "conv_1"),
        ("", {"metadata": {"session_id": "s"}}, "s"),
        ("", {"metadata": {"thread_id": "s"}}, "s"),
        ("", {"metadata": {"conversation_id": "s"}}, "s"),
        ("", {"metadata": {"user_id": '{"session_id":"s"}'}}, "s"),
        ("", {"metadata": {"user_id": LEGACY}}, "77aa-33"),
        ("", {"client_metadata": {"session_id": "s"}}, "s"),
        ("codex_exec/1", {"prompt_cache_key": "s"}, "s"),
        ("litellm/1 OpenHands", {"prompt_cache_key": "s"}, "s"),
        ("Dify/1", {"prompt_cache_key": "a user's digest"}, None),
        ("", {"prompt_cache_key": "agents-sdk:session:9f86d081"}, "agents-sdk:session:9f86d081"),
        ("", {"prompt_cache_key": "agents-sdk:conversation:9f86d081"}, "agents-sdk:conversation:9f86d081"),
        ("", {"prompt_cache_key": "agents-sdk:prompt:9f86d081"}, None),
        ("", {"previous_response_id": "resp_1"}, None),
    ],
)
def test_the_body_names_the_session(agent: str, body: dict[str, object], session: str | None) -> None:
    assert first(SESSION, sent(body=body, agent=agent)) == session


def system(text: str, name: str | None = None) -> Turn:
    return Turn(role="system", text=text, name=name)


@pytest.mark.parametrize(
    ("headers", "turns", "agent"),
    [
        ({}, [], None),
        ({"x-claude-code-agent-id": "a1b2"}, [system("You are a reviewer.")], "a1b2"),
        ({"x-codex-turn-metadata": TURN_METADATA}, [], "reviewer"),
        ({}, [system("You help.", "planner")], "planner"),
        ({}, [Turn(role="user", text="hi", name="ann")], None),
        ({}, [system("You are Senior Writer. Old hand.\nYour personal goal is: to write")], "Senior Writer"),
        ({"user-agent": "AsyncOpenAI/Python 3.54.0"}, [], "OpenAI/Python"),
        ({"user-agent": "claude-cli/2.1.197 (external)"}, [], "claude-cli"),
        ({"user-agent": "OpenAI/Python 2.54.0", "x-title": "OpenHands"}, [], "OpenHands"),
        ({"user-agent": "(unknown)"}, [], None),
    ],
)
def test_an_agent_is_known_by(headers: dict[str, str], turns: Sequence[Turn], agent: str | None) -> None:
    assert first(AGENT, sent(headers, None, *turns)) == agent


def test_another_system_text_is_another_agent_and_another_day_is_not() -> None:
    def agent(text: str) -> str | None:
        return first(AGENT, sent({"user-agent": "curl/8"}, None, system(text)))

    monday = agent("You review code.\nToday is 2026-11-23.  The folder is /srv/ann/shop")
    assert monday == agent("You review code.\nToday is 2026-11-24. The folder is C:\\work\\shop")
    assert monday != agent("You write code.\nToday is 2026-11-23. The folder is /srv/ann/shop")
    assert monday is not None
    assert monday.startswith("curl:")


def test_a_sub_agent_names_its_parent() -> None:
    assert first(PARENT, sent({"x-parent-session-id": "ses_1"})) == "ses_1"
    assert first(PARENT, sent({"x-claude-code-parent-agent-id": "a1"})) == "a1"


def test_the_documentation_shows_the_same_rows_in_the_same_order() -> None:
    page = Path("docs/identity.md").read_text()
    for table in (USER, SESSION, AGENT, PARENT):
        places = [_shown(page, source) for source in table]
        assert places == sorted(places)


def _shown(page: str, source: Source) -> int:
    at = page.find(f"| {source.place} |")
    assert at >= 0, f"docs/identity.md does not show: {source.place}"
    return at
