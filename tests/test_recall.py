"""gateway/recall.py"""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from gateway.embedders.wordllama import WordLlamaEmbedder
from gateway.errors import MemoryUnavailable
from gateway.policy import Recall
from gateway.recall import DAY_S, MAX_QUERY_CHARS, RECENCY_SHARE, rank, recall
from gateway.stores.local import LocalStore
from gateway.types import Found, Hit, Memory, Query, Ranked, Scope
from gateway.wiring import KINDS

NOW = 1_800_000_000.0
ANN = Scope(tenant="acme", user="ann", session="s1")
SETTINGS = Recall(weights={"words": 0.6, "dense": 0.4}, min_dense=0.4, notes=20, half_life_days=90.0)
EMBEDDER = WordLlamaEmbedder()


def memory(id: str, text: str = "", *, kind: str = "episode", days_old: float = 0.0) -> Memory:
    said = text or f"what {id} says"
    at = NOW - days_old * DAY_S
    return Memory(
        id=id, kind=kind, text=said, key=said, origin="user", exchange="ex_1", session="s0", at=at, recorded_at=at
    )


def hit(id: str, text: str = "", *, days_old: float = 0.0, **scores: float) -> Hit:
    return Hit(memory=memory(id, text, days_old=days_old), scores=scores)


def ids(ranked: list[Ranked]) -> list[str]:
    return [candidate.memory.id for candidate in ranked]


def skipped(ranked: list[Ranked]) -> dict[str, str]:
    return {candidate.memory.id: candidate.skipped for candidate in ranked}


class Asked(LocalStore):
    """Remembers what it was asked."""

    def __init__(self, folder: Path) -> None:
        super().__init__(folder / "memories.db", folder / "index", EMBEDDER)
        self.queries: list[Query] = []

    async def search(self, scope: Scope, query: Query) -> Found:
        self.queries.append(query)
        return await super().search(scope, query)


@pytest.fixture
async def store(tmp_path: Path) -> AsyncIterator[Asked]:
    store = Asked(tmp_path)
    yield store
    await store.aclose()


def test_each_way_of_searching_counts_by_its_share_of_the_best_score_and_its_weight() -> None:
    ranked = rank([hit("a", words=10), hit("b", dense=0.9), hit("c", words=5, dense=0.45)], SETTINGS, NOW)
    assert [(one.memory.id, round(one.score, 9)) for one in ranked] == [("a", 0.6), ("c", 0.5), ("b", 0.4)]
    assert ranked[1].scores == {"words": 5, "dense": 0.45}


@pytest.mark.parametrize("way", ["words", "dense"])
def test_a_way_that_found_nothing_at_all_is_no_trouble(way: str) -> None:
    assert skipped(rank([Hit(memory=memory("a"), scores={way: 0.9})], SETTINGS, NOW)) == {"a": ""}
    assert skipped(rank([Hit(memory=memory("a"), scores={way: 0.0})], SETTINGS, NOW)) == {"a": "weak"}


def test_an_unknown_way_of_searching_neither_scores_nor_rescues() -> None:
    (ranked,) = rank([hit("a", dense=0.1, chars=99.0)], SETTINGS, NOW)
    assert ranked.score == pytest.approx(0.4)
    assert ranked.skipped == "weak"


def test_what_is_found_by_meaning_alone_must_be_near_enough() -> None:
    hits = [hit("far", dense=0.39), hit("near", dense=0.4), hit("word", words=0.01, dense=-0.2), hit("none", words=0.0)]
    assert skipped(rank(hits, SETTINGS, NOW)) == {"near": "", "word": "", "far": "weak", "none": "weak"}


def test_a_score_below_nothing_counts_as_nothing() -> None:
    ranked = rank([hit("a", words=1.0, dense=-0.5), hit("b", words=1.0, dense=0.0), hit("c", dense=0.9)], SETTINGS, NOW)
    assert ranked[0].score == ranked[1].score == pytest.approx(0.6)


def test_only_so_many_are_kept_and_what_is_skipped_takes_no_place() -> None:
    hits = [
        hit("1-weak", "thunder", dense=0.3),
        hit("2-best", "one two three", words=9.0),
        hit("3-same", "three TWO one", words=8.0),
        hit("4-next", "something else", words=7.0),
        hit("5-late", "another thing", words=6.0),
    ]
    few = msgspec.structs.replace(SETTINGS, notes=2)
    expected = {"1-weak": "weak", "2-best": "", "3-same": "duplicate", "4-next": "", "5-late": "limit"}
    assert skipped(rank(hits, few, NOW)) == expected
    none = msgspec.structs.replace(SETTINGS, notes=0)
    assert set(skipped(rank(hits, none, NOW)).values()) == {"weak", "limit"}


