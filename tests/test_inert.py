"""What is not seen goes, what a client would follow is words, and what anybody may have written stays."""

from __future__ import annotations

import re
import unicodedata

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from gateway.inert import inert, printable, visible

PIECES = [
    "http",
    "s://",
    "javascript:",
    "www.",
    "!",
    "[a]",
    "(",
    ")",
    "<img ",
    "<a href=",
    ">",
    "data:a/b,",
    "evil.example/x",
]
texts = st.lists(st.sampled_from(PIECES) | st.text(max_size=3), max_size=12).map("".join)


@pytest.mark.parametrize(
    ("text", "left"),
    [
        ("See ![a chart](https://e.example/a.png?q=1)!", "See a chart!"),
        ("![c][1]\n\n[1]: https://e.example/c.png", "c\n\n1: e.example/c.png"),
        ("![c](https://e.example/c_(1).png)", "[c] (e.example/c_(1).png)"),
        ("Click [here](http://e.example/x 'now').", "Click [here] (e.example/x 'now')."),
        ("[![c](http://e.example/c.png)](https://e.example/x)", "[c] (e.example/x)"),
        ("Click [here](\n//e.example/x)", "Click [here] (\n//e.example/x)"),
        ("<https://e.example> and <mailto:a@e.example>", "e.example and a@e.example"),
        ("HTTPS://E.example, ftp://e.example and www.e.example", "E.example, e.example and e.example"),
        ("hthttps://tps://e.example", "e.example"),
        ("httpjavascript:s://e.example", "e.example"),
        ("图http://e.example/路", "图e.example/路"),
        ("a<img src=x onerror=y>b<IMG/>c", "abc"),
        ('<a href="https://e.example">go</a>', '‹a href="e.example">go‹/a>'),
        ("<div style='background:url(https://e.example)'>", "‹div style='background:url(e.example)'>"),
        ("<iframe src=//e.example></iframe>", "‹iframe src=//e.example>‹/iframe>"),
        ("<img <a href=x>", "‹img ‹a href=x>"),
        ("data:image/png;base64,AAAA= and javascript:alert(1)", "data and alert(1)"),
    ],
)
def test_words_of_others_lead_nowhere(text: str, left: str) -> None:
    assert inert(text) == left


@pytest.mark.parametrize(
    "text",
    [
        "Use `List<String>` and `a[i](x)`, then handlers[name](req.body).",
        "Run C:/bin/x or /etc/x, see src/app.py:12; note: std::vector // ok",
        "[ ] todo\n- [x] done (see 3.2)",
        "1 < 2 && b > 1, <div>, data: none, 10:30",
    ],
)
def test_what_leads_nowhere_stays(text: str) -> None:
    assert inert(text) == text


@settings(deadline=None, max_examples=500)
@given(texts)
def test_nothing_is_left_to_fetch_or_follow(text: str) -> None:
    left = inert(text)
    assert not re.search(r"[a-z]{2,}://|!\[[^\]]*\]\(|<img\b[^<>]*>|<a\b|javascript:(?=\S)", left, re.IGNORECASE)


@pytest.mark.parametrize(
    ("text", "left"),
    [
        ("a\u200bb\u2060c\ufeff\u00add", "abcd"),
        ("\u202eabc\u202c \u2066d\u2069", "abc d"),
        ("hi\U000e0061\U000e0062\U000e007f", "hi"),
        ("x\ufe00\ufe01\U000e0100\u3164\u2800", "x\ufe00"),
        ("\x1b[31mred\x00", "[31mred"),
    ],
)
def test_what_nobody_sees_goes(text: str, left: str) -> None:
    assert visible(text) == left


@pytest.mark.parametrize(
    "text", ["می\u200cخواهم", "क\u094d\u200dष", "👩\u200d👩\u200d👧 ❤\ufe0f", "a\tb\nc\r\n", "שלום مرحبا"]
)
def test_what_scripts_and_pictures_need_stays(text: str) -> None:
    assert visible(text) == text


@settings(deadline=None, max_examples=300)
@given(st.text(max_size=40))
def test_to_look_at_it_twice_changes_nothing(text: str) -> None:
    once = visible(text)
    assert visible(once) == once
    assert not any(
        unicodedata.bidirectional(char) in ("RLO", "LRO", "RLE", "LRE", "RLI", "LRI", "FSI") for char in once
    )


def test_what_is_wrapped_more_often_than_anybody_wraps_is_no_link_either() -> None:
    assert "://" not in inert("ab:/" * 200 + "ab://" + "/" * 200)


def test_a_line_for_a_terminal_has_nothing_in_it_that_one_would_obey() -> None:
    assert printable("a\x1b[2J\x9b1m\u202eb \u00e9\U0001f686\n") == "a\ufffd[2J\ufffd1m\ufffdb \u00e9\U0001f686\ufffd"
