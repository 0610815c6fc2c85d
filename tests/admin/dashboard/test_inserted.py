"""What was added to a document is told from what was there, and nothing else is."""

from __future__ import annotations

import json
from typing import Any

import pytest

from gateway.admin.dashboard.inserted import inserted
from gateway.shapes.chat import SHAPE
from gateway.types import Note

PAIRS: list[tuple[Any, Any, list[str]]] = [
    ({"a": 1}, {"a": 1}, []),
    ({"a": "hello"}, {"a": "hello there"}, [" there"]),
    ({"a": "hello"}, {"a": "oh hello"}, ["oh "]),
    ({"a": "aa"}, {"a": "aaa"}, ["a"]),
    ({"a": ""}, {"a": 'a "b"\n'}, ['a \\"b\\"\\n']),
    ({"a": [1]}, {"a": [1, {"b": 2}]}, [',\n    {\n      "b": 2\n    }']),
    ({"a": [{"b": 1}, 2]}, {"a": [0, {"b": 1}, 2]}, ["[\n    0"]),
    ({"a": [], "b": {}}, {"a": [], "b": {}}, []),
    ({"a": []}, {"a": ["é"]}, ['[\n    "é"']),
    ({}, {"a": {"b": []}}, ['{\n  "a": {\n    "b": []\n  }']),
    ({"a": None}, {"a": "b"}, ['"b"']),
]


@pytest.mark.parametrize(("before", "after", "new"), PAIRS)
def test_what_is_new_is_marked_and_all_of_it_is_written(before: Any, after: Any, new: list[str]) -> None:
    pieces = list(inserted(before, after))
    assert [piece.text for piece in pieces if piece.is_new] == new
    assert "".join(piece.text for piece in pieces) == json.dumps(after, indent=2, ensure_ascii=False)


def test_a_note_in_a_call_is_all_that_is_marked() -> None:
    messages = [
        {"role": "system", "content": "Be kind."},
        {"role": "user", "content": [{"type": "text", "text": "Hi"}]},
    ]
    call = SHAPE.read(json.dumps({"model": "gpt-4o", "messages": messages}).encode())
    assert call is not None
    sent = SHAPE.place(call, [Note(where=slot.where, text=f"Note {n}.") for n, slot in enumerate(call.slots)])
    marked = "".join(piece.text for piece in inserted(json.loads(call.body), json.loads(sent)) if piece.is_new)
    assert ("Note 0." in marked, "Note 1." in marked, "Be kind." in marked, "Hi" in marked) == (
        True,
        True,
        False,
        False,
    )
