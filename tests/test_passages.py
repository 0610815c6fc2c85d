"""gateway/passages.py: long texts in verbatim pieces."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from gateway.passages import MAX_PASSAGES, PASSAGE_CHARS, passages, standing, without

CAP = PASSAGE_CHARS * MAX_PASSAGES


def words(count: int, word: str = "word") -> str:
    """So many words without a sentence's end."""
    return " ".join([word] * count)


def blackened(text: str) -> str:
    """The text without its white space."""
    return "".join(text.split())


def test_a_text_that_fits_is_one_passage_and_nothing_is_none() -> None:
    assert passages("\n  One.\n\nTwo.  ") == ["One.\n\nTwo."]
    assert passages("x" * PASSAGE_CHARS) == ["x" * PASSAGE_CHARS]
    assert passages(" \n\t ") == passages("") == []


@pytest.mark.parametrize("border", ["\n\n", "\n \t\n", "\n", ". ", "! ", "? ", "。"])
def test_a_long_text_is_cut_at_a_border(border: str) -> None:
    first, second = words(100) + border, words(100, "more")
    assert passages(first + second) == [first.strip(), second]


@pytest.mark.parametrize(("better", "worse"), [("\n\n", "\n"), ("\n", ". "), (". ", " "), ("。", " ")])
def test_of_two_borders_the_better_one_is_cut_at(better: str, worse: str) -> None:
    first, second = words(80), words(60, "other")
    assert passages(first + better + second + worse + words(60, "more")) == [
        (first + better).strip(),
        (second + worse + words(60, "more")).strip(),
    ]


def test_small_paragraphs_that_follow_each_other_stay_together() -> None:
    paragraphs = [f"Paragraph {number}: {words(50)}." for number in range(6)]
    assert passages("\n\n".join(paragraphs)) == [
        "\n\n".join(paragraphs[:3]),
        "\n\n".join(paragraphs[3:]),
    ]


def test_a_code_block_that_fits_is_not_cut_whatever_stands_in_it() -> None:
    block = "```python\n" + "\n\n".join(f"def f{number}(): ..." for number in range(30)) + "\n```"
    assert passages(f"{words(100)}:\n\n{block}\n\n{words(100)}") == [words(100) + ":", block, words(100)]


def test_a_code_block_that_does_not_fit_is_cut_between_its_lines() -> None:
    lines = [f"value_{number} = 'a. b. c.'" for number in range(60)]
    found = passages("```\n" + "\n".join(lines) + "\n```")
    assert len(found) > 1
    assert [line for piece in found for line in piece.split("\n")] == ["```", *lines, "```"]


def test_a_code_block_without_an_end_is_one_to_the_end() -> None:
    block = "```\n" + "a\n\n" * 200 + "b"
    assert passages(words(100) + "\n" + block) == [words(100), block]


def test_what_has_no_sentences_is_cut_between_words_and_what_has_no_words_anywhere() -> None:
    assert passages(words(200)) == [words(160), words(40)]
    assert passages("x" * (2 * PASSAGE_CHARS + 1)) == ["x" * PASSAGE_CHARS, "x" * PASSAGE_CHARS, "x"]


def test_of_a_document_the_beginning_is_kept_even_after_much_white_space() -> None:
    found = passages(" " * 2 * CAP + "word. " * CAP)
    assert len(found) <= MAX_PASSAGES
    assert found[0].startswith("word. word.")
    assert CAP - MAX_PASSAGES * len("word. ") <= sum(map(len, found)) <= CAP


texts = st.lists(
    st.sampled_from(
        ["\n", "\n\n", " ", "  \t", ". ", "! ", "。", "```", "```\n", "word", "- ", "é", "x" * 500, "words. " * 80]
    )
    | st.text(max_size=30),
    max_size=40,
).map("".join)


@pytest.mark.promise("P8")
@settings(deadline=None, max_examples=200)
@given(texts)
def test_passages_are_verbatim_in_order_and_lose_nothing_but_white_space(text: str) -> None:
    found = passages(text)
    place = 0
    for passage in found:
        assert 0 < len(passage) <= PASSAGE_CHARS
        assert passage == passage.strip()
        place = text.index(passage, place) + len(passage)
    said, kept = blackened(text), blackened("".join(found))
    assert said.startswith(kept)
    assert said == kept or len(text.strip()) > CAP or len(found) == MAX_PASSAGES
    assert len(found) <= MAX_PASSAGES


@pytest.mark.parametrize(
    "text", ["```" * 200_000, "\n \t" * 200_000, ". " * 200_000, " " * 600_000 + "x", "`" * 600_000]
)
def test_of_a_hostile_text_no_more_is_read_than_is_kept(text: str) -> None:
    assert passages(text) == passages(text.strip()[:CAP])


@pytest.mark.parametrize(
    ("text", "sentences", "left"),
    [
        ("When? Always answer in French. I like tea.", ["Always answer in French."], ["When?", "I like tea."]),
        ("Always answer in French.", ["Always answer in French."], []),
        ("- No emojis.\n- No tables.\n- Be brief.", ["No tables."], ["No emojis.", "Be brief."]),
        ("One. Two. Three.", ["One.", "Three."], ["Two."]),
        ("One. Two. One.", ["One."], ["Two."]),
        ("No tea, ever. Thanks to you.", ["No tea", "No tea, ever."], ["Thanks to you."]),
        ("Nothing of that.", ["Something."], ["Nothing of that."]),
        ("请用中文回答。我住在北京。", ["请用中文回答。"], ["我住在北京。"]),
    ],
)
def test_what_is_left_without_sentences_stands_between_them(text: str, sentences: list[str], left: list[str]) -> None:
    assert without(text, sentences) == left


def test_what_is_left_of_a_long_text_is_in_passages_too() -> None:
    assert without(f"{words(150)}. Stop. {words(100)}. {words(100)}.", ["Stop."]) == [
        words(150) + ".",
        words(100) + ".",
        words(100) + ".",
    ]


@pytest.mark.parametrize(
    ("sentence", "text"),
    [
        ("No tea", "No teapots."),
        ("no tea", "Casino tea"),
        ("I live in Oslo", "I live in Oslofjord."),
        ("no tea?", "Casino tea?"),
    ],
)
def test_a_sentence_does_not_stand_in_longer_words(sentence: str, text: str) -> None:
    assert standing([sentence]).search(text) is None
    assert without(text + " Yes.", [sentence]) == [text + " Yes."]


@settings(deadline=None, max_examples=100)
@given(st.lists(st.text(min_size=1, max_size=10), min_size=1, max_size=4), st.text(max_size=20))
def test_whatever_is_struck_is_found_where_it_stands_alone(sentences: list[str], around: str) -> None:
    for sentence in sentences:
        assert standing(sentences).search(f"\n{sentence}\n") is not None
    for left in without(f"{around}\n{sentences[0]}\n{around}", sentences):
        assert left in around
        assert any(map(str.isalnum, left))
