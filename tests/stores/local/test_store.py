"""How truth and indexes keep together; what a store must do at all is in tests/stores/test_contract.py."""

from __future__ import annotations

import asyncio
import shutil
import signal
import sqlite3
import subprocess
import sys
import threading
from collections.abc import Sequence
from pathlib import Path

import msgspec
import pytest

from gateway.errors import MemoryUnavailable
from gateway.memories import Found
from gateway.ports import Embedder, Held
from gateway.stores.local import LocalStore
from gateway.stores.local.indexes import SETTLE_AFTER
from tests.stores.samples import ANN, BOB, AwayEmbedder, WordsEmbedder, memory, query


def open_at(folder: Path, embedder: Embedder | None = None) -> LocalStore:
    return LocalStore(folder / "memories.db", folder / "index", embedder or WordsEmbedder())


def ids(found: Found) -> set[str]:
    return {hit.memory.id for hit in found.hits}


def ways(found: Found) -> dict[str, set[str]]:
    return {hit.memory.id: set(hit.scores) for hit in found.hits}


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


@pytest.mark.promise("P6")
async def test_a_lost_index_is_made_anew_in_the_background(tmp_path: Path) -> None:
    await fill(tmp_path)
    shutil.rmtree(tmp_path / "index")
    store = open_at(tmp_path)
    found = await store.search(ANN, query("", kinds=(), pinned=("fact",)))
    assert {one.id for one in found.pinned} == {"m1", "m2"}
    assert await asyncio.to_thread(store.wait_until_indexed, 30)
    assert store.indexed == 1.0
    assert ids(await store.search(ANN, query("tea"))) == {"m1", "m2"}
    await store.aclose()


async def test_while_another_embedder_takes_over_the_former_one_serves(tmp_path: Path) -> None:
    await fill(tmp_path)
    new = AwayEmbedder()
    former = WordsEmbedder()
    store = LocalStore(tmp_path / "memories.db", tmp_path / "index", new, {"words": former}.get)
    assert (store.indexed, store.wait_until_indexed(0)) == (0.0, False)
    await store.put(ANN, [memory("m4", "tea")])
    found = await store.search(ANN, query("tea"))
    assert ways(found) == {id: {"words", "chars", "dense"} for id in ("m1", "m2", "m4")}
    new.is_broken = False
    assert await asyncio.to_thread(store.wait_until_indexed, 30)
    asked = len(former.texts)
    found = await store.search(ANN, query("tea"))
    assert ways(found) == {id: {"words", "chars", "dense"} for id in ("m1", "m2", "m4")}
    assert len(former.texts) == asked
    await store.aclose()


async def test_a_store_closed_while_an_index_is_made_goes_on_at_the_next_start(tmp_path: Path) -> None:
    await fill(tmp_path)
    new = AwayEmbedder()
    store = open_at(tmp_path, new)
    await store.put(ANN, [memory("m4", "tea")])
    async with asyncio.timeout(10):
        await store.aclose()
    new.is_broken = False
    store = open_at(tmp_path, new)
    assert await asyncio.to_thread(store.wait_until_indexed, 30)
    found = await store.search(ANN, query("tea"))
    assert ways(found) == {id: {"words", "chars", "dense"} for id in ("m1", "m2", "m4")}
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


WRITTEN = SETTLE_AFTER + 88

