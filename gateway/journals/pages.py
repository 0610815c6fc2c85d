"""Where a page of a listing ended, as text that a caller hands back for the next one: the last entry's own order."""

from __future__ import annotations

import math
from base64 import urlsafe_b64decode, urlsafe_b64encode
from contextlib import suppress
from typing import TypeVar

import msgspec

from gateway.errors import BadRequest

Order = TypeVar("Order", bound=msgspec.Struct)


def place(order: msgspec.Struct) -> str:
    """The place behind an entry of this order."""
    return urlsafe_b64encode(msgspec.msgpack.encode(order)).decode()


def order(place: str, first: Order) -> Order:
    """The order of the entry behind which a place is. Raises `BadRequest` for what is none.

    Args:
        first: stands before all entries, for an empty place; and for the type.
    """
    if not place:
        return first
    with suppress(ValueError, RecursionError):
        read = msgspec.msgpack.decode(urlsafe_b64decode(place.encode()), type=type(first))
        if all(math.isfinite(one) for one in msgspec.structs.astuple(read) if isinstance(one, float)):
            return read
    raise BadRequest("place: this is none of this listing's", code="invalid_place", param="place")
