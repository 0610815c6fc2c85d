"""deploy/grafana and deploy/prometheus: they ask for what /metrics gives, and each alert is explained."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from itertools import combinations
from pathlib import Path
from typing import Any

import pytest
import yaml

from gateway.stages import STAGES
from gateway.telemetry import LOOKED_UP, SHARED, Telemetry
from gateway.types import Outcome, Reply, Usage
from tests.exchanges import exchange

ROOT = Path(__file__).parent.parent
BOARD: dict[str, Any] = json.loads((ROOT / "deploy/grafana/accrue.json").read_text())
RULES: list[dict[str, Any]] = [
    rule
    for group in yaml.safe_load((ROOT / "deploy/prometheus/alerts.yaml").read_text())["groups"]
    for rule in group["rules"]
]


def everything() -> str:
    """What /metrics gives when all that can happen has happened."""
    telemetry = Telemetry()
    telemetry.share(dict.fromkeys(SHARED, lambda: 1.0))
    telemetry.look_up(dict.fromkeys(LOOKED_UP, 1.0))
    telemetry.called(Outcome(status="timeout", reason="overload"))
    telemetry.recorded(exchange(reply=Reply(usage=Usage()), outcome=Outcome(status="hit", notes=1)))
    telemetry.recorded(exchange(reply=Reply(usage=Usage())))
    for count in (telemetry.received, telemetry.passed, telemetry.late, telemetry.unclean):
        count()
    for told in (telemetry.failed, telemetry.matched, telemetry.unrecorded, telemetry.distilled, telemetry.lesson):
        told("journal")
    telemetry.breaker("store", is_open=True)
    telemetry.refused(503)
    telemetry.facts("kept", 1)
    telemetry.traced("lost", 1)
    telemetry.signal("feedback", is_good=True)
    return telemetry.render().decode()


GIVEN = everything()
SERIES = dict(re.findall(r"^(\w+)(\{.*\})? ", GIVEN, re.MULTILINE))
"""The labels of each, as they stand there."""


def questions() -> Iterator[str]:
    """Everything that the dashboard and the rules ask Prometheus."""
    yield from (rule["expr"] for rule in RULES)
    yield from (target["expr"] for panel in BOARD["panels"] for target in panel.get("targets", ()))
    yield from (one["query"]["query"] for one in BOARD["templating"]["list"] if one["type"] == "query")


def faults(question: str) -> Iterator[str]:
    """What in a question nobody can answer."""
    if question.count("(") != question.count(")"):
        yield f"unbalanced: {question}"
    for name, matchers in re.findall(r"\b(accrue_\w+)(\{[^}]*\})?", question):
        if name not in SERIES:
            yield f"nobody counts {name}"
            continue
        for label in re.findall(r"(\w+)\s*(?:=~|!~|!=|=)", matchers):
            if label != "instance" and f"{label}=" not in SERIES[name]:
                yield f"{name} has no label {label}"
        for stages in re.findall(r'stage[=!]~?"([^"]+)"', matchers):
            yield from (f"no stage is called {stage}" for stage in stages.split("|") if stage not in STAGES)


def test_all_that_is_asked_for_is_given() -> None:
    asked = list(questions())
    assert len(asked) > 30
    assert [fault for question in asked for fault in faults(question)] == []


@pytest.mark.parametrize(
    "question",
    [
        "rate(accrue_cals_total[5m])",
        'accrue_calls_total{user="ann"}',
        'accrue_stage_seconds_bucket{stage="thinking"}',
        "sum(accrue_waiting",
    ],
)
def test_a_question_that_cannot_be_answered_is_noticed(question: str) -> None:
    assert list(faults(question)) != []


def test_everything_that_is_given_can_be_seen_on_the_dashboard() -> None:
    asked = " ".join(questions())
    names = re.findall(r"^# TYPE (accrue_\w+)(?<!_created) \w+$", GIVEN, re.MULTILINE)
    left_out = ["accrue_breaker_opened_total", "accrue_partitions", "accrue_passed_through_total"]
    assert sorted(name for name in names if name not in asked) == left_out


def test_each_panel_has_a_place_of_its_own_says_what_it_shows_and_asks_the_source_that_was_chosen() -> None:
    panels = BOARD["panels"]
    assert len({panel["id"] for panel in panels}) == len(panels)
    assert [one["title"] for one, other in combinations(panels, 2) if overlap(one["gridPos"], other["gridPos"])] == []
    shown = [panel for panel in panels if panel["type"] != "row"]
    assert [panel["title"] for panel in shown if not panel["description"] or not panel["targets"]] == []
    sources = [each["datasource"]["uid"] for panel in shown for each in (panel, *panel["targets"])]
    assert set(sources) == {"${datasource}"}


def overlap(one: dict[str, int], other: dict[str, int]) -> bool:
    return all(
        one[at] < other[at] + other[size] and other[at] < one[at] + one[size] for at, size in (("x", "w"), ("y", "h"))
    )


def test_each_alert_says_how_urgent_it_is_and_has_a_line_on_what_to_do() -> None:
    told = (ROOT / "docs/operations.md").read_text().partition("\n## Alerts\n")[2].partition("\n## ")[0]
    rows = re.findall(r"^\| `(\w+)` \| \S.* \| \S.* \|$", told, re.MULTILINE)
    assert rows == [rule["alert"] for rule in RULES]
    assert {rule["labels"]["severity"] for rule in RULES} == {"page", "ticket"}
    assert all(rule["annotations"]["summary"].endswith(".") for rule in RULES)
