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
from gateway.kinds.base import DAY_S
from gateway.memories import Found, Hit, Memory, Query, Ranked
from gateway.policy import Recall
from gateway.recall import EXPLAINED, MAX_QUERY_CHARS, RECENCY_SHARE, rank, recall
from gateway.stores.local import LocalStore
from gateway.types import Scope
from gateway.wiring import KINDS

QUESTION = "How deep is the harbour?"
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


def hit(
    id: str, text: str = "", *, key: str = "We spoke of the harbour.", days_old: float = 0.0, **scores: float
) -> Hit:
    """Found by its key, which shares a word with the question unless told otherwise."""
    return Hit(memory=msgspec.structs.replace(memory(id, text, days_old=days_old), key=key), scores=scores)


NEAR = hit("near").memory


def ranked(*hits: Hit, by: Recall = SETTINGS) -> list[Ranked]:
    return rank(hits, QUESTION, by, NOW)


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
    found = ranked(hit("a", words=10), hit("b", dense=0.9), hit("c", words=5, dense=0.45))
    assert [(one.memory.id, round(one.score, 9)) for one in found] == [("a", 0.6), ("c", 0.5), ("b", 0.4)]
    assert found[1].scores == {"words": 5, "dense": 0.45}


@pytest.mark.parametrize("way", ["words", "dense"])
def test_a_way_that_found_nothing_at_all_is_no_trouble(way: str) -> None:
    assert skipped(ranked(Hit(memory=NEAR, scores={way: 0.9}))) == {"near": ""}
    assert ranked(Hit(memory=NEAR, scores={way: 0.0})) == []


def test_an_unknown_way_of_searching_neither_scores_nor_rescues() -> None:
    (found,) = ranked(hit("a", dense=0.1, chars=99.0), hit("b", words=1.0, chars=99.0))
    assert found.memory.id == "b"
    assert found.score == pytest.approx(0.6)


@pytest.mark.parametrize(("asked", "key", "is_related"), [
    (QUESTION, "The harbour is shallow.", True),
    (QUESTION, "HARBOURS are deep or they are none.", True),
    (QUESTION, "How much is it? It is much.", False),
    ("How is it?", "How is it? It is well.", False),
    ("", "The harbour is shallow.", False),
])  # fmt: skip
def test_a_hit_by_words_must_share_one_that_tells(asked: str, key: str, is_related: bool) -> None:
    assert bool(rank([hit("a", key=key, words=99.0)], asked, SETTINGS, NOW)) is is_related


def test_a_hit_by_meaning_must_be_near_enough() -> None:
    hits = [hit("far", dense=0.39), hit("near", dense=0.4), hit("word", words=0.01, dense=-0.2), hit("no", words=0.0)]
    assert skipped(ranked(*hits)) == {"word": "", "near": ""}
    assert skipped(ranked(hit("near", key="Something else entirely.", words=9.0, dense=0.4))) == {"near": ""}


def test_what_has_nothing_to_do_with_the_question_is_no_measure_for_what_has() -> None:
    loud = hit("loud", key="Something else entirely.", words=100.0, dense=0.3)
    quiet = [hit("a", words=2.0), hit("b", words=1.0)]
    assert ranked(loud, *quiet) == ranked(*quiet)


def test_a_hit_far_below_the_best_one_is_weak() -> None:
    found = ranked(hit("best", words=100.0), hit("just", words=35.0), hit("not", words=34.9))
    assert skipped(found) == {"best": "", "just": "", "not": "weak"}
    anything = msgspec.structs.replace(SETTINGS, min_share=0.0)
    assert skipped(ranked(hit("best", words=100.0), hit("far", words=0.1), by=anything)) == {"best": "", "far": ""}


def test_a_score_below_nothing_counts_as_nothing() -> None:
    found = ranked(hit("a", words=1.0, dense=-0.5), hit("b", words=1.0, dense=0.0), hit("c", dense=0.9))
    assert found[0].score == found[1].score == pytest.approx(0.6)


def test_only_so_many_are_kept_and_what_is_skipped_takes_no_place() -> None:
    hits = [
        hit("1-weak", "thunder", words=1.0),
        hit("2-best", "one two three", words=9.0),
        hit("3-same", "three TWO one", words=8.0),
        hit("4-asks", "How many?", words=7.5),
        hit("5-next", "something else", words=7.0),
        hit("6-late", "another thing", words=6.0),
    ]
    few = msgspec.structs.replace(SETTINGS, notes=2)
    assert skipped(ranked(*hits, by=few)) == {
        "2-best": "", "3-same": "duplicate", "4-asks": "question", "5-next": "", "6-late": "limit", "1-weak": "weak",
    }  # fmt: skip
    none = msgspec.structs.replace(SETTINGS, notes=0)
    assert set(skipped(ranked(*hits, by=none)).values()) == {"weak", "limit", "question"}


