"""What is looked back on, as it lies in Redis: values under the seal, and what steps of learning came to.

It knows no commands. What is asked when is in history.py and chronicle.py, where things lie in keys.py.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import TypeVar

import msgspec
import structlog

from gateway.chronicle import Learnt
from gateway.errors import ScopeError
from gateway.experience import Feedback
from gateway.journals.sqlite.records import decoder
from gateway.sealing import Seal
from gateway.types import Scope

V = TypeVar("V", bound=msgspec.Struct)

_log = structlog.get_logger()


class Taught(msgspec.Struct, frozen=True, kw_only=True):
    """What a step of learning came to, when, and in whose exchange."""

    position: int
    """In the order of learning, over all partitions."""
    at: float
    """Unix seconds at which it was learnt."""
    scope: Scope
    learnt: Learnt

    @property
    def newest(self) -> float:
        """Unix seconds of the newest thing in it."""
        learnt = self.learnt
        return max(
            self.at, *(one.at for found in (learnt.signals, learnt.changes, learnt.earned) for one in found), 0.0
        )


decode_taught, decode_feedback = decoder(Taught), decoder(Feedback)


def once_more(before: Learnt, now: Learnt) -> Learnt:
    """The same step taken again: what is seen now takes the place of what was seen; what has changed has changed."""
    return msgspec.structs.replace(
        now,
        changes=_each_once(((one.memory, one.action, one.at), one) for one in (*before.changes, *now.changes)),
        earned=_each_once(((one.memory, one.event), one) for one in (*before.earned, *now.earned)),
    )


def closed(seal: Seal, payload: bytes, *place: str) -> bytes:
    """The bytes of a value as they are stored at a place (keys.py)."""
    return seal.close(payload, *place)  # type: ignore[return-value] # bytes become bytes


def opened(seal: Seal, decode: Callable[[bytes], V], stored: bytes | None, *place: str) -> V | None:
    """The value at a place; None for none, and for a damaged or a moved one, which must not hide all others."""
    if stored is None:
        return None
    try:
        return decode(seal.open(stored, *place))
    except (msgspec.DecodeError, ScopeError) as error:
        _log.error("journal_record_unreadable", error=type(error).__name__)
        return None


def text(stored: bytes | None) -> str:
    """A name as it stands in Redis; what is damaged names nothing that there is."""
    return (stored or b"").decode(errors="replace")


def _each_once(named: Iterable[tuple[object, V]]) -> tuple[V, ...]:
    """The first of each name."""
    kept: dict[object, V] = {}
    for name, one in named:
        kept.setdefault(name, one)
    return tuple(kept.values())
