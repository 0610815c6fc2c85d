"""Exchanges to put into a journal, with only what a test is about spelt out."""

from __future__ import annotations

from contextlib import AbstractAsyncContextManager
from typing import Protocol

from gateway.ports import Echoes, Journal
from gateway.types import Exchange, ExchangeState, MemoryMode, Note, Scope, Turn


class ClosableJournal(Journal, Protocol):
    """A journal as wiring owns it."""

    async def aclose(self) -> None: ...


class OpenJournal(Protocol):
    """Opens the same journal again and again, as a gateway does that is started again."""

    def __call__(self) -> AbstractAsyncContextManager[ClosableJournal]: ...


def scope(session: str = "", user: str | None = "ann", tenant: str = "acme") -> Scope:
    return Scope(tenant=tenant, user=user, session=session)


def exchange(
    identifier: str,
    where: Scope,
    *,
    state: ExchangeState = "done",
    mode: MemoryMode = "on",
    anchors: tuple[str, ...] = (),
    notes: dict[str, str] | None = None,
    text: str = "hello",
) -> Exchange:
    return Exchange(
        id=identifier,
        scope=where,
        at=1.0,
        path="/chat/completions",
        state=state,
        mode=mode,
        turns=(Turn(role="user", text=text),),
        anchors=anchors,
        notes=tuple(Note(where=place, text=noted) for place, noted in (notes or {}).items()),
    )


def intent(identifier: str, where: Scope, *, mode: MemoryMode = "on", notes: dict[str, str] | None = None) -> Exchange:
    return exchange(identifier, where, state="intent", mode=mode, notes=notes)


async def session_found(journal: Journal, where: Scope, *anchors: str) -> str | None:
    """The session's name, where one is found."""
    found = await journal.find_session(where, Echoes(anchors=anchors))
    return None if found is None else found.scope.session


async def ledger_found(journal: Journal, where: Scope) -> dict[str, str] | None:
    """The session's notes, place by place in their order, where the session is found."""
    found = await journal.find_session(where, Echoes())
    return None if found is None else {place: note.text for place, note in found.ledger.items()}


async def leased(journal: Journal, limit: int = 100) -> list[str]:
    """Ids of what waits for the learner."""
    return [waiting.id for waiting in await journal.lease(limit)]
