"""The model that a request names where nobody has read it yet, for routes that go by it.

Knows JSON and content encodings. Which upstream a model leads to is known by gateway/upstreams/routed.py.
"""

from __future__ import annotations

import asyncio
from typing import Any

import msgspec

from gateway import encodings
from gateway.body import Body
from gateway.errors import BadRequest, TooLarge
from gateway.headers import first_value
from gateway.ports import Outgoing

THREADED_READ_BYTES = 256 * 1024
"""A larger body is read off the event loop, as is a compressed one, which may grow."""

CODE = "model_unknown"


class _Named(msgspec.Struct):
    model: Any = None


_NAMED = msgspec.json.Decoder(_Named)


async def with_model(request: Outgoing, max_held_bytes: int) -> Outgoing:
    """The request with the model that its body names, if any; JSON that is still arriving is held for it.

    Raises `TooLarge` for JSON above `max_held_bytes` and `BadRequest` for JSON that cannot be read: a guess would send
    words and credential to somebody they are not meant for. Any other body is only looked at where it is whole.
    """
    if request.model:
        return request
    body = request.body
    is_json = first_value(request.headers, b"content-type").partition(";")[0].strip().lower() == "application/json"
    if is_json and not isinstance(body, bytes | None):
        body = await Body(body, length=None).read(max_held_bytes)
        if body is None:
            told = f"the route depends on the model, and a body above {max_held_bytes} bytes is not read for it"
            raise TooLarge(told, code=CODE, param="model")
    if not isinstance(body, bytes):
        return request
    coding = first_value(request.headers, b"content-encoding")
    is_long = bool(coding) or len(body) > THREADED_READ_BYTES
    model = await asyncio.to_thread(_named_in, body, coding) if is_long else _named_in(body, coding)
    if model is None and is_json:
        raise BadRequest("the route depends on the model, which cannot be read from the body", code=CODE, param="model")
    return msgspec.structs.replace(request, body=body, model=model or "")


def _named_in(body: bytes, coding: str) -> str | None:
    """The model, empty where the body names none; None when that cannot be told."""
    if not body:
        return ""
    try:
        model = _NAMED.decode(encodings.decode(body, coding) or b"").model
    except msgspec.ValidationError:
        return ""  # JSON, and no object
    except (msgspec.DecodeError, UnicodeError, RecursionError):
        return None
    return "" if model is None else model if isinstance(model, str) else None
