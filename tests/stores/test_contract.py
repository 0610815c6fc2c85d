"""What every `MemoryStore` must do, whatever it is made of."""

from __future__ import annotations

import asyncio
import tempfile
from itertools import product
from pathlib import Path

import msgspec
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from gateway.errors import MemoryUnavailable, ScopeError
from gateway.memories import Memory
from gateway.ports import MemoryStore
from gateway.types import Scope
from tests.stores.conftest import STORES, Open
from tests.stores.samples import ANN, BOB, memory, query

TRICKY_OWNERS = [
    Scope(tenant="a", user="bc"),
    Scope(tenant="ab", user="c"),
    Scope(tenant="a", user="b:c"),
    Scope(tenant="a:b", user="c"),
    Scope(tenant="a", user="bc\0"),
    Scope(tenant="a", user="BC"),
    Scope(tenant="a", user="bc "),
    Scope(tenant="a", user="é"),
    Scope(tenant="a", user="e\u0301"),
    Scope(tenant="a", user=None, session="bc"),
    Scope(tenant="a", user="%"),
    Scope(tenant="1:au2", user="bc"),
]


@pytest.mark.promise("P7")
@settings(deadline=None, max_examples=20, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    puts=st.lists(
        st.tuples(st.sampled_from(TRICKY_OWNERS), st.sampled_from("abc"), st.sampled_from(["fact", "rule"])),
        max_size=30,
    )
)
async def test_no_owner_ever_sees_anothers_memory(open_store: Open, puts: list[tuple[Scope, str, str]]) -> None:
    expected: dict[str, dict[str, Memory]] = {scope.owner: {} for scope in TRICKY_OWNERS}
    with tempfile.TemporaryDirectory() as folder:
        store = open_store(Path(folder))
        for scope, id, kind in puts:
            one = memory(id, "green tea", kind=kind, session=scope.owner)
            await store.put(scope, [one])
            expected[scope.owner][id] = one
        for scope in TRICKY_OWNERS:
            own = expected[scope.owner]
            found = await store.search(scope, query("green tea", kinds=("fact", "rule"), pinned=("rule",), limit=50))
            assert {hit.memory.id: hit.memory for hit in found.hits} == own
            assert all(set(hit.scores) == {"words", "chars", "dense"} for hit in found.hits)
            assert {one.id for one in found.pinned} == {one.id for one in own.values() if one.kind == "rule"}
            assert {one.id: one for one in await store.get(scope, ["a", "b", "c"])} == own
            assert {one.id: one for one in await store.list(scope, ["fact", "rule"], 99)} == own
        for scope in TRICKY_OWNERS:
            assert await store.forget(scope, ["a", "b", "c"]) == len(expected.pop(scope.owner))
            for other in TRICKY_OWNERS:
                assert len(await store.list(other, [], 99)) == len(expected.get(other.owner, {}))
        await store.aclose()


@pytest.mark.promise("P7")
@pytest.mark.parametrize("scope", [Scope(tenant="acme", user=None), Scope(tenant="acme", user="half \ud800 pair")])
async def test_a_scope_that_names_no_owner_is_an_error_for_every_call(store: MemoryStore, scope: Scope) -> None:
    calls = [
        store.search(scope, query("tea")),
        store.put(scope, [memory("m1")]),
        store.get(scope, ["m1"]),
        store.list(scope, ["fact"], 9),
        store.forget(scope, ["m1"]),
    ]
    for call in calls:
        with pytest.raises(ScopeError):
            await call


async def test_every_field_of_a_memory_comes_back_as_it_was_put(store: MemoryStore) -> None:
    full = Memory(
        id="m1",
        kind="episode",
        text="Grüße, 世界 😀 \0 end",
        key="what it is found by",
        origin="tool",
        exchange="ex_9",
        session="s9",
        at=1.25,
        recorded_at=2.5,
        ended_at=None,
        speaker="assistant",
        tokens=7,
    )
    await store.put(ANN, [full])
    assert await store.get(ANN, ["m1"]) == [full]
    assert await store.list(ANN, ["episode"], 1) == [full]
    found = await store.search(ANN, query("found", kinds=("episode",), pinned=("episode",)))
    assert (found.pinned, [hit.memory for hit in found.hits]) == ((full,), [full])


