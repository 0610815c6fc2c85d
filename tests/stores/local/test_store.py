"""How the two halves keep together; what a store must do at all is in tests/stores/test_contract.py."""

from __future__ import annotations

import os
import shutil
import signal
import sqlite3
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from gateway.errors import MemoryUnavailable
from gateway.memories import Found
from gateway.stores.local import LocalStore
from gateway.stores.local.store import SETTLE_AFTER
from tests.stores.samples import ANN, WordsEmbedder, memory, query


def open_at(folder: Path, embedder: WordsEmbedder | None = None) -> LocalStore:
    return LocalStore(folder / "memories.db", folder / "index", embedder or WordsEmbedder())


def ids(found: Found) -> set[str]:
    return {hit.memory.id for hit in found.hits}


async def fill(folder: Path) -> None:
    store = open_at(folder)
    await store.put(ANN, [memory("m1", "tea"), memory("m2", "green tea"), memory("m3", "tea", ended_at=3.0)])
    await store.aclose()


async def test_opening_after_a_clean_end_has_nothing_to_heal(tmp_path: Path) -> None:
    await fill(tmp_path)
    store = open_at(tmp_path)
    assert store.healed == 0
    assert ids(await store.search(ANN, query("tea"))) == {"m1", "m2"}
    await store.aclose()


def delete_folder(index: Path) -> None:
    shutil.rmtree(index)


def delete_label(index: Path) -> None:
    (index / "made-for").unlink()


def spoil_label(index: Path) -> None:
    (index / "made-for").write_bytes(b"\xff\xfe")


def delete_shard(index: Path) -> None:
    shutil.rmtree(index / "shard")


def empty_every_file(index: Path) -> None:
    for file in index.rglob("*.*"):
        if file.is_file():
            file.write_bytes(b"")


