"""The report as text: short tables, each figure with its count, each estimate with its interval."""

from __future__ import annotations

import asyncio
from collections.abc import Iterable, Iterator, Sequence
from datetime import UTC, datetime, timedelta

from gateway.arms import Arm
from gateway.config import Config
from gateway.lookback import look_back
from gateway.ports import Clock
from gateway.rates import Difference
from gateway.report import Learnt, Report, Side, Sighted, report

NOT_ENOUGH = "not enough data"

TEXT_CHARS = 70
"""Of a memory are shown; `--json` has it whole."""

STEP = {"day": timedelta(days=1), "week": timedelta(weeks=1)}

Row = Sequence[str | int]


def found(config: Config, clock: Clock, *, length_s: float | None = None) -> Report:
    """The report on the last `length_s` seconds, or on all that is on record; running gateways are not disturbed.

    Raises `DataDirError` for a directory without a record, `MemoryUnavailable` for one that cannot be read.
    """
    now = clock.now()
    since = None if length_s is None else now - length_s
    return report(asyncio.run(look_back(config, tenant=None, since=since, until=now)))


def lines(report: Report) -> Iterator[str]:
    """The report, line by line."""
    since = "the beginning" if report.since is None else _time(report.since)
    yield f"Accrue from {since} to {_time(report.until)} UTC"
    yield ""
    yield f"calls    {report.calls:,} in {report.sessions:,} sessions"
    if report.tokens is not None:
        yield f"memory   {', '.join(f'{name} {_of(count, report.calls)}' for name, count in report.statuses.items())}"
        yield f"tokens   {report.tokens.mean:,.0f} in a call on average, at most {report.tokens.p99:,} in 99 % of them"
    yield from _section("What memory changed", _compared(report))
    yield from _section(f"Signals by {report.by}", _signals(report))
    yield from _section("Constraints kept, of the answers that could be checked", _adherence(report))
    yield from _section("Lessons", _lessons(report.lessons))
    yield from _section("Changes", _changes(report))
    yield from _section("To know when reading this", (f"- {caveat}" for caveat in report.caveats))


def _section(title: str, body: Iterable[str]) -> Iterator[str]:
    """A part of the report; none where there is nothing to say."""
    shown = list(body)
    if shown:
        yield from ("", title, *(f"  {line}" for line in shown))


def _compared(report: Report) -> Iterator[str]:
    arms = report.arms
    if not arms.control.owners:
        yield f"{NOT_ENOUGH}: no session was held out"
        return
    yield f"with memory     {_arm(arms.treated)}"
    yield f"without         {_arm(arms.control)}"
    if arms.lift is None:
        yield f"difference      {NOT_ENOUGH}"
        return
    yield f"difference      {_points(arms.lift.difference)}, 95 % interval"
    needed = arms.lift.sessions_needed
    if needed:
        yield f"                some {needed:,} more sessions would tell, if it stayed as it is"
    elif needed is None:
        yield "                as it is, no number of sessions would tell"


def _arm(arm: Arm) -> str:
    return f"{_of(round(arm.sessions.right), round(arm.sessions.total))} sessions right, {arm.owners:,} owners"


def _signals(report: Report) -> Iterator[str]:
    """One line a signal, with what went wrong in each day or week."""
    seen: dict[str, dict[str, Sighted]] = {}
    for one in report.signals:
        seen.setdefault(one.name, {})[one.begins] = one
    if not seen:
        return
    periods = list(_periods(report))
    header = ("signal", "good", "bad", "neither", f"bad by {report.by} from {periods[0]}")
    rows = [
        (
            name,
            sum(one.good for one in found.values()),
            sum(one.bad for one in found.values()),
            sum(one.neither for one in found.values()),
            " ".join(str(found[period].bad) if period in found else "0" for period in periods),
        )
        for name, found in seen.items()
    ]
    yield from _table(header, sorted(rows))


def _periods(report: Report) -> Iterator[str]:
    """Every day or week from the first signal to the last, those without any as well."""
    begins = [datetime.fromisoformat(one.begins).date() for one in report.signals]
    day = min(begins)
    while day <= max(begins):
        yield day.isoformat()
        day += STEP[report.by]


def _adherence(report: Report) -> Iterator[str]:
    if report.adherence:
        by_turn = ", ".join(f"{row.what}: {_of(row.kept, row.checked)}" for row in report.adherence_by_turn)
        yield from _table(
            ("kept", "constraint"), [(_of(row.kept, row.checked), _short(row.what)) for row in report.adherence]
        )
        yield f"by call of the session  {by_turn}"


def _lessons(lessons: Sequence[Learnt]) -> Iterator[str]:
    header = ("id", "state", "grade", "evidence", "sessions", "right if told", "if withheld", "uplift, 95 %", "lesson")
    rows = [
        (
            lesson.id,
            lesson.state,
            lesson.grade,
            lesson.evidence,
            lesson.sessions,
            _side(lesson.told),
            _side(lesson.withheld),
            NOT_ENOUGH if lesson.uplift is None else _points(lesson.uplift),
            _short(lesson.text),
        )
        for lesson in lessons
    ]
    if rows:
        yield from _table(header, rows)


def _side(side: Side) -> str:
    return f"{side.right:,} of {side.outcomes:,}"


def _changes(report: Report) -> Iterator[str]:
    if report.changes:
        yield ", ".join(f"{action} {count:,}" for action, count in report.changes_by_action.items())
        yield from _table(
            ("at", "change", "lesson", "because"),
            [(_time(change.at), change.action, change.memory, _short(change.reason)) for change in report.changes],
        )


def _table(header: Row, rows: Sequence[Row]) -> Iterator[str]:
    """Columns two spaces apart; numbers stand at the right of theirs."""
    cells = [[f"{cell:,}" if isinstance(cell, int) else cell for cell in row] for row in (header, *rows)]
    widths = [max(map(len, column)) for column in zip(*cells, strict=True)]
    is_number = [isinstance(cell, int) for cell in rows[0]]
    for row in cells:
        shown = zip(row, widths, is_number, strict=True)
        yield "  ".join(cell.rjust(width) if right else cell.ljust(width) for cell, width, right in shown).rstrip()


def _of(count: int, total: int) -> str:
    """A share with what it is a share of."""
    share = f" ({count / total:.0%})" if total else ""
    return f"{count:,} of {total:,}{share}"


def _points(difference: Difference) -> str:
    """In percentage points, with the interval."""
    mean, low, high = (100 * value for value in (difference.mean, difference.low, difference.high))
    return f"{mean:+.0f} points ({low:+.0f} to {high:+.0f})"


def _time(at: float) -> str:
    return datetime.fromtimestamp(at, UTC).strftime("%Y-%m-%d %H:%M")


def _short(text: str) -> str:
    """On one line; control characters of what was recorded do not reach a terminal."""
    plain = "".join(character if character.isprintable() else " " for character in text)
    return " ".join(plain.split())[:TEXT_CHARS]
