"""What two statements have in common, and in what they differ."""

from __future__ import annotations

import pytest

from gateway.languages.tables import TABLES
from gateway.sides import Side, is_mostly, people_in, sets_otherwise, shared, side_of, topic_of

EN, ES, ZH = TABLES["en"], TABLES["es"], TABLES["zh"]


def side(text: str) -> Side:
    return side_of(text, EN)


def test_a_side_is_what_it_is_about_whose_it_is_and_what_it_sets() -> None:
    assert side("My sister's rent for the Hamburg flat is 900 euros, not 1,000.") == Side(
        topic=frozenset({"siste", "rent", "hambu", "flat", "900", "euro", "1", "000"}),
        words=frozenset({"siste", "rent", "for", "the", "hambu", "flat", "900", "euro", "not", "1", "000"}),
        others=frozenset({"sister"}),
        is_negative=True,
        subject=frozenset({"siste", "rent", "hambu", "flat"}),
        figures=frozenset({"900", "1,000"}),
        names=frozenset({"Hamburg"}),
        frame=("my", "sister", "rent", "for", "hamburg", "flat"),
    )


def test_a_remark_has_no_subject() -> None:
    assert side("I was at the beach all day.").subject == frozenset()
    assert side("The problem is that it rains.").subject == frozenset()
    assert side("I saw Bo at 9.").frame == side("My bike is red.").frame == ()


def test_names_are_capitals_inside_a_sentence_and_words_as_programmers_write_them() -> None:
    assert side("We met I think Bo in Rome. Then snake_case beat camelCase.").names == {
        "Bo",
        "Rome",
        "snake_case",
        "camelCase",
    }


@pytest.mark.parametrize(
    ("text", "other", "count"),
    [
        ("the quotations", "a quotation by Seneca", 1),
        ("the signature", "sign each mail", 1),
        ("sign it", "the signature", 1),
        ("booking a table", "book tables", 2),
        ("emoticons", "smileys", 1),
        ("room 12", "room 1234", 1),
        ("the cat", "the catalogue", 0),
        ("Seneca", "Cicero", 0),
    ],
)
def test_forms_of_a_word_are_shared(text: str, other: str, count: int) -> None:
    assert shared(topic_of(text, EN), topic_of(other, EN)) == count


def test_accents_and_chinese_compounds_hide_nothing() -> None:
    assert shared(topic_of("refranes", ES), topic_of("un refrán", ES)) == 1
    assert shared(topic_of("古诗", ZH), topic_of("每次都以一句古诗结尾", ZH)) == 1


def test_half_the_words_make_the_same_matter() -> None:
    assert is_mostly(frozenset({"lotte", "party"}), frozenset({"party"}))
    assert not is_mostly(frozenset({"lotte", "party", "garde"}), frozenset({"party"}))
    assert not is_mostly(frozenset(), frozenset({"party"}))


def test_people_are_known_one_by_one() -> None:
    assert people_in("my wife and my sons", EN) == {"wife", "son"}


@pytest.mark.parametrize(
    ("old", "new", "is_otherwise"),
    [
        ("It costs 5 euros.", "It costs 6 euros.", True),
        ("It costs 5 euros.", "It still costs 5 euros.", False),
        ("We meet in Rome.", "We meet in Bonn.", True),
        ("We meet in Rome.", "We meet in Rome and Bonn.", False),
        ("We meet at six.", "We meet in Bonn.", False),
        ("It is called heron.", "It is called osprey.", False),
    ],
)
def test_a_number_stands_against_a_number_and_a_name_against_a_name(old: str, new: str, is_otherwise: bool) -> None:
    assert sets_otherwise(side(old), side(new), in_words=False) == is_otherwise


def test_other_words_will_do_where_nothing_is_numbered_or_named() -> None:
    assert sets_otherwise(side("It is called heron."), side("It is called osprey."), in_words=True)
    assert not sets_otherwise(side("It costs 5 euros."), side("It is dear."), in_words=True)
