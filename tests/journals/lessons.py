"""Feedback, signals and changes to put on record, with only what a test is about spelt out."""

from __future__ import annotations

import msgspec

from gateway.experience import Change, Feedback, Signal
from gateway.types import Exchange, Scope
from tests.journals.samples import exchange

NOW = 1_800_000_000.0
"""Where tests' clocks begin."""

DAY = 86_400.0


def at(moment: float, identifier: str, where: Scope, **changes: object) -> Exchange:
    """An exchange that ended, at a time."""
    return msgspec.structs.replace(exchange(identifier, where), at=moment, **changes)


def feedback(identifier: str, *, exchange: str = "", session: str = "", at: float = NOW) -> Feedback:
    return Feedback(id=identifier, tenant="acme", exchange=exchange, session=session, at=at, value=True)


def signal(exchange: str, evidence: str, *, name: str = "tool_error", at: float = NOW) -> Signal:
    return Signal(
        name=name, version=1, grade="A", exchange=exchange, session="s1", at=at, is_good=False, evidence=evidence
    )


def change(memory: str, cause: str, *, at: float = NOW) -> Change:
    return Change(action="ADD", memory=memory, at=at, cause=cause, reason="said outright")
