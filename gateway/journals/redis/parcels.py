"""Exchanges as they are handed to Redis: what the scripts `ship` and `anchor` are given of them.

It knows how values lie there (gateway/journals/redis/keys.py), and nothing of when they are sent, or again.
"""

from __future__ import annotations

from collections.abc import Callable
from hashlib import blake2b

import msgspec

from gateway.anchors import STRONG
from gateway.erasures import Person
from gateway.journals.redis.keys import Owner, anchored_at, digest, owner_of
from gateway.journals.redis.server import Command, Run, Value
from gateway.journals.sqlite.records import pack, pack_note
from gateway.journals.sqlite.rows import OPENINGS_KEPT, is_teaching
from gateway.sealing import NO_SEAL, Seal
from gateway.types import Exchange, Scope

POSITION_CHARS = 8
"""Before each note of a session stand so many digits, which say after how many others it came."""

_encode = msgspec.msgpack.Encoder().encode


class Parcels:
    """Makes them."""

    def __init__(
        self, *, partitions: int, keep_s: float, subject: Callable[[Scope], bytes], seal: Seal = NO_SEAL
    ) -> None:
        """Make them for a Redis.

        Args:
            keep_s: so long Redis keeps what is in them.
            subject: by which tombstones know whose a scope is (`Erasures`).
        """
        self._partitions = partitions
        self._keep_s = max(1, round(keep_s))
        self._subject = subject
        self._seal = seal

    def begun(self, exchange: Exchange) -> Run:
        """The session and the ledger of a call that goes upstream."""
        stored, _ = pack(exchange)
        return self._ship(stored, owner_of(stored.scope, self._partitions), ())

    def ended(self, exchange: Exchange, payload: bytes) -> list[Run]:
        """All that there is of a call that has ended: as it can be stored, and its bytes (`pack`)."""
        version = version_of(exchange, payload)
        owner = owner_of(exchange.scope, self._partitions)
        opened = [(opening, exchange.scope.session, exchange.at) for opening in exchange.openings]
        end: list[Value] = [exchange.id, version, version.rindex(":")]
        closed = self._seal.close(payload, owner.partition.key("exchange", exchange.id), owner.who)
        end += [closed, exchange.policy, int(is_teaching(exchange)), OPENINGS_KEPT]
        end += [self._seal.close(_encode(opening), owner.key("openings")) for opening in opened]
        shipped = self._ship(exchange, owner, end)
        return [shipped, self._anchored(exchange)] if exchange.anchors else [shipped]

    def _ship(self, exchange: Exchange, owner: Owner, end: Command) -> Run:
        scope, here = exchange.scope, owner.partition
        session = digest(scope.session)
        keys = [owner.key("session", session), owner.key("sessions"), here.key("persons"), here.key("erased")]
        if end:
            keys += [here.key("exchange", exchange.id), owner.key("talk", session)]
            keys += [owner.key("openings"), here.key("stream"), here.key("dead")]
        begun: list[Value] = [self._keep_s, self._subject(scope), exchange.at]
        begun += [owner.who, _encode(_person(scope)), session, scope.session, len(exchange.notes)]
        for note in exchange.notes:
            begun += [note.where, self._seal.close(pack_note(note), keys[0], note.where)]
        return Run("ship", keys, [*begun, *end])

    def _anchored(self, exchange: Exchange) -> Run:
        scope = exchange.scope
        owner = anchored_at(scope, self._partitions)
        keys = [owner.partition.key("erased"), *(anchor_key(owner, anchor) for anchor in exchange.anchors)]
        given: list[Value] = [self._keep_s, self._subject(scope), exchange.at, exchange.id, scope.session]
        given += ["strong" if anchor.startswith(STRONG) else "weak" for anchor in exchange.anchors]
        return Run("anchor", keys, given)


def version_of(exchange: Exchange, payload: bytes) -> str:
    """How an exchange ended: what may replace what, and after the last colon what it says.

    A whole answer stands above anything else, then a later attempt above an earlier one.
    """
    is_answered = exchange.state == "done" and not exchange.is_refused
    return f"{int(is_answered)}:{exchange.attempts:06}:{blake2b(payload, digest_size=8).hexdigest()}"


def anchor_key(owner: Owner, anchor: str) -> str:
    """Where an anchor lies."""
    return owner.key("anchor", digest(anchor))


def _person(scope: Scope) -> Person:
    return Person(tenant=scope.tenant, user=scope.user, session="" if scope.user is not None else scope.session)
