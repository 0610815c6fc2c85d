"""Sessions as Redis knows them, for every gateway alike: the ledger of one, and which one a request belongs to.

What they mean is said by the `Journal` port and by gateway/anchors.py. What this gateway has not shipped yet is not
known here, nor what to do when Redis does not answer.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any

import msgspec

from gateway.anchors import STRONG
from gateway.errors import Damaged
from gateway.journals.redis.keys import EPOCH, Owner, anchored_at, digest, owner_of
from gateway.journals.redis.parcels import POSITION_CHARS, anchor_key
from gateway.journals.redis.server import Command, Server
from gateway.journals.sqlite.known import KnownOpenings
from gateway.journals.sqlite.records import unpack_note, well_formed
from gateway.journals.sqlite.rows import OPENINGS_KEPT, OpeningRow
from gateway.ports import Echoes
from gateway.sealing import NO_SEAL, Seal
from gateway.types import Note, Scope, Session

_decode_opening = msgspec.msgpack.Decoder(OpeningRow).decode


class Sessions:
    """Looks them up: a named one in one round trip, any other in two."""

    def __init__(
        self,
        server: Server,
        *,
        partitions: int,
        seal: Seal = NO_SEAL,
        on_epoch: Callable[[bytes | None], None] = lambda epoch: None,
    ) -> None:
        """Look up by a server.

        Args:
            on_epoch: told with every answer which memory of Redis's it is from.
        """
        self._server = server
        self._partitions = partitions
        self._seal = seal
        self._on_epoch = on_epoch

    async def find(self, scope: Scope, echoes: Echoes) -> Session | None:
        """The session named in the scope, else the one that owns the first anchor known, else the one quoted last.

        Raises `MemoryUnavailable`, also for a record that cannot be read.
        """
        if scope.session:
            return await self._session(scope, well_formed(scope.session))
        owner = anchored_at(scope, self._partitions)
        anchors = [well_formed(anchor) for anchor in echoes.anchors]
        commands: list[Command] = [_asked(anchor, anchor_key(owner, anchor)) for anchor in anchors]
        if echoes.texts and scope.user is not None:
            commands.append(("LRANGE", owner.key("openings"), 0, OPENINGS_KEPT - 1))
        answers = await self._ask(commands)
        for name in self._named(owner, anchors, answers, echoes):
            found = await self._session(scope, name)
            if found is not None:
                return found
        return None

    def _named(self, owner: Owner, anchors: Sequence[str], answers: Sequence[Any], echoes: Echoes) -> Iterator[str]:
        """The sessions that may be meant, first those that rather are."""
        for anchor, answer in zip(anchors, answers, strict=False):
            name = _owner_of_strong(answer) if anchor.startswith(STRONG) else _owner_of_weak(answer)
            if name is not None:
                yield name
        for openings in answers[len(anchors) :]:
            quoted = self._quoted(openings, owner.key("openings"), echoes)
            if quoted is not None:
                yield quoted

    def _quoted(self, openings: Sequence[bytes], key: str, echoes: Echoes) -> str | None:
        known = KnownOpenings()
        known.complete([self._read(_decode_opening, opening, key) for opening in reversed(openings)])
        return known.quoted([well_formed(text) for text in echoes.texts], echoes.since)

    async def _session(self, scope: Scope, name: str) -> Session | None:
        scope = msgspec.structs.replace(scope, session=name)
        key = owner_of(scope, self._partitions).key("session", digest(name))
        (fields,) = await self._ask([("HGETALL", key)])
        return Session(scope=scope, ledger=self._ledger(fields, key)) if fields else None

    def _ledger(self, fields: Mapping[bytes, bytes], key: str) -> Mapping[str, Note]:
        """Notes by place, in the order in which they came."""
        notes = sorted((value, _text(place)) for place, value in fields.items() if place)
        return {place: self._read(unpack_note, value[POSITION_CHARS:], key, place) for value, place in notes}

    def _read(self, decode: Callable[[bytes], Any], stored: bytes, *place: str) -> Any:
        """What lies at a place: under a key, and in a field of it where there are many."""
        try:
            return decode(self._seal.open(stored, *place))
        except (msgspec.DecodeError, UnicodeDecodeError) as error:
            raise Damaged("redis: a session that cannot be read") from error

    async def _ask(self, commands: Sequence[Command]) -> list[Any]:
        epoch, *answers = await self._server.ask_all([("GET", EPOCH), *commands])
        self._on_epoch(epoch)
        return answers


def _asked(anchor: str, key: str) -> Command:
    """Of a weak anchor a second session tells enough."""
    return ("GET", key) if anchor.startswith(STRONG) else ("SRANDMEMBER", key, 2)


def _owner_of_strong(answer: bytes | None) -> str | None:
    """The session of the newest exchange that left the anchor."""
    return None if answer is None else _text(answer).partition(" ")[2]


def _owner_of_weak(answer: Sequence[bytes]) -> str | None:
    """The only session that has the anchor."""
    return _text(answer[0]) if len(answer) == 1 else None


def _text(stored: bytes) -> str:
    try:
        return stored.decode()
    except UnicodeDecodeError as error:
        raise Damaged("redis: a session that cannot be read") from error