async def test_a_short_memory_is_found_by_the_characters_of_its_text(store: MemoryStore) -> None:
    await store.put(ANN, [memory("m1", "my Kontoauszug was wrong", key="other"), memory("m2", "tea", key="other")])
    await store.put(ANN, [memory("long", "Kontoauszug " * 20, key="other")])
    found = await store.search(ANN, query("the kontoauszüge"))
    assert {hit.memory.id for hit in found.hits if hit.scores.get("chars", 0) > 0} == {"m1"}
    found = await store.search(ANN, query("the kontoauszüge " + "and so on " * 20))
    assert not any("chars" in hit.scores for hit in found.hits)


async def test_a_memory_is_found_by_its_key_and_not_by_its_text(store: MemoryStore) -> None:
    await store.put(ANN, [memory("m1", text="yes please", key="shall I book the train to Bern")])
    await store.put(ANN, [memory("m2", text="train", key="something else entirely")])
    by_words = {hit.memory.id for hit in (await store.search(ANN, query("trains"))).hits if "words" in hit.scores}
    assert by_words == {"m1"}


async def test_the_closer_memory_scores_higher_in_both_ways(store: MemoryStore) -> None:
    await store.put(ANN, [memory("close", "tea with lemon"), memory("far", "tea without any sugar or cream")])
    hits = {hit.memory.id: hit.scores for hit in (await store.search(ANN, query("tea with lemon"))).hits}
    assert hits["close"]["words"] > hits["far"]["words"] > 0
    assert hits["close"]["dense"] == pytest.approx(1, abs=1e-3)
    assert hits["close"]["dense"] > hits["far"]["dense"]


async def test_scores_mean_the_same_in_every_store(
    store: MemoryStore, tmp_path_factory: pytest.TempPathFactory
) -> None:
    words = ("green tea", "tea with lemon", "a lemon cake", "Kontoauszug", "the green green grass", "tea", "?!")
    said = [memory(f"m{n}", f"{one} {other}", at=float(n)) for n, (one, other) in enumerate(product(words, words))]
    local = STORES["local"](tmp_path_factory.mktemp("local"))
    for one in (store, local):
        await one.put(ANN, said)
        await one.put(BOB, said[::2])
        await one.forget(ANN, ["m3", "m40"])
    for text in ("green lemon", "kontoauszüge", "tea", "grass of the cake", ""):
        asked = query(text, pinned=("fact",), limit=60, since=3.0, until=9.0)
        found, expected = await store.search(ANN, asked), await local.search(ANN, asked)
        assert found.pinned == expected.pinned
        scores = {hit.memory.id: hit.scores for hit in found.hits}
        assert scores.keys() == {hit.memory.id for hit in expected.hits}
        for hit in expected.hits:
            assert scores[hit.memory.id] == pytest.approx(hit.scores, rel=0.01, abs=0.001)  # in half floats
    await local.aclose()


async def test_what_is_common_is_judged_by_the_owners_memories_alone(store: MemoryStore) -> None:
    await store.put(ANN, [memory("m1", "lemon tea"), memory("m2", "lemon cake")])
    alone = await store.search(ANN, query("tea"))
    await store.put(BOB, [memory(f"m{number}", "green tea") for number in range(20)])
    assert await store.search(ANN, query("tea")) == alone


async def test_the_limit_holds_for_each_way_of_searching(store: MemoryStore) -> None:
    await store.put(ANN, [memory(f"m{number}", f"tea {number}") for number in range(9)])
    found = await store.search(ANN, query("tea", limit=3))
    assert sum("words" in hit.scores for hit in found.hits) == 3
    assert sum("dense" in hit.scores for hit in found.hits) == 3


async def test_only_the_kinds_asked_for_are_found(store: MemoryStore) -> None:
    await store.put(ANN, [memory("f", "tea"), memory("e", "tea", kind="episode"), memory("r", "tea", kind="rule")])
    found = await store.search(ANN, query("tea", kinds=("fact", "episode"), pinned=("rule",)))
    assert {hit.memory.id for hit in found.hits} == {"f", "e"}
    assert [one.id for one in found.pinned] == ["r"]
    nothing = await store.search(ANN, query("tea", kinds=()))
    assert (nothing.hits, nothing.pinned) == ((), ())


