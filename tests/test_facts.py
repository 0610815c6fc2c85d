"""gateway/facts.py: what a model is shown of what a user said, and that only what the user said lets a fact stand."""

from __future__ import annotations

from typing import Any

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from gateway import facts
from gateway.facts import Claim, claims, proved, said, users_turns, words
from gateway.types import Exchange, Reply, Scope, Turn

NOW = 1_800_000_000.0
ANN = Scope(tenant="acme", user="ann", session="s1")
DOG = "My dog Biscuit is allergic to chicken."


def user(text: str) -> Turn:
    return Turn(role="user", text=text)


def exchange(*turns: Turn, id: str = "ex_1", **changes: Any) -> Exchange:
    plain = Exchange(
        id=id,
        scope=ANN,
        at=NOW - 60,
        path="/chat/completions",
        policy="default",
        state="done",
        status=200,
        turns=turns,
        reply=Reply(turns=(Turn(role="assistant", text="Biscuit should eat fish."),)),
        learns=("episode",),
    )
    return msgspec.structs.replace(plain, **changes)


def lines(*exchanges: Exchange) -> list[str]:
    return [line for one in said(exchanges) for line in one.lines]


@pytest.mark.promise("P8")
def test_a_fact_stands_with_its_evidence() -> None:
    (memory,) = proved(
        [Claim(fact="Biscuit, Ann's dog,\n cannot eat chicken.", quote=DOG)], said([exchange(user(DOG))]), NOW
    )
    assert memory.text == "Biscuit, Ann's dog, cannot eat chicken."
    assert (memory.kind, memory.origin, memory.speaker, memory.evidence) == ("fact", "user", "user", DOG)
    assert (memory.exchange, memory.session, memory.at, memory.recorded_at) == ("ex_1", "s1", NOW - 60, NOW)
    assert memory.key == f"{memory.text}\n{DOG}"


def test_only_what_users_say_themselves_and_on_record_is_shown() -> None:
    assert lines(
        exchange(user(f"Hello!\n{DOG}"), Turn(role="tool", text="The vault code is 1234.")),
        exchange(user("Off the record: I am looking for another job.")),
        exchange(user("Fix this:\n```\nmy_dog = 'Rex'\n```")),
        exchange(user('Summarize this: """I live in Rome."""')),
        exchange(Turn(role="assistant", text="You live in Oslo.")),
    ) == ["Hello!", DOG, "Fix this:", "Summarize this:"]


@pytest.mark.parametrize("changes", [{"status": 429}, {"learns": ()}])
def test_nothing_is_shown_of_what_teaches_nothing(changes: dict[str, Any]) -> None:
    refused = exchange(user(DOG), **changes)
    assert users_turns(refused) == []
    assert said([refused]) == []


def test_what_was_cut_off_before_an_answer_is_shown_all_the_same() -> None:
    assert lines(exchange(user(DOG), state="interrupted", status=None, reply=None)) == [DOG]


def test_a_model_is_shown_dated_words_in_order_and_no_text_breaks_out_of_them() -> None:
    tricky = 'I said "]} and went.'
    shown = words(said([exchange(user(DOG)), exchange(user(tricky), id="ex_2", at=NOW)]))
    assert msgspec.json.decode(shown) == [{"date": "2027-01-15", "text": DOG}, {"date": "2027-01-15", "text": tricky}]


