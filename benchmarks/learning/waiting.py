"""Waiting for the learner: for all calls, and for all feedback on them. Knows the journal's tables."""

from __future__ import annotations

import time
from contextlib import closing
from pathlib import Path
from subprocess import Popen

from benchmarks import past
from benchmarks.harness import Failed
from benchmarks.past import LEARN_S, POLL_S, runs_for
from gateway.database import connect_readonly

_TAKEN_AND_WAITING = "SELECT count(*), count(*) FILTER (WHERE state = 'waiting') FROM feedback"
"""See gateway/journals/sqlite/schema.py."""


def wait_until_learnt(process: Popen[str], journal: Path, calls: int, judged: int) -> None:
    """Wait until every call and all feedback that was accepted have been learnt. Raises `Failed` when that never is."""
    past.wait_until_learnt(process, journal, calls)
    until = time.perf_counter() + LEARN_S
    with closing(connect_readonly(journal)) as connection:
        while judged and (state := connection.execute(_TAKEN_AND_WAITING).fetchone()) != (judged, 0):
            if time.perf_counter() > until or not runs_for(process, POLL_S):
                raise Failed(f"of {judged} pieces of feedback {state[0]} are on record, and {state[1]} waited in vain")