async def test_pinned_memories_and_listings_come_newest_first(store: MemoryStore) -> None:
    await store.put(ANN, [memory("b", at=2.0), memory("c", at=3.0), memory("a", at=1.0), memory("c2", at=3.0)])
    found = await store.search(ANN, query("", pinned=("fact",)))
    assert [one.id for one in found.pinned] == ["c2", "c", "b", "a"]
    assert [one.id for one in await store.list(ANN, ["fact"], 2)] == ["c2", "c"]


async def test_a_listing_of_no_kinds_is_a_listing_of_every_kind(store: MemoryStore) -> None:
    await store.put(ANN, [memory("f1", at=1.0), memory("r2", kind="rule", at=2.0), memory("f3", at=3.0)])
    assert [one.id for one in await store.list(ANN, ["rule"], 9)] == ["r2"]
    assert [one.id for one in await store.list(ANN, ["rule", "fact"], 2)] == ["f3", "r2"]
    assert [one.id for one in await store.list(ANN, [], 2)] == ["f3", "r2"]


async def test_an_ended_memory_is_listed_and_never_found(store: MemoryStore) -> None:
    await store.put(ANN, [memory("m1", "tea", kind="rule"), memory("m2", "tea", kind="rule", ended_at=5.0)])
    await store.put(ANN, [memory("m1", "tea", kind="rule", ended_at=6.0)])
    found = await store.search(ANN, query("tea", kinds=("rule",), pinned=("rule",)))
    assert (found.hits, found.pinned) == ((), ())
    assert {one.id: one.ended_at for one in await store.list(ANN, ["rule"], 9)} == {"m1": 6.0, "m2": 5.0}

    await store.put(ANN, [memory("m1", "tea", kind="rule")])
    found = await store.search(ANN, query("tea", kinds=("rule",), pinned=("rule",)))
    assert [hit.memory.id for hit in found.hits] == [one.id for one in found.pinned] == ["m1"]


async def test_ended_memories_are_among_the_pinned_where_they_are_asked_for(store: MemoryStore) -> None:
    await store.put(ANN, [memory("now", "tea", at=3.0), memory("then", "coffee", at=2.0, ended_at=3.0)])
    found = await store.search(ANN, query("coffee", pinned=("fact",), has_ended=True))
    assert [one.id for one in found.pinned] == ["now", "then"]
    assert "then" not in {hit.memory.id for hit in found.hits}


async def test_what_holds_in_one_session_is_pinned_in_that_session_only(store: MemoryStore) -> None:
    await store.put(ANN, [memory("here", reach="session", session="s1"), memory("everywhere", session="s1")])
    asked = query("", kinds=(), pinned=("fact",))
    for session, expected in [("s1", {"here", "everywhere"}), ("s2", {"everywhere"}), ("", {"everywhere"})]:
        found = await store.search(msgspec.structs.replace(ANN, session=session), asked)
        assert {one.id for one in found.pinned} == expected


async def test_what_was_said_at_a_time_is_found_by_it_whatever_it_says(store: MemoryStore) -> None:
    said = [memory(f"m{at}", "tea", kind="episode", at=float(at)) for at in range(5)]
    await store.put(ANN, [*said, memory("rule", at=2.0), memory("over", kind="episode", at=2.0, ended_at=9.0)])
    await store.put(BOB, [memory("his", kind="episode", at=2.0)])

    async def found(since: float | None, until: float | None, *kinds: str, limit: int = 10) -> list[str]:
        asked = query("nothing alike", kinds=kinds or ("episode",), since=since, until=until, limit=limit)
        hits = (await store.search(ANN, asked)).hits
        return [hit.memory.id for hit in hits if hit.scores.get("time") == 1.0]

    assert await found(1.0, 3.0) == ["m3", "m2", "m1"]
    assert await found(1.0, 3.0, "episode", "fact", limit=3) == ["m3", "rule", "m2"]
    assert await found(3.0, None) == ["m4", "m3"]
    assert await found(None, 1.0) == ["m1", "m0"]
    assert await found(None, None) == []


