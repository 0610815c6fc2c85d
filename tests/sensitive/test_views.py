from __future__ import annotations

import json

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from gateway.sensitive.views import DEPTH, View, unescaped_views


@pytest.mark.parametrize(
    ("escaped", "plain"),
    [
        (rb"a\u002db", b"a-b"),
        (rb"\u00e9\ud83d", "é".encode() + "\ud83d".encode("utf-8", "surrogatepass")),
        (rb"a\/b\nc\"d", b'a/b\nc"d'),
        (rb"\x2d", b"-"),
        (b"a%2Db%3d", b"a-b="),
        (b"100% of it \\q", None),
        (b"nothing", None),
    ],
)
def test_escapes_are_undone(escaped: bytes, plain: bytes | None) -> None:
    view = View(escaped).unescaped()
    assert (None if view is None else view.data) == plain


def test_what_stands_in_a_view_is_found_in_the_text() -> None:
    text = rb'{"a": "x\u002dy\nz%2Fend"}'
    view = View(text).unescaped()
    assert view is not None
    begin = view.data.index(b"-y")
    start, end = view.span(begin, begin + 2)
    assert text[start:end] == rb"\u002dy"


def test_escapes_within_escapes_are_undone_up_to_a_depth() -> None:
    text = json.dumps(json.dumps(json.dumps({"a": "b\n-c"}))).encode()
    views = list(unescaped_views(View(text)))
    assert len(views) == DEPTH + 1
    assert b"b\n-c" in views[-1].data
    start, end = views[-1].span(views[-1].data.index(b"-c"), views[-1].data.index(b"-c") + 2)
    assert text[start:end] == b"-c"


def test_lines_are_joined_where_a_token_may_go_on() -> None:
    text = b"ghp_abc\n  def, next\n\nline.\n(no)"
    view = View(text).joined()
    assert view is not None
    assert view.data == b"ghp_abcdef, next\n\nline.\n(no)"
    assert view.span(0, 10) == (0, 13)
    assert View(b"one line").joined() is None
    assert View(b"no, \n (token)").joined() is None


@settings(deadline=None, max_examples=100)
@given(st.text(max_size=60))
def test_every_byte_of_a_view_has_its_place_in_the_text(text: str) -> None:
    data = json.dumps(text).encode()
    for view in unescaped_views(View(data)):
        spans = [view.span(at, at + 1) for at in range(len(view.data))]
        assert all(0 <= start < end <= len(data) for start, end in spans)
        assert spans == sorted(spans)
