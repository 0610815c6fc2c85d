"""Who is speaking, in which session: from headers, the path, the body, and last the credential.

The tenant comes from the credential alone. Everything else a request says about itself is a hint inside that tenant,
so a false one can only confuse the caller's own users.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Sequence
from typing import Literal, TypeGuard
from urllib.parse import unquote_to_bytes

import msgspec

from gateway import anchors
from gateway.errors import BadRequest
from gateway.ports import Clock, Headers, Journal
from gateway.types import Call, MemoryMode, Scope, Session

Anonymous = Literal["credential", "session", "off"]

CREDENTIAL_HEADERS = frozenset(
    (b"authorization", b"x-api-key", b"api-key", b"x-goog-api-key", b"ocp-apim-subscription-key")
)
CREDENTIAL_USER = "(credential)"
"""The user of a credential that stands for one person."""

MAX_NAME_CHARS = 256
"""Of a user, session or agent: longer than any client sends, short enough to index."""

_PREFIX = re.compile(r"^(?:/a/(?P<agent>[^/]+))?(?:/u/(?P<user>[^/]+))?(?:/s/(?P<session>[^/]+))?(?P<rest>/.*)$")
_MODES: dict[MemoryMode, tuple[bool, bool]] = {
    "on": (True, True),
    "read": (True, False),
    "write": (False, True),
    "off": (False, False),
}


class Claims(msgspec.Struct, frozen=True, kw_only=True):
    """What a request says about itself before its body is read."""

    tenant: str
    user: str | None
    session: str | None
    agent: str
    mode: MemoryMode
    path: str
    """The path without the identity prefix, still percent-encoded."""


def claims(headers: Headers, path: str, secret: bytes) -> Claims:
    """Read headers and path. Raises `BadRequest` for a name or a mode that makes no sense."""
    prefix = _PREFIX.match(path)
    named: dict[str, str | None] = prefix.groupdict() if prefix is not None else {}
    sent = {name: value for name, value in headers if name.startswith(b"x-accrue-")}
    user = _name(sent, "user") or _from_path(named, "user")
    session = _name(sent, "session") or _from_path(named, "session")
    agent = _name(sent, "agent") or _from_path(named, "agent") or "default"
    mode = sent.get(b"x-accrue-memory", b"").decode("latin-1").strip().lower() or "on"
    if not _is_mode(mode):
        raise BadRequest(f"x-accrue-memory: {mode!r} is not one of {', '.join(_MODES)}", code="invalid_memory_mode")
    return Claims(
        tenant=tenant(headers, secret),
        user=user,
        session=session,
        agent=agent,
        mode=mode,
        path=named.get("rest") or path,
    )


def tenant(headers: Headers, secret: bytes) -> str:
    """The tenant: a keyed hash over every credential the request carries, so that no part of one is ever shared."""
    digest = hashlib.blake2b(key=secret, person=b"tenant", digest_size=16)
    for name, value in sorted((name, value.strip()) for name, value in headers if name in CREDENTIAL_HEADERS):
        digest.update(b"%s %d:%s" % (name, len(value), value))
    return digest.hexdigest()


def narrower(one: MemoryMode, other: MemoryMode) -> MemoryMode:
    """What both the caller and the policy allow."""
    allowed = tuple(a and b for a, b in zip(_MODES[one], _MODES[other], strict=True))
    return next(mode for mode, rights in _MODES.items() if rights == allowed)


def user_of(claimed: Claims, call: Call, anonymous: Anonymous) -> str | None:
    """The user: named in a header or the path, else in the body, else the credential where it stands for one."""
    named = claimed.user or _bounded(call.user)
    if named is not None:
        return named
    return CREDENTIAL_USER if anonymous == "credential" else None


async def session_of(journal: Journal, clock: Clock, claimed: Claims, user: str | None, call: Call) -> Session:
    """The session: the one named, else the one that owns what the request echoes, else a new one.

    Raises `MemoryUnavailable` when the journal cannot say.
    """
    scope = Scope(tenant=claimed.tenant, user=user, session=claimed.session or "", agent=claimed.agent)
    echoed: Sequence[str] = () if claimed.session else anchors.of_request(call.turns, is_named=user is not None)
    if claimed.session or echoed:
        known = await journal.find_session(scope, echoed)
        if known is not None:
            return known
    return new_session(clock, claimed, user)


def new_session(clock: Clock, claimed: Claims, user: str | None) -> Session:
    """A session nobody has seen before."""
    name = claimed.session or clock.new_id("se")
    return Session(scope=Scope(tenant=claimed.tenant, user=user, session=name, agent=claimed.agent), is_new=True)


def _is_mode(name: str) -> TypeGuard[MemoryMode]:
    return name in _MODES


def _name(sent: dict[bytes, bytes], name: str) -> str | None:
    value = sent.get(b"x-accrue-" + name.encode())
    return None if value is None else _checked(f"x-accrue-{name}", _decoded(value))


def _from_path(named: dict[str, str | None], name: str) -> str | None:
    value = named.get(name)
    return (
        None
        if value is None
        else _checked(f"the {name} in the path", _decoded(unquote_to_bytes(value.encode("latin-1"))))
    )


def _decoded(name: bytes) -> str:
    """As UTF-8, else as Latin-1; a replacement character would make one person of two."""
    try:
        return name.decode()
    except UnicodeDecodeError:
        return name.decode("latin-1")


def _checked(where: str, value: str) -> str | None:
    stripped = value.strip()
    if len(stripped) > MAX_NAME_CHARS:
        raise BadRequest(f"{where} is longer than {MAX_NAME_CHARS} characters", code="invalid_identity")
    if stripped == CREDENTIAL_USER:
        raise BadRequest(f"{where} may not be {CREDENTIAL_USER}", code="invalid_identity")
    return stripped or None


def _bounded(value: str | None) -> str | None:
    """A name from the body, which is the upstream's to judge: one we would refuse is kept apart by its digest."""
    stripped = (value or "").strip()
    if value is None or (len(value) <= MAX_NAME_CHARS and stripped != CREDENTIAL_USER):
        return stripped or None
    return hashlib.blake2b(value.encode("utf-8", "surrogatepass"), digest_size=16).hexdigest()
