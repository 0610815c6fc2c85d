"""Tool errors in 100 real conversations, against labels made by hand."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path

import pytest
import yaml

from gateway.signals.base import Seen
from gateway.signals.tool_error import DETECTOR
from gateway.types import Exchange, Scope, ToolCall, Turn
from tests.evaluation import data_dir

DATA = data_dir()
LABELS = Path(__file__).with_name("tau_labels.yaml")
MIN_PRECISION, MIN_RECALL = 0.95, 0.90
MIN_LABELLED = 50


def labels() -> dict[str, set[str]]:
    table = yaml.safe_load(LABELS.read_text())
    return {label: {id.strip() for id in ids.split(",") if id.strip()} for label, ids in table.items()}


def results(conversations: list[dict[str, object]]) -> Iterator[tuple[str, Exchange]]:
    """Each tool result as an exchange of its own, by its id in the labels."""
    for conversation in conversations:
        name = f"{conversation['task_id']}/{conversation['trial']}"
        calls: dict[str, ToolCall] = {}
        for place, message in enumerate(conversation["traj"]):  # type: ignore[arg-type, var-annotated] # read as JSON
            for call in message.get("tool_calls") or ():
                function = call["function"]
                calls[call["id"]] = ToolCall(id=call["id"], name=function["name"], arguments=function["arguments"])
            if message["role"] == "tool":
                call = calls[message["tool_call_id"]]
                turn = Turn(role="tool", text=message["content"], answers=call.id)
                scope = Scope(tenant="tau", user="u", session=name)
                yield (
                    f"{name}/{place}",
                    Exchange(id="ex_1", scope=scope, at=float(place), path="/x", turns=(turn,), asked=(call,)),
                )


@pytest.mark.skipif(DATA is None, reason="ACCRUE_DATA names no folder with the public conversations")
def test_what_the_agent_caused_is_told_from_what_it_did_not(capsys: pytest.CaptureFixture[str]) -> None:
    assert DATA is not None
    labelled = labels()
    agent, others = labelled["agent"], labelled["environment"] | labelled["ok"]
    assert len(agent | others) >= 2 * MIN_LABELLED
    assert not agent & others
    exchanges = dict(results(json.loads((DATA / "tau-airline-dev.json").read_text())))
    assert (agent | others) <= set(exchanges)
    flagged = {
        id
        for id, exchange in exchanges.items()
        if any(not found.is_environment for found in DETECTOR.find(Seen(exchange=exchange)))
    }
    assert flagged <= agent | others  # whatever is flagged has been read
    precision = len(flagged & agent) / len(flagged)
    recall = len(flagged & agent) / len(agent)
    with capsys.disabled():
        print(f" agent-caused tool errors: precision {precision:.3f}, recall {recall:.3f} of {len(agent)}")
    assert precision >= MIN_PRECISION
    assert recall >= MIN_RECALL
