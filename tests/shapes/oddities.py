"""JSON as sloppy clients write it: odd whitespace, duplicate members, escapes, numbers that no parser keeps."""

from __future__ import annotations

import json

import msgspec
from hypothesis import strategies as st

words = st.text(st.characters(exclude_categories=()), max_size=8)
odd = st.sampled_from([b"1.0", b"1e400", b"-0.0", b"12345678901234567890123", b'"\\u00e9\\/\\ud83d\\ude00"', b"[]"])
unknown = st.recursive(
    odd.map(msgspec.Raw) | words | st.none(),
    lambda inner: st.lists(inner, max_size=2) | st.dictionaries(words.map("x-{}".format), inner, max_size=2),
    max_leaves=5,
)


def written(draw: st.DrawFn, value: object) -> str:
    """JSON of a value; a `Raw` value stands as it is."""
    if isinstance(value, msgspec.Raw):
        return bytes(value).decode()
    if isinstance(value, list):
        items = [_spaces(draw) + written(draw, item) + _spaces(draw) for item in value]
        return "[" + (",".join(items) or _spaces(draw)) + "]"
    if isinstance(value, dict):
        members = list(value.items())
        if members:
            name, member = members[-1]
            twice: list[tuple[str, object]] = draw(st.sampled_from([[], [(name, member)], [(name, None)]]))
            members = twice + members  # of a duplicate the last one counts
        pairs = [
            f"{json.dumps(name)}{_spaces(draw)}:{_spaces(draw)}{written(draw, member)}" for name, member in members
        ]
        return "{" + _spaces(draw) + f"{_spaces(draw)},{_spaces(draw)}".join(pairs) + _spaces(draw) + "}"
    is_ascii: bool = draw(st.booleans())
    return json.dumps(value, ensure_ascii=is_ascii or _has_lone_surrogates(value))


def _spaces(draw: st.DrawFn) -> str:
    return draw(st.sampled_from(["", " ", "\n\t", "\r\n  "]))


def _has_lone_surrogates(value: object) -> bool:
    """Those have no UTF-8, and can only be written as escapes."""
    return any("\ud800" <= letter <= "\udfff" for letter in str(value))
