"""The values of memory: what is found in a turn, what is kept, what is asked of a store and what it answers.

Frozen, like the values of gateway/types.py, and with no logic of their own. This file knows nothing of how things are
found, ranked or rendered.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Literal

import msgspec

from gateway.experience import Lesson

EPISODE = "episode"
"""The kind of what was said in ordinary talk."""

TAUGHT = ("lesson", "correction")
"""Kinds that are learnt from what happened; they are told when a call calls for them, not for what they are like."""

MAX_TAUGHT = 500
"""Of these are asked for at once: more than the caps of gateway/lessons.py leave an owner."""

Origin = Literal["operator", "user", "assistant", "tool", "import"]
"""Who said a thing. A derived memory has the lowest origin of its sources (operator is highest)."""

Reach = Literal["user", "session"]
"""How far a memory holds: wherever its user speaks, or in the session only in which it was said."""


class Span(msgspec.Struct, frozen=True, kw_only=True):
    """Words of a turn that a kind of memory finds worth keeping."""

    text: str
    """Verbatim."""
    reach: Reach = "user"
    slot: str = ""
    """What it settles, in a word ("answer-language", "home"): of two memories that settle the same the newer holds."""


class Memory(msgspec.Struct, frozen=True, kw_only=True, gc=False):
    """A thing worth remembering, with the evidence for it."""

    id: str
    kind: str
    """Name of a file in gateway/kinds/."""
    text: str
    """Verbatim span of what was said; of a distilled fact the model's sentence."""
    key: str
    """The text it is found by: its window of turns for an episode, else the text itself."""
    origin: Origin
    exchange: str
    """In which it was said: for the first time; of an episode, where its words were said last."""
    session: str
    at: float
    """Unix seconds from which it holds, or when it was last said again."""
    recorded_at: float
    ended_at: float | None = None
    """Unix seconds until which it held: it was superseded or taken back."""
    ended_by: str = ""
    """The memory that took its place; empty when it was taken back, or still holds."""
    speaker: str = "user"
    tokens: int = 0
    """Tokens of its rendered line, counted once when it was written."""
    evidence: str = ""
    """The verbatim span behind a text that is not one itself."""
    reach: Reach = "user"
    slot: str = ""
    """See `Span.slot`."""
    count: int = 1
    """How often it was said."""
    last: str = ""
    """The exchange in which it was said again last; empty when it was said once."""
    place: int = 0
    """Position of an episode among those of its exchange."""
    before: str = ""
    """The episode before it in its session; empty for the first, and for other kinds."""
    after: str = ""
    """The episode after it, once there is one."""
    is_pinned: bool = False
    """True when a person wants it told on every call, whatever is asked."""
    lesson: Lesson | None = None
    """Of a lesson or a correction: what it was learnt from, when it is told, what it has earned."""


class Query(msgspec.Struct, frozen=True, kw_only=True):
    """What recall asks a store for."""

    text: str
    kinds: tuple[str, ...]
    """Kinds to search by relevance."""
    pinned: tuple[str, ...]
    """Kinds to return whatever the text."""
    limit: int
    """Candidates per way of searching."""
    has_ended: bool = False
    """True when memories that hold no longer are asked for as well."""
    since: float | None = None
    """Unix seconds: with `until`, the time whose episodes are candidates whatever they say."""
    until: float | None = None


class Hit(msgspec.Struct, frozen=True, kw_only=True, gc=False):
    """A candidate and its raw score in each way of searching that found it (`words`, `chars`, `dense`, `time`)."""

    memory: Memory
    scores: Mapping[str, float]


class Found(msgspec.Struct, frozen=True, kw_only=True):
    """A store's answer to a query: pinned memories newest first, hits in no order that counts."""

    pinned: tuple[Memory, ...] = ()
    hits: tuple[Hit, ...] = ()


class Ranked(msgspec.Struct, frozen=True, kw_only=True, gc=False):
    """A hit with its one score; those that ranking skips are kept, so that they can be explained."""

    memory: Memory
    scores: Mapping[str, float]
    score: float
    skipped: str = ""
    propensity: float | None = None
    """Of a lesson that was drawn for: how likely it was to be told."""


class Recalled(msgspec.Struct, frozen=True, kw_only=True):
    """Memories for one call: pinned ones newest first, hits best first."""

    pinned: tuple[Memory, ...] = ()
    hits: tuple[Ranked, ...] = ()
    echoes: tuple[Memory, ...] = ()
    """Of the pinned ones those that are to be said once more, most urgent first."""