def test_of_too_much_the_newest_is_shown(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(facts, "MAX_SENT_CHARS", 40)
    old, new = exchange(user("I was born in Ghent.")), exchange(user("I moved to Rome. I work as a nurse."), id="ex_2")
    assert lines(old, new) == ["I moved to Rome.", "I work as a nurse."]
    monkeypatch.setattr(facts, "MAX_SENT_CHARS", 20)
    assert lines(old, new) == ["I work as a nurse."]


OBJECT = '{"facts": [{"fact": "f", "quote": "q"}]}'


@pytest.mark.parametrize("text", [OBJECT, f"```json\n{OBJECT}\n```", f"Here you are:\n{OBJECT}\nAnything else?"])
def test_the_object_is_found_in_an_answer(text: str) -> None:
    assert claims(text) == [Claim(fact="f", quote="q")]


@pytest.mark.parametrize(
    "text",
    [
        "",
        "I cannot do that.",
        "[]",
        "{}",
        "}{",
        '{"facts": null}',
        '{"facts": [{"fact": "f"}]}',
        '{"facts": [{"fact": 1, "quote": "q"}]}',
        OBJECT[:-3],
        "{" * 10_000,
        '{"facts": [], "thoughts": ' + "[" * 10_000 + "]" * 10_000 + "}",
        '{"facts": ' + "[" * 100_000,
    ],
)
def test_an_answer_that_is_not_what_was_asked_for_is_none(text: str) -> None:
    assert claims(text) is None


@settings(deadline=None, max_examples=100)
@given(st.text(max_size=200))
def test_no_answer_makes_reading_it_fail(text: str) -> None:
    found = claims(text)
    assert found is None or isinstance(found, list)


@pytest.mark.promise("P8")
@pytest.mark.parametrize(
    "quote",
    [
        "my dog biscuit is allergic to chicken",  # not letter by letter
        "My dog is allergic to chicken.",
        "Biscuit should eat fish.",  # the assistant's
        "The vault code is 1234.",  # a tool's
        "chicken. I work nights.",  # put together
        "chicken.\nI work nights.",
        "My",
        "is",
        "",
        " ",
    ],
)
def test_a_quotation_that_is_not_verbatim_or_says_nothing_lets_no_fact_stand(quote: str) -> None:
    learnt = said([exchange(user(f"{DOG}\nI work nights."), Turn(role="tool", text="The vault code is 1234."))])
    assert proved([Claim(fact="Ann has a dog.", quote=quote)], learnt, NOW) == []


@pytest.mark.parametrize("fact", ["", " \n", "x" * (facts.MAX_FACT_CHARS + 1)])
def test_a_fact_is_a_sentence(fact: str) -> None:
    assert proved([Claim(fact=fact, quote=DOG)], said([exchange(user(DOG))]), NOW) == []


@pytest.mark.parametrize(
    ("text", "fact"),
    [
        ("Ich wohne seit Mai in Köln.", "Wohnt in Köln."),
        ("我住在柏林。", "用户住在柏林。"),
        (DOG, "Il cane è allergico."),
    ],
)
def test_facts_stand_in_any_language(text: str, fact: str) -> None:
    (memory,) = proved([Claim(fact=fact, quote=text)], said([exchange(user(text))]), NOW)
    assert (memory.text, memory.evidence) == (fact, text)


@pytest.mark.promise("P12")
def test_the_same_fact_by_the_same_words_is_the_same_memory() -> None:
    first = said([exchange(user(DOG)), exchange(user(DOG), id="ex_2")])
    same = proved([Claim(fact="A dog.", quote=DOG), Claim(fact="A  dog. ", quote=f" {DOG}")], first, NOW)
    later = proved([Claim(fact="A dog.", quote=DOG)], said([exchange(user(DOG), id="ex_3", at=NOW)]), NOW + 9)
    other = proved([Claim(fact="A cat.", quote=DOG), Claim(fact="A dog.", quote="Biscuit")], first, NOW)
    assert [memory.exchange for memory in same] == ["ex_1"]
    assert later[0].id == same[0].id
    assert len({same[0].id, *(memory.id for memory in other)}) == 3


@settings(deadline=None, max_examples=100)
@given(fact=st.text(max_size=40), quote=st.text(max_size=20) | st.sampled_from(["Biscuit", "allergic to chicken"]))
def test_whatever_a_model_claims_what_stands_is_in_the_users_own_words(fact: str, quote: str) -> None:
    for memory in proved([Claim(fact=fact, quote=quote)], said([exchange(user(DOG))]), NOW):
        assert memory.evidence in DOG
        assert len(memory.text.splitlines()) == 1


def test_what_was_said_for_a_session_or_a_moment_is_not_shown_to_be_kept_for_ever() -> None:
    passing = "Just for this chat, call me Bunny. Imagine I live in Oslo. For now, keep it short."
    assert lines(exchange(user(f"{passing} {DOG}"))) == [DOG]
