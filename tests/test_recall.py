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
from gateway.recall import (
    DATED_BONUS,
    EXPLAINED,
    GUESSES,
    MAX_QUERY_CHARS,
    REACH,
    RECENCY_SHARE,
    rank,
    recall,
)
from gateway.stores.local import LocalStore
from gateway.types import Scope
from gateway.wiring import KINDS

QUESTION = "How deep is the harbour?"
NOW = 1_800_000_000.0
ANN = Scope(tenant="acme", user="ann", session="s1")
SETTINGS = Recall(weights={"words": 0.6, "dense": 0.4}, min_dense=0.4, min_share=0.35, notes=20)
HALF_LIVES = {"episode": 90.0}
EMBEDDER = WordLlamaEmbedder()
PINNED = tuple(name for name, kind in KINDS.items() if kind.is_pinned)


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
    return rank(hits, QUESTION, by, HALF_LIVES, NOW)


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
    (found,) = ranked(hit("a", smell=99.0), hit("b", words=1.0, smell=99.0))
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
    assert bool(rank([hit("a", key=key, words=99.0)], asked, SETTINGS, HALF_LIVES, NOW)) is is_related


def test_without_a_hit_by_words_one_by_meaning_must_be_near_enough() -> None:
    assert ranked(hit("far", key="Something else entirely.", words=9.0, dense=0.39)) == []
    assert skipped(ranked(hit("near", key="Something else entirely.", words=9.0, dense=0.4))) == {"near": ""}
    assert ranked(hit("no", words=0.0, dense=-0.2)) == []


def test_what_has_nothing_to_do_with_the_question_is_no_measure_for_what_has() -> None:
    loud = hit("loud", key="Something else entirely.", words=100.0, dense=0.3)
    found = {one.memory.id: one.score for one in ranked(loud, hit("a", words=2.0), hit("b", words=1.0))}
    assert found == pytest.approx({"loud": 0.6, "a": 0.6, "b": 0.3})


def test_the_last_of_a_list_that_was_cut_off_counts_nothing() -> None:
    hits = [hit("a", words=4.0), hit("b", words=3.0), hit("c", words=2.0)]
    whole, cut = (msgspec.structs.replace(SETTINGS, candidates=limit, min_share=0.0) for limit in (4, 3))
    assert [round(one.score, 9) for one in ranked(*hits, by=whole)] == [0.6, 0.45, 0.3]
    assert [(one.memory.id, round(one.score, 9)) for one in ranked(*hits, by=cut)] == [("a", 0.6), ("b", 0.3)]


def test_of_equals_that_were_cut_off_none_counts() -> None:
    assert ranked(hit("a", words=2.0), hit("b", words=2.0), by=msgspec.structs.replace(SETTINGS, candidates=2)) == []


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


def test_of_what_is_weak_only_the_best_few_are_explained() -> None:
    weak = [hit(f"weak{number:02}", f"{number}", words=2.0 - number / 100) for number in range(EXPLAINED + 5)]
    found = ranked(hit("best", words=9.0), *weak)
    assert [(one.memory.id, one.skipped) for one in found] == [
        ("best", ""),
        *((one.memory.id, "weak") for one in weak[:EXPLAINED]),
    ]


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


def linked(*hits: Hit) -> list[Hit]:
    """Episodes that follow each other."""
    names = ["", *(one.memory.id for one in hits), ""]
    sides = zip(hits, names, names[2:], strict=False)
    return [
        Hit(memory=msgspec.structs.replace(one.memory, before=before, after=after), scores=one.scores)
        for one, before, after in sides
    ]