def lose_points(index: Path) -> None:
    """Loads without a complaint, and holds fewer points than it should."""
    (mappings,) = index.rglob("mutable_id_tracker.mappings")
    os.truncate(mappings, mappings.stat().st_size // 2)


DAMAGES = [delete_folder, delete_label, spoil_label, delete_shard, empty_every_file, lose_points]


@pytest.mark.promise("P6")
@pytest.mark.parametrize("damage", DAMAGES, ids=lambda damage: damage.__name__)
async def test_a_damaged_index_is_made_anew_from_the_truth(tmp_path: Path, damage: Callable[[Path], None]) -> None:
    await fill(tmp_path)
    damage(tmp_path / "index")
    store = open_at(tmp_path)
    assert store.healed == 2
    assert ids(await store.search(ANN, query("tea"))) == {"m1", "m2"}
    await store.aclose()


async def test_an_index_made_by_another_embedder_is_made_anew(tmp_path: Path) -> None:
    await fill(tmp_path)
    store = open_at(tmp_path, WordsEmbedder(name="other", size=8))
    assert store.healed == 2
    assert ids(await store.search(ANN, query("tea"))) == {"m1", "m2"}
    await store.aclose()


async def test_a_crash_between_truth_and_index_heals_when_opened(tmp_path: Path) -> None:
    await fill(tmp_path)
    cut_off = sqlite3.connect(tmp_path / "memories.db")  # what a process leaves that dies before it indexes
    cut_off.execute("UPDATE memories SET key = 'coffee' WHERE id = 'm1'")
    cut_off.execute("UPDATE memories SET ended_at = NULL WHERE id = 'm3'")
    cut_off.execute("DELETE FROM memories WHERE id = 'm2'")
    cut_off.commit()
    cut_off.close()

    store = open_at(tmp_path)
    assert store.healed == 3
    assert ids(await store.search(ANN, query("coffee", limit=1))) == {"m1"}
    found = await store.search(ANN, query("tea"))
    assert {hit.memory.id for hit in found.hits if "words" in hit.scores} == {"m3"}
    await store.aclose()


DYING = """
import asyncio, os, signal, sys
from pathlib import Path
from tests.stores.local.test_store import open_at
from tests.stores.samples import ANN, memory

async def main():
    store = open_at(Path(sys.argv[1]))
    await store.put(ANN, [memory(f"m{number}", "tea") for number in range(600)])
    await store.put(ANN, [memory("m0", "tea", ended_at=3.0)])
    await store.forget(ANN, ["m1"])
    os.kill(os.getpid(), signal.SIGKILL)

asyncio.run(main())
"""


@pytest.mark.promise("P6")
async def test_a_killed_process_loses_nothing_it_acknowledged(tmp_path: Path) -> None:
    root = Path(__file__).parents[3]
    dead = subprocess.run([sys.executable, "-c", DYING, str(tmp_path)], cwd=root, check=False)
    assert dead.returncode == -signal.SIGKILL

    store = open_at(tmp_path)
    assert store.healed == 602 - SETTLE_AFTER
    assert ids(await store.search(ANN, query("tea", limit=999))) == {f"m{number}" for number in range(2, 600)}
    assert len(await store.list(ANN, [], 999)) == 599
    await store.aclose()
    again = open_at(tmp_path)
    assert again.healed == 0
    await again.aclose()


async def test_what_an_absent_embedder_left_unindexed_is_indexed_by_the_next_write(tmp_path: Path) -> None:
    embedder = WordsEmbedder()
    store = open_at(tmp_path, embedder)
    embedder.is_broken = True
    with pytest.raises(MemoryUnavailable):
        await store.put(ANN, [memory("m1", "tea")])
    with pytest.raises(MemoryUnavailable):
        await store.search(ANN, query("tea"))
    assert await store.get(ANN, ["m1"]) == [memory("m1", "tea")]

    embedder.is_broken = False
    await store.put(ANN, [memory("m2", "tea")])
    assert ids(await store.search(ANN, query("tea"))) == {"m1", "m2"}
    await store.aclose()


async def test_an_absent_embedder_does_not_keep_the_store_from_opening(tmp_path: Path) -> None:
    await fill(tmp_path)
    delete_folder(tmp_path / "index")
    embedder = WordsEmbedder()
    embedder.is_broken = True
    store = open_at(tmp_path, embedder)
    assert store.healed == 0
    found = await store.search(ANN, query("", kinds=(), pinned=("fact",)))
    assert {one.id for one in found.pinned} == {"m1", "m2"}

    embedder.is_broken = False
    await store.put(ANN, [memory("m4", "tea")])
    assert ids(await store.search(ANN, query("tea"))) == {"m1", "m2", "m4"}
    await store.aclose()


async def test_the_log_of_changes_stays_short_while_running_and_is_empty_at_the_end(tmp_path: Path) -> None:
    def logged() -> int:
        reader = sqlite3.connect(tmp_path / "memories.db")
        (count,) = reader.execute("SELECT count(*) FROM changes").fetchone()
        reader.close()
        return int(count)

    store = open_at(tmp_path)
    await store.put(ANN, [memory("m1", "tea")])
    assert logged() == 1
    await store.put(ANN, [memory(f"m{number}", "tea") for number in range(SETTLE_AFTER + 99)])
    assert logged() < SETTLE_AFTER
    await store.aclose()
    assert logged() == 0


async def test_a_database_that_fails_is_an_unavailable_memory(tmp_path: Path) -> None:
    store = open_at(tmp_path)
    vandal = sqlite3.connect(tmp_path / "memories.db")
    vandal.execute("DROP TABLE memories")
    vandal.close()
    with pytest.raises(MemoryUnavailable, match="no such table"):
        await store.put(ANN, [memory("m1")])
    with pytest.raises(MemoryUnavailable, match="no such table"):
        await store.get(ANN, ["m1"])
    await store.aclose()


async def test_the_text_searched_for_is_embedded_once(tmp_path: Path) -> None:
    embedder = WordsEmbedder()
    store = open_at(tmp_path, embedder)
    await store.search(ANN, query("tea", kinds=("fact", "episode"), pinned=("rule",)))
    await store.search(ANN, query("not searched for", kinds=(), pinned=("rule",)))
    assert embedder.texts == ["tea"]
    await store.aclose()
