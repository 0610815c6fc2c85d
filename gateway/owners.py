"""Whose a memory is, read from the one key that it lies under: the way back from `Scope.owner`."""

from __future__ import annotations

from gateway.errors import ScopeError
from gateway.types import Scope


def scope_of(owner: str) -> Scope:
    """The scope that has this owner. Raises `ScopeError` for a key that is nobody's."""
    length, _, rest = owner.partition(":")
    size = int(length) if length.isdecimal() else 0
    tenant, sort, name = rest[:size], rest[size : size + 1], rest[size + 1 :].partition(":")[2]
    scope = Scope(
        tenant=tenant,
        user=name if sort == "u" else None,
        session=name if sort == "s" else "",
        is_shared=sort == "t",
    )
    if scope.owner != owner:
        raise ScopeError("this is no owner's key")
    return scope
