"""What every store goes by alike: whose a memory is, which text can be stored, how many are told of at all."""

from __future__ import annotations

from gateway.errors import ScopeError
from gateway.types import Scope

MAX_PINNED = 200
"""Of a kind are told of at all: no budget has room for more, and who says always a thousand times means none of it."""


def owner_of(scope: Scope) -> str:
    """The key of every call. Raises `ScopeError` when there is none, or none that can be told from another's."""
    owner = scope.owner
    try:
        owner.encode()
    except UnicodeEncodeError as error:
        raise ScopeError("a scope's names must be text that can be stored") from error
    return owner


def encodable(text: str) -> str:
    """The text with `?` for half a surrogate pair, which has no UTF-8 form; decoders refuse it before us."""
    return text.encode(errors="replace").decode()
