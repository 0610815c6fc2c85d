"""A short soak: files, tasks and accounts. What memory does in half an hour is measured by `scripts/soak`."""

from __future__ import annotations

from pathlib import Path

import msgspec
import pytest

from benchmarks import soak
from benchmarks.soak import Sample, Tally
from gateway.testing import ScriptedUpstream
from tests.faults.mutants import Mutant
from tests.faults.scale import scaled

FORGETFUL = "from gateway.accounts import Accounts; Accounts.recorded = lambda self, exchange: None"
"""Calls are never settled."""


async def test_nothing_but_memory_itself_grows_and_every_call_is_accounted_for(
    upstream: ScriptedUpstream, tmp_path: Path
) -> None:
    with soak.accumulating_nothing(tmp_path, upstream) as gateway:
        seconds = scaled(12.0, 300.0)
        tally = await soak.run(gateway.url, gateway.process.pid, seconds=seconds, calls_per_s=30)
    found = [fault for fault in soak.faults(tally) if "private memory" not in fault]
    assert (found, tally.statuses) == ([], {200: tally.calls})
    assert tally.aborted > 5


async def test_calls_that_are_not_accounted_for_are_seen(
    upstream: ScriptedUpstream, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(soak, "SETTLE_TRIES", 3)  # they never are
    with Mutant(FORGETFUL, upstream.url, tmp_path) as gateway:
        tally = await soak.run(gateway.url, gateway.process.pid, seconds=3.0, calls_per_s=20)
    assert any("not accounted for" in fault for fault in soak.faults(tally))


def test_what_grows_is_seen() -> None:
    samples = [Sample(at=at * 60.0, private_mb=100 + at, files=20 + at, tasks=5) for at in range(30)]
    tally = Tally(
        calls=9, aborted=0, statuses={200: 9}, samples=tuple(samples), accounts={"received": 9.0, "recorded": 9}
    )
    assert [fault.partition(" by")[0] for fault in soak.faults(tally)] == [
        "private memory grows",
        "27 files and 0 tasks more than before",
    ]
    assert round(tally.slope, 6) == 10.0
    failed = msgspec.structs.replace(tally, statuses={200: 8, 502: 1}, samples=tuple(samples[:2]))
    assert next(soak.faults(failed)).startswith("not every call was answered")
