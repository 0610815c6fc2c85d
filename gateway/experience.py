"""The values of learning from what happened: signals, feedback, lessons and the credit they earn.

Frozen, like the values of gateway/types.py, and with no logic of their own. What finds signals is in gateway/signals,
what they teach in gateway/lessons.py, what a lesson is worth in gateway/credit.py.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Literal

import msgspec

Grade = Literal["S", "A", "B", "C"]
"""How good evidence is: said outright (feedback, a label), verified by a machine (an exit code, a schema, a checker),
shown by what was done (a loop, a regenerated answer), or only in words (a complaint, thanks)."""

LessonState = Literal["proposed", "active", "retired"]
"""Only an active lesson is told; a retired one is kept, because it may be restored."""


Event = Literal["failed", "passed", "praised", "silent"]
"""What it warns of came back, or had its occasion and did not; somebody said it was right, or nobody said anything."""


MAX_TAKEN = 200
"""Signals and outcomes that a lesson keeps of what it learnt from; the journal hands out the newest again, if any."""


class Signal(msgspec.Struct, frozen=True, kw_only=True, gc=False):
    """One thing that a detector saw in an exchange."""

    name: str
    """Of the detector: a file in gateway/signals."""
    version: int
    """Of the detector: what an older one saw may differ."""
    grade: Grade
    exchange: str
    """In which it was seen."""
    session: str
    at: float
    """Unix seconds of that exchange."""
    is_good: bool | None
    """Whether it went right or wrong; None for what says neither."""
    evidence: str
    """Verbatim span, at most `gateway.signals.base.MAX_EVIDENCE_CHARS`."""
    key: str = ""
    """One for the same thing, however it is worded: `tool|error signature`, a test's id, a label, a memory's id."""
    tool: str = ""
    """The tool it is about."""
    is_environment: bool = False
    """True for what the agent did not cause and cannot avoid (429, 5xx, a timeout): no lesson for anybody."""
    about: str = ""
    """The exchange or the memory it is about, where that is not the exchange in which it was seen."""
    details: Mapping[str, str] = {}
    """Named verbatim spans, which fill a lesson's template; each detector says which it gives."""


class Feedback(msgspec.Struct, frozen=True, kw_only=True):
    """What somebody said about an answer, or about a session."""

    id: str
    """The caller's own where they gave one, so that sending it twice is sending it once."""
    tenant: str
    exchange: str = ""
    session: str = ""
    """One of the two is there."""
    at: float
    """Unix seconds at which it came."""
    metric: str = ""
    """What was judged; empty for the answer as a whole."""
    value: bool | float | None = None
    """Right or wrong, or from 0 (wrong) to 1 (right)."""
    label: str = ""
    """What the answer should have been, of a classification."""
    comment: str = ""
    correction: str = ""
    """What the answer should have said."""
    demonstration: str = ""
    """A whole answer as it should have been."""


class Evidence(msgspec.Struct, frozen=True, kw_only=True):
    """Why a lesson is held."""

    signal: str
    version: int
    grade: Grade
    exchange: str
    session: str
    at: float
    span: str


class Credit(msgspec.Struct, frozen=True, kw_only=True):
    """How often things went right and wrong where a lesson was told, and where it was withheld; faded by age."""

    right_with: float = 0.0
    wrong_with: float = 0.0
    right_without: float = 0.0
    wrong_without: float = 0.0
    at: float = 0.0
    """Unix seconds up to which it is faded."""
    setup: str = ""
    """`Exchange.setup` under which it was earned; with another it begins anew."""


class Lesson(msgspec.Struct, frozen=True, kw_only=True):
    """What a memory of the kinds `lesson` and `correction` is besides its text."""

    key: str
    """Of the signals behind it: one lesson per key and owner."""
    state: LessonState
    grade: Grade
    """The best of its evidence."""
    triggers: tuple[str, ...] = ()
    """Every phrasing under which it came up, verbatim, oldest first."""
    tools: tuple[str, ...] = ()
    """Told where the request offers one of them; empty for wherever it is triggered."""
    places: tuple[str, ...] = ()
    """Paths, symbols and ids of tests: it is told where work touches one."""
    signature: str = ""
    """Of the error that it avoids; told at once when that comes back."""
    when_not: tuple[str, ...] = ()
    """Phrasings for which it was wrong: nearer to one of them than to a trigger it is not told."""
    evidence: tuple[Evidence, ...] = ()
    sessions: tuple[str, ...] = ()
    """In which its evidence was seen."""
    users: tuple[str, ...] = ()
    """Of a lesson that users share: whose it was."""
    credit: Credit = Credit()
    taken: tuple[str, ...] = ()
    """Newest exchanges and feedback that it has learnt from, so that none is learnt twice."""


class Earned(msgspec.Struct, frozen=True, kw_only=True):
    """One outcome of one lesson."""

    memory: str
    is_told: bool
    propensity: float
    event: Event
    weight: float
    exchange: str
    """In which it was seen."""
    session: str
    """Digest of whose session it was and what it is called: lessons that users share name none of them."""
    at: float
    """Unix seconds of that exchange."""
    setup: str
    """`Exchange.setup` of it."""

    @property
    def is_right(self) -> bool:
        """Whether it speaks for how things went."""
        return self.event != "failed"


HandAction = Literal["ADD", "SUPERSEDE", "RETIRE", "RESTORE", "PIN", "UNPIN", "FORGET", "IMPORT"]
"""What a person does to a memory of any kind (gateway/curation.py)."""


class Change(msgspec.Struct, frozen=True, kw_only=True):
    """One step in the evolution of a lesson, or of another memory that somebody changed by hand."""

    action: HandAction | Literal["REINFORCE", "PROMOTE", "EVICT"]
    memory: str
    """Its id."""
    at: float
    cause: str
    """The exchange or feedback it follows from; empty for upkeep and for what was done by hand."""
    reason: str
    """In a few words."""
    by: str = ""
    """The memory that took its place, where it was superseded by hand."""