def test_an_episode_lends_of_its_score_to_its_neighbours_and_half_of_it_to_the_next() -> None:
    unfound = [hit(str(number)) for number in range(9)]
    lone = hit("lone", "something else", words=1.0)
    hits = linked(*unfound[:4], Hit(memory=unfound[4].memory, scores={"words": 10.0}), *unfound[5:])
    generous = msgspec.structs.replace(SETTINGS, min_share=0.0)
    lent = {one.memory.id: round(one.score / 0.6, 9) for one in ranked(*hits, lone, by=generous)}
    assert lent == {
        "4": 1.0, "3": 0.5, "5": 0.5, "2": 0.25, "6": 0.25, "1": 0.125, "7": 0.125, "lone": 0.1,
    }  # fmt: skip
    assert len(lent) == 1 + 2 * REACH + 1
    alone = msgspec.structs.replace(generous, neighbours=0.0)
    assert ids(ranked(*hits, lone, by=alone)) == ["4", "lone"]


def test_what_is_not_among_the_hits_lends_nothing_and_nothing_is_lent_beyond_it() -> None:
    first, gap, last = linked(hit("first", words=10.0), hit("gap"), hit("last", "else", words=1.0))
    by = msgspec.structs.replace(SETTINGS, min_share=0.0)
    assert [round(one.score, 9) for one in ranked(first, last, by=by)] == [0.6, 0.06]
    assert [round(one.score, 9) for one in ranked(first, gap, last, by=by)] == [0.615, 0.33, 0.21]


def test_words_of_another_than_the_question_is_about_count_less() -> None:
    mine, yours = hit("mine", "one", words=1.0), hit("yours", "two", words=1.0)
    yours = Hit(memory=msgspec.structs.replace(yours.memory, speaker="assistant"), scores=yours.scores)
    for question, first in [("How deep is my harbour?", "mine"), ("Which harbour did you suggest?", "yours")]:
        found = rank([mine, yours], question, SETTINGS, HALF_LIVES, NOW)
        assert [(one.memory.id == first, round(one.score, 9)) for one in found] == [(True, 0.6), (False, 0.3)]
    assert {one.score for one in ranked(mine, yours)} == {0.6}


def test_where_the_question_is_when_a_text_that_holds_a_time_comes_first() -> None:
    hits = [hit("a-vague", "We dredged the harbour.", words=1.0), hit("b-dated", "It was on 4 May 2025.", words=1.0)]
    dated, vague = rank(hits, "When was the harbour dredged?", SETTINGS, HALF_LIVES, NOW)
    assert (dated.memory.id, vague.memory.id) == ("b-dated", "a-vague")
    assert dated.score == pytest.approx(vague.score * DATED_BONUS)
    assert ids(ranked(*hits)) == ["a-vague", "b-dated"]


def test_where_nothing_is_related_a_few_are_guessed_if_only_memory_can_answer() -> None:
    hits = [hit(f"m{number}", f"text {number}", key="Else.", dense=0.3 - number / 100) for number in range(2 * GUESSES)]
    assert rank(hits, "How do volcanoes form?", SETTINGS, HALF_LIVES, NOW) == []
    guessed = rank(hits, "What does my sibling do?", SETTINGS, HALF_LIVES, NOW)
    assert [one.memory.id for one in guessed if not one.skipped] == [f"m{number}" for number in range(GUESSES)]
    assert {one.skipped for one in guessed[GUESSES:]} == {"limit"}
    none = msgspec.structs.replace(SETTINGS, notes=0)
    assert all(one.skipped for one in rank(hits, "What does my sibling do?", none, HALF_LIVES, NOW))
    pilot = hit("pilot", "My sibling flies.", key="sibling", words=1.0, dense=0.3)
    everything = msgspec.structs.replace(SETTINGS, min_share=0.0)
    related = rank([*hits, pilot], "What does my sibling do?", everything, HALF_LIVES, NOW)
    assert sum(not one.skipped for one in related) > GUESSES


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


