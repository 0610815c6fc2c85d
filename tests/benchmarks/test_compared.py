from __future__ import annotations

from pathlib import Path

from benchmarks import plots
from benchmarks.arms import BARE, DIRECT, MANY, OFF, ON
from benchmarks.cells import BODY, CELLS, PACED, STALL_ARMS, STREAM, WHOLE, Found
from benchmarks.compared import tables
from benchmarks.probe import Stall
from tests.benchmarks.test_goals import sample


def found() -> Found:
    stall = Stall(p50_ms=0.1, p99_ms=1.0, most_ms=3.0)
    arms = (DIRECT, BARE, OFF, ON, MANY)
    return Found(
        samples={cell: {arm: [sample()] for arm in arms if arm in CELLS[cell]} for cell in CELLS},
        stalls={arm: [stall] for arm in STALL_ARMS},
        resident_mb={DIRECT: [(30.0, 10.0)], OFF: [(99.0, 9.0)], ON: [(200.0, 150.0), (220.0, 160.0)]},
        empty_mb=[(140.0, 100.0)],
        ready_s={ON: [1.0, 2.0]},
        recall_ms=[1.0],
    )


def test_each_arm_that_was_there_has_a_line_and_no_figure_where_it_would_mean_nothing() -> None:
    text = "\n\n".join(tables(found()))
    whole = text.split("**Whole, 16 at a time**")[1].split("**")[0].strip().splitlines()
    assert [line.split("|")[1].strip() for line in whole[2:]] == [DIRECT, BARE, OFF, ON]
    assert [cell.strip() for cell in whole[2].split("|")[1:-1]] == [DIRECT, "100", "1.00", "2.00", "", ""]
    assert [cell.strip() for cell in whole[5].split("|")[1:-1]] == [ON, "100", "1.00", "2.00", "1.00", "100.0"]


def test_a_process_stands_once_in_the_table_of_memory_and_the_upstream_not_at_all() -> None:
    text = tables(found())[-1].splitlines()
    assert text[4:] == [
        "| on, empty, before the load | 140           | 100              |                  |",
        "| on                         | 210 (200–220) | 155 (150–160)    | 1.50 (1.00–2.00) |",
    ]


def test_a_table_of_bodies_has_two_columns_for_each_size() -> None:
    text = "\n\n".join(tables(found()))
    assert "| arm    | 1 KB p50 ms | 1 KB CPU ms | 64 KB p50 ms | 64 KB CPU ms | 178 KB p50 ms |" in text


def test_cells_are_named_for_what_is_asked() -> None:
    assert WHOLE[1].name == "whole, 1 at a time"
    assert STREAM[64].name == "stream, 64 at a time"
    assert BODY[1022].name == "178 KB whole, 1 at a time"
    assert PACED.name == "paced, 4 at a time"


def test_the_picture_is_of_the_arms_that_were_there(tmp_path: Path) -> None:
    path = tmp_path / "images" / "overhead.png"
    plots.draw(found(), path)
    assert path.read_bytes().startswith(b"\x89PNG")
