"""Who was erased, until when, and who wants no memory: known by a keyed hash alone, so that the list names nobody.

A tombstone outlives what it stands for: what was said before it is not taken again, whatever brings it: an answer that
was still under way, a log that is replayed, a record that is learnt anew (promise P11).
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable

import msgspec

from gateway.types import Scope


class Person(msgspec.Struct, frozen=True, kw_only=True):
    """Whose things are meant: a named user's, or those of one session in which nobody was named."""

    tenant: str
    user: str | None
    session: str = ""
    """Of nobody's; empty for a user, whose sessions are all meant."""

    @property
    def scope(self) -> Scope:
        """Under which their memories lie. Raises `ScopeError` when it is neither a user nor a session."""
        return Scope(tenant=self.tenant, user=self.user, session="" if self.user is not None else self.session)


class Tombstone(msgspec.Struct, frozen=True, kw_only=True):
    """That somebody was erased, or asked not to be remembered."""

    subject: bytes
    at: float
    """Unix seconds up to which nothing of theirs may be known."""
    is_out: bool = False
    """True when nothing may be remembered of them later on either."""


class Erasures:
    """The tombstones of one data directory."""

    def __init__(self, secret: bytes, tombstones: Iterable[Tombstone] = ()) -> None:
        self._secret = secret
        self._by_subject = {tombstone.subject: tombstone for tombstone in tombstones}

    def add(self, tombstones: Iterable[Tombstone]) -> None:
        """Take those that are on record, here or for a whole fleet; of two of a person the later one counts."""
        for tombstone in tombstones:
            known = self._by_subject.get(tombstone.subject)
            if known is None or known.at <= tombstone.at:
                self._by_subject[tombstone.subject] = tombstone

    def tombstone(self, person: Person, at: float, *, is_out: bool | None = None) -> Tombstone:
        """One for a person, which counts from now on; it is for the caller to bring it to disk.

        Args:
            is_out: None: as before.
        """
        subject = self.subject(person.scope)
        before = self._by_subject.get(subject, Tombstone(subject=subject, at=at))
        is_out = before.is_out if is_out is None else is_out
        made = Tombstone(subject=subject, at=max(at, before.at), is_out=is_out)
        self._by_subject[subject] = made
        return made

    def is_gone(self, scope: Scope, at: float | None) -> bool:
        """Whether what was said in a scope at a time must not be known any more; None: at a time that nobody knows."""
        found = self._found(scope)
        return found is not None and (found.is_out or at is None or at <= found.at)

    def is_out(self, scope: Scope) -> bool:
        """Whether nothing is to be remembered of them."""
        found = self._found(scope)
        return found is not None and found.is_out

    def _found(self, scope: Scope) -> Tombstone | None:
        if not self._by_subject or scope.is_shared or (scope.user is None and not scope.session):
            return None
        return self._by_subject.get(self.subject(scope))

    def subject(self, scope: Scope) -> bytes:
        """By which a tombstone knows whose a scope is."""
        owner = scope.owner.encode("utf-8", "surrogatepass")
        return hashlib.blake2b(owner, key=self._secret, person=b"erasure", digest_size=16).digest()