@pytest.mark.parametrize(("text", "speaker", "reason"), [
    ("How deep is the harbour?", "user", "question"),
    (" 港はどのくらい深いですか？ ", "user", "question"),
    ("How deep is the harbour?", "assistant", ""),
    ("The harbour is deep. How deep?", "user", ""),
    ("Call it the old harbour, okay?", "user", ""),
    ("The harbour is deep", "user", ""),
])  # fmt: skip
def test_what_a_user_only_asked_tells_nothing(text: str, speaker: str, reason: str) -> None:
    one = hit("a", text, words=1.0)
    said = msgspec.structs.replace(one, memory=msgspec.structs.replace(one.memory, speaker=speaker))
    assert skipped(ranked(said)) == {"a": reason}


def test_however_often_a_question_was_asked_its_answer_is_found_and_only_some_of_the_rest_explained() -> None:
    asked = [hit(f"asked{number:02}", "How deep is the harbour?", words=9.0) for number in range(EXPLAINED + 5)]
    found = ranked(*asked, hit("told", "Nine fathoms.", words=8.0))
    assert [one.memory.id for one in found if not one.skipped] == ["told"]
    assert [one.memory.id for one in found if one.skipped] == [one.memory.id for one in asked[:EXPLAINED]]


def test_lines_that_differ_in_more_than_a_fifth_of_their_words_are_not_duplicates() -> None:
    nine = "a b c d e f g h i"
    near = [hit("1", nine, words=9.0), hit("2", f"{nine} j", words=8.0), hit("3", "a b c d v w x y z", words=7.0)]
    assert skipped(ranked(*near)) == {"1": "", "2": "duplicate", "3": ""}


def test_between_two_alike_the_newer_wins() -> None:
    assert ids(ranked(hit("a-old", words=1.0, days_old=90), hit("b-new", words=1.0))) == ["b-new", "a-old"]


@settings(deadline=None, max_examples=100)
@given(
    lead=st.floats(min_value=1.0 / (1.0 - RECENCY_SHARE) + 1e-6, max_value=1_000),
    old=st.floats(0, 36_500),
    new=st.floats(-1, 36_500),
)
def test_recency_decides_close_calls_only(lead: float, old: float, new: float) -> None:
    hits = [hit("fresh", words=1.0, days_old=new), hit("relevant", words=lead, days_old=old)]
    assert ids(ranked(*hits))[0] == "relevant"


def test_age_halves_the_part_of_the_score_that_fades_and_the_future_adds_none() -> None:
    hits = [hit("now", words=1.0), hit("old", words=1.0, days_old=90), hit("soon", words=1.0, days_old=-9)]
    found = ranked(*hits, by=msgspec.structs.replace(SETTINGS, weights={"words": 1.0}))
    scores = {one.memory.id: one.score for one in found}
    assert scores == pytest.approx({"now": 1.0, "soon": 1.0, "old": 0.9})


@pytest.mark.promise("P12")
@settings(deadline=None, max_examples=50)
@given(order=st.permutations(range(8)))
def test_the_order_in_which_a_store_answers_changes_nothing(order: list[int]) -> None:
    hits = [hit(f"m{number}", words=float(number % 3), dense=0.5 + number % 2 / 10) for number in range(8)]
    assert ranked(*(hits[place] for place in order)) == ranked(*hits)


def test_nothing_found_is_nothing_ranked() -> None:
    assert ranked() == []


async def test_what_was_said_is_recalled_by_words_and_what_is_pinned_whatever_is_asked(store: Asked) -> None:
    rule = memory("rule", "Always answer in French.", kind="constraint")
    dog = memory("dog", "My dog Biscuit is allergic to chicken.")
    tax = memory("tax", "The tax return is due in October.")
    await store.put(ANN, [rule, dog, tax])
    recalled = await recall(store, ANN, "What is my dog allergic to?", KINDS, SETTINGS, NOW)
    assert recalled.pinned == (rule,)
    assert ids(list(recalled.hits))[0] == "dog"


async def test_a_question_asked_before_is_no_answer_to_itself(store: Asked) -> None:
    asked = [memory(f"asked{number}", "What is my dog allergic to?") for number in range(EXPLAINED + 2)]
    await store.put(ANN, [*asked, memory("dog", "My dog Biscuit is allergic to chicken.")])
    recalled = await recall(store, ANN, "What is my dog allergic to?", KINDS, SETTINGS, NOW)
    assert [one.memory.id for one in recalled.hits if not one.skipped] == ["dog"]


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
