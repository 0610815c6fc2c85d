"""A finder finds what the pattern of all its ways finds."""

from __future__ import annotations

import re

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from gateway.languages.finder import MAX_PARTS, Finder, ways_of
from gateway.languages.tables import FLAGS, TABLES

WAYS = (
    r"never (?P<what_0>\w+)",
    r"(?P<what_1>\w+) no more",
    r"stop \w+",
    r"\w+ing (?P<what_3>\w+) out",
    r"no more (?P<what_4>\w+)",
    r"(?:please )?leave",
    r"(?P<what_6>\w{5})\b",
)
AFTER = r"\b(?:please |do )?"
WORDS = ("please", "do", "never", "stop", "Stop", "no", "more", "leave", "leaving", "tea", "out", "please,", "\n")
TEXTS = st.lists(st.sampled_from(WORDS), max_size=9).map(" ".join)


def told(match: re.Match[str] | None) -> object:
    return match and (match.span(), {name: said for name, said in match.groupdict().items() if said is not None})


def assert_same(finder: Finder, text: str, start: int = 0) -> None:
    whole = re.compile(finder.pattern, FLAGS)
    assert told(finder.search(text, start)) == told(whole.search(text, start))
    assert told(finder.match(text)) == told(whole.match(text))
    assert finder.sub("<>", text) == whole.sub("<>", text)
    assert finder.sub("<>", text, count=1) == whole.sub("<>", text, count=1)
    assert [told(one) for one in finder.finditer(text)] == [told(one) for one in whole.finditer(text)]


@settings(deadline=None, max_examples=300)
@given(TEXTS, st.integers(0, 12))
def test_the_same_is_found_as_by_all_ways_as_one(text: str, start: int) -> None:
    assert_same(Finder(WAYS, AFTER, FLAGS), text, start)


@pytest.mark.parametrize("code", sorted(TABLES))
@settings(deadline=None, max_examples=30)
@given(data=st.data())
def test_the_rules_of_every_language_find_the_same(code: str, data: st.DataObject) -> None:
    table = TABLES[code]
    words = sorted({*table.generic, *table.same, "emoji", "my", "I", "Bern", "42", "don't", "不要", "?", "\n", ", "})
    text = " ".join(data.draw(st.lists(st.sampled_from(words), max_size=12)))
    for finder in (*table.rules.values(), *table.slots.values()):
        assert_same(finder, text)


@pytest.mark.parametrize(
    "text",
    [
        "Please never say no more tea.",
        "please leave, never mind",
        "leaving tea out no more",
        "Wir haben nichts davon.",
        "",
    ],
)
def test_of_ways_that_are_found_in_one_place_the_first_counts(text: str) -> None:
    assert_same(Finder(WAYS, AFTER, FLAGS), text)


def test_a_way_with_many_words_is_always_looked_for() -> None:
    names = "|".join(f"way{number}" for number in range(MAX_PARTS + 1))
    finder = Finder([f"(?:{names})", "never"], flags=FLAGS)
    assert_same(finder, "a byway7")
    assert_same(finder, "never a byway7")


def test_no_ways_find_nothing() -> None:
    nothing = Finder()
    assert nothing.search("") is nothing.match("") is None
    assert nothing.sub("x", "abc") == "abc"
    assert list(nothing.finditer("abc")) == []


def test_a_mistake_in_a_way_is_told_at_once() -> None:
    with pytest.raises(re.error):
        Finder(["fine", "(not fine"]).check()


@pytest.mark.parametrize(
    ("pattern", "ways"),
    [
        ("a|b", ["a", "b"]),
        ("(?:a|b)c|[|(]d|e\\|f|g\\(", ["(?:a|b)c", "[|(]d", "e\\|f", "g\\("]),
        ("[]|]|[^]|]x", ["[]|]", "[^]|]x"]),
        (r"[\]|]|y", [r"[\]|]", "y"]),
        ("", [""]),
        ("a|", ["a", ""]),
    ],
)
def test_a_pattern_is_split_where_its_own_bars_are(pattern: str, ways: list[str]) -> None:
    assert ways_of(pattern) == ways