async def test_of_sums_done_before_none_is_told_but_the_same_one(store: Asked) -> None:
    said = []
    for one, other in [(72, 13), (44, 17), (98, 98), (61, 20), (33, 51), (12, 84)]:
        asked = memory(f"ask{one}", f"What is {one} plus {other}?")
        answer = memory(f"sum{one}", f"It is {one + other}.")
        said += [
            msgspec.structs.replace(asked, after=answer.id),
            msgspec.structs.replace(answer, key=f"{asked.text}\n{answer.text}", speaker="assistant", before=asked.id),
        ]
    await store.put(ANN, said)
    for question, told in [("What is 44 plus 17?", ["sum44"]), ("What is 55 plus 66?", [])]:
        recalled = await recall(store, ANN, question, KINDS, SETTINGS, NOW)
        assert [one.memory.id for one in recalled.hits if not one.skipped] == told
        assert {"weak", "question"} <= {one.skipped for one in recalled.hits}


def test_of_what_programs_ask_again_and_again_the_best_few_are_told() -> None:
    wishes = [hit(f"w{n}", f"Please file the lease of person{n}.", key="lease", words=20.0 - n) for n in range(9)]
    other = hit("other", "Leases are yellow.", key="lease", words=9.0)
    found = rank([*wishes, other], "Please file the lease of Ms Berger.", SETTINGS, HALF_LIVES, NOW)
    assert [one.memory.id for one in found if not one.skipped] == ["w0", "w1", "w2", "other"]
    assert {one.skipped for one in found} == {"", "duplicate"}
    diary = rank([*wishes, other], "Whose leases were filed?", SETTINGS, HALF_LIVES, NOW)
    assert not any(one.skipped for one in diary)


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
    assert (asked.kinds, asked.pinned) == ((), PINNED)


async def test_a_question_is_asked_as_the_policy_says_and_not_beyond_its_beginning(store: Asked) -> None:
    few = msgspec.structs.replace(SETTINGS, candidates=7)
    await recall(store, ANN, "  why? " + "x" * MAX_QUERY_CHARS, KINDS, few, NOW)
    (asked,) = store.queries
    assert asked.text.startswith("why? xx")
    assert len(asked.text) <= MAX_QUERY_CHARS
    assert (asked.kinds, asked.pinned, asked.limit) == (("episode",), PINNED, 7)
    assert (asked.has_ended, asked.since, asked.until) == (False, None, None)


async def test_a_store_that_cannot_answer_is_said_to_the_caller(store: Asked) -> None:
    await store.aclose()
    with pytest.raises(MemoryUnavailable):
        await recall(store, ANN, "anything", KINDS, SETTINGS, NOW)


async def test_a_time_that_the_question_names_is_asked_of_the_store(store: Asked) -> None:
    await recall(store, ANN, "What did we talk about yesterday?", KINDS, SETTINGS, NOW)
    (asked,) = store.queries
    today = NOW - NOW % DAY_S
    assert (asked.since, asked.until) == (today - DAY_S, today)


def chain(*texts: str) -> list[Memory]:
    """Episodes of one session, each linked to the next."""
    hits = linked(*(hit(f"said{number}", text) for number, text in enumerate(texts)))
    return [msgspec.structs.replace(one.memory, key=one.memory.text) for one in hits]


class ByWords(Asked):
    """Finds only what shares a word with the question."""

    async def search(self, scope: Scope, query: Query) -> Found:
        found = await super().search(scope, query)
        return Found(
            hits=tuple(Hit(memory=one.memory, scores={"words": 1.0}) for one in found.hits if "words" in one.scores)
        )


async def test_what_was_said_next_to_an_answer_comes_with_it_although_it_was_not_found(tmp_path: Path) -> None:
    said = chain("Two plus two.", "It was fun.", "My dog Biscuit is allergic to chicken.", "Poor thing.", "Rest now.")
    said[3] = msgspec.structs.replace(said[3], ended_at=NOW)
    store = ByWords(tmp_path)
    await store.put(ANN, said)
    recalled = await recall(store, ANN, "What is Biscuit allergic to?", KINDS, SETTINGS, NOW)
    assert skipped(list(recalled.hits)) == {"said2": "", "said1": "", "said0": "weak"}
    everything = msgspec.structs.replace(SETTINGS, min_share=0.0)
    recalled = await recall(store, ANN, "What is Biscuit allergic to?", KINDS, everything, NOW)
    assert ids(list(recalled.hits)) == ["said2", "said1", "said0"]
    alone = msgspec.structs.replace(everything, neighbours=0.0)
    recalled = await recall(store, ANN, "What is Biscuit allergic to?", KINDS, alone, NOW)
    assert ids(list(recalled.hits)) == ["said2"]
    await store.aclose()


