"""Places in a text that hold something, and what it is."""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Iterable, Sequence

import msgspec


class Span(msgspec.Struct, frozen=True, kw_only=True):
    """A place that holds something of one sort."""

    start: int
    end: int
    """In bytes of UTF-8."""
    name: str
    """The sort, as a placeholder names it."""
    order: int = 0
    """Where two sorts claim the same place, the lower one knows better what it is."""


def apart(spans: Iterable[Span]) -> list[Span]:
    """Places in order; those that overlap are one, named by who knows best."""
    merged: list[Span] = []
    for span in sorted(spans, key=lambda span: (span.start, -span.end)):
        last = merged[-1] if merged else None
        if last is None or span.start >= last.end:
            merged.append(span)
            continue
        best = min(last, span, key=lambda one: one.order)
        merged[-1] = Span(start=last.start, end=max(last.end, span.end), name=best.name, order=best.order)
    return merged


def beside(spans: Iterable[Span], others: Sequence[Span]) -> list[Span]:
    """The places that overlap none of the others, which are in order and apart."""
    starts = [other.start for other in others]

    def is_free(span: Span) -> bool:
        before = bisect_left(starts, span.end)
        return before == 0 or others[before - 1].end <= span.start

    return [span for span in spans if is_free(span)]
