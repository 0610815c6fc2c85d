"""`GET /accrue/lessons`: lessons with what they are worth, and how that is spread."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import msgspec
import pytest

from gateway.admin.lessons import OPERATIONS
from gateway.experience import Earned, Event, Evidence
from gateway.period import Facts, Held
from gateway.rates import ENOUGH
from tests.admin.console import opened_desk, over_http
from tests.exchanges import ANN, NOW
from tests.lessons import lesson
from tests.stores.samples import BOB

PATH = "/accrue/lessons"
WHY = Evidence(signal="tool_error", version=1, grade="A", exchange="ex_1", session="s1", at=NOW, span="Error: no")


def earned(memory: str, event: Event, *, is_told: bool) -> Iterator[Earned]:
    """Enough outcomes to know something, each of a session of its own."""
    for number in range(ENOUGH):
        yield Earned(
            memory=memory, is_told=is_told, propensity=0.5, event=event, weight=1.0, exchange=f"ex_{number}",
            session=f"{is_told}{number}", at=NOW, setup="",
        )  # fmt: skip


def facts() -> Facts:
    helps, harms, fresh = lesson("helps", triggers=("Book",), tools=("book",), evidence=(WHY,)), lesson("harms"), None
    fresh = msgspec.structs.replace(lesson("fresh", state="proposed"), is_pinned=True)
    gone = msgspec.structs.replace(lesson("gone", state="retired"), ended_at=NOW)
    return Facts(
        since=None,
        until=NOW,
        lessons=[
            Held(owner=ANN.owner, memory=helps,
                 earned=[*earned(helps.id, "passed", is_told=True), *earned(helps.id, "failed", is_told=False)]),
            Held(owner=ANN.owner, memory=harms,
                 earned=[*earned(harms.id, "failed", is_told=True), *earned(harms.id, "failed", is_told=False)]),
            Held(owner=BOB.owner, memory=fresh),
            Held(owner=ANN.common.owner, memory=gone),
        ],
    )  # fmt: skip


class Asked:
    """Gives facts, and remembers of what."""

    def __init__(self, facts: Facts) -> None:
        self.facts = facts
        self.asked: list[tuple[str | None, float | None]] = []

    async def __call__(self, tenant: str | None, since: float | None) -> Facts:
        self.asked.append((tenant, since))
        return self.facts


async def test_lessons_are_shown_with_their_evidence_and_what_they_are_worth(tmp_path: Path) -> None:
    async with opened_desk(tmp_path, facts=Asked(facts())) as desk, over_http(desk.console, OPERATIONS) as http:
        answer = (await http.get(PATH)).json()
    assert [(one["user"], one["is_shared"], one["learnt"]["state"]) for one in answer["lessons"]] == [
        ("ann", False, "active"),
        ("ann", False, "active"),
        ("bob", False, "proposed"),
        (None, True, "retired"),
    ]
    helps = answer["lessons"][0]
    assert (helps["triggers"], helps["tools"], helps["evidence"][0]["span"]) == (["Book"], ["book"], "Error: no")
    assert helps["learnt"]["uplift"]["mean"] > 0.8
    assert (helps["learnt"]["told"]["right"], helps["learnt"]["withheld"]["right"]) == (ENOUGH, 0)
    assert answer["lessons"][2]["is_pinned"] is True
    assert (answer["count"], answer["unknown"]) == (4, 2)
    assert [band["lessons"] for band in answer["uplifts"]] == [1, 0, 0, 0, 0, 0, 0, 0, 0, 1]
    assert (answer["uplifts"][0]["begins"], answer["uplifts"][-1]["begins"]) == (0.0, 0.9)


async def test_lessons_are_chosen_by_tenant_period_and_state(tmp_path: Path) -> None:
    told = Asked(facts())
    async with opened_desk(tmp_path, facts=told) as desk, over_http(desk.console, OPERATIONS) as http:
        asked: dict[str, str | int] = {"tenant": "acme", "since": "7d", "state": "retired", "limit": 1}
        answer = (await http.get(PATH, params=asked)).json()
        assert told.asked == [("acme", NOW - 7 * 86_400)]
        assert ([one["is_shared"] for one in answer["lessons"]], answer["count"]) == ([True], 1)
        assert answer["uplifts"] == []
        assert len((await http.get(PATH, params={"limit": 2})).json()["lessons"]) == 2
        for wrong in ({"since": "soon"}, {"state": "asleep"}, {"limit": 0}):
            assert (await http.get(PATH, params=wrong)).status_code == 400


@pytest.mark.promise("P10")
async def test_where_nothing_was_learnt_nothing_is_said(tmp_path: Path) -> None:
    nothing = Asked(Facts(since=None, until=NOW))
    async with opened_desk(tmp_path, facts=nothing) as desk, over_http(desk.console, OPERATIONS) as http:
        assert (await http.get(PATH)).json() == {"lessons": [], "count": 0, "uplifts": [], "unknown": 0}
