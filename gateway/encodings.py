"""Reading compressed bodies for the record. What the client and the upstream get is never touched here."""

from __future__ import annotations

import zlib
from collections.abc import Callable

import brotli
import zstandard

MAX_DECODED_BYTES = 32 * 1024 * 1024
"""A body that grows beyond this is not a conversation; reading stops there, and so does a decompression bomb."""

MAX_CODINGS = 2
"""Nobody means more; each further one could be another bomb."""

_ZLIB_ANY = 32 + zlib.MAX_WBITS
_ERRORS = (zlib.error, brotli.error, zstandard.ZstdError, ValueError)


def decode(body: bytes, encoding: str, limit: int = MAX_DECODED_BYTES) -> bytes | None:
    """The body without its content encoding; None for an unknown encoding, broken data or more than `limit` bytes.

    Of a body that was cut off it is the part that can be read: half an answer still belongs on record.

    Args:
        body: bytes as they were on the wire.
        encoding: value of `content-encoding`, possibly a list; codings are undone in reverse order (RFC 9110, 8.4).
    """
    codings = [name.strip().lower() for name in encoding.split(",") if name.strip()]
    if len(codings) > MAX_CODINGS:
        return None
    for coding in reversed(codings):
        if coding == "identity":
            continue
        undo = _CODINGS.get(coding)
        decoded = None if undo is None else _undo(undo, body, limit)
        if decoded is None or len(decoded) > limit:
            return None
        body = decoded
    return body


def _undo(undo: Callable[[bytes, int], bytes], body: bytes, limit: int) -> bytes | None:
    try:
        return undo(body, limit)
    except _ERRORS:
        return None


def _zlib(body: bytes, limit: int) -> bytes:
    return zlib.decompressobj(_ZLIB_ANY).decompress(body, limit + 1)


def _deflate(body: bytes, limit: int) -> bytes:
    """Servers disagree on whether `deflate` has zlib's header; both are read."""
    try:
        return _zlib(body, limit)
    except zlib.error:
        return zlib.decompressobj(-zlib.MAX_WBITS).decompress(body, limit + 1)


def _brotli(body: bytes, limit: int) -> bytes:
    """Told a limit, the decompressor hands out what it has in pieces and is asked for more with no bytes."""
    decompressor = brotli.Decompressor()
    pieces: list[bytes] = [decompressor.process(body, output_buffer_limit=limit + 1)]
    size = len(pieces[0])
    while pieces[-1] and size <= limit:
        pieces.append(decompressor.process(b"", output_buffer_limit=limit + 1 - size))
        size += len(pieces[-1])
    return b"".join(pieces)


def _zstd(body: bytes, limit: int) -> bytes:
    return zstandard.ZstdDecompressor().stream_reader(body, read_across_frames=True).read(limit + 1)


_CODINGS: dict[str, Callable[[bytes, int], bytes]] = {
    "gzip": _zlib,
    "x-gzip": _zlib,
    "deflate": _deflate,
    "br": _brotli,
    "zstd": _zstd,
}
