"""gateway/stores/local/catalogue.py beyond the contract: damage, and that a page costs no walk through everything."""

from __future__ import annotations

import sqlite3
from collections.abc import AsyncIterator, Callable, Coroutine
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest
from structlog.testing import capture_logs

from gateway.catalogue import Selection
from gateway.database import connect_readonly
from gateway.errors import MemoryUnavailable
from gateway.stores.local.catalogue import LocalCatalogue
from gateway.stores.local.truth import Truth
from tests.stores.samples import memory

Ask = Callable[[LocalCatalogue], Coroutine[Any, Any, object]]


@pytest.fixture
def path(tmp_path: Path) -> Path:
    with closing(Truth(tmp_path / "memories.db", readers=0)) as truth:
        for owner in ("4:acmeu3:ann", "4:acmeu3:bob"):
            truth.put(owner, "acme", [memory(f"m{at}", at=float(at), kind=kind) for at in range(3) for kind in "ab"])
    return tmp_path / "memories.db"


@pytest.fixture
async def catalogue(path: Path) -> AsyncIterator[LocalCatalogue]:
    made = LocalCatalogue(path)
    yield made
    await made.aclose()


@pytest.mark.parametrize(
    "ask",
    [
        lambda catalogue: catalogue.browse(Selection(), "", 2),
        lambda catalogue: catalogue.browse(Selection(), f"{(1.0).hex()}.2", 2),
        lambda catalogue: catalogue.browse(Selection(tenant="acme", kind="a", state="ended"), "", 2),
        lambda catalogue: catalogue.browse(Selection(owner="4:acmeu3:ann", state="holding"), "", 2),
        lambda catalogue: catalogue.find("m1"),
        lambda catalogue: catalogue.holders("acme", "", "", 2),
        lambda catalogue: catalogue.counts("acme"),
    ],
    ids=["first", "next", "chosen", "owner", "find", "holders", "counts"],
)
async def test_no_page_sorts_or_reads_all_rows(path: Path, monkeypatch: pytest.MonkeyPatch, ask: Ask) -> None:
    statements: list[str] = []

    def traced(path: Path) -> sqlite3.Connection:
        connection = connect_readonly(path)
        connection.set_trace_callback(statements.append)
        return connection

    monkeypatch.setattr("gateway.lasting.opened_readonly", traced)
    catalogue = LocalCatalogue(path)
    assert await ask(catalogue)
    await catalogue.aclose()
    with closing(sqlite3.connect(path)) as planner:
        plans = [step for asked in statements for *_, step in planner.execute(f"EXPLAIN QUERY PLAN {asked}")]
    assert [step for step in plans if "memories" in step]
    assert [step for step in plans if "memories" in step and "INDEX" not in step and "PRIMARY KEY" not in step] == []
    assert not any("TEMP B-TREE" in step for step in plans)


async def test_a_row_that_cannot_be_read_hides_no_other_and_the_log_says_so(
    path: Path, catalogue: LocalCatalogue
) -> None:
    with closing(sqlite3.connect(path)) as connection, connection:
        connection.execute("UPDATE memories SET lesson = 'none' WHERE id = 'm1' AND kind = 'b'")
    with capture_logs() as logs:
        page, place = await catalogue.browse(Selection(kind="b", owner="4:acmeu3:ann"), "", 9)
    assert ([held.memory.id for held in page], place) == (["m2", "m0"], "")
    assert [entry["event"] for entry in logs] == ["memory_unreadable"]


async def test_where_there_is_no_database_nothing_can_be_said(tmp_path: Path) -> None:
    catalogue = LocalCatalogue(tmp_path / "none.db")
    with pytest.raises(MemoryUnavailable):
        await catalogue.browse(Selection(), "", 9)
    (tmp_path / "bad.db").write_bytes(b"no database at all, " * 99)
    bad = LocalCatalogue(tmp_path / "bad.db")
    with pytest.raises(MemoryUnavailable):
        await bad.counts("")
    await catalogue.aclose()
    await bad.aclose()
