from __future__ import annotations

from pathlib import Path

import pytest

from benchmarks import fleets, replicas
from benchmarks.fleets import Size
from benchmarks.replicas import EMBEDDED, ONE, TWO, Load, Round, Sample, measured, section


def samples(*, cpu_ms: tuple[float, float, float], calls: tuple[int, int, int]) -> Round:
    return {
        name: Sample(
            load=Load(seconds=2.0, whole_ms=[5.0] * count, memory={"hit": count // 2, "timeout": count // 2}),
            cpu_ms=cpu,
            redis_cpu_ms=0.0 if name == EMBEDDED else 0.2,
            redis_bytes=0.0 if name == EMBEDDED else 8_000.0,
            round_trips=0.0 if name == EMBEDDED else 3.5,
            idle=0.02,
        )
        for name, cpu, count in zip((EMBEDDED, ONE, TWO), cpu_ms, calls, strict=True)
    }


def test_ratios_are_formed_within_a_round() -> None:
    slow = samples(cpu_ms=(4.0, 5.0, 6.0), calls=(400, 200, 300))
    quick = samples(cpu_ms=(2.0, 2.2, 2.4), calls=(800, 400, 800))
    text = section({32: [slow, quick, quick]}, 2.0)
    rows = [[cell.strip() for cell in line.split("|")[1:-1]] for line in text.splitlines() if line.startswith("|")]
    measured = {row[0]: row[1:] for row in rows}
    assert measured["calls/s, two ÷ one with Redis"] == ["2.00 (1.50–2.00)", "1.7, where cores allow; else:"]
    assert measured[f"CPU per call, {ONE} ÷ embedded"] == ["1.10 (1.10–1.25)", "at most 1.25"]
    assert measured[f"CPU per call, {TWO} ÷ embedded"] == ["1.20 (1.20–1.50)", "at most 1.25"]
    assert measured[EMBEDDED] == ["400 (200–400)", "5", "5", "50.0", "2.00 (2.00–4.00)", "2.0", "", "", ""]
    assert measured[ONE][-3:] == ["0.20", "8.0", "3.5"]


def test_a_small_run_loads_both_gateways_of_a_fleet(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(replicas, "SIZES", {TWO: Size(gateways=2, has_redis=True)})
    monkeypatch.setattr(replicas, "MEMORIES_EACH", 5)
    monkeypatch.setattr(replicas, "WARM_UP_S", 0.1)
    monkeypatch.setattr(replicas, "IDLE_LOOK_S", 0.1)
    monkeypatch.setattr(fleets, "IDLE_SHARE", 0.5)
    found = measured(tmp_path, rounds=1, seconds=0.3, connections=[4])
    sample = found[4][0][TWO]
    assert len(sample.load.whole_ms) >= 4
    assert sample.load.memory.keys() <= {"hit", "empty", "timeout", "breaker"}
    assert min(sample.cpu_ms, sample.redis_cpu_ms, sample.redis_bytes, sample.round_trips) > 0
