"""Where a request may say who speaks, in which session and as which agent: three tables, each read from its top.

A row is one place, and the first row that holds a name wins. Names are hints inside the tenant, which the credential
alone decides; what is done with them is decided by gateway/identify.py. docs/identity.md shows the same rows, and a
test compares them. What clients send where was measured on captured requests.
"""

from __future__ import annotations

import hashlib
import itertools
import re
from collections.abc import Callable, Mapping, Sequence
from functools import cached_property
from typing import Any
from urllib.parse import unquote

import msgspec

from gateway.types import Call, Turn

MAX_MEMBER_BYTES = 64 * 1024
"""A body member or header that holds names is far smaller; a larger one is not read for them."""

MAX_USER_ID_CHARS = 512
"""Of a `metadata.user_id` that is taken apart; Claude Code's have some 200."""

LEADING_TURNS = 4
LEADING_CHARS = 4_000
"""Of system text are looked at for an agent's name."""

AGENT_CHARS = 512
"""Of the system text tell one agent from another; what follows is often context of the day."""

DIGEST_BYTES = 4
"""Of the system text in an agent's name."""

KEEPS_SESSION_HEADERS = re.compile(r"codex|opencode", re.IGNORECASE)
"""Clients whose `session-id`, `thread-id` or `conversation_id` header is what its name says."""

KEEPS_CACHE_KEYS = re.compile(r"codex|opencode|openhands", re.IGNORECASE)
"""Clients that put their session into `prompt_cache_key`. With others it is a user (Dify), a prompt or anything."""

_CACHE_KEY = re.compile(r"agents-sdk:(?:session|conversation|group):")
_SESSION_HEADER = re.compile(r"x-(?!parent-)[a-z0-9-]*session-id")
_CLAUDE_CODE = re.compile(r"user_(?P<user>.+?)_account_(?P<account>.*?)_session_(?P<session>.+)", re.DOTALL)
_CREW = re.compile(r"You are (?P<name>.{1,80}?)\. .*?\nYour personal goal is: ", re.DOTALL)
_PRODUCT = re.compile(r"(?:Async)?(?P<name>[A-Za-z][\w.-]*(?:/(?:Python|JS|JavaScript)\b)?)")
_CHANGING = re.compile(r"\d+|(?:[A-Za-z]:)?[/\\]\S+|\s+")
"""Dates, counts and paths: they differ between the runs of one agent."""


class Sent:
    """What a request says, made ready to be looked up: its headers by name, its body's members, its turns."""

    def __init__(self, headers: Sequence[tuple[bytes, bytes]], call: Call) -> None:
        self.headers = {name.decode("latin-1").lower(): decoded(value) for name, value in headers}
        self._fields = call.fields
        self.turns = call.turns

    def member(self, *path: str) -> str | None:
        """A string in the body, found by its path; None when there is none."""
        return _string(self._document(path[0]), path[1:])

    def user_agent(self) -> str:
        """The client as it calls itself: `user-agent`, and the two headers that agents over an SDK add."""
        return " ".join(self.headers.get(name, "") for name in ("user-agent", "originator", "x-title"))

    @cached_property
    def agent(self) -> str | None:
        """The agent by the table: asked for to choose a policy, and again to say who speaks under it."""
        return first(AGENT, self)

    @cached_property
    def codex(self) -> Any:
        """What Codex says of a turn, over HTTP in a header and over WebSocket in each frame."""
        written = self.headers.get("x-codex-turn-metadata") or ""
        return parsed(self.member("client_metadata", "x-codex-turn-metadata") or written)

    @cached_property
    def claude_code(self) -> Mapping[str, str]:
        """What Claude Code packs into `metadata.user_id`: a JSON object, or in older versions one long word."""
        written = self.member("metadata", "user_id") or ""
        if len(written) > MAX_USER_ID_CHARS:
            return {}
        word = _CLAUDE_CODE.fullmatch(written)
        if word is not None:
            return {"account_uuid": word["account"], "device_id": word["user"], "session_id": word["session"]}
        found = parsed(written)
        return found if isinstance(found, dict) else {}

    def _document(self, name: str) -> Any:
        raw = self._fields.get(name)
        return None if raw is None else parsed(raw)


