"""An answer that is read before it is passed on, and passes on as it came: same chunks, same fault at their end."""

from __future__ import annotations

from collections.abc import AsyncGenerator

import msgspec

from gateway import encodings
from gateway.errors import RequestError
from gateway.headers import first_value
from gateway.ports import Incoming


class Peeked(msgspec.Struct, frozen=True, kw_only=True):
    """An answer and what was read of it."""

    incoming: Incoming
    """In place of the answer."""
    body: bytes | None
    """All of it, without its content encoding; None when it is too long, broke off or cannot be decoded."""


async def peeked(incoming: Incoming, limit: int) -> Peeked:
    """Read an answer of up to `limit` bytes. Never raises what the upstream raises: its chunks do, in their place."""
    heard: list[bytes] = []
    size, error = 0, None
    try:
        async for chunk in incoming.chunks:
            heard.append(chunk)
            size += len(chunk)
            if size > limit:
                break
    except RequestError as broken:
        error = broken
    again = msgspec.structs.replace(incoming, chunks=_again(heard, incoming.chunks, error))
    if error is not None or size > limit:
        return Peeked(incoming=again, body=None)
    body = encodings.decode(b"".join(heard), first_value(incoming.headers, b"content-encoding"))
    return Peeked(incoming=again, body=body)


async def _again(
    heard: list[bytes], rest: AsyncGenerator[bytes, None], error: RequestError | None
) -> AsyncGenerator[bytes, None]:
    try:
        for chunk in heard:
            yield chunk
        if error is not None:
            raise error
        async for chunk in rest:
            yield chunk
    finally:
        await rest.aclose()
