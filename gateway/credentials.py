"""The one credential of a request: where clients put it, and what it is known by here.

It is not kept, and no complaint shows it. Whose it is, where keys are issued, is known by gateway/admission.py.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from urllib.parse import unquote

import msgspec

from gateway.errors import BadRequest
from gateway.headers import CREDENTIAL_HEADERS, KEY_PROTOCOL, is_key_parameter, is_key_protocol, protocols
from gateway.ports import Headers

BEARER = "bearer"

PROTOCOL_HEADER = b"sec-websocket-protocol"


class Credential(msgspec.Struct, frozen=True, kw_only=True):
    """A credential as it stands in a request."""

    place: bytes
    """The header, or `query`."""
    value: bytes
    """All that stands there."""
    key: str
    """The key alone, which is the same in whatever place; empty where a client left it empty."""


def credential(headers: Headers, query: str = "") -> Credential | None:
    """The credential of a request; None where there is none. One in several places counts as in the first of them.

    Raises `BadRequest` for two that differ: it could not be said whose memory is meant.
    """
    sent = [*_in_headers(headers), *_in_protocols(headers), *_in_query(query)]
    filled = [one for one in sent if one.key]
    if len({one.key for one in filled}) > 1:
        places = ", ".join(dict.fromkeys(one.place.decode() for one in filled))
        raise BadRequest(f"different credentials in one request ({places}): send one", code="ambiguous_credentials")
    return next(iter(filled or sent), None)


def tenant(sent: Credential | None, secret: bytes) -> str:
    """The tenant of a credential: a keyed hash of all of it, so that no part of one is ever shared."""
    digest = hashlib.blake2b(key=secret, person=b"tenant", digest_size=16)
    if sent is not None:
        digest.update(b"%s %d:%s" % (sent.place, len(sent.value), sent.value))
    return digest.hexdigest()


def fingerprint(key: str, secret: bytes) -> bytes:
    """What an issued key is looked up by; its 256 random bits are not to be had from this."""
    return hashlib.blake2b(key.encode(errors="replace"), key=secret, person=b"issued key").digest()


def _in_headers(headers: Headers) -> Iterator[Credential]:
    for place in CREDENTIAL_HEADERS:
        for name, content in headers:
            if name.lower() == place:
                value = content.strip()
                yield Credential(place=place, value=value, key=_bare(place, value.decode("latin-1")))


def _in_protocols(headers: Headers) -> Iterator[Credential]:
    for name in filter(is_key_protocol, protocols(headers)):
        yield Credential(place=PROTOCOL_HEADER, value=name.encode("latin-1"), key=name[len(KEY_PROTOCOL) :])


def _in_query(query: str) -> Iterator[Credential]:
    for part in filter(is_key_parameter, query.split("&")):
        yield Credential(place=b"query", value=part.encode(), key=unquote(part.partition("=")[2]).strip())


def _bare(place: bytes, value: str) -> str:
    """A key without the word before it; of a scheme other than `Bearer` all is the key."""
    scheme, _, rest = value.partition(" ")
    return rest.strip() if place == b"authorization" and scheme.lower() == BEARER else value
