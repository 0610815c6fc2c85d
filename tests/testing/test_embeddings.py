"""Vectors of the scripted upstream."""

from __future__ import annotations

import base64
import struct
from typing import Any

import msgspec
import pytest

from gateway.testing import Step
from gateway.testing.embeddings import EMBEDDING_SIZE, reply


def ask(**members: Any) -> Step:
    return reply(msgspec.json.encode(members))


def test_embeddings_are_the_same_as_floats_and_as_base64() -> None:
    (floats,) = ask(model="e", input="a b").chunks
    (packed,) = ask(input=["a b", [1, 2]], encoding_format="base64").chunks
    vector = msgspec.json.decode(floats)["data"][0]["embedding"]
    first, second = msgspec.json.decode(packed)["data"]
    assert len(vector) == EMBEDDING_SIZE
    assert struct.unpack(f"<{EMBEDDING_SIZE}f", base64.b64decode(first["embedding"])) == pytest.approx(vector)
    assert (first["index"], second["index"]) == (0, 1)


def test_texts_that_share_words_are_embedded_near_each_other() -> None:
    texts = ["the red cat", "a red cat", "quarterly tax forms", ""]
    (body,) = ask(input=texts, dimensions=256).chunks
    cat, same, other, empty = (item["embedding"] for item in msgspec.json.decode(body)["data"])

    def near(one: list[float], two: list[float]) -> float:
        return sum(a * b for a, b in zip(one, two, strict=True))

    assert near(cat, cat) == pytest.approx(1)
    assert near(cat, same) > 0.5 > near(cat, other)
    assert empty == [0.0] * 256


def test_what_is_no_text_is_refused() -> None:
    with pytest.raises(msgspec.ValidationError):
        ask(input=1)
