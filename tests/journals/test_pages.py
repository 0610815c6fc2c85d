"""gateway/journals/pages.py: a place is read as it was made, and nothing else is a place."""

from __future__ import annotations

import math
from base64 import urlsafe_b64encode

import msgspec
import pytest

from gateway.errors import BadRequest
from gateway.journals.pages import order, place


class Named(msgspec.Struct, frozen=True, array_like=True):
    at: float = math.inf
    name: str = ""


def packed(order: object) -> str:
    return urlsafe_b64encode(msgspec.msgpack.encode(order)).decode()


@pytest.mark.parametrize("one", [Named(0.0), Named(1.1, "ann/é\x00"), Named(-1e300, "x" * 9_000)])
def test_the_order_behind_a_place_is_that_of_which_it_was_made(one: Named) -> None:
    made = place(one)
    assert order(made, Named()) == one
    assert made.replace("-", "").replace("_", "").rstrip("=").isalnum()


def test_an_empty_place_is_before_all_entries() -> None:
    assert order("", Named(7.0)) == Named(7.0)


@pytest.mark.parametrize(
    "text",
    [
        "x",
        "????",
        "é",
        "gA==",
        packed(["a", 1.0]),
        packed({"at": 1.0}),
        "kf8" * 900,
        place(Named(math.nan)),
        place(Named(-math.inf)),
    ],
)
def test_what_is_no_place_is_refused(text: str) -> None:
    with pytest.raises(BadRequest, match="place: this is none of this listing's"):
        order(text, Named())
