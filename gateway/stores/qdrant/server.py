"""The client of a Qdrant server, and what its errors become.

Nothing is retried here, and nothing connects before it is asked. Who asks on a call's way has a deadline of its own
and gives up by cancelling; the client's timeout is for the rest. REST, and not gRPC: one port and one URL, also through
a proxy, and with gRPC the client converts every value twice.
"""

from __future__ import annotations

import math
from collections.abc import Awaitable
from typing import TypeVar

import httpx
import msgspec
from pydantic import ValidationError
from qdrant_client import AsyncQdrantClient
from qdrant_client.http.exceptions import ResponseHandlingException, UnexpectedResponse

from gateway.errors import MemoryUnavailable

CONNECTIONS, KEPT = 64, 32
"""At once and kept open. The client's default keeps none to this machine: each question would shake hands anew."""

COMPLAINT_CHARS = 200

Answer = TypeVar("Answer")


def connect(url: str, api_key: str | None, timeout_s: float) -> AsyncQdrantClient:
    """A client that has not connected. Blocks while certificates are read.

    Args:
        timeout_s: the server's longest silence; in whole seconds, rounded up.
    """
    return AsyncQdrantClient(
        url=url,
        # As a header, because the client warns of a key on http:// each time, also where that is a private network.
        headers={} if api_key is None else {"api-key": api_key},
        timeout=math.ceil(timeout_s),
        check_compatibility=False,  # it would ask from a thread of its own, and print what it thinks
        limits=httpx.Limits(max_connections=CONNECTIONS, max_keepalive_connections=KEPT),
    )


async def asked(question: Awaitable[Answer]) -> Answer:
    """The server's answer. Raises `MemoryUnavailable` for whatever else comes."""
    try:
        return await question
    except Exception as error:
        # The client raises its own errors, pydantic's for an answer it does not understand, bare asserts; and the
        # in-process engine ValueError for what the server calls 400 and 404.
        raise MemoryUnavailable(f"qdrant: {_cause(error)}") from error


def _cause(error: Exception) -> str:
    if isinstance(error, UnexpectedResponse):
        return f"{error.status_code} {_complaint(error)}"[:COMPLAINT_CHARS]
    if isinstance(error, ResponseHandlingException):
        error = error.source
    if isinstance(error, ValidationError):
        return "an answer that is none of Qdrant's"  # the error itself would quote from it
    return f"{type(error).__name__}: {error}"[:COMPLAINT_CHARS]


def _complaint(error: UnexpectedResponse) -> str:
    try:
        return msgspec.json.decode(error.content, type=_Refusal).status.error
    except msgspec.DecodeError:
        return str(error.reason_phrase)


class _Status(msgspec.Struct):
    error: str


class _Refusal(msgspec.Struct):
    """How Qdrant refuses."""

    status: _Status
