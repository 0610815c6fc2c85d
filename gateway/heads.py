"""Which requests are let in, judged by their heads: what two readers of HTTP could understand in two ways is not.

The parser has refused what is no HTTP at all (llhttp, with no leniency on): line ends, blanks and control characters
where none may be, lengths that are no numbers. Here stands what is left to judge. How heads arrive is known elsewhere.
"""

from __future__ import annotations

import re

import msgspec

from gateway.errors import BadRequest, Forbidden, HeadersTooLarge, TooLarge
from gateway.ports import Headers
from gateway.sections import Server

METHODS = frozenset((b"GET", b"HEAD", b"POST", b"PUT", b"PATCH", b"DELETE", b"OPTIONS"))
"""The parser knows those of RTSP, WebDAV and UPnP as well, and CONNECT."""

_HOST = re.compile(rb"(?:[A-Za-z0-9._-]+|\[[0-9A-Fa-f:.]+(?:%[A-Za-z0-9._~-]+)?\])(?::[0-9]{1,5})?")
"""Names as they are in the DNS and among containers, and addresses (RFC 9110, 7.2), for once not empty."""

_LOCAL = re.compile(
    rb"(?:localhost|127(?:\.\d{1,3}){3}|\[::1\]|[\w.-]+\.(?:localhost|local|internal))(?::\d{1,5})?", re.IGNORECASE
)
"""Names that only this machine, its containers and its own network give."""

_LENGTH = re.compile(rb"[0-9]{1,19}")
_ABSOLUTE = re.compile(rb"https?://([^/?#]+)/", re.IGNORECASE)

MAX_SHOWN_BYTES = 80
"""Of what is wrong, in the answer that says so."""


class Head(msgspec.Struct, frozen=True, kw_only=True):
    """What comes before the body of a request, as the parser read it."""

    method: bytes
    target: bytes
    version: str
    """`1.1`."""
    headers: Headers
    """Names in lower case."""

    @property
    def path(self) -> bytes:
        """The target without its query."""
        return self.target.partition(b"?")[0]


def check(head: Head, limits: Server, *, is_handshake: bool, is_local_only: bool = False) -> None:
    """Raise `RequestError` for what is not let in.

    Args:
        is_local_only: nothing but the address keeps others out.
    """
    if head.version not in ("1.0", "1.1"):
        raise _bad(f"HTTP/{head.version} is not spoken here: HTTP/1.1 is")
    if head.method not in METHODS:
        raise _bad("no API has this method", head.method)
    size = len(head.target) + sum(len(name) + len(value) + len(": \r\n") for name, value in head.headers)
    if size > limits.max_header_bytes:
        raise too_large_head(limits.max_header_bytes)
    _check_address(head)
    if is_local_only:
        _check_local(head)
    _check_framing(head, limits.max_body_bytes, is_handshake=is_handshake)


def too_large_head(limit: int) -> HeadersTooLarge:
    """What is said of one."""
    return HeadersTooLarge(f"the headers are larger than {limit} bytes", code="headers_too_large")


def too_large_body(limit: int) -> TooLarge:
    """What is said of one."""
    return TooLarge(f"the body is larger than {limit} bytes", code="body_too_large")


def _check_address(head: Head) -> None:
    """One host, and a path on it (RFC 9112, 3.2)."""
    hosts = _values(head, b"host")
    if len(hosts) > 1 or (not hosts and head.version == "1.1"):
        raise _bad(f"a request names one host, and this one {len(hosts)}")
    if hosts and not _HOST.fullmatch(hosts[0]):
        raise _bad("this is no host", hosts[0])
    if head.target.startswith(b"/"):
        return
    absolute = _ABSOLUTE.match(head.target)
    if absolute is None or hosts != [absolute[1]]:
        raise _bad("the target is a path, and this is not", head.target)


def _check_local(head: Head) -> None:
    """No page of elsewhere: neither by a name that it bound to this machine, nor by a WebSocket, which has no CORS."""
    origins = [value.partition(b"://")[2] for value in _values(head, b"origin") if value.lower().startswith(b"http")]
    for name in (*_values(head, b"host"), *origins):
        if not _LOCAL.fullmatch(name):
            raise Forbidden(
                f"this gateway serves this machine alone, and {name[:MAX_SHOWN_BYTES].decode('latin-1')} is another: "
                "`auth.mode: keys` or `auth.allow_public: true` let others in",
                code="foreign_origin",
            )


def _check_framing(head: Head, max_body_bytes: int, *, is_handshake: bool) -> None:
    """One way to tell where the body ends (RFC 9112, 6)."""
    encodings, lengths = _values(head, b"transfer-encoding"), _values(head, b"content-length")
    if encodings and lengths:
        raise _bad("a request has a content-length or a transfer-encoding, and not both")
    if encodings and (len(encodings) > 1 or encodings[0].lower() != b"chunked" or head.version == "1.0"):
        raise _bad("the one transfer-encoding that is known is chunked, in HTTP/1.1", b", ".join(encodings))
    if len(lengths) > 1 or (lengths and not _LENGTH.fullmatch(lengths[0])):
        raise _bad("this is no content-length", b", ".join(lengths))
    if lengths and int(lengths[0]) > max_body_bytes:
        raise too_large_body(max_body_bytes)
    if is_handshake and (encodings or lengths not in ([], [b"0"])):
        raise _bad("a WebSocket handshake has no body")


def _values(head: Head, name: bytes) -> list[bytes]:
    return [value for line, value in head.headers if line == name]


def _bad(message: str, shown: bytes = b"") -> BadRequest:
    tail = f": {shown[:MAX_SHOWN_BYTES].decode('latin-1')}" if shown else ""
    return BadRequest(message + tail, code="invalid_http")
