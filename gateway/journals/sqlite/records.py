"""Values as bytes: MessagePack with field names, so that a record is still read after fields with defaults were added.

JSON can carry lone surrogates (half an emoji, cut by a client), and UTF-8 cannot. What enters the journal is made
well-formed here, once: such a half becomes U+FFFD. It knows no tables.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import TypeVar

import msgspec

from gateway.errors import ScopeError
from gateway.types import Exchange, Note

V = TypeVar("V", bound=msgspec.Struct)

_encode = msgspec.msgpack.Encoder().encode


def pack(value: V) -> tuple[V, bytes]:
    """A value as it can be stored, and its bytes."""
    try:
        return value, _encode(value)
    except UnicodeEncodeError:
        stored = msgspec.convert(_well_formed(msgspec.to_builtins(value)), type(value))
        return stored, _encode(stored)


def decoder(kind: type[V]) -> Callable[[bytes], V]:
    """Reads values of a kind; what it gives raises `msgspec.DecodeError` for bytes that are none."""
    return partial(_decoded, msgspec.msgpack.Decoder(kind).decode)


def pack_note(note: Note) -> bytes:
    """The bytes of a note of a packed exchange."""
    return _encode(note)


def _decoded(decode: Callable[[bytes], V], payload: bytes) -> V:
    """Text that is no UTF-8 is damage like any other, and so is a scope of nobody's; they have errors of their own."""
    try:
        return decode(payload)
    except (UnicodeDecodeError, ScopeError, RecursionError) as error:
        raise msgspec.DecodeError(str(error)) from error


unpack, unpack_note = decoder(Exchange), decoder(Note)


def well_formed(text: str) -> str:
    """The same text with every lone surrogate replaced; split pairs are joined."""
    try:
        text.encode()
    except UnicodeEncodeError:
        return text.encode("utf-16-le", "surrogatepass").decode("utf-16-le", "replace")
    return text


def _well_formed(value: object) -> object:
    if isinstance(value, str):
        return well_formed(value)
    if isinstance(value, dict):
        return {_well_formed(key): _well_formed(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [_well_formed(item) for item in value]
    return value
