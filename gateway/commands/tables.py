"""Readable tables on a terminal: what is said in a cell can break neither the table nor the terminal."""

from __future__ import annotations

import shutil
import sys
from collections.abc import Iterator, Sequence
from datetime import UTC, datetime

from gateway.inert import printable, visible

GAP = "  "

MIN_LAST = 20
"""Columns that the last cell of a row gets at least."""


def table(headings: Sequence[str], rows: Sequence[Sequence[str]]) -> Iterator[str]:
    """The lines of a table; on a terminal the last cell is cut so that a row is a line."""
    shown = [[_cell(cell) for cell in row] for row in (headings, *rows)]
    widths = [max(map(len, column)) for column in zip(*shown, strict=True)]
    room = _room(widths)
    for *cells, last in shown:
        line = GAP.join(cell.ljust(width) for cell, width in zip(cells, widths, strict=False))
        cut = last if room is None or len(last) <= room else f"{last[: room - 1]}…"
        yield f"{line}{GAP}{cut}".rstrip() if cells else cut


def moment(at: float | None) -> str:
    """Unix seconds as a person reads them, in UTC; `-` for none."""
    return "-" if at is None else datetime.fromtimestamp(at, UTC).strftime("%Y-%m-%d %H:%M")


def _cell(text: str) -> str:
    """In one line, and with nothing that a terminal would obey."""
    return printable(visible(" ".join(text.split())))


def _room(widths: Sequence[int]) -> int | None:
    """Columns for the last cell; None where nobody reads on a terminal."""
    if not sys.stdout.isatty():
        return None
    return max(MIN_LAST, shutil.get_terminal_size().columns - sum(width + len(GAP) for width in widths[:-1]))
