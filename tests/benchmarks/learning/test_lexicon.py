"""The model's words: detectors take none of them for an instruction, and what suites ask for it understands."""

from __future__ import annotations

import pytest

from benchmarks.learning.model.filing import CONFUSED, HELPED
from benchmarks.learning.model.lexicon import MANNERS, RELEASE, TOPICS, phrases
from benchmarks.learning.suites import advice, drift, tastes
from gateway.kinds.constraint import KIND as CONSTRAINT
from gateway.kinds.preference import KIND as PREFERENCE
from gateway.languages.tables import TABLES
from gateway.types import Turn

STATING = ("constraint", "request", "preference")
"""Rules of gateway/languages by which something is kept; what ends it must be there to be ended."""


@pytest.mark.parametrize("phrase", phrases())
def test_no_phrase_is_a_statement_to_a_detector(phrase: str) -> None:
    turn = Turn(role="user", text=phrase)
    assert not CONSTRAINT.find(turn)
    assert not PREFERENCE.find(turn)
    assert not any(table.rules[rule].search(phrase) for table in TABLES.values() for rule in STATING)  # type: ignore[index]  # names of rules


def test_there_are_phrases_and_a_statement_would_be_noticed() -> None:
    assert len(phrases()) > 80
    assert CONSTRAINT.find(Turn(role="user", text=drift.RULES["euros"].given[0]))


@pytest.mark.parametrize("name", sorted(drift.RULES))
def test_the_model_understands_each_rule_of_the_suite_and_answers_as_it_is_judged(name: str) -> None:
    rule, manner = drift.RULES[name], MANNERS[name]
    assert all(manner.pattern.search(given) and not RELEASE.search(given) for given in rule.given)
    assert all(manner.pattern.search(text) and RELEASE.search(text) for text in rule.taken_back)
    assert all(rule.about in text for text in (*rule.given, *rule.taken_back)) or name == "basically"
    assert rule.is_kept(manner.kept)
    assert not rule.is_kept(manner.broken)
    others = [other.given for other_name, other in drift.RULES.items() if other_name != name]
    assert not any(manner.pattern.search(text) for given in others for text in given)


@pytest.mark.parametrize("name", sorted(tastes.TASTES))
def test_the_model_knows_the_tastes_of_the_suite_and_what_asks_for_them(name: str) -> None:
    taste, topic = tastes.TASTES[name], TOPICS[name]
    assert set(taste.values) <= set(topic.values)
    for ask in taste.asks:
        assert [other for other in TOPICS if TOPICS[other].asked.search(ask)] == [name]


def test_guessing_a_taste_is_right_one_time_in_fourteen() -> None:
    assert {len(topic.values) for topic in TOPICS.values()} == {14}


def test_the_suite_and_the_model_mean_the_same_tools() -> None:
    assert all(HELPED.search(tool) and not CONFUSED.search(tool) for tool in advice.HELPED)
    assert all(CONFUSED.search(tool) and not HELPED.search(tool) for tool in advice.CONFUSED)
    assert not any(HELPED.search(tool) or CONFUSED.search(tool) for tool in advice.UNMOVED)
