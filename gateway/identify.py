"""Who is speaking, in which session: by our own headers and the path, by what clients send, and last the credential.

The tenant comes from the credential alone. Everything else a request says about itself is a hint inside that tenant,
so a false one can only confuse the caller's own users.
"""

from __future__ import annotations

import hashlib
import re
from typing import Literal, TypeGuard
from urllib.parse import unquote_to_bytes

import msgspec

from gateway import anchors, credentials
from gateway.errors import BadRequest
from gateway.policy import Identify
from gateway.ports import Clock, Echoes, Headers, Journal
from gateway.signatures import OpenWebUi
from gateway.sources import PARENT, SESSION, SIGNED_USER, USER, Sent, decoded, first, named_headers
from gateway.types import Call, MemoryMode, Scope, Session

Anonymous = Literal["credential", "session", "off"]

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


class Identity(msgspec.Struct, frozen=True, kw_only=True):
    """Who speaks, as far as the request itself says."""

    tenant: str
    user: str | None
    session: str | None
    agent: str
    parent: str = ""
    """The session or agent whose sub-agent this is."""

    def scope(self, session: str) -> Scope:
        """The scope of a session of theirs; an empty name while it is being looked for."""
        return Scope(tenant=self.tenant, user=self.user, session=session, agent=self.agent)


class Claims(msgspec.Struct, frozen=True, kw_only=True):
    """What a request says in our own headers and its path, before its body is read."""

    tenant: str
    user: str | None
    session: str | None
    agent: str | None
    mode: MemoryMode
    signed: str | None = None
    """The user of a verified token."""
    is_signed_for: bool = False
    """True where users are signed for, so that the header for those who are not is not believed."""
    path: str
    """The path without the identity prefix, still percent-encoded."""
    fingerprint: bytes = b""
    """Keyed hash of the bare credential, by which an issued key is known; empty without one."""


def claims(headers: Headers, path: str, secret: bytes, signing: OpenWebUi | None = None, query: str = "") -> Claims:
    """Read headers, path and query.

    Raises `BadRequest` for a name, a mode or a credential that makes no sense, `Unauthorized` for a signature that is
    none.
    """
    credential = credentials.credential(headers, query)
    signed = signing.user(headers) if signing is not None else None
    prefix = _PREFIX.match(path)
    named: dict[str, str | None] = prefix.groupdict() if prefix is not None else {}
    sent = {name: value for name, value in headers if name.startswith(b"x-accrue-")}
    user = _name(sent, "user") or _from_path(named, "user")
    session = _name(sent, "session") or _from_path(named, "session")
    agent = _name(sent, "agent") or _from_path(named, "agent")
    mode = sent.get(b"x-accrue-memory", b"").decode("latin-1").strip().lower() or "on"
    if not _is_mode(mode):
        raise BadRequest(f"x-accrue-memory: {mode!r} is not one of {', '.join(_MODES)}", code="invalid_memory_mode")
    return Claims(
        tenant=credentials.tenant(credential, secret),
        user=user,
        session=session,
        agent=agent,
        mode=mode,
        signed=_bounded(signed),
        is_signed_for=signing is not None,
        path=named.get("rest") or path,
        fingerprint=credentials.fingerprint(credential.key, secret) if credential else b"",
    )


def narrower(one: MemoryMode, other: MemoryMode) -> MemoryMode:
    """What both the caller and the policy allow."""
    allowed = tuple(a and b for a, b in zip(_MODES[one], _MODES[other], strict=True))
    return next(mode for mode, rights in _MODES.items() if rights == allowed)


def identity(claimed: Claims, sent: Sent, policy: Identify, anonymous: Anonymous) -> Identity:
    """Who speaks: named by our own headers or the path, else where clients name them, else the credential.

    Args:
        policy: with the headers that it names.
        anonymous: who an unnamed caller is.
    """
    own = policy.headers
    table = SIGNED_USER if claimed.is_signed_for else USER
    named = claimed.user or claimed.signed or first(named_headers(own.user), sent) or first(table, sent)
    user = _bounded(named)
    if user is None and anonymous == "credential":
        user = _credential_user(sent)
    session = claimed.session or first(named_headers(own.session), sent)
    if session is None and (session := first(SESSION, sent)) and user is None and not anchors.is_telling_id(session):
        session = None  # "1" is as likely as not somebody else's as well
    return Identity(
        tenant=claimed.tenant,
        user=user,
        session=_bounded(session),
        agent=agent_of(claimed, sent, policy),
        parent=_bounded(first(PARENT, sent)) or "",
    )


def agent_of(claimed: Claims, sent: Sent, policy: Identify | None = None) -> str:
    """The agent, by which policies can be chosen; `default` when nothing tells."""
    own = policy.headers.agent if policy is not None else ()
    return claimed.agent or _bounded(first(named_headers(own), sent) or sent.agent) or "default"


async def session_of(journal: Journal, clock: Clock, who: Identity, call: Call) -> Session:
    """The session: the one named, else the one that owns what the request echoes, else a new one.

    Raises `MemoryUnavailable` when the journal cannot say.
    """
    return await known_session(journal, clock, who, call) or new_session(clock, who)


async def known_session(journal: Journal, clock: Clock, who: Identity, call: Call) -> Session | None:
    """The session if there has been one; None when it would be new."""
    scope = who.scope(who.session or "")
    if who.session:
        return await journal.find_session(scope, Echoes())
    is_named = who.user is not None
    echoes = Echoes(
        anchors=anchors.of_request(call.turns, call.echoes, is_named=is_named),
        texts=anchors.texts_of(call.turns) if is_named else (),
        since=clock.now() - anchors.QUOTED_S,
    )
    return await journal.find_session(scope, echoes) if echoes.anchors or echoes.texts else None


def new_session(clock: Clock, who: Identity) -> Session:
    """A session nobody has seen before."""
    return Session(scope=who.scope(who.session or clock.new_id("se")), is_new=True)


def _credential_user(sent: Sent) -> str:
    """The one person behind a credential; one for each project that the credential is used for."""
    projects = (sent.headers.get(name, "").strip() for name in ("openai-organization", "openai-project"))
    named = " ".join(project.replace(" ", "%20") for project in projects if project)
    return f"{CREDENTIAL_USER} {_bounded(named)}" if named else CREDENTIAL_USER


def _is_mode(name: str) -> TypeGuard[MemoryMode]:
    return name in _MODES


def _name(sent: dict[bytes, bytes], name: str) -> str | None:
    value = sent.get(b"x-accrue-" + name.encode())
    return None if value is None else _checked(f"x-accrue-{name}", decoded(value))


def _from_path(named: dict[str, str | None], name: str) -> str | None:
    value = named.get(name)
    return (
        None
        if value is None
        else _checked(f"the {name} in the path", decoded(unquote_to_bytes(value.encode("latin-1"))))
    )


def _checked(where: str, value: str) -> str | None:
    stripped = value.strip()
    if len(stripped) > MAX_NAME_CHARS:
        raise BadRequest(f"{where} is longer than {MAX_NAME_CHARS} characters", code="invalid_identity")
    if stripped.startswith(CREDENTIAL_USER):
        raise BadRequest(f"{where} may not begin with {CREDENTIAL_USER}", code="invalid_identity")
    return stripped or None


def _bounded(value: str | None) -> str | None:
    """A name that the upstream has to judge, not we: one we would refuse of our own is kept apart by its digest."""
    if not value or (len(value) <= MAX_NAME_CHARS and not value.startswith(CREDENTIAL_USER)):
        return value or None
    return hashlib.blake2b(value.encode("utf-8", "surrogatepass"), digest_size=16).hexdigest()
