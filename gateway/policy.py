"""What happens to a call: a policy as frozen structs, with the default of every key.

docs/configuration.md lists them all; a test compares it with these structs. This file knows nothing of kinds beyond
the names it is given, and carries out none of what a policy says. Which policy a call gets: gateway/policybook.py.
"""

from __future__ import annotations

from typing import Annotated, Literal

import msgspec
from msgspec import Meta

from gateway.documents import one_of
from gateway.types import MemoryMode, Redact

DEFAULT = "default"
"""The policy of every call that no other one matches."""

Globs = Annotated[tuple[str, ...], Meta(min_length=1)]
Kind = Annotated[str, one_of("kinds")]
Share = Annotated[float, Meta(ge=0, le=1)]
Tokens = Annotated[int, Meta(ge=0, le=1_000_000)]


class Match(msgspec.Struct, frozen=True, kw_only=True):
    """Which calls a policy is for: all members must fit, each by any one of its globs (`*`, `?`, `[…]`)."""

    model: Globs = ("*",)
    path: Globs = ("*",)
    agent: Globs = ("*",)
    headers: dict[str, str] = {}
    """A glob by header name; upper and lower case of names are the same."""


class NamingHeaders(msgspec.Struct, frozen=True, kw_only=True):
    """Further headers that are believed, before those of known clients."""

    user: tuple[str, ...] = ()
    session: tuple[str, ...] = ()
    agent: tuple[str, ...] = ()


class Identify(msgspec.Struct, frozen=True, kw_only=True):
    """Whose memory a call touches."""

    anonymous: Literal["credential", "session", "off"] | None = None
    """Who speaks when nobody is named. None: the credential on a loopback bind, else the session."""
    headers: NamingHeaders = NamingHeaders()


class Recall(msgspec.Struct, frozen=True, kw_only=True):
    """How memories are found and ranked."""

    deadline_ms: Annotated[int, Meta(ge=1, le=10_000)] = 50
    candidates: Annotated[int, Meta(ge=1, le=1_000)] = 100
    """Asked of the store, per way of searching."""
    notes: Annotated[int, Meta(ge=0, le=1_000)] = 60
    """Most memories found by relevance that one turn adds."""
    weights: dict[Literal["words", "chars", "dense", "time"], Share] = msgspec.field(
        default_factory=lambda: {"words": 0.6, "chars": 0.1, "dense": 0.4, "time": 0.3}
    )
    """Of each way's normalised scores; plain rank fusion recalls less (.52 against .63, DESIGN section 7)."""
    min_share: Share = 0.15
    """Of the best hit's score that another must reach."""
    min_dense: Share = 0.4
    """Cosine below which a memory found by meaning alone is too weak."""
    neighbours: Share = 0.5
    """Of its score that an episode lends to the one before it and the one after; half of it to the next, and so on."""
    voices: Share = 0.5
    """What the words of another count than of whom the question is about."""
    half_life_days: dict[Kind, Annotated[float, Meta(gt=0, le=36_500)]] = {}
    """Age at which recency has lost half its weight, for kinds of which it is not the usual one."""


class Budget(msgspec.Struct, frozen=True, kw_only=True):
    """How much may be added to a call."""

    tokens: Tokens = 2_000
    """In all, replayed notes included."""
    window_share: Share = 0.25
    """At most this share of what the prompt leaves free of the model's context window."""
    lanes: dict[Kind, Tokens] = msgspec.field(
        default_factory=lambda: {
            "constraint": 500,
            "preference": 250,
            "fact": 250,
            "lesson": 400,
            "correction": 300,
            "episode": 2_000,
        }
    )


class Place(msgspec.Struct, frozen=True, kw_only=True):
    """Where notes may go."""

    head: bool = True
    """After the client's own system text."""
    turn: bool = True
    """After the newest user message."""


class Guard(msgspec.Struct, frozen=True, kw_only=True):
    """What becomes of standing instructions in a long conversation."""

    echo: bool = True
    """Say a constraint once more when an answer broke it, or when it was said long ago."""
    echo_turns: Annotated[int, Meta(ge=0, le=1_000)] = 4
    """User messages after which it was long ago; 0: only after an answer that broke it."""
    enforce: Literal["off", "annotate", "retry"] = "off"
    """What is done about an answer that breaks one, where it is not streamed."""


class Distil(msgspec.Struct, frozen=True, kw_only=True):
    """What a model notes in the background of what users said."""

    model: Annotated[str, Meta(min_length=1)] | None = None
    """Asked through the upstream that routes lead it to. None: no model is asked."""
    tokens_per_day: Annotated[int, Meta(ge=10_000)] = 200_000
    """Of prompts and answers together, per UTC day; what would go beyond waits for the next."""
    quiet_s: Annotated[float, Meta(ge=0, le=86_400)] = 120.0
    """A session is distilled when nothing has come for so long, or earlier when much has."""


class Learn(msgspec.Struct, frozen=True, kw_only=True):
    """What is learnt from a call."""

    enabled: bool = True
    kinds: tuple[Kind, ...] = ("constraint", "preference", "fact", "lesson", "correction", "episode")
    distil: Distil = Distil()


class Retain(msgspec.Struct, frozen=True, kw_only=True):
    """How long things are kept. None: for ever."""

    days: Annotated[float, Meta(gt=0, le=36_500)] | None = None
    """After which an exchange, and every memory that was last said then or before, is removed."""
    exchanges: Annotated[int, Meta(ge=1)] | None = None
    """Newest ones kept of a user; memories that only older ones said go with them."""


class Policy(msgspec.Struct, frozen=True, kw_only=True):
    """One file of the folder."""

    name: Annotated[str, one_of("name")] = DEFAULT
    """Always the file's own, without `.yaml`."""
    match: Match = Match()
    memory: MemoryMode = "on"
    holdout: Share = 0.0
    """Of the owners who are told nothing, so that it can be said what memory changes; a twentieth is enough."""
    identify: Identify = Identify()
    recall: Recall = Recall()
    budget: Budget = Budget()
    place: Place = Place()
    guard: Guard = Guard()
    learn: Learn = Learn()
    redact: Redact = "secrets"
    """What is replaced by a placeholder before anything is stored or embedded."""
    retain: Retain = Retain()
