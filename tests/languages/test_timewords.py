"""gateway/languages/timewords.py: words as letters."""

from __future__ import annotations

import pytest

from gateway.languages import timewords
from gateway.languages.timewords import MONTH, WEEK, read


@pytest.mark.parametrize(
    ("text", "letters", "numbers"),
    [
        ("three weeks ago", "#UA", [3, WEEK]),
        ("VOR DREI WOCHEN", "v#U", [3, WEEK]),
        ("hace tres semanas", "g#U", [3, WEEK]),
        ("il y a trois semaines", "g#U", [3, WEEK]),
        ("三周前", "#UA", [3, WEEK]),
        ("二十三个月前", "#UA", [23, MONTH]),
        ("on May 5th, 2023", "tm#hY", [4, 5, 2023]),
        ("2023年12月8日", "YyM#h", [2023, timewords.YEAR, 11, 8]),
        ("2023-05-08", "Y-#-#", [2023, 5, 8]),
        ("一个苹果", "#x", [1]),
        ("", "", []),
    ],
)
def test_words_of_all_languages_read_the_same(text: str, letters: str, numbers: list[int]) -> None:
    reading = read(text)
    assert reading.letters == letters
    assert reading.numbers(0, len(letters)) == numbers


def test_hier_is_yesterday_in_french_and_here_in_german() -> None:
    assert "D" in read("Qu'est-ce que j'ai dit hier ?").letters
    assert "D" not in read("Was habe ich hier gesagt?").letters


def test_no_word_has_two_meanings() -> None:
    meanings = [*timewords._PLAIN.values(), *timewords._NUMBERED.values()]
    words = [word for said in meanings for word in dict.fromkeys(said.split())]
    assert sorted(word for word in set(words) if words.count(word) > 1) == []


def test_what_is_read_for_a_chinese_word_is_a_word() -> None:
    assert [word for word in timewords._READ_AS if "x" in read(word).letters] == []
