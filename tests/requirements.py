"""What Accrue promises, and how far each promise is held by tests.

A test says `@pytest.mark.promise("P2")` for each promise it holds; tests/test_requirements.py checks both directions.
"""

from __future__ import annotations

from typing import Literal

import msgspec

Held = Literal["yes", "partly", "not yet"]
"""`partly`: some tests stand, and the promise says more than they show. `not yet`: nothing may claim to hold it."""


class Promise(msgspec.Struct, frozen=True, kw_only=True):
    """One thing that must always be true."""

    id: str
    sentence: str
    held: Held = "yes"


PROMISES = [
    Promise(
        id="P1",
        sentence="Silent means transparent: with nothing to add the upstream receives the client's own bytes; with "
        "memory off bodies are byte-equal both ways, with the same status and the same non-hop headers, but for one "
        "line that shows a loop.",
    ),
    Promise(
        id="P2",
        sentence="Surgical when not: only the notes differ, every other member keeps its bytes; client messages are "
        "never rewritten, only added to.",
    ),
    Promise(
        id="P3",
        sentence="Answers are untouched: same bytes, same order, same chunks, true streaming; any cut of a stream "
        "parses the same. One exception: an upstream that dies mid-stream yields one error event and an aborted "
        "connection, because clients take a silent end for success.",
    ),
    Promise(
        id="P4",
        sentence="Fail open, visibly, within a deadline: late or broken memory never changes a status, a shape or a "
        "stream, and the answer says why. Authentication, tenant scope, secret scanning and erasure fail closed.",
    ),
    Promise(
        id="P5",
        sentence="Prefix-stable: what was inserted in one turn of a session is inserted again, byte-identical and in "
        "the same place, in the next, so that the provider's prompt cache keeps hitting.",
    ),
    Promise(
        id="P6",
        sentence="Nothing acknowledged is lost: a turn whose last byte the client received survives a killed process "
        "and a power cut; everything sent upstream leaves at least an intent; a hang-up still teaches.",
    ),
    Promise(
        id="P7",
        sentence="Scope is never optional: a store call without a scope is an error, never everything; the tenant "
        "comes from the credential alone, and user, session and agent are hints inside it.",
    ),
    Promise(
        id="P8",
        sentence="Every memory explains itself: evidence span, source exchange, origin, kind, credit and why it was "
        "recalled; every answer names the exchange under which that can be asked.",
    ),
    Promise(
        id="P9",
        sentence="No self-echo: text we inserted is never learnt from; it is stripped exactly wherever it comes back.",
    ),
    Promise(
        id="P10",
        sentence="Learning is honest: the raw record is append-only, memories are derived, versioned and rebuildable, "
        "and the effect of memory is measured against a withheld arm, or said to be unknown.",
    ),
    Promise(
        id="P11",
        sentence="Erasure is provable: after erasing a user no byte of theirs is in any store, log or index, and a "
        "tombstone outlives replay and rebuild.",
    ),
    Promise(
        id="P12",
        sentence="Deterministic: time, ids and randomness come from ports; the same inputs give the same bytes.",
    ),
]
