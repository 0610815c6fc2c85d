"""How values stand in HTML."""

from __future__ import annotations

import html
from pathlib import Path
from typing import Any

import pytest
from jinja2 import UndefinedError

from gateway.admin.dashboard import render
from gateway.admin.dashboard.render import Renderer, as_text, copied, link, number, points, share, short, time
from tests.periods import NOW


def written(text: str) -> str:
    """What a browser reads of a text that a template was given."""
    return html.unescape(str(as_text(text)))


@pytest.mark.parametrize("text", ["<b>", "a & b", "\"'", "{{7*7}}", "a\rb\r\nc", "\u202etfel", "𝔄"])
def test_a_text_is_read_as_it_was_stored(text: str) -> None:
    assert written(text) == text
    assert "<" not in str(as_text(text))
    assert "\r" not in str(as_text(text))


def test_what_html_has_no_word_for_stands_as_a_mark() -> None:
    assert written("a\0b") == "a\ufffdb"
    assert b"a?b" in Renderer().page("complaint.html", complaint="a\ud800b", **AROUND).body


AROUND: dict[str, Any] = {"sections": [], "said": "", "token": "", "sign_out": "", "host": ""}


def test_a_page_that_lacks_a_value_is_not_shown_without_it() -> None:
    with pytest.raises(UndefinedError):
        Renderer().page("complaint.html", **AROUND)


def test_nothing_in_a_template_is_marked_as_safe() -> None:
    texts = {path.name: path.read_text() for path in (Path(render.__file__).parent / "templates").iterdir()}
    assert texts
    assert [name for name, text in texts.items() if "| safe" in text or "|safe" in text or "autoescape" in text] == []


def test_a_moment_is_told_in_utc_and_a_missing_one_by_a_dash() -> None:
    assert time(NOW) == (
        '<time datetime="2026-11-22T12:00:00Z" title="2026-11-22 12:00:00 UTC">2026-11-22 12:00</time>'
    )
    assert time(None) == "–"


@pytest.mark.parametrize(
    ("value", "shown"), [(None, "–"), (0, "0"), (1_234_567, "1,234,567"), (72.66, "72.7"), (123.4, "123"), (3.0, "3")]
)
def test_numbers_are_as_exact_as_they_need_to_be(value: float | None, shown: str) -> None:
    assert number(value) == shown


def test_shares_and_differences_say_what_they_are() -> None:
    assert (share(1, 3), share(0, 0)) == ("33\u00a0%", "–")
    assert (points(0.114), points(-0.002)) == ("+11.4", "\u22120.2")


def test_an_id_is_cut_and_can_be_had_whole() -> None:
    assert short("m_1") == '<code class="id" title="m_1">m_1</code>'
    assert short("ex_0199f3a2b4c0") == '<code class="id" title="ex_0199f3a2b4c0">ex_0199f3a2b…</code>'
    assert 'data-copy="ex_0199f3a2b4c0">ex_0199f3a2b…<' in copied("ex_0199f3a2b4c0")
    assert "<b" not in short('"><b onclick=alert(1)>') + copied('"><b onclick=alert(1)>')


def test_an_address_leaves_out_what_is_empty() -> None:
    assert link("/accrue/") == "/accrue/"
    assert link("/a", user="ann & bob", place="", session=None, page=0) == "/a?user=ann+%26+bob&page=0"
    assert link("/a", user="\ud800") == "/a?user=%3F"
