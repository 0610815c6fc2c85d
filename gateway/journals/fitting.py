"""How much of the record is read at once for who looks at it; what is in it is not known here."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from itertools import accumulate

MOST_BYTES = 32 << 20
"""Of records together: a hundred calls of 64 MB each would be more than a gateway has."""


def fitting(sizes: Mapping[str, int], limit: int) -> Sequence[str]:
    """The first of some records, as many as may be read at once; one may be, however large it is.

    Args:
        sizes: in bytes, by name.
    """
    totals = accumulate(sizes.values())
    fit = [name for name, total in zip(sizes, totals, strict=True) if total <= MOST_BYTES]
    return fit[:limit] or list(sizes)[:1]
