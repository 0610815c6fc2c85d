"""Requests that two readers of HTTP could take for different ones, as bytes, and what may come of each."""

from __future__ import annotations

import msgspec

SMUGGLED = b"GET /v1/smuggled HTTP/1.1\r\nHost: localhost\r\n\r\n"
"""What an attacker wants to be read as a request of its own."""

LAST = b"GET /livez HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n"
"""Follows everything, so that a connection that is still in step comes to its end."""

NO, LARGE, LATE = frozenset({400}), frozenset({413, 431}), frozenset({408})
YES = frozenset({200})


class Vector(msgspec.Struct, frozen=True, kw_only=True):
    """One attack."""

    name: str
    raw: bytes
    allowed: frozenset[int]
    """First statuses."""
    body: bytes | None = None
    """Of the one request that may reach the upstream; None: none may."""


def _get(target: bytes, *lines: bytes) -> bytes:
    return b"GET %b HTTP/1.1\r\n" % target + b"\r\n".join([b"Host: localhost", *lines, b"\r\n"])


def _post(*lines: bytes, body: bytes = b"") -> bytes:
    return b"\r\n".join([b"POST /v1/files HTTP/1.1", b"Host: localhost", *lines, b"\r\n"]) + body


def _chunked(body: bytes, *lines: bytes) -> bytes:
    return _post(b"Transfer-Encoding: chunked", *lines, body=body)


def _refused(name: str, raw: bytes, allowed: frozenset[int] = NO) -> Vector:
    return Vector(name=name, raw=raw + SMUGGLED + LAST, allowed=allowed)


def _passed(name: str, raw: bytes, body: bytes = b"abc", allowed: frozenset[int] = YES) -> Vector:
    return Vector(name=name, raw=raw + LAST, allowed=allowed, body=body)


CL, TE, ZERO = b"Content-Length: 3", b"Transfer-Encoding: chunked", b"0\r\n\r\n"
GOOD = _post(CL, body=b"abc")
WEBSOCKET = (b"Connection: Upgrade", b"Upgrade: websocket", b"Sec-WebSocket-Version: 13", b"Sec-WebSocket-Key: AAAA")

FRAMING = [
    _refused("length, then chunks", _post(b"Content-Length: 5", TE, body=ZERO)),
    _refused("chunks, then length", _post(TE, b"Content-Length: 5", body=ZERO)),
    _refused("chunks and length 0", _post(TE, b"Content-Length: 0", body=ZERO)),
    _refused("two lengths", _post(CL, b"Content-Length: 0", body=b"abc")),
    _refused("the same length twice", _post(CL, CL, body=b"abc")),
    _refused("length with a plus", _post(b"Content-Length: +3", body=b"abc")),
    _refused("negative length", _post(b"Content-Length: -3", body=b"abc")),
    _refused("lengths in a list", _post(b"Content-Length: 3, 3", body=b"abc")),
    _refused("length with a blank in it", _post(b"Content-Length: 3 3", body=b"abc")),
    _refused("length in hex", _post(b"Content-Length: 0x3", body=b"abc")),
    _refused("length beyond 64 bits", _post(b"Content-Length: 99999999999999999999999", body=b"abc")),
    _refused("empty length", _post(b"Content-Length:", body=b"abc")),
    _refused("length of a terabyte", _post(b"Content-Length: 1099511627776"), LARGE),
    _refused("chunked, identity", _post(b"Transfer-Encoding: chunked, identity", body=ZERO)),
    _refused("identity and length", _post(b"Transfer-Encoding: identity", CL, body=b"abc")),
    _refused("identity", _post(b"Transfer-Encoding: identity", body=b"")),
    _refused("xchunked", _post(b"Transfer-Encoding: xchunked", body=ZERO)),
    _refused("chunked twice", _post(TE, TE, body=ZERO)),
    _refused("gzip, chunked", _post(b"Transfer-Encoding: gzip, chunked", body=ZERO)),
    _refused("a quoted encoding", _post(b'Transfer-Encoding: "chunked"', body=ZERO)),
    _refused("an encoding with a vertical tab", _post(b"Transfer-Encoding: \x0bchunked", body=ZERO)),
    _refused("an encoding with a tab behind it", _post(b"Transfer-Encoding: chunked\t", body=ZERO)),
    _refused("an encoding on the next line", _post(b"Transfer-Encoding:\r\n chunked", CL, body=ZERO)),
    _refused("no encoding and length", _post(b"Transfer-Encoding:", CL, body=b"abc")),
    _refused("a blank before the colon", _post(b"Transfer-Encoding : chunked", CL, body=ZERO)),
    _refused("a name that is almost one", _post(b"Transfer\x00-Encoding: chunked", CL, body=ZERO)),
    _refused("chunks in HTTP/1.0", b"POST /v1/files HTTP/1.0\r\n" + TE + b"\r\n\r\n" + ZERO),
    _passed("length with a blank behind it", _post(b"Content-Length: 3 \t", body=b"abc")),
    _passed("a tab before the encoding", _post(b"Transfer-Encoding:\tchunked", body=b"3\r\nabc\r\n" + ZERO)),
    _passed("an encoding in capitals", _post(b"TRANSFER-ENCODING: CHUNKED", body=b"3\r\nabc\r\n" + ZERO)),
    _passed("length in the list of hops", _post(CL, b"Connection: keep-alive, content-length", body=b"abc")),
    _passed("a name with an underscore", _post(b"Content_Length: 99", CL, body=b"abc")),
]

