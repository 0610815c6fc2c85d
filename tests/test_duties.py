"""What runs beside calls, from the start to the end."""

from __future__ import annotations

import asyncio
from contextlib import AsyncExitStack

import pytest
from structlog.testing import capture_logs

from gateway import duties
from gateway.duties import begun, reloaded


class Idle:
    """A learner that has nothing to do."""

    def __init__(self) -> None:
        self.idle = asyncio.Event()
        self.idle.set()
        self.rehearsals = 0

    def rehearse(self) -> None:
        self.rehearsals += 1


async def test_duties_are_told_to_stop_and_waited_for() -> None:
    said: list[str] = []

    async def duty(stop: asyncio.Event) -> None:
        said.append("begun")
        await stop.wait()
        said.append("ended")

    learner = Idle()
    async with AsyncExitStack() as stack:
        await begun(stack, learner, [duty])  # type: ignore[arg-type] # a double
        assert (said, learner.rehearsals) == (["begun"], 1)
    assert said == ["begun", "ended"]


async def test_a_duty_that_does_not_stop_is_cancelled(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(duties, "END_S", 0.01)
    ended: list[str] = []

    async def deaf(stop: asyncio.Event) -> None:
        try:
            await asyncio.Event().wait()
        finally:
            ended.append("cancelled")

    async with AsyncExitStack() as stack:
        await begun(stack, Idle(), [deaf])  # type: ignore[arg-type] # a double
    while len(asyncio.all_tasks()) > 1:
        await asyncio.wait(asyncio.all_tasks() - {asyncio.current_task()}, timeout=5)
    assert ended == ["cancelled"]


async def _waited(stop: asyncio.Event) -> None:
    await stop.wait()


async def test_the_start_does_not_wait_for_long_for_what_is_to_be_learnt(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(duties, "CATCH_UP_S", 0.01)
    learner = Idle()
    learner.idle.clear()
    async with AsyncExitStack() as stack:
        await begun(stack, learner, [_waited])  # type: ignore[arg-type] # a double
    assert learner.rehearsals == 1


def test_what_came_of_a_change_of_the_policies_is_logged() -> None:
    with capture_logs() as logged:
        reloaded(None)
        reloaded("default.yaml: no")
    assert [(one["event"], one.get("complaint")) for one in logged] == [
        ("policies_loaded", None),
        ("policies_kept", "default.yaml: no"),
    ]
