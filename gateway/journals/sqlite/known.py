"""What the process remembers of sessions and anchors, so that finding a session rarely asks the disk.

An entry takes part in every write from the moment it is there. Until it has been completed with what the disk said
at some time since, it is partial: it knows what is newer than the disk, not what is older. An entry leaves only when
its last write is on disk, so that disk and entries together always hold everything, in the order of submission.

Not safe between threads by itself; the journal holds a lock around it.
"""

from __future__ import annotations

from collections import OrderedDict, deque
from collections.abc import Callable, Iterable, Mapping, Sequence
from concurrent.futures import Future
from typing import Any, Generic, Protocol, TypeVar

import msgspec

from gateway.anchors import STRONG
from gateway.journals.sqlite.rows import OPENINGS_KEPT, AnchorRow, OpeningRow, Person
from gateway.types import Note

SESSIONS_KEPT = 4096
"""A session with ten notes takes about 10 kB."""

ANCHORS_KEPT = 16_384
"""An anchor takes about 400 bytes; an answer leaves one or two."""

PERSONS_KEPT = 1024
"""Of a person, openings take 25 kB."""

Key = tuple[str, str, str]


class KnownSession(msgspec.Struct, gc=False):  # there are thousands, and nothing goes round in a circle
    """A session and its ledger."""

    write: Future[Any] | None = None
    is_whole: bool = False
    is_there: bool = False
    ledger: Mapping[str, Note] = {}
    """Replaced, never changed: it is handed out."""

    def add(self, notes: Sequence[Note], write: Future[Any]) -> None:
        """Take what an exchange of this session adds; the first note at a place stays."""
        self.write = write
        self.is_there = True
        self.ledger = _first_at_each_place(self.ledger, notes)

    def complete(self, ledger: Mapping[str, Note] | None) -> None:
        """Take what the disk said; None when it had no such session."""
        if not self.is_whole:
            self.is_whole = True
            self.is_there = self.is_there or ledger is not None
            self.ledger = _first_at_each_place(ledger or {}, self.ledger.values())


class KnownAnchor(msgspec.Struct, gc=False):
    """The sessions that got an anchor, as far as they matter: the newest, and whether there are more."""

    write: Future[Any] | None = None
    is_whole: bool = False
    is_shared: bool = False
    session: str | None = None

    def add(self, session: str, write: Future[Any]) -> None:
        """Take that a session got it."""
        self.write = write
        self.is_shared = self.is_shared or self.session not in (None, session)
        self.session = session

    def complete(self, row: AnchorRow | None) -> None:
        """Take what the disk said: the newest session it had, and whether there were more."""
        if self.is_whole:
            return
        self.is_whole = True
        if row is not None:
            session, is_shared = row
            self.session = self.session or session
            self.is_shared = self.is_shared or is_shared or self.session != session

    def is_open(self, anchor: str) -> bool:
        """Whether only the disk can say whose it is."""
        is_answered = self.is_shared or (anchor.startswith(STRONG) and self.session is not None)
        return not (self.is_whole or is_answered)

    def owner(self, anchor: str) -> str | None:
        """The session that is meant by it; none when that is a guess."""
        return None if self.is_shared and not anchor.startswith(STRONG) else self.session


class KnownOpenings:
    """How a person's replies of late began, oldest first."""

    def __init__(self) -> None:
        self.write: Future[Any] | None = None
        self.is_whole = False
        self._rows: deque[OpeningRow] = deque(maxlen=OPENINGS_KEPT)

    def add(self, rows: Sequence[OpeningRow], write: Future[Any]) -> None:
        """Take what an exchange adds."""
        self.write = write
        self._rows.extend(rows)

    def complete(self, rows: Sequence[OpeningRow]) -> None:
        """Take what the disk said, which may hold some of the newest already."""
        if self.is_whole:
            return
        self.is_whole = True
        newer = list(self._rows)
        self._rows.clear()
        self._rows.extend([*(row for row in rows if row not in newer), *newer])

    def quoted(self, texts: Sequence[str], since: float) -> str | None:
        """The session of the newest reply whose opening stands in one of the texts; none when two sessions share it."""
        owners: dict[str, set[str]] = {}
        for opening, session, _ in self._rows:
            owners.setdefault(opening, set()).add(session)
        for opening, session, at in reversed(self._rows):
            if at >= since and len(owners[opening]) == 1 and any(opening in text for text in texts):
                return session
        return None


class _Entry(Protocol):
    write: Future[Any] | None


E = TypeVar("E", bound=_Entry)


class Known(Generic[E]):
    """Entries by key, those used last; a bounded number, beyond which only those stay whose write is not yet done."""

    def __init__(self, make: Callable[[], E], limit: int) -> None:
        self._make = make
        self._limit = limit
        self._entries: OrderedDict[Key, E] = OrderedDict()

    def __len__(self) -> int:
        return len(self._entries)

    def entry(self, owner: Person, name: str) -> E:
        """The entry of this name, a new and partial one if need be."""
        key = (*owner, name)
        found = self._entries.get(key)
        if found is None:
            found = self._entries[key] = self._make()
        self._entries.move_to_end(key)
        self._trim()
        return found

    def forget(self, owner: Person) -> None:
        """Drop all entries of an owner, who is being removed from the disk."""
        for key in [key for key in self._entries if key[:2] == owner]:
            del self._entries[key]

    def _trim(self) -> None:
        while len(self._entries) > self._limit:
            key, oldest = next(iter(self._entries.items()))
            if oldest.write is not None and not oldest.write.done():
                self._entries.move_to_end(key)
                return
            del self._entries[key]


def _first_at_each_place(ledger: Mapping[str, Note], notes: Iterable[Note]) -> Mapping[str, Note]:
    grown = dict(ledger)
    for note in notes:
        grown.setdefault(note.where, note)
    return grown
