"""Tables as they are printed."""

from __future__ import annotations

import sys

import pytest

from gateway.commands.tables import moment, table


def test_columns_stand_under_their_headings() -> None:
    assert list(table(("id", "kind", "text"), [("m_1", "fact", "tea"), ("m_22", "lesson", "a long text")])) == [
        "id    kind    text",
        "m_1   fact    tea",
        "m_22  lesson  a long text",
    ]


def test_a_table_may_have_one_column_and_no_rows() -> None:
    assert list(table(("id",), [])) == ["id"]


@pytest.mark.parametrize(
    ("columns", "printed"), [("40", "m_1  aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa…"), ("9", "m_1  " + "a" * 19 + "…")]
)
def test_on_a_terminal_the_last_cell_is_cut(monkeypatch: pytest.MonkeyPatch, columns: str, printed: str) -> None:
    monkeypatch.setattr(sys.stdout, "isatty", lambda: True)
    monkeypatch.setenv("COLUMNS", columns)
    assert list(table(("id", "text"), [("m_1", "a" * 80)]))[1] == printed


def test_what_is_said_can_obey_no_terminal() -> None:
    line = list(table(("text",), [("\x1b[2Jgone\r\n\x07\x9b31mred\u202eevil",)]))[1]
    assert all(one.isprintable() for one in line)
    assert "\x1b" not in line
    assert "\n" not in line


def test_a_moment_is_told_in_utc() -> None:
    assert (moment(0.0), moment(None)) == ("1970-01-01 00:00", "-")
