"""Rows that are read one by one, so that one that is damaged hides no other.

What is in them is known by who asks for them, and what makes a record a damaged one by rows.py.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import suppress
from typing import Any, TypeVar

from gateway.journals.sqlite.rows import DAMAGE

T = TypeVar("T")


def readable(read: Callable[..., T], rows: Iterable[Sequence[Any]]) -> Iterator[T]:
    """What rows say, but for those that are damaged.

    Args:
        read: given the columns of one.
    """
    for row in rows:
        with suppress(*DAMAGE):
            yield read(*row)
