"""gateway/checkers/instructions.py: what is left of an instruction, and its clauses."""

from __future__ import annotations

import pytest

from gateway.checkers.instructions import clauses, forbidden, is_harmless, plainly


@pytest.mark.parametrize(
    ("text", "left"),
    [
        ("Please always answer in French, thanks!", "answer in French"),
        ("From now on, could you please answer in French from now on?", "answer in French"),
        ("**Important:** never use emojis.", "never use emojis"),
        ("Don’t ever use emojis in your answers, okay?", "Don't use emojis"),
        ("I want you to always answer in French.", "answer in French"),
        ("You must never use emojis.", "never use emojis"),
        ("You must not use emojis.", "must not use emojis"),
        ("Sign off with ‘Cheers’, please.", 'Sign off with "Cheers"'),
        ("Never say “don’t worry”.", 'Never say "don\'t worry"'),
        ("N'utilise pas le mot « donc ».", 'N\'utilise pas le mot "donc"'),
        ("Never say 'please' or \"always\".", 'Never say "please" or "always"'),
        ("Don't always use lists.", "Don't always use lists"),
        ("Antworte bitte immer auf Deutsch.", "Antworte auf Deutsch"),
        ("请总是用中文回答。", "用中文回答"),
        ("", ""),
    ],
)
def test_courtesy_and_duration_are_left_out(text: str, left: str) -> None:
    assert plainly(text) == left


def test_clauses_go_on_with_what_the_first_forbids() -> None:
    assert clauses("no emojis, lists or long words of praise for me") == [
        ("no emojis", "no no emojis"),
        ("lists", "no lists"),
        ("long words of praise for me",),
    ]
    assert clauses("answer in French and be kind") == [("answer in French",), ("be kind",)]


def test_what_stands_in_quotation_marks_is_not_taken_apart() -> None:
    assert clauses('say "yes, and no" or nothing') == [('say "yes, and no"',), ("nothing",)]


def test_a_short_clause_without_a_condition_is_harmless() -> None:
    assert is_harmless("be kind")
    assert not is_harmless("only for code")
    assert not is_harmless("unless asked")
    assert not is_harmless("tell the whole story every time")


@pytest.mark.parametrize("said", ["no cats", "never use any cats", "cats are forbidden", "keine cats", "without cats"])
def test_a_thing_is_forbidden_in_many_words(said: str) -> None:
    assert forbidden("cats").fullmatch(said)


@pytest.mark.parametrize("said", ["cats", "use cats", "no cats here", "cats verwenden", "no dogs"])
def test_a_thing_is_not_forbidden_by_less_or_by_more(said: str) -> None:
    assert not forbidden("cats").fullmatch(said)
