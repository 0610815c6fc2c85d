"""Gateways with a past: fed once as a user would, then served again from copies, each under a policy of its own.

Recall gets ten seconds instead of 50 ms: what is measured is what it finds, and the machine has others to serve.
"""

from __future__ import annotations

import json
import shutil
import tempfile
import time
from collections.abc import Iterable, Iterator, Mapping
from contextlib import closing, contextmanager
from pathlib import Path
from subprocess import Popen, TimeoutExpired
from typing import Any

from benchmarks import client
from benchmarks.client import Chat
from benchmarks.harness import Failed
from gateway.database import connect_readonly
from gateway.datadir import DataDir
from gateway.testing import GatewayProcess, ScriptedUpstream

DEADLINE_MS = 10_000
"""The longest that a policy may allow."""

LEARN_S = 300.0
POLL_S = 0.05

_RECORDED_AND_WAITING = """
    SELECT (SELECT count(*) FROM exchanges WHERE state = 'done'), (SELECT count(*) FROM waiting)
"""
"""See gateway/journals/sqlite/schema.py."""

Settings = Mapping[str, Any]
"""What a policy or a configuration says, section by section, as their files have it."""

NOTHING: Settings = {}


def learn(folder: Path, upstream: ScriptedUpstream, chats: Iterable[Chat]) -> int:
    """Feed a gateway the chats and wait until it has learnt them all; how many calls that took."""
    with serving(folder, upstream) as gateway:
        calls = client.feed(gateway.url, chats)
        wait_until_learnt(gateway.process, DataDir(folder / "data").journal, calls)
    return calls


def wait_until_learnt(process: Popen[str], journal: Path, calls: int) -> None:
    """Wait until every call is on record as finished and none waits for the learner, which ends its turn last of all.

    Both, because a call is on record up to 250 ms after its answer. Raises `Failed` when that never comes.
    """
    until = time.perf_counter() + LEARN_S
    with closing(connect_readonly(journal)) as connection:
        while (state := connection.execute(_RECORDED_AND_WAITING).fetchone()) != (calls, 0):
            if time.perf_counter() > until or not runs_for(process, POLL_S):
                raise Failed(
                    f"of {calls} calls {state[0]} were recorded, and {state[1]} waited for the learner in vain"
                )


def runs_for(process: Popen[str], seconds: float) -> bool:
    """Whether a process is still there after a time."""
    try:
        process.wait(seconds)
    except TimeoutExpired:
        return True
    return False


@contextmanager
def remembering(learnt: Path, upstream: ScriptedUpstream, policy: Settings) -> Iterator[str]:
    """The URL of a gateway that has the past of a folder, and its own copy of it."""
    with tempfile.TemporaryDirectory() as name:
        shutil.copytree(learnt / "data", Path(name) / "data")
        with serving(Path(name), upstream, policy) as gateway:
            yield gateway.url


@contextmanager
def serving(
    folder: Path, upstream: ScriptedUpstream, policy: Settings = NOTHING, config: Settings = NOTHING
) -> Iterator[GatewayProcess]:
    """A gateway whose data is in a folder; calls go to the scripted provider unless the configuration has routes."""
    (folder / "policies").mkdir(exist_ok=True)
    files = {
        "config.yaml": {"telemetry": {"log_level": "warning"}, **config},
        "policies/default.yaml": {**policy, "recall": {"deadline_ms": DEADLINE_MS, **policy.get("recall", {})}},
    }
    for name, content in files.items():
        (folder / name).write_text(json.dumps(content))  # JSON is YAML as well
    with GatewayProcess(upstream.url, folder / "data", cwd=folder) as gateway:
        yield gateway
