"""One gateway of a fleet, as far as its archive goes: what others shipped to Redis, and what is on its own disk."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable, Iterable, Sequence
from contextlib import AsyncExitStack, aclosing, asynccontextmanager, closing
from pathlib import Path

import msgspec
from redis import Redis

from gateway.chronicle import Learnt
from gateway.erasures import Erasures, Person, Tombstone
from gateway.journals.redis.archive import RedisArchive
from gateway.journals.redis.history import RedisHistory
from gateway.journals.redis.keys import owner_of
from gateway.journals.redis.parcels import Parcels
from gateway.journals.redis.server import Server
from gateway.journals.redis.tenures import Tenures
from gateway.journals.redis.tombstones import Tombstones
from gateway.journals.sqlite import SqliteArchive, SqliteJournal
from gateway.journals.sqlite.records import pack
from gateway.sealing import NO_SEAL, Seal
from gateway.testing import ManualClock
from gateway.types import Exchange, Operator, Scope
from tests.journals.lessons import NOW, change, feedback, signal
from tests.journals.samples import exchange

SECRET = b"s" * 32
PARTITIONS = 4
KEEP_S = 3_600.0
WORDS = "the parrot is called Zog"


class Disk:
    """What a gateway has on its own disk, noted down."""

    def __init__(self, tombstones: Iterable[Tombstone] = ()) -> None:
        self.stones = list(tombstones)
        self.purged = 0

    async def tombstones(self) -> Sequence[Tombstone]:
        return self.stones

    async def bury(self, tombstones: Sequence[Tombstone]) -> None:
        self.stones += tombstones

    async def purge(self, is_gone: Callable[[Scope, float], bool]) -> None:
        self.purged += 1


class Fleet(msgspec.Struct, frozen=True, kw_only=True):
    """What a test asks of the gateway."""

    server: Server
    tenures: Tenures
    parcels: Parcels
    history: RedisHistory
    journal: SqliteJournal
    archive: RedisArchive

    async def ship(self, *exchanges: Exchange) -> list[bytes]:
        """Ship as a gateway does that knows of no tombstone."""
        return [(await self.server.run_all(self.parcels.ended(*pack(one))))[0] for one in exchanges]

    def lasting(self, keep_s: float) -> Fleet:
        """The same where Redis keeps things for so long."""
        return msgspec.structs.replace(self, parcels=parcels_of(keep_s))

    async def learn(self, *exchanges: Exchange) -> None:
        """Mark as learnt."""
        for one in exchanges:
            key = owner_of(one.scope, PARTITIONS).partition.key("exchange", one.id)
            await self.server.ask("HSET", key, "learnt", await self.server.ask("HGET", key, "version"))

    async def erase(self, person: Person, at: float = NOW) -> dict[str, int]:
        stone = stone_of(person.scope, at)
        return {kind: count for kind, count in (await self.archive.erase(person, stone)).items() if count}

    async def fill(self, where: Scope, name: str) -> None:
        """An exchange of everything: notes, anchors, an opening, feedback, what was learnt, a letter, and its spool."""
        one = said(f"{name}-1", where, f"{WORDS}, {name}", name)
        await self.ship(one)
        await self.journal.commit(one)
        given = msgspec.structs.replace(feedback(f"fb-{name}", exchange=one.id), comment=f"{WORDS} {name}")
        assert await self.history.give(where, given) == "new"
        learnt = Learnt(exchange=one.id, signals=(signal(one.id, f"{WORDS}, {name}"),), changes=(change("m1", one.id),))
        await self.history.taught(where, learnt)
        await self.server.ask("HSET", owner_of(where, PARTITIONS).partition.key("dead"), one.id, "letter")


def said(identifier: str, where: Scope, text: str = "hello", name: str = "x", at: float = NOW) -> Exchange:
    """An exchange that leaves all that one can leave."""
    one = exchange(identifier, where, anchors=(f"s:{name}", f"w:{name}"), notes={"head": text}, text=text)
    return msgspec.structs.replace(one, at=at, openings=(text,), policy="default")


def parcels_of(keep_s: float, seal: Seal = NO_SEAL) -> Parcels:
    return Parcels(partitions=PARTITIONS, keep_s=keep_s, subject=lambda scope: stone_of(scope).subject, seal=seal)


def stone_of(scope: Scope, at: float = NOW, *, is_out: bool = False) -> Tombstone:
    person = Person(tenant=scope.tenant, user=scope.user, session="" if scope.user is not None else scope.session)
    return Erasures(SECRET).tombstone(person, at, is_out=is_out)


@asynccontextmanager
async def gateway(url: str, folder: Path, seal: Seal = NO_SEAL) -> AsyncIterator[Fleet]:
    """A gateway that learns every partition."""
    async with AsyncExitStack() as stack:
        server = await stack.enter_async_context(aclosing(Server(url, timeout_s=5.0)))
        journal = await stack.enter_async_context(aclosing(SqliteJournal(folder / "journal.db")))
        local = SqliteArchive(folder / "journal.db", journal.writer, journal.forget)
        await stack.enter_async_context(aclosing(local))
        tenures = Tenures(server, PARTITIONS, "gateway", lease_s=600.0)
        await tenures.round()

        async def read(authority: Scope | Operator, identifier: str) -> Exchange | None:
            return await journal.read(authority, identifier)

        yield Fleet(
            server=server,
            tenures=tenures,
            parcels=parcels_of(KEEP_S, seal),
            history=RedisHistory(
                server, tenures, read, ManualClock(NOW), partitions=PARTITIONS, keep_s=KEEP_S, seal=seal
            ),
            journal=journal,
            archive=RedisArchive(
                server,
                Tombstones(server, Erasures(SECRET), Disk()),
                tenures,
                local,
                partitions=PARTITIONS,
                seal=seal,
            ),
        )


def everything(url: str) -> bytes:
    """All keys of a Redis and all that is under them."""
    with closing(Redis.from_url(url)) as client:
        return b"\n".join(part for key in client.scan_iter() for part in (key, repr(_value(client, key)).encode()))


def _value(client: Redis, key: bytes) -> object:
    match client.type(key):
        case b"hash":
            return client.hgetall(key)
        case b"set":
            return client.smembers(key)
        case b"zset":
            return client.zrange(key, 0, -1, withscores=True)
        case b"list":
            return client.lrange(key, 0, -1)
        case b"stream":
            return client.xrange(key)
        case _:
            return client.get(key)
