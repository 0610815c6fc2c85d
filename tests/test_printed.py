"""The report on a terminal."""

from __future__ import annotations

import asyncio
from pathlib import Path

import msgspec
import pytest

from gateway.config import Config
from gateway.journals.sqlite import SqliteJournal
from gateway.period import Facts
from gateway.printed import found, lines
from gateway.report import report
from gateway.stores.local import LocalStore
from gateway.testing import ManualClock
from tests.exchanges import exchange
from tests.periods import DAY_S, NOW, arm, call, change, earnings, facts, lesson, memory, signal
from tests.stores.samples import WordsEmbedder


def printed(period: Facts) -> str:
    return "\n".join(lines(report(period)))


def test_nothing_is_printed_of_what_there_is_nothing_to_say_of() -> None:
    assert printed(facts(since=None)).splitlines() == [
        "Accrue from the beginning to 2026-11-22 12:00 UTC",
        "",
        "calls    0 in 0 sessions",
        "",
        "What memory changed",
        "  not enough data: no session was held out",
        "",
        "To know when reading this",
        "  - No session was held out, so nothing here says what memory has changed: set `holdout` in a policy (0.05).",
    ]


def test_every_figure_has_its_count_and_every_estimate_its_interval() -> None:
    period = facts(
        [*arm("with", 90, 10), *arm("without", 16, 5, status="holdout", tokens=0)],
        earned=[
            *earnings("m_41c0", is_told=True, right=40, wrong=10),
            *earnings("m_41c0", is_told=False, right=10, wrong=20),
            *earnings("m_77ab", is_told=True, right=4, wrong=0),
        ],
        memories=[
            memory("m_1", "Answer in German."),
            memory("m_41c0", "`book` failed with “no such date”.", lesson(5)),
            memory("m_77ab", "`pay` failed.", lesson(state="proposed")),
        ],
        changes=[change("ADD", 0), change("PROMOTE", 60)],
    )
    verdicts = [signal("violated_constraint", f"with{number}", key="m_1", is_good=number > 0) for number in range(4)]
    earlier = signal("tool_error", "ex_0", at=NOW - 2 * DAY_S)
    shown = printed(msgspec.structs.replace(period, signals=[*period.signals, *verdicts, earlier]))
    expected = """\
Accrue from 2026-11-15 12:00 to 2026-11-22 12:00 UTC

calls    121 in 121 sessions
memory   hit 100 of 121 (83%), holdout 21 of 121 (17%)
tokens   83 in a call on average, at most 100 in 99 % of them

What memory changed
  with memory     89 of 100 (89%) sessions right, 20 owners
  without         16 of 21 (76%) sessions right, 20 owners
  difference      +14 points (-2 to +34), 95 % interval
                  some 111 more sessions would tell, if it stayed as it is

Signals by day
  signal               good  bad  neither  bad by day from 2026-11-20
  tool_error              0   16        0  1 0 15
  violated_constraint     3    1        0  0 0 1

Constraints kept, of the answers that could be checked
  kept          constraint
  3 of 4 (75%)  Answer in German.
  by call of the session  1: 3 of 4 (75%)

Lessons
  id      state     grade  evidence  sessions  right if told  if withheld  uplift, 95 %            lesson
  m_41c0  active    A             5         2  40 of 50       10 of 30     +44 points (+24 to +63)  `book` failed with \
“no such date”.
  m_77ab  proposed  A             2         2  4 of 4         0 of 0       not enough data          `pay` failed.

Changes
  ADD 1, PROMOTE 1
  at                change   lesson  because
  2026-11-22 12:01  PROMOTE  m_1     reason 60
  2026-11-22 12:00  ADD      m_1     reason 0
"""
    squeezed = [line.split() for line in shown.splitlines()]
    assert squeezed[: expected.count("\n")] == [line.split() for line in expected.splitlines()]
    assert shown.count("\n  - ") == 3


@pytest.mark.promise("P10")
def test_too_few_sessions_are_printed_as_not_enough_data() -> None:
    shown = printed(facts([*arm("with", 90, 10), *arm("without", 8, 5, status="holdout")]))
    assert "without         8 of 13 (62%) sessions right" in shown
    assert "difference      not enough data" in shown
    assert "points" not in shown


def test_a_difference_that_is_sure_asks_for_no_more_sessions_and_none_for_no_number_of_them() -> None:
    sure = printed(facts([*arm("with", 400, 100), *arm("without", 200, 300, status="holdout")]))
    assert "more sessions" not in sure
    none = printed(facts([*arm("with", 30, 30), *arm("without", 30, 30, status="holdout")]))
    assert "as it is, no number of sessions would tell" in none


def test_weeks_without_a_signal_are_shown_as_well() -> None:
    errors = [signal("tool_error", f"ex_{weeks}", at=NOW - weeks * 7 * DAY_S) for weeks in (0, 0, 5, 8)]
    assert "tool_error     0    4        0  1 0 0 1 0 0 0 0 2" in printed(facts(signals=errors))


def test_what_was_recorded_cannot_write_to_the_terminal() -> None:
    hostile = memory("m_1", "\x1b[2Jgone\r\nIgnore all\u202e" + "x" * 500, lesson())
    shown = printed(facts([(call("ex_1"), [])], memories=[hostile]))
    assert "\x1b" not in shown
    assert "\u202e" not in shown
    assert max(map(len, shown.splitlines())) < 200


async def recorded(path: Path) -> None:
    """One exchange of long ago, and one of today."""
    journal, store = (
        SqliteJournal(path / "journal.db"),
        LocalStore(path / "memories.db", path / "index", WordsEmbedder()),
    )
    for number, at in enumerate((NOW - 30 * DAY_S, NOW)):
        await journal.commit(exchange(id=f"ex_{number}", at=at))
    await journal.aclose()
    await store.aclose()


def test_the_report_of_a_data_directory_is_on_all_of_it_or_on_the_last_of_it(tmp_path: Path) -> None:
    asyncio.run(recorded(tmp_path))
    config, clock = Config(data_dir=str(tmp_path)), ManualClock(NOW)
    assert "calls    2 in 1 sessions" in lines(found(config, clock))
    recent = found(config, clock, length_s=DAY_S)
    assert next(lines(recent)).startswith("Accrue from 2026-11-21 12:00 to 2026-11-22 12:00 UTC")
    assert (recent.calls, recent.since) == (1, NOW - DAY_S)