class Source(msgspec.Struct, frozen=True, kw_only=True):
    """A row."""

    place: str
    """As the documentation calls it."""
    find: Callable[[Sent], str | None]
    only: re.Pattern[str] | None = None
    """Of whom it is believed, by `Sent.user_agent`."""


def first(table: Sequence[Source], sent: Sent) -> str | None:
    """The name in the first row that holds one, without blanks around it."""
    for source in table:
        found = source.find(sent)
        if found and (name := found.strip()) and (source.only is None or source.only.search(sent.user_agent())):
            return name
    return None


def named_headers(names: Sequence[str]) -> tuple[Source, ...]:
    """Rows for headers that a policy names."""
    return tuple(header(name.lower()) for name in names)


def header(name: str, *, is_quoted: bool = False, only: re.Pattern[str] | None = None) -> Source:
    """A header's value; percent-decoded where the client quotes it."""

    def find(sent: Sent) -> str | None:
        value = sent.headers.get(name)
        return unquote(value) if value and is_quoted else value

    return Source(place=f"header `{name}`", find=find, only=only)


def json_header(name: str, key: str) -> Source:
    """A member of a header whose value is a JSON object."""
    return Source(place=f"header `{name}`, `{key}`", find=lambda sent: _string(parsed(sent.headers.get(name)), (key,)))


def baggage(key: str) -> Source:
    """An entry of W3C baggage (https://www.w3.org/TR/baggage/)."""

    def find(sent: Sent) -> str | None:
        entries = (entry.partition(";")[0].partition("=") for entry in sent.headers.get("baggage", "").split(","))
        return next((unquote(value) for name, _, value in entries if name.strip() == key), None)

    return Source(place=f"header `baggage`, `{key}`", find=find)


def body(*path: str, only: re.Pattern[str] | None = None) -> Source:
    """A string in the body."""
    return Source(place=f"body `{'.'.join(path)}`", find=lambda sent: sent.member(*path), only=only)


def claude_code(key: str) -> Source:
    """A part of Claude Code's `metadata.user_id`."""
    return Source(place=f"body `metadata.user_id`, its `{key}`", find=lambda sent: _string(sent.claude_code, (key,)))


def codex(key: str) -> Source:
    """A part of what Codex says of a turn."""
    return Source(place=f"Codex's turn metadata, `{key}`", find=lambda sent: _string(sent.codex, (key,)))


def _plain_user_id(sent: Sent) -> str | None:
    return None if sent.claude_code else sent.member("metadata", "user_id")


def _any_session_header(sent: Sent) -> str | None:
    return next((value for name, value in sent.headers.items() if value and _SESSION_HEADER.fullmatch(name)), None)


def _session_cache_key(sent: Sent) -> str | None:
    key = sent.member("prompt_cache_key") or ""
    return key if _CACHE_KEY.match(key) else None


def _system_name(sent: Sent) -> str | None:
    return next((turn.name for turn in _leading(sent) if turn.name), None)


def _crew_role(sent: Sent) -> str | None:
    roles = (_CREW.match(turn.text[:LEADING_CHARS]) for turn in _leading(sent))
    return next((role["name"] for role in roles if role is not None), None)


def _product(sent: Sent) -> str | None:
    """The client's own name and what its system text is; None when it says neither."""
    said = "\n".join(turn.text[:AGENT_CHARS] for turn in _leading(sent))[:AGENT_CHARS]
    named = _PRODUCT.match(sent.headers.get("x-title") or sent.headers.get("user-agent", ""))
    product = named["name"] if named is not None else ""
    if not said.strip():
        return product
    settled = _CHANGING.sub(" ", said).encode("utf-8", "surrogatepass")
    return f"{product or 'agent'}:{hashlib.blake2b(settled, digest_size=DIGEST_BYTES).hexdigest()}"


