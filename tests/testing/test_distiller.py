from __future__ import annotations

import msgspec
import pytest

from gateway import facts
from gateway.facts import Claim
from gateway.testing.distiller import facts_in


def asked(*texts: str) -> str:
    """What users said, as the distiller asks about it."""
    return msgspec.json.encode([{"date": "2026-11-22", "text": text} for text in texts]).decode()


def test_the_distiller_accepts_sentences_in_the_first_person_and_their_quotations() -> None:
    words = asked("I keep bees in Ghent.\nWhat is mead?", "My sister hates them.")
    lines = ["I keep bees in Ghent.", "My sister hates them."]
    assert facts.claims(facts_in(facts.TASK, words)) == [Claim(fact=line, quote=line) for line in lines]


@pytest.mark.parametrize("line", ["Ich wohne in Gent.", "J'habite à Gand.", "Mi perro se llama Tom.", "我住在根特。"])
def test_people_speak_of_themselves_in_other_languages_too(line: str) -> None:
    assert facts.claims(facts_in(facts.TASK, asked(line))) == [Claim(fact=line, quote=line)]


def test_where_nobody_speaks_of_themself_there_are_no_facts() -> None:
    assert facts.claims(facts_in(facts.TASK, asked("Where is the island?"))) == []


def test_another_task_is_not_its_business() -> None:
    assert facts_in("Answer in JSON.", "I keep bees.") == ""
