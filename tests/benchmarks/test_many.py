from __future__ import annotations

import mmap
import os
from collections.abc import Sequence
from pathlib import Path

from benchmarks.many import Outcome, Resident, fill, on_disk, owners, resident, section
from gateway.ports import Held

MB = 1 << 20


class Remembering:
    """A store as far as it is filled."""

    def __init__(self) -> None:
        self.held: list[Held] = []

    async def page(self, after: tuple[str, str], limit: int) -> Sequence[Held]:
        raise AssertionError((after, limit))

    async def take(self, held: Sequence[Held]) -> None:
        self.held += held

    async def aclose(self) -> None:
        raise AssertionError("whoever opened it closes it")


async def test_every_tenant_has_as_many_memories_and_none_is_written_twice() -> None:
    store, scopes = Remembering(), owners(7, b"secret")
    await fill(store, scopes, 1_000)
    count = {scope.owner: sum(one.owner == scope.owner for one in store.held) for scope in scopes}
    assert (sum(count.values()), set(count.values())) == (1_000, {142, 143})
    assert len({one.memory.id for one in store.held}) == 1_000
    assert {one.tenant for one in store.held} == {scope.tenant for scope in scopes}


def test_pages_of_the_index_are_told_from_what_is_the_processes_own(tmp_path: Path) -> None:
    (tmp_path / "index").mkdir()
    file = tmp_path / "index" / "vectors with a space"
    file.write_bytes(b"x" * 8 * MB)
    before = resident(os.getpid(), tmp_path / "index")
    with file.open("rb") as opened, mmap.mmap(opened.fileno(), 0, access=mmap.ACCESS_READ) as mapped:
        assert sum(mapped[place] for place in range(0, 8 * MB, mmap.PAGESIZE)) > 0
        after = resident(os.getpid(), tmp_path / "index")
    assert (before.index, after.index) == (0, 8)
    assert 8 <= after.total - before.total < 12
    assert after.own - before.own < 4
    assert after.total > after.own + after.index


def test_holes_in_files_take_nothing_of_the_disk(tmp_path: Path) -> None:
    (tmp_path / "index" / "shard").mkdir(parents=True)
    with (tmp_path / "index" / "shard" / "sparse").open("wb") as file:
        file.truncate(64 * MB)
    (tmp_path / "index" / "full").write_bytes(b"x" * MB)
    (tmp_path / "alone").write_bytes(b"x" * MB)
    assert MB <= on_disk(tmp_path / "index") < 2 * MB
    assert 2 * MB <= on_disk(tmp_path / "index", tmp_path / "alone") < 3 * MB


def test_the_section_says_what_was_measured_and_what_was_to_be_reached() -> None:
    text = section(
        Outcome(
            memories=1_000,
            tenants=10,
            fill_s=4.0,
            rounds_ms=[[1.0, 2.0, 9.0], [1.0, 3.0, 7.0]],
            hits=5.0,
            database_bytes=900_000,
            index_bytes=2_500_000,
            calls=3,
            recalled=2,
            memory=Resident(total=700.4, own=300.0, index=350.0),
        )
    )
    cells = [[cell.strip() for cell in line.split("|")[1:-1]] for line in text.splitlines() if line.startswith("|")]
    measured = {what: (found, wanted) for what, found, wanted in cells[2:]}
    assert measured["recall p50 ms"] == ("2.50 (2.00–3.00)", "")
    assert measured["recall p99 ms"] == ("8.00 (7.00–9.00)", "at most 20")
    assert measured["resident MB"] == ("700", "at most 2048")
    assert measured["on disk, bytes a memory: index/"] == ("2500", "")
    assert measured["filled, memories a second"] == ("250", "")