DYING = """
import asyncio, os, signal, sys
from pathlib import Path
from tests.stores.local.test_store import WRITTEN, open_at
from tests.stores.samples import ANN, memory

async def main():
    store = open_at(Path(sys.argv[1]))
    await store.put(ANN, [memory(f"m{number}", "tea") for number in range(WRITTEN)])
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
    assert store.healed == WRITTEN + 2 - SETTLE_AFTER
    assert ids(await store.search(ANN, query("tea", limit=WRITTEN))) == {f"m{number}" for number in range(2, WRITTEN)}
    assert len(await store.list(ANN, [], WRITTEN)) == WRITTEN - 1
    await store.aclose()
    again = open_at(tmp_path)
    assert again.healed == 0
    await again.aclose()


async def test_what_is_taken_of_several_owners_is_written_whole_and_found(tmp_path: Path) -> None:
    store = open_at(tmp_path)
    tea = [Held(owner=scope.owner, tenant="acme", memory=memory("m1", "tea")) for scope in (ANN, BOB, ANN.common)]
    broken = msgspec.structs.replace(tea[1], memory=memory("m2", kind=None))
    with pytest.raises(MemoryUnavailable, match="NOT NULL"):
        await store.take([tea[0], broken])
    assert await store.page(("", ""), 9) == []
    await store.take(tea)
    assert await store.page(("", ""), 9) == sorted(tea, key=lambda held: held.owner)
    assert ways(await store.search(BOB, query("tea"))) == {"m1": {"words", "chars", "dense"}}
    await store.aclose()


async def test_an_absent_embedder_costs_vectors_only_and_these_are_made_good(tmp_path: Path) -> None:
    embedder = WordsEmbedder()
    store = open_at(tmp_path, embedder)
    embedder.is_broken = True
    await store.put(ANN, [memory("m1", "tea")])
    assert ways(await store.search(ANN, query("tea"))) == {"m1": {"words", "chars"}}

    embedder.is_broken = False
    await store.put(ANN, [memory("m2", "tea")])
    everything = {"words", "chars", "dense"}
    assert ways(await store.search(ANN, query("tea"))) == {"m1": everything, "m2": everything}
    await store.aclose()


async def test_an_index_that_fails_keeps_no_memory_from_being_written(tmp_path: Path) -> None:
    embedder = WordsEmbedder()
    store = open_at(tmp_path, embedder)
    embedder.size = 3
    with pytest.raises(MemoryUnavailable, match="dimension"):
        await store.put(ANN, [memory("m1", "tea")])
    assert await store.get(ANN, ["m1"]) == [memory("m1", "tea")]
    embedder.size = 16
    await store.put(ANN, [memory("m2", "tea")])
    assert ids(await store.search(ANN, query("tea"))) == {"m1", "m2"}
    await store.aclose()


async def test_an_index_that_fails_does_not_keep_the_store_from_opening(tmp_path: Path) -> None:
    await fill(tmp_path)
    cut_off = sqlite3.connect(tmp_path / "memories.db")
    cut_off.execute("UPDATE memories SET key = 'coffee' WHERE id = 'm1'")
    cut_off.commit()
    cut_off.close()

    class Wrong(WordsEmbedder):
        def embed(self, texts: Sequence[str]) -> list[list[float]]:
            return [[1.0, 0.0, 0.0] for _ in texts]

    store = open_at(tmp_path, Wrong())
    assert store.healed == 0
    assert len(await store.list(ANN, [], 9)) == 3
    await store.aclose()


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


class HeldEmbedder(WordsEmbedder):
    """One that does not answer until it may, and keeps count."""

    def __init__(self) -> None:
        super().__init__("held")
        self.asked = threading.Event()
        self.may = threading.Event()
        self.at_once: list[int] = []

    def embed(self, texts: Sequence[str]) -> list[list[float]]:
        self.asked.set()
        assert self.may.wait(10)
        self.at_once.append(len(texts))
        return super().embed(texts)


async def test_what_comes_while_something_is_written_is_written_together(tmp_path: Path) -> None:
    embedder = HeldEmbedder()
    store = open_at(tmp_path, embedder)
    puts = [asyncio.ensure_future(store.put(ANN, [memory("m0", "tea")]))]
    assert await asyncio.to_thread(embedder.asked.wait, 10)
    puts += [
        asyncio.ensure_future(store.put(who, [memory(f"m{number}", "tea")])) for number in (1, 2) for who in (ANN, BOB)
    ]
    await asyncio.wait(puts, timeout=0)
    embedder.may.set()
    await asyncio.gather(*puts)
    assert embedder.at_once == [1, 4]
    assert ids(await store.search(ANN, query("tea"))) == {"m0", "m1", "m2"}
    assert ids(await store.search(BOB, query("tea"))) == {"m1", "m2"}
    await store.aclose()


async def test_a_write_that_fails_keeps_no_other_from_being_written(tmp_path: Path) -> None:
    store = open_at(tmp_path)
    endless = memory("m2", "tea", tokens=2**70)
    results = await asyncio.gather(
        *(store.put(ANN, [one]) for one in (memory("m1", "tea"), endless, memory("m3", "tea"))), return_exceptions=True
    )
    assert [type(one) for one in results] == [type(None), OverflowError, type(None)]
    assert ids(await store.search(ANN, query("tea"))) == {"m1", "m3"}
    await store.aclose()


@pytest.mark.promise("P11")
async def test_a_write_that_was_given_up_does_not_bring_back_what_is_forgotten(tmp_path: Path) -> None:
    embedder = HeldEmbedder()
    store = open_at(tmp_path, embedder)
    first = asyncio.ensure_future(store.put(ANN, [memory("m1", "tea")]))
    assert await asyncio.to_thread(embedder.asked.wait, 10)
    given_up = asyncio.ensure_future(store.put(ANN, [memory("m2", "tea")]))
    await asyncio.wait({given_up}, timeout=0)
    given_up.cancel()
    embedder.may.set()
    await asyncio.wait({first, given_up})
    await store.forget(ANN, ["m2"])
    await store.put(ANN, [memory("m3", "tea")])
    assert ids(await store.search(ANN, query("tea"))) == {"m1", "m3"}
    await store.aclose()


@pytest.mark.promise("P6")
@pytest.mark.parametrize("gone", ["index", "memories.db", "index/1/label.json", ""])
async def test_what_is_deleted_under_it_is_made_anew_with_the_next_write(tmp_path: Path, gone: str) -> None:
    folder = tmp_path / "data"
    store = LocalStore(
        folder / "memories.db", folder / "index", WordsEmbedder(), hold=lambda: folder.mkdir(exist_ok=True)
    )
    assert store.trouble == ""
    await store.put(ANN, [memory("m1", "tea")])
    path = folder / gone
    shutil.rmtree(path) if path.is_dir() else path.unlink()
    assert "gone" in store.trouble
    await store.put(ANN, [memory("m2", "tea")])
    assert await asyncio.to_thread(store.wait_until_indexed, 30)
    kept = {"m1", "m2"} if gone.startswith("index") else {"m2"}
    assert ids(await store.search(ANN, query("tea"))) == kept
    assert store.trouble == ""
    await store.aclose()


async def test_a_full_disk_is_seen_before_anything_is_written_and_what_is_known_is_told(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    store = open_at(tmp_path)
    await store.put(ANN, [memory("m1", "tea")])
    with monkeypatch.context() as full:
        full.setattr("gateway.datadir.ROOM_BYTES", 1 << 62)
        assert "is full" in store.trouble
        with pytest.raises(MemoryUnavailable, match="is full"):
            await store.put(ANN, [memory("m2", "tea")])
        assert ids(await store.search(ANN, query("tea"))) == {"m1"}
        assert await store.get(ANN, ["m2"]) == []
    await store.put(ANN, [memory("m2", "tea")])
    assert store.trouble == ""
    await store.aclose()


async def test_on_a_full_disk_it_opens_without_an_index_tells_what_is_pinned_and_closes(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    await fill(tmp_path)
    with monkeypatch.context() as full:
        full.setattr("gateway.datadir.ROOM_BYTES", 1 << 62)
        store = open_at(tmp_path)
        assert "is full" in store.trouble
        found = await store.search(ANN, query("tea", pinned=("fact",)))
        assert ({one.id for one in found.pinned}, found.hits) == ({"m1", "m2"}, ())
        with pytest.raises(MemoryUnavailable, match="no search index"):
            await store.search(ANN, query("tea"))
        await store.aclose()
        store = open_at(tmp_path)
    await store.put(ANN, [memory("m4", "tea")])
    assert ids(await store.search(ANN, query("tea"))) == {"m1", "m2", "m4"}
    await store.aclose()


async def test_a_store_whose_disk_is_full_at_the_end_closes_and_goes_on_from_there(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    store = open_at(tmp_path)
    await store.put(ANN, [memory("m1", "tea")])
    with monkeypatch.context() as full:
        full.setattr("gateway.datadir.ROOM_BYTES", 1 << 62)
        await store.aclose()
    store = open_at(tmp_path)
    assert store.healed == 1
    assert ids(await store.search(ANN, query("tea"))) == {"m1"}
    await store.aclose()


async def test_an_index_that_is_made_anew_twice_is_whole_both_times(tmp_path: Path) -> None:
    store = open_at(tmp_path)
    await store.put(ANN, [memory(f"m{number}", "tea") for number in range(40)])
    for _ in range(2):
        shutil.rmtree(tmp_path / "index")
        await store.put(ANN, [memory("m40", "tea")])
        assert await asyncio.to_thread(store.wait_until_indexed, 30)
        assert len(ids(await store.search(ANN, query("tea", limit=99)))) == 41
    await store.aclose()