CHUNKS = [
    _refused("a chunk of minus one", _chunked(b"-1\r\nabc\r\n" + ZERO)),
    _refused("a chunk beyond 64 bits", _chunked(b"fffffffffffffffff\r\nabc\r\n" + ZERO)),
    _refused("a chunk with 0x", _chunked(b"0x3\r\nabc\r\n" + ZERO)),
    _refused("a chunk size with a blank before it", _chunked(b" 3\r\nabc\r\n" + ZERO)),
    _refused("a chunk that is longer than it says", _chunked(b"3\r\nabcd\r\n" + ZERO)),
    _refused("a chunk size that ends with a bare LF", _chunked(b"3\nabc\r\n" + ZERO)),
    _refused("a chunk that ends with a bare LF", _chunked(b"3\r\nabc\n" + ZERO)),
    _refused("a chunk without its size", _chunked(b"\r\nabc\r\n" + ZERO)),
    _refused("an extension with a bare LF", _chunked(b"3;a\nb\r\nabc\r\n" + ZERO)),
    _refused("a flood of extensions", _chunked(b"3;" + b"a=b;" * 200_000), LARGE),
    _refused("a flood of trailers", _chunked(b"0\r\n" + b"a: b\r\n" * 200_000), LARGE),
    _refused("a trailer that is folded", _chunked(b"0\r\na: b\r\n c: d\r\n\r\n")),
    _refused("a bad chunk that nobody asked for yet", _chunked(b"xyz\r\n" + ZERO, b"Expect: 100-continue")),
    _passed("an extension", _chunked(b'3;a="b;c"\r\nabc\r\n' + ZERO)),
    _passed("zeros before a size", _chunked(b"0000000003\r\nabc\r\n" + ZERO)),
    _refused("a trailer with a length", _chunked(b"3\r\nabc\r\n0\r\nContent-Length: 50\r\n\r\n")),
    _passed("a trailer with a host", _chunked(b"3\r\nabc\r\n0\r\nHost: y\r\n\r\n")),
    _passed("trailers that name somebody", _chunked(b"3\r\nabc\r\n0\r\nX-Accrue-User: victim\r\n\r\n")),
]

LINES = [
    _refused("bare LF throughout", _post(CL, body=b"abc").replace(b"\r\n", b"\n")),
    _refused("a header that ends with a bare LF", b"GET /v1/a HTTP/1.1\r\nHost: localhost\nA: b\r\n\r\n"),
    _refused("a header that ends with a bare CR", b"GET /v1/a HTTP/1.1\r\nHost: localhost\rA: b\r\n\r\n"),
    _refused("a folded header", _get(b"/v1/a", b"A: b\r\n c")),
    _refused("a folded first header", b"GET /v1/a HTTP/1.1\r\n Host: localhost\r\n\r\n"),
    _refused("NUL in a value", _get(b"/v1/a", b"A: b\x00c")),
    _refused("DEL in a value", _get(b"/v1/a", b"A: b\x7fc")),
    _refused("NUL in the target", _get(b"/v1/a\x00b")),
    _refused("UTF-8 in the target", _get("/v1/é".encode())),
    _refused("a blank in the target", _get(b"/v1/a b")),
    _refused("a header without a colon", _get(b"/v1/a", b"A")),
    _refused("a header without a name", _get(b"/v1/a", b": b")),
    _refused("a name in brackets", _get(b"/v1/a", b"(a): b")),
    _refused("a very long first line", _get(b"/v1/" + b"a" * 200_000), LARGE),
    _refused("a very long value", _get(b"/v1/a", b"A: " + b"b" * 200_000), LARGE),
    _refused("30,000 headers", _get(b"/v1/a", *[b"A: b"] * 30_000), LARGE),
    _passed("10,000 headers", _post(CL, *[b"A: b"] * 10_000, body=b"abc"), allowed=YES | LARGE),
    _passed("empty lines before a request", b"\r\n\r\n" + GOOD),
]

