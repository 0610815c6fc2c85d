"""Feedback that waits in the partitions that this gateway learns, until its exchange is learnt.

It is looked through a portion at a time, so that what cannot be learnt yet hides nothing. How it came there is in
history.py.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence
from operator import attrgetter

import msgspec
import structlog

from gateway.errors import MemoryUnavailable
from gateway.experience import Feedback
from gateway.journals.redis.server import Server
from gateway.journals.redis.steps import decode_feedback, opened, text
from gateway.journals.redis.tenures import Tenure, Tenures
from gateway.journals.sqlite.records import unpack
from gateway.sealing import Seal

PORTION = 32
"""Of each partition looked at at once."""

_log = structlog.get_logger()


class _Waiting(msgspec.Struct, frozen=True, kw_only=True):
    """One piece of feedback."""

    tenure: Tenure
    member: str
    """`WHO:ID`."""
    exchange: str
    feedback: Feedback | None
    """None where it has expired or is damaged."""

    @property
    def who(self) -> str:
        """Whose exchange it is about."""
        return self.member.partition(":")[0]

    @property
    def about(self) -> str:
        """The key of its exchange."""
        return self.tenure.partition.key("exchange", self.exchange)

    def of_exchange(self, *fields: str) -> tuple[str, ...]:
        """The command that reads of its exchange."""
        return "HMGET", self.about, *fields


class Given:
    """What waits. Usable from one event loop."""

    def __init__(self, server: Server, tenures: Tenures, seal: Seal) -> None:
        self._server = server
        self._tenures = tenures
        self._seal = seal

    async def ready(self, limit: int, too_old: float) -> list[Feedback]:
        """What can be learnt now, the oldest of each partition first.

        What came before `too_old` and still cannot waits no longer, nor does what is damaged. Raises
        `MemoryUnavailable`.
        """
        held, start = self._tenures.staying(), 0
        ready: list[Feedback] = []
        unlearnt: list[_Waiting] = []
        damaged: list[_Waiting] = []
        while len(ready) < limit and (waiting := await self._portion(held, start)):
            start += PORTION
            learnt = await self._learnt(waiting)
            readable = await self._readable(learnt.values())
            for one in waiting:
                if one.feedback is None or (one.member in learnt and one.member not in readable):
                    damaged.append(one)
                elif one.member in learnt:
                    ready.append(one.feedback)
                elif one.feedback.at < too_old:
                    unlearnt.append(one)
        await self._give_up(unlearnt, "not learnt")
        await self._give_up(damaged, "not readable")
        return sorted(ready, key=attrgetter("at"))[:limit]

    async def _portion(self, held: Sequence[Tenure], start: int) -> list[_Waiting]:
        """What waits in each partition from a place on, in its order."""
        pages = await self._server.ask_each(
            [("ZRANGE", tenure.partition.key("given"), start, start + PORTION - 1) for tenure in held]
        )
        found = [(tenure, text(member)) for tenure, page in zip(held, pages, strict=True) for member in page or ()]
        keys = [tenure.partition.key("feedback", member) for tenure, member in found]
        kept = await self._server.ask_each([("HMGET", key, "payload", "exchange") for key in keys])
        return [
            self._waiting(tenure, member, key, *(fields or (None, None)))
            for (tenure, member), key, fields in zip(found, keys, kept, strict=True)
        ]

    def _waiting(
        self, tenure: Tenure, member: str, key: str, payload: bytes | None, exchange: bytes | None
    ) -> _Waiting:
        """What somebody said, with the exchange that it is about."""
        feedback, about = opened(self._seal, decode_feedback, payload, key), text(exchange)
        if feedback is not None:
            feedback = msgspec.structs.replace(feedback, exchange=about)
        return _Waiting(tenure=tenure, member=member, exchange=about, feedback=feedback)

    async def _learnt(self, waiting: Sequence[_Waiting]) -> dict[str, _Waiting]:
        """Those whose exchange is learnt as it stands, by their member."""
        found = await self._server.ask_each([one.of_exchange("version", "learnt") for one in waiting])
        return {
            one.member: one
            for one, fields in zip(waiting, found, strict=True)
            if fields and fields[0] is not None and fields[0] == fields[1]
        }

    async def _readable(self, waiting: Collection[_Waiting]) -> set[str]:
        """The members of those whose exchange can be read."""
        payloads = await self._server.ask_each([one.of_exchange("payload") for one in waiting])
        return {
            one.member
            for one, fields in zip(waiting, payloads, strict=True)
            if fields and opened(self._seal, unpack, fields[0], one.about, one.who) is not None
        }

    async def _give_up(self, ones: Sequence[_Waiting], reason: str) -> None:
        """Wait no longer for the exchanges of this feedback."""
        if ones:
            _log.warning("feedback_unmatched", count=len(ones), reason=reason)
        for tenure in dict.fromkeys(one.tenure for one in ones):
            partition, members = tenure.partition, [one.member for one in ones if one.tenure == tenure]
            keys = [partition.key("token"), partition.key("given"), *(partition.key("feedback", m) for m in members)]
            answer = await self._server.run("give_up", keys, tenure.token, *members)
            unless_lost(answer, self._tenures, tenure)


def unless_lost(answer: object, tenures: Tenures, tenure: Tenure) -> None:
    """Raise `MemoryUnavailable` where a script says that another gateway learns by now."""
    if answer == b"LOST":
        tenures.lost(tenure)
        raise MemoryUnavailable(f"redis: another gateway learns partition {tenure.partition.number}")
