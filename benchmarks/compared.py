"""The report of `overhead`: its tables, arm by arm. Knows nothing of how figures are come by."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from benchmarks import goals, harness
from benchmarks.arms import DIRECT, EMPTY, MANY, OFF, ON, WITH_MEMORY
from benchmarks.cells import (
    BODIES,
    BODY,
    CELLS,
    GRID_ARMS,
    PACE_MS,
    PACED,
    STALL_ARMS,
    STORE_ARMS,
    STORE_CELLS,
    STREAM,
    WHOLE,
    Cell,
    Found,
    hits,
    rate,
)
from benchmarks.harness import Sample

Column = tuple[str, Callable[[Sample], float], int]
"""Its heading, its figure, and digits behind the point."""

RATE: Column = ("requests/s", rate, 0)
P50: Column = ("p50 ms", lambda sample: sample.load.p50_ms, 2)
P99: Column = ("p99 ms", lambda sample: sample.load.p99_ms, 2)
FIRST: Column = ("first chunk p50 ms", lambda sample: sample.load.first_p50_ms, 2)
GAP: Column = ("gap p99 ms", lambda sample: sample.load.gap_p99_ms, 2)
CPU: Column = ("CPU ms/request", lambda sample: sample.cpu_ms, 2)
HITS: Column = ("hits %", lambda sample: hits(sample) * 100, 1)


def tables(found: Found) -> list[str]:
    """All of them, the goals first."""
    return [
        "**To reach**",
        goals.table(goals.of_overhead(found)),
        *(_cell(found, cell, GRID_ARMS, (RATE, P50, P99, CPU, HITS)) for cell in WHOLE.values()),
        *(_cell(found, cell, GRID_ARMS, (RATE, P50, P99, FIRST, CPU, HITS)) for cell in STREAM.values()),
        *(_cell(found, cell, STORE_ARMS, (RATE, P50, P99, CPU, HITS), "Memories of who asks") for cell in STORE_CELLS),
        _bodies(found),
        _cell(found, PACED, GRID_ARMS, (FIRST, GAP, HITS), f"Events {PACE_MS:g} ms apart"),
        _stalls(found),
        _processes(found),
    ]


def _cell(found: Found, cell: Cell, arms: Sequence[str], columns: Sequence[Column], title: str = "") -> str:
    rows = [
        [arm, *(_figure(arm, column, repeated) for column in columns)]
        for arm in arms
        if (repeated := found.of(cell, arm))
    ]
    name = f"{title}: {cell.name}" if title else cell.name.capitalize()
    return f"**{name}**\n\n{harness.table(['arm', *(heading for heading, _, _ in columns)], rows)}"


def _figure(arm: str, column: Column, repeated: Sequence[Sample]) -> str:
    """Empty where it means nothing: the upstream's CPU, and hits of what has no memory."""
    _, figure, digits = column
    if (column is CPU and arm == DIRECT) or (column is HITS and arm not in WITH_MEMORY):
        return ""
    return harness.spread((figure(sample) for sample in repeated), digits)


def _bodies(found: Found) -> str:
    rows = [
        [arm, *(_figure(arm, column, found.of(BODY[messages], arm)) for messages in BODIES for column in (P50, CPU))]
        for arm in GRID_ARMS
        if found.of(BODY[next(iter(BODIES))], arm)
    ]
    header = ["arm", *(f"{size} {heading}" for size in BODIES.values() for heading in ("p50 ms", "CPU ms"))]
    return f"**History in the body: whole, 1 at a time**\n\n{harness.table(header, rows)}"


def _stalls(found: Found) -> str:
    rows = [
        [
            arm,
            harness.spread(stall.p50_ms for stall in found.stalls[arm]),
            harness.spread(stall.p99_ms for stall in found.stalls[arm]),
            harness.spread(stall.most_ms for stall in found.stalls[arm]),
        ]
        for arm in STALL_ARMS
    ]
    text = "**A second connection beside bodies of 1 MB**: what a request for next to nothing takes, in ms"
    return f"{text}\n\n{harness.table(['load', 'p50', 'p99', 'longest'], rows)}"


def _processes(found: Found) -> str:
    """Memory after the load, the seconds to be ready, and the gateway that has nothing to do first."""
    rows = [["on, empty, before the load", *_memory(found.empty_mb), ""]]
    for arm in CELLS[STORE_CELLS[0]]:
        if arm not in (DIRECT, OFF) and arm in found.resident_mb:
            ready = found.ready_s.get(arm)
            rows.append([arm, *_memory(found.resident_mb[arm]), harness.spread(ready) if ready else ""])
    header = ["process", "resident MB", "of these its own", "ready s"]
    return f"**Memory and start**\n\n{harness.table(header, rows)}"


def _memory(repeated: Sequence[tuple[float, float]]) -> list[str]:
    return [harness.spread((each[place] for each in repeated), 0) for place in (0, 1)]


def names(memories: int, many: int) -> str:
    """What the names of the arms with memory mean."""
    return (
        f"`{ON}` recalls from {memories:,} memories of one user, `{MANY}` from {many:,}, `{EMPTY}` from what the calls "
        "of the round leave; each call is a new question in a new session, or the next in a growing one where the body "
        "has a history; recording is durable (`strict`) but where it says `relaxed`, and what is said is learnt and "
        "indexed meanwhile. `hits` is the share of answers that say `hit`."
    )
