from __future__ import annotations

import json
import sys
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from subprocess import PIPE, Popen

import msgspec
import pytest

from benchmarks import client, distilling, past
from benchmarks.client import MODEL, Chat, Question
from benchmarks.distilling import Distiller
from benchmarks.harness import Failed
from gateway.backlog import Backlog
from gateway.distil import ENOUGH_TURNS
from gateway.testing import GatewayProcess, ScriptedUpstream, Step
from gateway.types import Exchange, Scope

STAND_IN = Distiller(model="some-model")
BEES = "Every spring I move three of the hives over to the orchard behind the mill."
CHATS = [
    Chat(user="ada", session="1", messages=(BEES, "Three hives.", "What is mead?", "Honey wine.")),
    Chat(user="eve", session="1", messages=("I park the boat in Bruges.", "At the quay.")),
    Chat(user="ada", session="2", messages=("What time is it in Tokyo?", "Nine in the evening.")),
]


@pytest.fixture
def other() -> Iterator[ScriptedUpstream]:
    with ScriptedUpstream() as process:
        yield process


def models(upstream: ScriptedUpstream) -> list[str]:
    """Of the calls that the provider got, in order."""
    return [json.loads(request.body)["model"] for request in upstream.requests()]


def test_a_chat_is_distilled_before_the_next_of_its_user_and_all_of_it_is_paid_for(
    upstream: ScriptedUpstream, tmp_path: Path
) -> None:
    calls, cost = distilling.learn(tmp_path, upstream, CHATS, STAND_IN)
    assert calls == 4
    assert models(upstream) == [MODEL] * 3 + ["some-model"] * 2 + [MODEL, "some-model"]
    asked = [request for request in upstream.requests() if json.loads(request.body)["model"] == "some-model"]
    assert all(dict(request.headers)[b"authorization"] == b"Bearer none" for request in asked)
    assert (cost.sessions, cost.facts, cost.unproved) == (3, 2, 0)
    assert cost.tokens > sum(len(request.body) for request in asked) // 4
    with past.remembering(tmp_path, upstream, {}) as url:
        (told,) = client.ask(url, upstream, [Question(user="ada", session="3", ask="Good morning, what now?")])
    assert BEES in told.notes
    assert "fact:1" in told.header
    assert "Bruges" not in told.notes


def test_a_model_elsewhere_gets_the_key_of_the_environment_and_no_chat_and_is_paid_for_what_cannot_be_used(
    upstream: ScriptedUpstream, other: ScriptedUpstream, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("OPENAI_API_KEY", "from-the-environment")
    no_facts = {"choices": [{"message": {"role": "assistant", "content": "I would rather not."}}]}
    other.script([Step(chunks=[msgspec.json.encode(no_facts)])])
    _, cost = distilling.learn(tmp_path, upstream, CHATS[:1], Distiller(model="some-model", url=other.url))
    assert (models(upstream), models(other)) == ([MODEL] * 2, ["some-model"])
    (request,) = other.requests()
    assert dict(request.headers)[b"authorization"] == b"Bearer from-the-environment"
    assert (cost.sessions, cost.unusable, cost.facts) == (0, 1, 0)
    assert cost.tokens > 100


def test_sessions_that_are_never_distilled_are_a_failure(
    upstream: ScriptedUpstream, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    dropped = Counter({f"{distilling.OUTCOMES} dropped": 2})
    monkeypatch.setattr(distilling, "_counters", lambda url: dropped)
    with pytest.raises(Failed, match="4 sessions were never distilled"):
        distilling.learn(tmp_path, upstream, CHATS[1:2], STAND_IN)


async def test_a_model_that_never_answers_is_not_waited_for_for_ever(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    backlog = Backlog(tmp_path / "distil.json")
    scope = Scope(tenant="tenant", user="ada", session="1")
    exchange = Exchange(id="ex_1", scope=scope, at=0.0, path="/v1/chat/completions", state="done")
    backlog.add(exchange, ENOUGH_TURNS - 1)
    await backlog.save()
    monkeypatch.setattr(distilling, "DISTIL_S", 0.0)
    gateway = GatewayProcess("http://127.0.0.1:9/v1", tmp_path / "data")
    with Popen([sys.executable, "-c", "input()"], stdin=PIPE, text=True) as gateway.process:
        with pytest.raises(Failed, match="1 sessions waited"):
            distilling.wait_until_distilled(gateway, tmp_path / "distil.json")
        gateway.process.kill()
