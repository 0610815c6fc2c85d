"""Real traffic: a hundred conversations of an airline's agent, replayed as the logs of one user, and what came of them.

`accrue replay` reads the log, as anybody would have it read; what was learnt is asked of the record. Of interest are
errors that come back: after two sessions with the same one, was there a lesson about it by the third?
"""

from __future__ import annotations

import asyncio
import subprocess
import sys
import tempfile
from collections import defaultdict
from collections.abc import Mapping, Sequence
from pathlib import Path

import msgspec

from benchmarks import harness
from benchmarks.harness import Failed
from gateway.clock import SystemClock
from gateway.config import Config
from gateway.experience import Change, Signal
from gateway.lookback import look_back
from gateway.period import Facts

LOG = "tau-airline-dev.json"
USER = "airline"
REPLAY_S = 900.0
EVIDENCE_SESSIONS = 2
"""With the same error, before it counts as one that comes back."""

LEAST_PRECEDED = 0.60
BIRTHS, DEATHS = ("ADD", "PROMOTE", "RESTORE"), ("RETIRE", "EVICT", "SUPERSEDE")


class Tally(msgspec.Struct, frozen=True, kw_only=True):
    """What came of the replay."""

    calls: int
    errors: int
    """Of tools, that the agent caused."""
    environment: int
    """That it did not."""
    repeated: int
    """Errors in a session after two with the same."""
    preceded: int
    """Of these, those for which an active lesson was there."""
    lessons: int
    active: int
    from_talk: int
    """Lessons with no better evidence than words: there must be none."""


def section(data: Path) -> str:
    """Replay the log and say what came of it. Raises `Failed` when the command fails."""
    found = replayed(data)
    share = found.preceded / found.repeated if found.repeated else 0.0
    goals = [
        [
            f"repeated errors preceded by an active lesson ≥ {LEAST_PRECEDED:.2f}",
            f"{share:.3f} ({found.preceded} of {found.repeated})",
            _reached(share >= LEAST_PRECEDED),
        ],
        ["lessons born from words alone: 0", str(found.from_talk), _reached(found.from_talk == 0)],
    ]
    names = ("calls", "errors", "environment", "lessons", "active")
    parts = [
        "**τ: real conversations of an airline's agent, replayed**",
        harness.table(
            ["calls", "errors of the agent", "of the environment", "lessons", "active"], [_row(found, names)]
        ),
        harness.table(["to reach", "measured", "reached"], goals),
    ]
    return "\n\n".join(parts)


def replayed(data: Path) -> Tally:
    """What came of replaying the log. Raises `Failed` when the command fails."""
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        replay(data / LOG, folder)
        return tally(
            asyncio.run(
                look_back(Config(data_dir=str(folder / "data")), tenant=None, since=None, until=SystemClock().now())
            )
        )


def replay(log: Path, folder: Path) -> None:
    """Have `accrue replay` learn from a log of τ-bench into a data directory."""
    conversations = msgspec.json.decode(log.read_bytes(), type=list[_Trial])
    lines = [
        {"session": f"{one.task_id}-{one.trial}", "messages": one.traj, "model": "gpt-4o"} for one in conversations
    ]
    path = folder / "log.jsonl"
    path.write_bytes(b"\n".join(msgspec.json.encode(line) for line in lines))
    command = [sys.executable, "-m", "gateway", "replay", str(path), "--user", USER, "--data-dir", str(folder / "data")]
    done = subprocess.run(
        command, cwd=folder, env={"OPENAI_API_KEY": "benchmark"}, capture_output=True, timeout=REPLAY_S
    )
    if done.returncode:
        raise Failed(f"accrue replay ended with {done.returncode}:\n{done.stderr.decode()[-2000:]}")


def tally(facts: Facts) -> Tally:
    """Count what is of interest in the record."""
    places = {call.exchange: place for place, call in enumerate(facts.calls)}
    errors = [signal for signal in facts.signals if signal.name == "tool_error"]
    own = [signal for signal in errors if not signal.is_environment]
    lessons = [memory.lesson for memory in facts.memories if memory.lesson is not None]
    keys = {memory.id: memory.lesson.key for memory in facts.memories if memory.lesson is not None}
    repeated = _repeated(own, places)
    lives = _lives(facts.changes, keys, places)
    return Tally(
        calls=len(facts.calls),
        errors=len(own),
        environment=len(errors) - len(own),
        repeated=len(repeated),
        preceded=sum(_is_active(lives.get(signal.key, ()), places[signal.exchange]) for signal in repeated),
        lessons=len(lessons),
        active=sum(lesson.state == "active" for lesson in lessons),
        from_talk=sum({evidence.grade for evidence in lesson.evidence} == {"C"} for lesson in lessons),
    )


class _Trial(msgspec.Struct):
    task_id: int
    trial: int
    traj: list[dict[str, object]]


def _repeated(errors: Sequence[Signal], places: Mapping[str, int]) -> list[Signal]:
    """Errors of sessions that came after enough others with the same."""
    sessions: dict[str, set[str]] = defaultdict(set)
    found = []
    for signal in sorted(errors, key=lambda signal: places[signal.exchange]):
        if len(sessions[signal.key] - {signal.session}) >= EVIDENCE_SESSIONS:
            found.append(signal)
        sessions[signal.key].add(signal.session)
    return found


def _lives(
    changes: Sequence[Change], keys: Mapping[str, str], places: Mapping[str, int]
) -> dict[str, list[tuple[int, bool]]]:
    """By key, from which call on a lesson was active or was so no more."""
    lives: dict[str, list[tuple[int, bool]]] = defaultdict(list)
    for change in changes:
        if change.memory in keys and change.cause in places and change.action in (*BIRTHS[1:], *DEATHS):
            lives[keys[change.memory]].append((places[change.cause], change.action in BIRTHS))
    return lives


def _is_active(life: Sequence[tuple[int, bool]], place: int) -> bool:
    """Whether the last change before a call left it active."""
    before = [is_active for since, is_active in life if since < place]
    return bool(before) and before[-1]


def _row(found: Tally, names: Sequence[str]) -> list[str]:
    return [f"{getattr(found, name):,}" for name in names]


def _reached(is_reached: bool) -> str:
    return "yes" if is_reached else "**no**"
