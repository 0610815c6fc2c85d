"""A store around another one does what that one does."""

from __future__ import annotations

from pathlib import Path

from gateway.memories import Query
from gateway.stores.local import LocalStore
from gateway.wrapped import Wrapped
from tests.stores.samples import ANN, WordsEmbedder, memory


async def test_all_is_done_as_the_store_within_does_it(tmp_path: Path) -> None:
    store = LocalStore(tmp_path / "memories.db", tmp_path / "index", WordsEmbedder())
    wrapped = Wrapped(store)
    tea = memory("m1", "tea for two")
    await wrapped.put(ANN, [tea])
    assert await store.get(ANN, ["m1"]) == await wrapped.get(ANN, ["m1"], reach=1) == [tea]
    assert await wrapped.list(ANN, (), 9) == [tea]
    found = await wrapped.search(ANN, Query(text="tea", kinds=(tea.kind,), pinned=(), limit=9))
    assert [hit.memory for hit in found.hits] == [tea]
    assert (await wrapped.forget(ANN, ["m1"]), await store.list(ANN, (), 9)) == (1, [])
    assert wrapped.trouble == store.trouble == ""
    await wrapped.aclose()
    assert store._is_closed
