"""A text in which a pattern is found has one of the words that it is said to need."""

from __future__ import annotations

import re

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from gateway.languages.needed import MAX_KEPT_CHARS, folded, is_whole, needed, words_of
from gateway.languages.tables import FLAGS

COMMON = " the not every of "


@pytest.mark.parametrize(
    ("pattern", "words"),
    [
        (r"\bprefer\b", {" prefer "}),
        (r"\bprefer(?:red|s)?\b", {" prefer"}),
        (r"\b(?:loathe|adore)s?\b", {" loathe", " adore"}),
        (r"\b(?:never|no) longer\b", {" longer "}),
        (r"^stop\b.*\bit$", {" stop "}),
        (r"\bdon['’]t (?:use|say)\b", {"t use ", "t say "}),
        (r"\b(?:the|not) \w+ing\b", {"ing "}),
        (r"(?:very )+glad", {"glad"}),
        (r"(?:always)+", {"always"}),
        (r"(?:emojis?|\d+)", set()),
        (r"(?:please)?", set()),
        (r"\w+", set()),
        (r"(?=note)\b(?<!x)[nN]ote", {"ote"}),
        (r"(?:不要|别再)说", {"别再", "不要"}),
        (r"a, (?:be|ce)!", {"a be ", "a ce "}),
        (r"wait\Bing", {"waiting"}),
        (r"left (?:|over)\b", {"left "}),
    ],
)
def test_what_a_pattern_needs_is_read_off_it(pattern: str, words: set[str]) -> None:
    assert needed(pattern, FLAGS, COMMON) == words


def test_a_text_is_folded_to_its_words() -> None:
    assert folded("I'm OFF —\nto İstanbul_2, ſo ıt iſ.") == " i m off to istanbul_2 so it is "
    assert folded(" ") == "  "
    assert folded("Hm. " * MAX_KEPT_CHARS) == " " + "hm " * MAX_KEPT_CHARS
    assert words_of(folded("No, no!")) == {"no"}
    assert is_whole(" no ")
    assert not any(map(is_whole, (" no", "no ", " no more ", "no")))


LETTERS = st.sampled_from(["a", "B", "i", "ſ", "İ", "ı", "K", "é", "不", " ", "'", "_", "-", "\n", "1"])
PATTERNS = st.recursive(
    st.sampled_from(
        ["a", "b", "i", "s", "k", "é", "不", " ", "'", "_", "-", "1", r"\b", r"\B", "^", "$", r"\w", "[ab]"]
    ),
    lambda inner: st.one_of(
        st.lists(inner, min_size=1, max_size=4).map("".join),
        st.lists(inner, min_size=1, max_size=3).map(lambda ways: f"(?:{'|'.join(ways)})"),
        st.tuples(inner, st.sampled_from(["?", "+", "{2}", "*?"])).map(lambda pair: f"(?:{pair[0]}){pair[1]}"),
        inner.map(lambda one: f"(?P<x>{one})" if "(?P" not in one else one),
        inner.map(lambda one: f"(?={one})"),
    ),
    max_leaves=12,
)


@settings(deadline=None, max_examples=500)
@given(PATTERNS, st.lists(LETTERS, max_size=12).map("".join))
def test_whatever_is_found_has_a_word_that_is_needed(pattern: str, text: str) -> None:
    try:
        found = re.search(pattern, text, FLAGS)
    except re.error:  # two groups of one name
        return
    words = needed(pattern, FLAGS, COMMON)
    assert found is None or not words or any(word in folded(text) for word in words)
