"""The `History` port over SQLite: the journal's own writer, so that order and group commits hold, and a reader.

It knows who waits for what. Statements are in learning.py and rows.py.
"""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from functools import partial
from pathlib import Path

import structlog

from gateway.chronicle import FEEDBACK_S, Became, Learnt, Taken
from gateway.experience import Feedback
from gateway.journals.sqlite import learning, rows
from gateway.journals.sqlite.reader import Reader
from gateway.journals.sqlite.records import pack, well_formed
from gateway.journals.sqlite.writer import Writer
from gateway.ports import Clock
from gateway.sealing import NO_SEAL, Seal
from gateway.types import Exchange, Scope

_log = structlog.get_logger()


class SqliteHistory:
    """The history in a journal's file. Usable from any event loop."""

    def __init__(self, path: Path, writer: Writer, clock: Clock, seal: Seal = NO_SEAL) -> None:
        """Open beside the journal whose writer it is, and which is closed after it. Raises `DataDirError`."""
        self._reader = Reader(path, "history-reader", seal, beside=writer.database)
        self._writer = writer
        self._clock = clock

    async def session(self, scope: Scope, before: str, limit: int) -> list[Exchange]:
        """The newest exchanges of a person's session before one of them, oldest first."""
        return await self._reader.ask(
            partial(
                rows.read_earlier,
                owner=rows.person(scope),
                session=well_formed(scope.session),
                before=before,
                limit=limit,
            )
        )

    async def give(self, scope: Scope, feedback: Feedback) -> Taken:
        """Return when feedback is durable, or not taken; it becomes durable too when the caller no longer waits."""
        stored, payload = pack(feedback)
        write = partial(learning.write_feedback, scope=scope, feedback=stored, payload=payload)
        return await asyncio.wrap_future(self._writer.submit(write))

    async def given(self, limit: int) -> list[Feedback]:
        """Feedback not yet learnt of exchanges that are and can be read, oldest first."""
        before = self._clock.now() - FEEDBACK_S
        await self._give_up(await self._reader.ask(partial(learning.read_unmatched, before=before)), "not learnt")
        while True:
            given, damaged = await self._reader.ask(partial(learning.read_given, limit=limit))
            await self._give_up(damaged, "not readable")
            if given or not damaged:  # what is damaged must not hide what came after it
                return given

    async def taught(self, scope: Scope, learnt: Learnt) -> None:
        """Return when a step of learning is on record."""
        write = partial(learning.write_learnt, scope=scope, learnt=learnt, at=self._clock.now())
        await asyncio.wrap_future(self._writer.submit(write))

    async def became(self, tenant: str, feedback: str, user: str | None = None) -> Became | None:
        """What became of feedback on a user's exchange, or of the only one of this id that the tenant gave."""
        asked = partial(
            learning.read_became,
            tenant=tenant,
            identifier=well_formed(feedback),
            user=None if user is None else well_formed(user),
        )
        return await self._reader.ask(asked)

    async def aclose(self) -> None:
        """Close the reader; the writer is the journal's."""
        await asyncio.to_thread(self._reader.close)

    async def _give_up(self, positions: Sequence[int], reason: str) -> None:
        """Wait no longer for the exchanges of this feedback."""
        if positions:
            _log.warning("feedback_unmatched", count=len(positions), reason=reason)
            await asyncio.wrap_future(self._writer.submit(partial(learning.give_up, positions=positions)))
