"""Which headers travel on, and the two answers of an upstream that need a reaction of ours.

Pure functions over bytes. How bytes get there and back is known by gateway/upstreams/; what is said to whom by
gateway/pipeline.py.
"""

from __future__ import annotations

import msgspec

from gateway.errors import CONTEXT_OVERFLOW, RequestError
from gateway.ports import Headers

HOP_BY_HOP = frozenset(
    (
        b"connection",
        b"keep-alive",
        b"proxy-authenticate",
        b"proxy-authorization",
        b"proxy-connection",
        b"te",
        b"trailer",
        b"transfer-encoding",
        b"upgrade",
    )
)
"""Meant for one connection only: RFC 9110 §7.6.1, and §11.7 for the two of a proxy's own authentication."""

_NOT_ONWARD = HOP_BY_HOP | {
    b"host",  # names us, not the upstream
    b"content-length",  # set from the body that is sent
    b"expect",  # already answered by our server; forwarded, the body would wait for a second `100 Continue`
}
_OURS = b"x-accrue-"

_OVERFLOW_WORDS = ("maximum context length", "context window", "prompt is too long")
"""OpenAI and vLLM; OpenAI's /responses; Anthropic. Not every server that copies the API copies the code."""


class _Fault(msgspec.Struct):
    code: str | int | None = None
    message: str | None = None


class _FaultBody(msgspec.Struct):
    error: _Fault


_FAULT_BODY = msgspec.json.Decoder(_FaultBody)


def outgoing_headers(headers: Headers) -> Headers:
    """The client's headers for the upstream, in order; our own and those of the connection are left out."""
    dropped = _NOT_ONWARD | _named_by_connection(headers)
    return [line for line in headers if (name := line[0].lower()) not in dropped and not name.startswith(_OURS)]


def answer_headers(headers: Headers) -> Headers:
    """The upstream's headers for the client, in order; those of the connection are left out."""
    dropped = HOP_BY_HOP | _named_by_connection(headers)
    return [line for line in headers if line[0].lower() not in dropped]


def is_context_overflow(status: int, body: bytes) -> bool:
    """Whether the upstream refused because the prompt is too long for the model. `body` is decoded of its encoding."""
    if status != 400:
        return False
    try:
        fault = _FAULT_BODY.decode(body).error
    except msgspec.DecodeError:
        return False
    message = (fault.message or "").lower()
    return fault.code == CONTEXT_OVERFLOW or any(words in message for words in _OVERFLOW_WORDS)


def interrupted_event(error: RequestError, *, is_named: bool = False) -> bytes:
    """The server-sent event that says an answer broke off; SDKs raise on it, and take a silent end for success.

    Args:
        is_named: whether it has an `event:` line. Anthropic's SDKs skip events without one, and some of OpenAI's fail
            on events with a name they do not know.
    """
    name = b"event: error\n" if is_named else b""
    body = error.body.removesuffix(b"}") + b',"sequence_number":0}'  # which events of /responses must have
    return name + b"data: " + body + b"\n\n"


def _named_by_connection(headers: Headers) -> frozenset[bytes]:
    values = [value for name, value in headers if name.lower() == b"connection"]
    return frozenset(token.strip().lower() for value in values for token in value.split(b","))
