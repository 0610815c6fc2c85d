"""gateway/shapes/splice.py"""

from __future__ import annotations

import json

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from gateway.shapes.splice import offsets, quoted, splice, understood

MEMBERS = msgspec.json.Decoder(dict[str, msgspec.Raw])
ITEMS = msgspec.json.Decoder(list[msgspec.Raw])

json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=3), inner, max_size=3),
    max_leaves=12,
)


@settings(deadline=None, max_examples=200)
@given(st.lists(json_values, min_size=1, max_size=5), st.sampled_from([None, 0, 3]), st.booleans())
def test_the_offset_of_a_nested_value_is_where_its_bytes_stand(
    values: list[object], indent: int | None, is_ascii: bool
) -> None:
    body = json.dumps({"a": [values, values], "b": values}, indent=indent, ensure_ascii=is_ascii).encode()
    raws = ITEMS.decode(ITEMS.decode(MEMBERS.decode(body)["a"])[1])
    starts = offsets(body, raws)
    assert starts == sorted(starts)
    assert starts[0] > body.index(b"[", body.index(b"[") + 1)
    assert [body[start : start + len(raw)] for start, raw in zip(starts, raws, strict=True)] == [*map(bytes, raws)]
    assert [json.loads(bytes(raw)) for raw in raws] == values


def test_equal_values_have_offsets_of_their_own() -> None:
    body = b'{"x": "hi", "y": "hi"}'
    fields = MEMBERS.decode(body)
    assert offsets(body, [fields["y"], fields["x"]]) == [17, 6]


def test_of_a_duplicate_member_the_last_is_found() -> None:
    body = b'{"x": 1, "x" :2}'
    assert offsets(body, [MEMBERS.decode(body)["x"]]) == [14]


def test_insertions_go_where_they_say_whatever_their_order() -> None:
    assert splice(b"abc", [(3, b"Z"), (1, b"X"), (0, b"W"), (1, b"Y")]) == b"WaXYbcZ"


def test_nothing_inserted_changes_nothing() -> None:
    assert splice(b"abc", []) == b"abc"


@settings(deadline=None, max_examples=200)
@given(st.binary(max_size=30), st.lists(st.tuples(st.integers(0, 30), st.binary(max_size=5)), max_size=4))
def test_taking_the_insertions_out_gives_the_body_back(body: bytes, wanted: list[tuple[int, bytes]]) -> None:
    insertions = [(min(at, len(body)), inserted) for at, inserted in wanted]
    result = splice(body, insertions)
    for at, inserted in sorted(insertions, key=lambda insertion: insertion[0]):
        assert result[at : at + len(inserted)] == inserted
        result = result[:at] + result[at + len(inserted) :]
    assert result == body


@pytest.mark.promise("P5")
@settings(deadline=None, max_examples=100)
@given(st.text(st.characters(exclude_categories=()), max_size=20))
def test_a_quoted_text_is_ascii_and_reads_back(text: str) -> None:
    assert quoted(text).isascii()
    assert json.loads(quoted(text)) == text


@pytest.mark.parametrize(
    ("written", "read"),
    [
        (rb'"\ud800"', "\ufffd"),
        (rb'"\uDFFF!"', "\ufffd!"),
        (rb'"\ude00\ud83d"', "\ufffd\ufffd"),
        (rb'"\ud83d\ud83d\ude00"', "\ufffd\N{GRINNING FACE}"),
        (rb'"\ud83d\ude00\ud800"', "\N{GRINNING FACE}\ufffd"),
        (rb'"\ud800\n\\ud800\\\udc00"', "\ufffd\n\\ud800\\\ufffd"),
    ],
)
def test_lone_surrogates_are_read_as_replacement_characters(written: bytes, read: str) -> None:
    assert understood(written, msgspec.json.Decoder(str).decode) == read


def test_what_is_read_in_place_of_surrogates_has_the_same_offsets() -> None:
    body = rb'{"a": "\ud800\\\u00e9", "b": 1}'
    at = understood(body, lambda legible: offsets(legible, [MEMBERS.decode(legible)["b"]])[0])
    assert at == body.index(b"1}")


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"{",
        b"{} {}",
        b'{"a": "\xff"}',
        b'{"a": "\xed\xa0\x80"}',
        b'{"a": 01}',
        b'{"a": "\\ud8"}',
        b"\xef\xbb\xbf{}",
        b"[1]",
        b"[" * 100_000,
        b'{"a":' * 100_000,
    ],
)
def test_what_cannot_be_read_is_none(body: bytes) -> None:
    assert understood(body, MEMBERS.decode) is None
