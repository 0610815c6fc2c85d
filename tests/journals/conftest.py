"""The journals that must behave the same."""

from __future__ import annotations

from contextlib import aclosing
from pathlib import Path

import pytest

from gateway.journals.sqlite import SqliteJournal
from tests.journals.samples import OpenJournal


@pytest.fixture(params=["sqlite"])
def open_journal(request: pytest.FixtureRequest, tmp_path: Path) -> OpenJournal:
    journals: dict[str, OpenJournal] = {"sqlite": lambda: aclosing(SqliteJournal(tmp_path / "journal.db"))}
    return journals[request.param]