OPENWEBUI_USER = header("x-openwebui-user-id", is_quoted=True)
"""Not believed where Open WebUI signs for its users (gateway/signatures.py)."""

USER: tuple[Source, ...] = (
    OPENWEBUI_USER,
    header("x-litellm-customer-id"),
    header("x-litellm-end-user-id"),
    header("x-sm-user-id"),
    header("helicone-user-id"),
    header("langfuse_user_id"),
    json_header("x-portkey-metadata", "_user"),
    baggage("user.id"),
    body("safety_identifier"),
    body("user"),
    body("user", "id"),
    claude_code("account_uuid"),
    claude_code("device_id"),
    Source(place="body `metadata.user_id`", find=_plain_user_id),
    body("metadata", "userId"),
    codex("installation_id"),
)

SIGNED_USER = tuple(source for source in USER if source is not OPENWEBUI_USER)
"""The same where Open WebUI signs for its users."""

SESSION: tuple[Source, ...] = (
    header("x-litellm-session-id"),
    header("helicone-session-id"),
    header("x-sm-conversation-id"),
    header("x-openwebui-chat-id", is_quoted=True),
    header("x-conversation-id"),
    header("langfuse_session_id"),
    header("x-portkey-trace-id"),
    header("x-claude-code-session-id"),
    header("x-session-id"),
    Source(place="any header `x-…-session-id` but a parent's", find=_any_session_header),
    header("agent-session-id"),
    header("goose-session-id"),
    header("session-id", only=KEEPS_SESSION_HEADERS),
    header("session_id", only=KEEPS_SESSION_HEADERS),
    header("thread-id", only=KEEPS_SESSION_HEADERS),
    header("conversation_id", only=KEEPS_SESSION_HEADERS),
    body("conversation"),
    body("conversation", "id"),
    body("metadata", "session_id"),
    body("metadata", "thread_id"),
    body("metadata", "conversation_id"),
    claude_code("session_id"),
    body("client_metadata", "session_id"),
    body("prompt_cache_key", only=KEEPS_CACHE_KEYS),
    Source(
        place="body `prompt_cache_key` that begins `agents-sdk:session`, `:conversation` or `:group`",
        find=_session_cache_key,
    ),
    baggage("session.id"),
)

AGENT: tuple[Source, ...] = (
    header("x-claude-code-agent-id"),
    codex("agent_name"),
    Source(place="`name` of the leading system message", find=_system_name),
    Source(place="CrewAI's “You are {role}.”", find=_crew_role),
    Source(place="the client's product name, and a digest of its system text", find=_product),
)

PARENT: tuple[Source, ...] = (
    header("x-parent-session-id"),
    header("x-claude-code-parent-agent-id"),
)
"""Whose sub-agent it is."""


def request_kind(sent: Sent) -> str:
    """What a request of Codex is for (`turn`, `prewarm`, `compaction`, …); empty for other clients."""
    return _string(sent.codex, ("request_kind",)) or ""


def decoded(name: bytes) -> str:
    """As UTF-8, else as Latin-1; a replacement character would make one person of two."""
    try:
        return name.decode()
    except UnicodeDecodeError:
        return name.decode("latin-1")


def parsed(written: str | bytes | msgspec.Raw | None) -> Any:
    """A small JSON document; None when it is none."""
    try:
        return msgspec.json.decode(written) if written and len(written) <= MAX_MEMBER_BYTES else None
    except (msgspec.DecodeError, UnicodeError, RecursionError):
        return None


def _string(document: Any, path: Sequence[str]) -> str | None:
    for key in path:
        document = document.get(key) if isinstance(document, dict) else None
    return document if isinstance(document, str) else None


def _leading(sent: Sent) -> Sequence[Turn]:
    leading = itertools.takewhile(lambda turn: turn.role in ("system", "developer"), sent.turns)
    return list(itertools.islice(leading, LEADING_TURNS))