async def test_a_memory_found_by_its_words_and_its_time_is_one_hit(store: MemoryStore) -> None:
    await store.put(ANN, [memory("m1", "tea", at=2.0), memory("m2", "tea", at=9.0)])
    found = await store.search(ANN, query("tea", since=1.0, until=3.0))
    assert {hit.memory.id: "time" in hit.scores for hit in found.hits} == {"m1": True, "m2": False}


async def test_the_same_id_replaces_text_key_and_kind(store: MemoryStore) -> None:
    await store.put(ANN, [memory("m1", "coffee"), memory("m1", "tea", kind="rule")])
    (hit,) = (await store.search(ANN, query("tea", kinds=("fact", "rule")))).hits
    assert (hit.memory.text, hit.memory.kind, set(hit.scores)) == ("tea", "rule", {"words", "chars", "dense"})
    (old,) = (await store.search(ANN, query("coffee", kinds=("fact", "rule")))).hits
    assert "words" not in old.scores
    assert (await store.search(ANN, query("tea"))).hits == ()


async def test_forgetting_counts_what_was_there_and_leaves_the_rest(store: MemoryStore) -> None:
    await store.put(ANN, [memory("m1", "tea"), memory("m2", "tea")])
    assert await store.forget(ANN, ["m1", "unknown"]) == 1
    assert await store.forget(ANN, ["m1"]) == 0
    assert await store.forget(ANN, []) == 0
    assert await store.get(ANN, ["m2", "m1"]) == [memory("m2", "tea")]
    assert [hit.memory.id for hit in (await store.search(ANN, query("tea"))).hits] == ["m2"]


async def test_getting_answers_each_known_id_once_in_order(store: MemoryStore) -> None:
    await store.put(ANN, [memory("m1"), memory("m2")])
    assert [one.id for one in await store.get(ANN, ["m2", "unknown", "m1", "m2"])] == ["m2", "m1"]


async def test_neighbours_come_as_far_as_they_are_asked_for(store: MemoryStore) -> None:
    names = ["m0", "m1", "m2", "m3", "m4", "m5", "m6"]
    chain = [
        memory(name, before=names[place - 1] if place else "", after=names[place + 1] if place < 6 else "")
        for place, name in enumerate(names)
    ]
    await store.put(ANN, [*chain, memory("alone")])
    await store.put(BOB, [memory("m3", before="m2", after="m4"), memory("m2", "his")])

    async def near(reach: int, *asked: str) -> list[str]:
        return [one.id for one in await store.get(ANN, asked, reach=reach)]

    assert await near(0, "m3", "alone") == ["m3", "alone"]
    assert sorted(await near(1, "m3", "alone")) == ["alone", "m2", "m3", "m4"]
    assert (await near(2, "m3", "m0"))[:2] == ["m3", "m0"]
    assert sorted(await near(2, "m3", "m0")) == ["m0", "m1", "m2", "m3", "m4", "m5"]
    assert sorted(await near(99, "m3")) == names
    assert await near(9, "unknown") == []


@pytest.mark.parametrize("text", ["", "   ", "the", "\0", "half \ud800 pair", "?!", "世界", "x" * 1_000_000])
async def test_no_text_breaks_putting_or_searching(store: MemoryStore, text: str) -> None:
    await store.put(ANN, [memory("odd", text), memory("plain", "tea")])
    await store.search(ANN, query(text))
    assert [one.id for one in await store.get(ANN, ["odd", text])] == ["odd"]
    assert "plain" in {hit.memory.id for hit in (await store.search(ANN, query("tea"))).hits}
    assert await store.forget(ANN, ["odd", text]) == 1


async def test_half_a_surrogate_pair_is_kept_as_a_question_mark(store: MemoryStore) -> None:
    await store.put(ANN, [memory("m1", "half \ud800 pair")])
    assert [one.text for one in await store.get(ANN, ["m1"])] == ["half ? pair"]


