"""How much of a proof is run: enough to see it fail in CI, or all that was promised, with `pytest --long`."""

from __future__ import annotations

from typing import TypeVar

Size = TypeVar("Size")

_chosen = {"is_long": False}


def choose(*, is_long: bool) -> None:
    """Take the choice of the command line, before any test is collected."""
    _chosen["is_long"] = is_long


def scaled(short: Size, long: Size) -> Size:
    """The size of a proof."""
    return long if _chosen["is_long"] else short
