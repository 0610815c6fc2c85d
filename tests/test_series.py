"""gateway/series.py: what is asked again and again in one form."""

from __future__ import annotations

from collections.abc import Sequence

import pytest

from gateway.memories import Memory
from gateway.series import ANSWERS, TOLD, series_of
from gateway.wordsets import is_alike, words

PEOPLE = ("Ms Berger", "Mr Okafor", "Mrs Lindqvist", "Mr Tanaka", "Ms Duarte")
FORMS = tuple(f"Please file the lease of {person}." for person in PEOPLE)
SUMS = tuple(f"What is {number} plus 9?" for number in range(11, 16))


def memory(id: str, text: str, speaker: str = "user", *, before: str = "") -> Memory:
    return Memory(
        id=id, kind="episode", text=text, key=text, origin="user", exchange="ex_1", session="s0", at=1.0,
        recorded_at=1.0, speaker=speaker, before=before,
    )  # fmt: skip


def asked(texts: Sequence[str], answers: Sequence[str] = ()) -> list[Memory]:
    """Requests and what was answered to each."""
    requests = [memory(f"q{number}", text) for number, text in enumerate(texts)]
    replies = [memory(f"a{number}", text, "assistant", before=f"q{number}") for number, text in enumerate(answers)]
    return [*requests, *replies]


def told(question: str, memories: Sequence[Memory]) -> list[str]:
    """Ids of what is told, when it is offered in this order."""
    series = series_of(question, memories)
    kept = []
    for one in memories:
        if series is None or not series.objection(one):
            kept.append(one.id)
            if series is not None:
                series.tell(one)
    return kept


def test_of_requests_in_the_form_of_the_question_the_best_few_are_told() -> None:
    memories = [*asked(FORMS), memory("other", "Ms Berger said that it ran out.")]
    assert told("Please file the lease of Ms Novak.", memories) == ["q0", "q1", "q2", "other"]
    series = series_of("Please file the lease of Ms Novak.", memories)
    assert series is not None
    for one in memories[:TOLD]:
        series.tell(one)
    assert [series.objection(one) for one in memories] == ["", "", "", "duplicate", "duplicate", ""]


def test_what_is_like_a_request_that_is_told_is_of_the_series() -> None:
    lists = [
        "Do these: 1. sweep 2. mop",
        "Do these: 1. dust 2. wipe",
        "Do these: 1. cook 2. iron",
        "Do these: 1. sew 2.",
    ]
    other = memory("other", "My list: 1. sweep 2. mop")
    question = "Do these: 1. bake 2. fry"
    assert not is_alike(words(other.text), words(question), 0.3)
    assert told(question, [other, *asked(lists)]) == ["other", "q0", "q1", "q2"]
    assert told(question, [*asked(lists), other]) == ["q0", "q1", "q2"]


def test_few_requests_are_no_series() -> None:
    assert series_of("Please file the lease of Ms Novak.", asked(FORMS[:TOLD])) is None
    assert series_of("Please file the lease of Ms Novak.", asked(FORMS[: TOLD + 1])) is not None


def test_who_asks_in_another_form_gets_all_of_them() -> None:
    runs = asked([f"I ran {number} km today." for number in range(5)])
    assert series_of("How far did I run in May?", runs) is None
    assert series_of("I ran 9 km today.", runs) is not None


def test_an_answer_is_told_with_its_request_however_it_is_worded() -> None:
    memories = asked(FORMS, [f"It is done, number {number}." for number in range(5)])
    kept = told("Please file the lease of Ms Novak.", [*memories[5:], *memories[:5]])
    assert kept == ["a0", "a1", "a2", "q0", "q1", "q2"]


def test_what_shares_nothing_particular_with_what_is_asked_is_no_answer() -> None:
    memories = asked(SUMS, ["It is 20.", "It is 21.", "It is 22.", "It is 23.", "It is 72."])
    series = series_of("What is 72 plus 80?", memories)
    assert series is not None
    assert [series.objection(one) for one in memories] == [*["weak"] * len(SUMS), *["weak"] * 4, ""]
    assert told("What is 13 plus 80?", memories) == ["q2", "a2"]


@pytest.mark.parametrize(("form", "question"), [
    ("Which gate has train {}?", "Which gate has train 3?"),
    ("火车 {} 在 几 号 站台？", "火车 3 在 几 号 站台？"),
])  # fmt: skip
def test_a_word_that_most_of_the_series_have_is_not_particular(form: str, question: str) -> None:
    memories = asked([form.format(number) for number in range(5)], [f"Gate {letter}." for letter in "ABCDE"])
    assert told(question, memories) == ["q3", "a3"]


def test_what_was_asked_word_for_word_before_has_its_answers() -> None:
    memories = asked(["What may my dog eat?"] * 5, ["Fish.", "Lamb.", "Rice.", "Ham.", "Peas."])
    assert told("What may my dog eat?", memories[5:]) == ["a0", "a1", "a2", "a3", "a4"]  # the requests are not there
    assert told("What may my dog eat?", [*memories[5:], *memories[:5]])[:4] == ["a0", "a1", "a2", "q0"]


def test_statements_are_in_no_series_with_questions_nor_the_words_of_assistants() -> None:
    facts = [memory(f"f{number}", f"My dog is {word}.") for number, word in enumerate(("old", "big", "shy", "fat"))]
    assert series_of("What is my dog?", facts) is None
    assert series_of("My dog is ill.", facts) is not None
    heard = [memory(one.id, one.text, "assistant") for one in facts]
    assert series_of("My dog is ill.", heard) is None


def test_the_chain_of_an_answer_is_followed_so_far_and_no_ring_is_endless() -> None:
    parts = [memory("a0", "Part 0", "assistant", before="q0")]
    parts += [memory(f"a{n}", f"Part {n}", "assistant", before=f"a{n - 1}") for n in range(1, ANSWERS + 1)]
    ring = [memory("r0", "Ring", "assistant", before="r1"), memory("r1", "Rung", "assistant", before="r0")]
    memories = [*asked(FORMS), *parts, *ring]
    series = series_of("Please file the permit of Ms Novak.", memories)
    assert series is not None
    for one in memories[1 : 1 + TOLD]:
        series.tell(one)
    assert [series.objection(one) for one in (*parts, *ring)] == [*["duplicate"] * ANSWERS, "", "", ""]


def test_nothing_found_is_no_series() -> None:
    assert series_of("", []) is None
