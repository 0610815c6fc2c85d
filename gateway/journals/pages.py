"""Where a page of a listing ended, as text that a caller hands back for the next one: the last entry's own order."""

from __future__ import annotations

from base64 import urlsafe_b64decode, urlsafe_b64encode
from typing import TypeVar

import msgspec

from gateway.errors import BadRequest

Order = TypeVar("Order")


def place(order: object) -> str:
    """The place behind an entry of this order."""
    return urlsafe_b64encode(msgspec.msgpack.encode(order)).decode()


def order(place: str, first: Order) -> Order:
    """The order of the entry behind which a place is. Raises `BadRequest` for what is none.

    Args:
        first: stands before all entries, for an empty place; and for the type.
    """
    if not place:
        return first
    try:
        return msgspec.msgpack.decode(urlsafe_b64decode(place.encode()), type=type(first))
    except (ValueError, RecursionError) as error:
        raise BadRequest("place: this is none of this listing's", code="invalid_place", param="place") from error