TARGETS = [
    _refused("no host", b"GET /v1/a HTTP/1.1\r\n\r\n"),
    _refused("two hosts", _get(b"/v1/a", b"Host: y")),
    _refused("the same host twice", _get(b"/v1/a", b"Host: localhost")),
    _refused("a host that is a path", b"GET /v1/a HTTP/1.1\r\nHost: localhost/../y\r\n\r\n"),
    _refused("a host and a password", b"GET /v1/a HTTP/1.1\r\nHost: a:b@x\r\n\r\n"),
    _refused("a list of hosts", b"GET /v1/a HTTP/1.1\r\nHost: localhost, y\r\n\r\n"),
    _refused("another host in the target", _get(b"http://elsewhere/v1/a")),
    _refused("another scheme in the target", _get(b"ftp://x/v1/a")),
    _refused("CONNECT", b"CONNECT x:443 HTTP/1.1\r\nHost: localhost:443\r\n\r\n"),
    _refused("TRACE", b"TRACE /v1/a HTTP/1.1\r\nHost: localhost\r\n\r\n"),
    _refused("OPTIONS for the server", b"OPTIONS * HTTP/1.1\r\nHost: localhost\r\n\r\n"),
    _refused("a target without a slash", _get(b"v1/a")),
    _refused("a method in small letters", b"get /v1/a HTTP/1.1\r\nHost: localhost\r\n\r\n"),
    _passed("the same host in the target", _get(b"http://localhost/v1/a"), b""),
    _passed("slashes twice", _get(b"//elsewhere//v1//a"), b"", YES | {400, 403, 404}),
    _passed("dots", _get(b"/v1/../../a"), b"", YES | {400, 403, 404}),
    _passed("dots in hiding", _get(b"/v1/%2e%2e/%2e%2e/a"), b"", YES | {400, 403, 404}),
    _passed("a line end in hiding", _get(b"/v1/a%0d%0aHost:%20y"), b"", YES | {400, 403, 404}),
]

PROTOCOLS = [
    _refused("HTTP/0.9 by name", b"GET /v1/a HTTP/0.9\r\n\r\n"),
    Vector(name="HTTP/0.9", raw=b"GET /v1/a\r\n", allowed=NO | LATE),
    _refused("HTTP/1.2", b"GET /v1/a HTTP/1.2\r\nHost: localhost\r\n\r\n"),
    _refused("HTTP/2.0 by name", b"GET /v1/a HTTP/2.0\r\nHost: localhost\r\n\r\n"),
    _refused("the preface of HTTP/2", b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n\x00\x00\x00\x04\x00\x00\x00\x00\x00"),
    _refused("RTSP", b"DESCRIBE rtsp://x/v1/a RTSP/1.0\r\n\r\n"),
    _refused("ICE", b"SOURCE /v1/a ICE/1.0\r\n\r\n"),
    _refused("the beginning of TLS", b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03"),
    _refused("a WebSocket with a body", _get(b"/v1/realtime", *WEBSOCKET, b"Content-Length: 39")),
    _refused("a WebSocket in chunks", _get(b"/v1/realtime", *WEBSOCKET, TE)),
    _refused("a WebSocket of two hosts", _get(b"/v1/realtime", *WEBSOCKET, b"Host: y")),
    _passed("HTTP/2 offered over a body", _post(b"Connection: Upgrade", b"Upgrade: h2c", CL, body=b"abc")),
    _passed("a WebSocket by POST", _post(*WEBSOCKET, CL, body=b"abc")),
    _passed("a body of GET", _get(b"/v1/a", CL) + b"abc"),
    _passed("100-continue", _post(b"Expect: 100-continue", CL, body=b"abc"), allowed=YES | {100}),
    _passed("an unknown expectation", _post(b"Expect: the-worst", CL, body=b"abc"), allowed=YES | {417}),
]

TIMES = [
    Vector(name="half a head", raw=b"POST /v1/files HTTP/1.1\r\nHost:", allowed=LATE),
    Vector(name="half a body", raw=_post(b"Content-Length: 9", body=b"abc"), allowed=LATE),
    Vector(name="half a chunk", raw=_chunked(b"9\r\nabc"), allowed=LATE),
    Vector(name="no last chunk", raw=_chunked(b"3\r\nabc\r\n"), allowed=LATE),
    Vector(name="a bad one behind a good one", raw=GOOD + b"\x00" + SMUGGLED + LAST, allowed=YES, body=b"abc"),
    Vector(name="one behind the last", raw=LAST + SMUGGLED, allowed=YES),
]

VECTORS = [*FRAMING, *CHUNKS, *LINES, *TARGETS, *PROTOCOLS, *TIMES]