def test_lines_that_differ_in_more_than_a_fifth_of_their_words_are_not_duplicates() -> None:
    nine = "a b c d e f g h i"
    near = [hit("1", nine, words=9.0), hit("2", f"{nine} j", words=8.0), hit("3", "a b c d v w x y z", words=7.0)]
    assert skipped(rank(near, SETTINGS, NOW)) == {"1": "", "2": "duplicate", "3": ""}


def test_a_weak_line_does_not_make_a_strong_one_its_duplicate() -> None:
    weights = msgspec.structs.replace(SETTINGS, weights={"dense": 1.0})
    ranked = rank([hit("weak", "the same", dense=0.39), hit("strong", "the same", words=1.0, dense=0.1)], weights, NOW)
    assert skipped(ranked) == {"weak": "weak", "strong": ""}


def test_between_two_alike_the_newer_wins() -> None:
    assert ids(rank([hit("a-old", words=1.0, days_old=90), hit("b-new", words=1.0)], SETTINGS, NOW)) == [
        "b-new",
        "a-old",
    ]


@settings(deadline=None, max_examples=100)
@given(
    lead=st.floats(min_value=1.0 / (1.0 - RECENCY_SHARE) + 1e-6, max_value=1_000),
    old=st.floats(0, 36_500),
    new=st.floats(-1, 36_500),
)
def test_recency_decides_close_calls_only(lead: float, old: float, new: float) -> None:
    hits = [hit("fresh", words=1.0, days_old=new), hit("relevant", words=lead, days_old=old)]
    assert ids(rank(hits, SETTINGS, NOW))[0] == "relevant"


def test_age_halves_the_part_of_the_score_that_fades_and_the_future_adds_none() -> None:
    ranked = rank([hit("now", words=1.0), hit("old", words=1.0, days_old=90), hit("soon", words=1.0, days_old=-9)],
                  msgspec.structs.replace(SETTINGS, weights={"words": 1.0}), NOW)  # fmt: skip
    scores = {one.memory.id: one.score for one in ranked}
    assert scores == pytest.approx({"now": 1.0, "soon": 1.0, "old": 0.9})


@pytest.mark.promise("P12")
@settings(deadline=None, max_examples=50)
@given(order=st.permutations(range(8)))
def test_the_order_in_which_a_store_answers_changes_nothing(order: list[int]) -> None:
    hits = [hit(f"m{number}", words=float(number % 3), dense=0.5 + number % 2 / 10) for number in range(8)]
    assert rank([hits[place] for place in order], SETTINGS, NOW) == rank(hits, SETTINGS, NOW)


def test_nothing_found_is_nothing_ranked() -> None:
    assert rank([], SETTINGS, NOW) == []


async def test_what_was_said_is_recalled_by_words_and_what_is_pinned_whatever_is_asked(store: Asked) -> None:
    rule = memory("rule", "Always answer in French.", kind="constraint")
    dog = memory("dog", "My dog Biscuit is allergic to chicken.")
    tax = memory("tax", "The tax return is due in October.")
    await store.put(ANN, [rule, dog, tax])
    recalled = await recall(store, ANN, "What is my dog allergic to?", KINDS, SETTINGS, NOW)
    assert recalled.pinned == (rule,)
    assert ids(list(recalled.hits))[0] == "dog"


async def test_a_question_that_shares_no_word_with_anything_is_answered(store: Asked) -> None:
    await store.put(ANN, [memory("dog", "Biscuit barks."), memory("tax", "October paperwork.")])
    recalled = await recall(store, ANN, "zebra quux", KINDS, SETTINGS, NOW)
    assert all("words" not in found.scores for found in recalled.hits)


@pytest.mark.parametrize("said", ["", "  \n", "Hi there!", "thanks", "ok"])
async def test_words_that_ask_nothing_recall_only_what_is_pinned(store: Asked, said: str) -> None:
    await store.put(ANN, [memory("rule", "Always answer in French.", kind="constraint"), memory("hi", "Hi there!")])
    recalled = await recall(store, ANN, said, KINDS, SETTINGS, NOW)
    assert [one.id for one in recalled.pinned] == ["rule"]
    assert recalled.hits == ()
    (asked,) = store.queries
    assert (asked.kinds, asked.pinned) == ((), ("constraint", "preference"))


async def test_a_question_is_asked_as_the_policy_says_and_not_beyond_its_beginning(store: Asked) -> None:
    few = msgspec.structs.replace(SETTINGS, candidates=7)
    await recall(store, ANN, "  why? " + "x" * MAX_QUERY_CHARS, KINDS, few, NOW)
    (asked,) = store.queries
    assert asked.text.startswith("why? xx")
    assert len(asked.text) <= MAX_QUERY_CHARS
    assert (asked.kinds, asked.pinned, asked.limit) == (("episode",), ("constraint", "preference"), 7)


async def test_a_store_that_cannot_answer_is_said_to_the_caller(store: Asked) -> None:
    await store.aclose()
    with pytest.raises(MemoryUnavailable):
        await recall(store, ANN, "anything", KINDS, SETTINGS, NOW)
