"""What waits to be distilled, and what distilling has cost today: one small file, so that a restart changes neither.

It holds ids and names, never what was said: that is in the journal. When it is whose turn, and what a turn may cost,
is decided in gateway/distil.py.
"""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from pathlib import Path

import msgspec
import structlog

from gateway.datadir import write_whole
from gateway.errors import ScopeError
from gateway.types import Exchange, Scope

MAX_SESSIONS = 1_000
"""Waiting at once; beyond, the one that has waited longest goes."""

MAX_EXCHANGES = 200
"""Of one session; the newest stay."""

Key = tuple[str, str, str]

log = structlog.get_logger()


class Waiting(msgspec.Struct, frozen=True, kw_only=True):
    """Exchanges of one session that have been learnt and not yet distilled."""

    scope: Scope
    policy: str
    exchanges: tuple[str, ...]
    """In the order in which they were learnt."""
    turns: int
    """That the user said in them."""
    at: float
    """Unix seconds of the newest."""

    @property
    def key(self) -> Key:
        """What tells it from others."""
        return self.scope.owner, self.scope.session, self.policy


class _Kept(msgspec.Struct):
    """The file."""

    day: str = ""
    spent: dict[str, int] = {}
    waiting: list[Waiting] = []


class Backlog:
    """The file's content, in the process. Nothing is on disk before it is saved."""

    def __init__(self, file: Path) -> None:
        self._file = file
        kept = _read(file)
        self._day, self._spent = kept.day, kept.spent
        self._waiting = {waiting.key: waiting for waiting in kept.waiting}
        self._is_changed = False

    def __len__(self) -> int:
        return len(self._waiting)

    def __iter__(self) -> Iterator[Waiting]:
        """Those that wait, first come first."""
        return iter(list(self._waiting.values()))

    def add(self, exchange: Exchange, turns: int) -> Waiting | None:
        """Let an exchange wait, in which the user said so many turns; the session that must go for it, if one must."""
        new = Waiting(
            scope=exchange.scope, policy=exchange.policy, exchanges=(exchange.id,), turns=turns, at=exchange.at
        )
        old = self._waiting.get(new.key)
        if old is not None and exchange.id in old.exchanges:
            return None
        if old is not None:
            exchanges = (*old.exchanges, exchange.id)[-MAX_EXCHANGES:]
            new = msgspec.structs.replace(new, exchanges=exchanges, turns=old.turns + turns)
        self._waiting[new.key] = new
        self._is_changed = True
        if len(self._waiting) <= MAX_SESSIONS:
            return None
        return self._waiting.pop(next(iter(self._waiting)))

    def done(self, waiting: Waiting) -> None:
        """Take out what was dealt with; what has come since goes on waiting."""
        now = self._waiting.pop(waiting.key, waiting)
        left = tuple(one for one in now.exchanges if one not in waiting.exchanges)
        if left:
            turns = max(now.turns - waiting.turns, 1)
            self._waiting[now.key] = msgspec.structs.replace(now, exchanges=left, turns=turns)
        self._is_changed = True

    def remove(self, scope: Scope) -> None:
        """Take out all that waits of a scope's owner."""
        kept = {key: waiting for key, waiting in self._waiting.items() if waiting.scope.owner != scope.owner}
        self._is_changed = self._is_changed or len(kept) < len(self._waiting)
        self._waiting = kept

    def defer(self, waiting: Waiting) -> None:
        """Let it wait behind all others."""
        if waiting.key in self._waiting:
            self._waiting[waiting.key] = self._waiting.pop(waiting.key)

    def spent(self, policy: str, day: str) -> int:
        """Tokens that calls of a policy have cost on a day, which is today."""
        return self._spent.get(policy, 0) if day == self._day else 0

    def spend(self, policy: str, day: str, tokens: int) -> None:
        """Count tokens."""
        others = self._spent if day == self._day else {}
        self._day, self._spent = day, {**others, policy: self.spent(policy, day) + tokens}
        self._is_changed = True

    async def save(self) -> None:
        """Bring the file up to date. What cannot be written is tried again with the next save."""
        if not self._is_changed:
            return
        content = msgspec.json.encode(_Kept(day=self._day, spent=self._spent, waiting=list(self)))
        self._is_changed = False
        try:
            await asyncio.to_thread(write_whole, self._file, content)
        except OSError as error:
            self._is_changed = True
            log.warning("distil_unsaved", error=str(error))


def _read(file: Path) -> _Kept:
    """The file's content; nothing where there is none, or none that can be read: that must not keep us from serving."""
    try:
        return msgspec.json.decode(file.read_bytes(), type=_Kept)
    except FileNotFoundError:
        return _Kept()
    except (OSError, msgspec.DecodeError, ScopeError) as error:
        log.warning("distil_file_unreadable", error=str(error))
        return _Kept()
