"""A JSON document written for people, with what another one lacks told apart.

It knows that things were only added: words in a text, items in a list, members of an object.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import msgspec

STEP = "  "


class Piece(msgspec.Struct, frozen=True, kw_only=True):
    """Some of the text, from its beginning to its end."""

    text: str
    is_new: bool = False


def inserted(before: Any, after: Any, indent: str = "\n") -> Iterator[Piece]:
    """What is there by now, in its order.

    Args:
        indent: how a line begins.
    """
    if isinstance(before, dict) and isinstance(after, dict):
        yield from _object(before, after, indent)
    elif isinstance(before, list) and isinstance(after, list):
        yield from _list(before, after, indent)
    elif isinstance(before, str) and isinstance(after, str):
        yield from _text(before, after)
    else:
        yield Piece(text=_written(after, indent), is_new=before != after)


def _object(before: Mapping[str, Any], after: Mapping[str, Any], indent: str) -> Iterator[Piece]:
    opening = "{"
    for name, value in after.items():
        key = f"{opening}{indent}{STEP}{json.dumps(name, ensure_ascii=False)}: "
        if name in before:
            yield Piece(text=key)
            yield from inserted(before[name], value, indent + STEP)
        else:
            yield Piece(text=key + _written(value, indent + STEP), is_new=True)
        opening = ","
    yield Piece(text=f"{indent}}}" if after else "{}")


def _list(before: Sequence[Any], after: Sequence[Any], indent: str) -> Iterator[Piece]:
    begins = _alike(before, after)
    ends = begins + len(after) - len(before)
    opening = "["
    for place, value in enumerate(after):
        lead = f"{opening}{indent}{STEP}"
        if begins <= place < ends:
            yield Piece(text=lead + _written(value, indent + STEP), is_new=True)
        else:
            yield Piece(text=lead)
            yield from inserted(before[place if place < begins else place - (ends - begins)], value, indent + STEP)
        opening = ","
    yield Piece(text=f"{indent}]" if after else "[]")


def _text(before: str, after: str) -> Iterator[Piece]:
    begins = _alike(before, after)
    ends = len(after) - _alike(before[begins:][::-1], after[begins:][::-1])
    yield Piece(text='"' + _escaped(after[:begins]))
    if begins < ends:
        yield Piece(text=_escaped(after[begins:ends]), is_new=True)
    yield Piece(text=_escaped(after[ends:]) + '"')


def _alike(one: Sequence[Any], other: Sequence[Any]) -> int:
    """How much of their beginnings is the same."""
    pairs = enumerate(zip(one, other, strict=False))
    return next((place for place, (left, right) in pairs if left != right), min(len(one), len(other)))


def _written(value: Any, indent: str) -> str:
    return json.dumps(value, ensure_ascii=False, indent=len(STEP)).replace("\n", indent)


def _escaped(text: str) -> str:
    return json.dumps(text, ensure_ascii=False)[1:-1]
