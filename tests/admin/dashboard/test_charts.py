"""Where things stand in a drawing, and that its words and its table say the same."""

from __future__ import annotations

import pytest

from gateway.admin.dashboard import charts
from gateway.admin.dashboard.charts import BOTTOM, HEIGHT, LABELS, LEFT, RIGHT, TOP, WIDTH, histogram, stacked

DAYS = ("2026-11-20", "2026-11-21", "2026-11-22")
GROUND = HEIGHT - BOTTOM


def test_bars_stand_on_each_other_and_reach_as_high_as_their_sum() -> None:
    chart = stacked("Calls", DAYS, {"good": [1, 0, 3], "bad": [1, 0, 1]})
    first, second, *_ = chart.bars
    assert first.y + first.height == pytest.approx(GROUND, abs=0.02)
    assert second.y + second.height == pytest.approx(first.y, abs=0.02)
    assert (min(bar.y for bar in chart.bars), len(chart.bars)) == (TOP, 4)  # and none where there is nothing
    assert [bar.says for bar in chart.bars[2:]] == ["2026-11-22: 3 good", "2026-11-22: 1 bad"]


def test_the_table_and_the_summary_say_what_is_drawn() -> None:
    chart = stacked("Calls", DAYS, {"good": [1, 0, 3], "bad": [1, 0, 1.5]})
    assert chart.header == ("day", "good", "bad")
    assert chart.rows == (("2026-11-20", "1", "1"), ("2026-11-21", "0", "0"), ("2026-11-22", "3", "1.5"))
    assert chart.summary == "6.5 in all, most on 2026-11-22 (4.5), by day"


@pytest.mark.parametrize(
    ("highest", "texts"),
    [
        (0, ["0", "1"]),
        (1, ["0", "1"]),
        (7, ["0", "2", "4", "6", "8"]),
        (100, ["0", "50", "100"]),
        (1_234_567, ["0", "500,000", "1,000,000", "1,500,000"]),
    ],
)
def test_axes_bear_round_numbers(highest: float, texts: list[str]) -> None:
    chart = stacked("Calls", DAYS[:1], {"all": [highest]})
    assert [mark.text for mark in chart.up] == texts
    assert (chart.up[0].at, chart.up[-1].at) == (GROUND, TOP)


@pytest.mark.parametrize("series", [{}, {"all": [0, 0, 0]}])
def test_nothing_is_drawn_of_nothing(series: dict[str, list[float]]) -> None:
    chart = stacked("Calls", DAYS, series)
    assert (chart.bars, chart.summary) == ((), "none")
    assert len(chart.rows) == len(DAYS)


def test_a_year_of_days_has_few_labels_and_all_bars_within_the_drawing() -> None:
    days = [f"2026-{month:02}-{day:02}" for month in range(1, 13) for day in range(1, 31)]
    chart = stacked("Calls", days, {"all": [1.0] * len(days)})
    assert len(chart.across) <= LABELS
    assert all(bar.x >= LEFT and bar.x + bar.width <= WIDTH - RIGHT for bar in chart.bars)


def test_a_line_has_a_point_for_each_step() -> None:
    chart = charts.lines("Kept", ("1", "2"), {"% kept": [50, 100], "% said": [0, 0]}, step="call")
    assert [line.points.split()[-1].split(",")[1] for line in chart.lines] == [str(TOP), str(GROUND)]
    assert chart.summary == "% kept: 150 in all, most on 2 (100), by call; % said: none"


def test_intervals_stand_around_zero() -> None:
    chart = charts.intervals("Lift", [("told", -5.0, 10.0, 25.0), ("withheld", -1.0, 0.0, 1.0)])
    one, other = chart.ranges
    assert chart.zero is not None
    assert one.low < chart.zero < one.mean < one.high
    assert other.mean == chart.zero
    assert (one.mean - chart.zero) * 2.5 == pytest.approx(one.high - chart.zero, abs=0.05)
    assert [mark.text for mark in chart.across] == ["-30", "-20", "-10", "0", "+10", "+20", "+30"]
    assert chart.rows[0] == ("told", "-5.0", "+10.0", "+25.0")
    assert chart.summary.startswith("told: +10.0 points (-5.0 to +25.0); ")


def test_every_value_is_in_one_bar_of_a_histogram() -> None:
    chart = histogram("Uplift", [-10.0, -9.9, 0.0, 2.0, 10.0, 35.0])
    assert [row[1] for row in chart.rows] == ["2", "0", "2", "0", "1", "0", "0", "0", "0", "1"]
    assert [mark.text for mark in chart.across][:4] == ["-10", "-5", "0", "+5"]
    assert chart.rows[0][0] == "-10 to -5"
    assert [len(histogram("Uplift", values).bars) for values in ([], [0.0], [-100.0, 100.0])] == [0, 1, 2]
