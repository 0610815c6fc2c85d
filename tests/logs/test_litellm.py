"""gateway/logs/litellm.py: calls as LiteLLM logs them, in the form that the installed version declares."""

from __future__ import annotations

import ast
import importlib.util
from pathlib import Path
from typing import Any

import pytest

from gateway.logs.litellm import FORMAT, USER_MEMBERS
from tests.logs.samples import ASK, TOLD, only, read, said, sent

CALL: dict[str, Any] = {
    "id": "chatcmpl-1",
    "call_type": "acompletion",
    "status": "success",
    "session_id": "s-9",
    "startTime": 1_750_000_000.25,
    "endTime": 1_750_000_003.0,
    "model": "azure/gpt-4o-eu",
    "model_group": "gpt-4o",
    "model_parameters": {"temperature": 0.5, "tools": []},
    "metadata": {"user_api_key_user_id": "team-bot", "user_api_key_end_user_id": None},
    "end_user": "ana",
    "messages": [ASK],
    "response": {"id": "chatcmpl-1", "choices": [{"index": 0, "message": TOLD}]},
    "error_str": None,
}


def test_a_payload_is_one_call_with_who_when_and_in_which_session(tmp_path: Path) -> None:
    transcript = only(read(tmp_path, CALL))
    assert said(transcript) == ["Gate B12."]
    assert sent(transcript, 0) == {
        "model": "gpt-4o",
        "user": "ana",
        "temperature": 0.5,
        "tools": [],
        "messages": [ASK],
    }
    assert (transcript.at, transcript.session) == (1_750_000_000.25, "s-9")


@pytest.mark.parametrize(
    ("changes", "user"),
    [
        ({"end_user": None}, "team-bot"),
        ({"end_user": "", "model_parameters": {"user": "bea"}}, "bea"),
        ({"end_user": None, "metadata": {"user_api_key_end_user_id": "cy"}}, "cy"),
        ({"end_user": None, "metadata": None, "model_parameters": None}, None),
    ],
)
def test_the_user_is_whom_the_call_named_else_whose_key_it_was(tmp_path: Path, changes: Any, user: str | None) -> None:
    assert sent(only(read(tmp_path, {**CALL, **changes})), 0).get("user") == user


def test_without_a_session_what_a_call_echoes_must_tell(tmp_path: Path) -> None:
    bare = {name: value for name, value in CALL.items() if name not in ("session_id", "model_group", "metadata")}
    transcript = only(read(tmp_path, bare))
    assert (transcript.session, sent(transcript, 0)["model"]) == ("", "azure/gpt-4o-eu")


@pytest.mark.parametrize(
    ("changes", "reason"),
    [
        ({"call_type": "aembedding"}, "a call of type aembedding; only chat completions are read"),
        ({"call_type": None}, "a call of type unknown"),
        ({"status": "failure", "error_str": "quota"}, "the call ended with failure: quota"),
        ({"status": "failure"}, "the call ended with failure: no reason given"),
        ({"messages": [{"role": "user", "content": "redacted-by-litellm"}]}, "LiteLLM left out what was said"),
        ({"response": {"text": "redacted-by-litellm"}}, "LiteLLM left out what was said"),
        ({"messages": None}, "no list of messages"),
        ({"messages": "Which gate?"}, "no list of messages"),
        ({"response": "B12"}, "an answer without choices that can be read"),
        ({"metadata": "x"}, "metadata: Expected"),
        ({"startTime": "soon"}, "Invalid isoformat"),
    ],
)
def test_what_cannot_be_learnt_is_named_with_its_reason(tmp_path: Path, changes: Any, reason: str) -> None:
    log = read(tmp_path, {**CALL, **changes}, CALL)
    (fault,) = log.faults
    assert (fault.where, len(log.transcripts)) == ("line 1", 1)
    assert reason in fault.reason


def declared(name: str) -> set[str]:
    """Members of a type as the installed LiteLLM declares them; read as text, because importing it takes seconds."""
    found = importlib.util.find_spec("litellm")
    assert found is not None
    assert found.origin is not None
    tree = ast.parse((Path(found.origin).parent / "types/utils.py").read_text())
    (made,) = (node for node in ast.walk(tree) if isinstance(node, ast.ClassDef) and node.name == name)
    return {
        node.target.id for node in made.body if isinstance(node, ast.AnnAssign) and isinstance(node.target, ast.Name)
    }


def test_the_members_that_are_read_are_those_that_litellm_writes() -> None:
    assert set(CALL) <= declared("StandardLoggingPayload")
    assert set(USER_MEMBERS) <= declared("StandardLoggingUserAPIKeyMetadata")
    assert FORMAT.is_form_of(dict.fromkeys(declared("StandardLoggingPayload")))  # type: ignore[arg-type] # names only
