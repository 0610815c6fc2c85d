"""A suite from start to end: the model and a gateway as processes, arm after arm, and the results.

Each suite has a gateway and a data directory of its own, so that none learns from another.
"""

from __future__ import annotations

import asyncio
import json
import sys
import tempfile
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

from benchmarks.harness import Failed, Server
from benchmarks.learning.arms import Doses, Gateway, Judged, Wire, live
from benchmarks.learning.life import ARMS, Arm, Life, Suite
from benchmarks.learning.results import Results
from benchmarks.past import DEADLINE_MS
from gateway.datadir import DataDir
from gateway.testing import GatewayProcess

EXAMPLES = "banking77-train.csv"
"""What the model's classifier is made from."""


def run(suite: Suite, seeds: Sequence[int], data: Path | None = None, arms: Sequence[Arm] = ARMS) -> Results:
    """Have a suite's lives lived under those of its arms that are asked for. Raises `Failed`."""
    judged: list[Judged] = []
    doses: Doses = {}
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        with model(folder, data) as upstream:
            for arm in (arm for arm in suite.arms if arm in arms):
                judged += _under(arm, suite, seeds, upstream, folder, doses)
    return Results(suite, judged)


@contextmanager
def model(folder: Path, data: Path | None) -> Iterator[str]:
    """The URL of a simulated model, which can sort where there is data to make its classifier from."""
    command = [sys.executable, "-m", "benchmarks.learning.model"]
    if data is not None:
        command += ["--examples", str(data / EXAMPLES)]
    with Server("model", command, folder) as server:
        server.wait_for_printed_port()
        try:
            yield f"http://127.0.0.1:{server.port}/v1"
        except Failed as failed:
            raise Failed(f"{failed}; the model printed:\n{server.output()[-2000:]}") from failed


@contextmanager
def gateway(folder: Path, upstream: str, suite: Suite) -> Iterator[Gateway]:
    """A gateway with an empty data directory and time enough to recall."""
    (folder / "policies").mkdir(exist_ok=True)
    policy = {**suite.policy, "recall": {"deadline_ms": DEADLINE_MS, **suite.policy.get("recall", {})}}
    (folder / "policies" / "default.yaml").write_text(json.dumps(policy))  # JSON is YAML as well
    (folder / "config.yaml").write_text(json.dumps({"telemetry": {"log_level": "warning"}}))
    with GatewayProcess(upstream, folder / "data", cwd=folder) as process:
        yield Gateway(url=process.url, process=process.process, journal=DataDir(folder / "data").journal)


def _under(arm: Arm, suite: Suite, seeds: Sequence[int], upstream: str, folder: Path, doses: Doses) -> list[Judged]:
    lives = [(seed, life) for seed in seeds for life in suite.lives(seed)]
    if arm != "full":
        return asyncio.run(_lived(suite, arm, lives, upstream, None, doses))
    with gateway(folder, upstream, suite) as running:
        return asyncio.run(_lived(suite, arm, lives, running.url, running, doses))


async def _lived(
    suite: Suite,
    arm: Arm,
    lives: Sequence[tuple[int, Life]],
    url: str,
    running: Gateway | None,
    doses: Doses,
) -> list[Judged]:
    wire = Wire(url, arm, doses)
    try:
        judged = await live(suite, arm, lives, wire, running)
    finally:
        await wire.close()
    if wire.unheard:
        print(f"{suite.name}: nobody took {wire.unheard} pieces of feedback", file=sys.stderr, flush=True)
    return judged