async def test_what_was_put_is_there_after_a_restart(open_store: Open, tmp_path: Path) -> None:
    first = open_store(tmp_path)
    await first.put(ANN, [memory("m1", "tea"), memory("m2", "tea"), memory("m3", "coffee")])
    await first.put(ANN, [memory("m2", "tea", ended_at=9.0)])
    await first.forget(ANN, ["m3"])
    before = await first.search(ANN, query("tea", pinned=("fact",)))
    listed = await first.list(ANN, [], 9)
    await first.aclose()

    second = open_store(tmp_path)
    assert await second.search(ANN, query("tea", pinned=("fact",))) == before
    assert await second.list(ANN, [], 9) == listed
    await second.put(ANN, [memory("m4", "tea")])
    assert {hit.memory.id for hit in (await second.search(ANN, query("tea"))).hits} == {"m1", "m4"}
    await second.aclose()


async def test_calls_at_the_same_time_do_not_disturb_each_other(store: MemoryStore) -> None:
    async def write_and_read(number: int) -> None:
        scope = Scope(tenant="acme", user=f"user {number}")
        for turn in range(5):
            await store.put(scope, [memory(f"m{turn}", f"tea {turn}")])
            assert len((await store.search(scope, query("tea"))).hits) == turn + 1
        assert await store.forget(scope, ["m0"]) == 1

    async with asyncio.timeout(30):
        await asyncio.gather(*(write_and_read(number) for number in range(8)))


async def test_a_closed_store_answers_nothing(open_store: Open, tmp_path: Path) -> None:
    store = open_store(tmp_path)
    await store.aclose()
    await store.aclose()
    calls = [
        store.search(ANN, query("tea")),
        store.put(ANN, [memory("m1")]),
        store.get(ANN, ["m1"]),
        store.list(ANN, ["fact"], 9),
        store.forget(ANN, ["m1"]),
    ]
    for call in calls:
        with pytest.raises(MemoryUnavailable):
            await call


async def test_closing_waits_for_what_was_begun(open_store: Open, tmp_path: Path) -> None:
    store = open_store(tmp_path)
    put = asyncio.create_task(store.put(ANN, [memory(f"m{number}", "tea") for number in range(300)]))
    begun = asyncio.Event()
    asyncio.get_running_loop().call_soon(begun.set)
    await begun.wait()
    await store.aclose()
    async with asyncio.timeout(5):
        await put
    again = open_store(tmp_path)
    assert len(await again.list(ANN, [], 999)) == 300
    await again.aclose()


def test_the_tricky_owners_would_collide_when_joined_naively() -> None:
    naive = [scope.tenant + (scope.user or scope.session) for scope in TRICKY_OWNERS]
    assert len(set(naive)) < len(naive)
    assert len({msgspec.json.encode(scope) for scope in TRICKY_OWNERS}) == len(TRICKY_OWNERS)


@pytest.mark.promise("P7")
async def test_what_a_person_pinned_is_found_whatever_is_asked_by_its_owner_where_it_holds(store: MemoryStore) -> None:
    pinned = memory("m1", "tea", kind="episode", is_pinned=True)
    here = memory("m2", "here", is_pinned=True, reach="session", session="s1", at=2.0)
    both = memory("m3", "both", kind="rule", is_pinned=True, at=3.0)
    await store.put(ANN, [pinned, here, both, memory("m4", "tea", is_pinned=True, ended_at=9.0), memory("m5", "tea")])
    await store.put(BOB, [memory("m6", "tea", is_pinned=True)])
    asked = query("coffee", kinds=("fact",), pinned=("rule",))
    session = msgspec.structs.replace(ANN, session="s1")
    assert [one.id for one in (await store.search(session, asked)).pinned] == ["m3", "m2", "m1"]
    assert [one.id for one in (await store.search(ANN, asked)).pinned] == ["m3", "m1"]
    assert (await store.search(session, query("tea", kinds=("episode",)))).pinned == ()
    await store.put(ANN, [msgspec.structs.replace(pinned, is_pinned=False)])
    assert [one.id for one in (await store.search(ANN, asked)).pinned] == ["m3"]
    assert (await store.get(ANN, ["m3"])) == [both]