OVER = {"ended_at": NOW - DAY_S, "ended_by": "new"}


@pytest.mark.parametrize(("question", "told"), [
    ("Where did I live before?", ["old"]),
    ("Wo habe ich früher live gewohnt?", ["old"]),
    ("Where do I live?", []),
    ("How old is the house I live in?", []),
    ("What did I eat before?", []),
])  # fmt: skip
async def test_what_held_once_is_told_to_a_question_about_the_past(
    store: Asked, question: str, told: list[str]
) -> None:
    old = msgspec.structs.replace(memory("old", "I live in Bern.", kind="fact"), **OVER)
    rule = msgspec.structs.replace(memory("rule", "Say where I live.", kind="constraint"), **OVER)
    new = memory("new", "I live in Rome.", kind="fact")
    await store.put(ANN, [old, rule, new])
    recalled = await recall(store, ANN, question, KINDS, SETTINGS, NOW)
    assert ids(list(recalled.hits)) == told
    assert recalled.pinned == (new,)


async def test_pinned_lines_that_have_to_do_with_the_question_come_first(store: Asked) -> None:
    facts = [("dog", "My dog is Biscuit."), ("home", "I live in Bern."), ("job", "I mend clocks.")]
    await store.put(ANN, [memory(id, text, kind="fact", days_old=age) for age, (id, text) in enumerate(facts)])
    for question, first in [("Where do I live?", "home"), ("Which clocks do I mend?", "job"), ("Hi!", "dog")]:
        recalled = await recall(store, ANN, question, KINDS, SETTINGS, NOW)
        assert recalled.pinned[0].id == first
        assert len(recalled.pinned) == len(facts)
        assert recalled.hits == ()


async def test_what_is_learnt_from_what_happened_is_not_told_for_what_it_is_like(store: Asked) -> None:
    lesson = memory("lesson", "Call the harbour master before you dock.", kind="lesson")
    await store.put(ANN, [lesson, memory("turn", "The harbour is deep.")])
    recalled = await recall(store, ANN, "How deep is the harbour?", KINDS, SETTINGS, NOW)
    assert ids(list(recalled.hits)) == ["turn"]


async def test_what_a_person_pinned_comes_first_whatever_is_asked_and_is_no_hit_as_well(store: Asked) -> None:
    harbour, depth = memory("harbour", "The harbour is nine metres deep."), memory("depth", "The harbour silts up.")
    town = msgspec.structs.replace(memory("town", "I live in Bern.", kind="fact", days_old=9), is_pinned=True)
    home = memory("home", "The harbour is where I live.", kind="fact")
    await store.put(ANN, [msgspec.structs.replace(harbour, is_pinned=True), depth, town, home])
    found = await recall(store, ANN, QUESTION, KINDS, SETTINGS, NOW)
    assert [one.id for one in found.pinned] == ["harbour", "town", "home"]
    assert [one.memory.id for one in found.hits] == ["depth"]
    found = await recall(store, ANN, "thanks", KINDS, SETTINGS, NOW)
    assert {one.id for one in found.pinned} == {"harbour", "town", "home"}
    await store.put(ANN, [msgspec.structs.replace(harbour, is_pinned=True, ended_at=NOW)])
    assert harbour.id not in {one.id for one in (await recall(store, ANN, QUESTION, KINDS, SETTINGS, NOW)).pinned}
