"""gateway/journals/sqlite/archive.py and erasing.py: what is on record of one person, read out, removed, outdated."""

from __future__ import annotations

import sqlite3
from collections.abc import AsyncIterator
from pathlib import Path

import msgspec
import pytest

from gateway.archive import Keeping
from gateway.chronicle import Learnt
from gateway.erasures import Erasures, Person
from gateway.errors import MemoryUnavailable
from gateway.experience import Change, Feedback, Signal
from gateway.journals.sqlite import SqliteArchive
from gateway.ports import Echoes
from gateway.types import Exchange, Operator, Scope
from tests.journals.lessons import DAY, NOW, at, change, feedback, signal
from tests.journals.samples import exchange, intent, leased, scope
from tests.journals.sqlite.test_history import Record, opened

ANN = Person(tenant="acme", user="ann")
NOBODY = Person(tenant="acme", user=None, session="s1")
WORDS = "the parrot is called Zog"


class Archived(msgspec.Struct):
    """A journal and its archive."""

    record: Record
    archive: SqliteArchive
    path: Path

    async def erase(self, person: Person) -> dict[str, int]:
        tombstone = Erasures(b"s" * 32).tombstone(person, NOW, is_out=False)
        return {table: count for table, count in (await self.archive.erase(person, tombstone)).items() if count}

    def bytes_on_disk(self) -> bytes:
        return b"".join(file.read_bytes() for file in sorted(self.path.iterdir()) if file.is_file())

    async def fill(self, where: Scope, name: str) -> None:
        """An exchange of everything: notes, anchors, feedback, what was learnt, a letter, and one that is under way."""
        journal, history = self.record.journal, self.record.history
        identifier = f"{name}-1"
        said = exchange(identifier, where, anchors=(f"s:{name}",), notes={"head": f"{WORDS}, {name}"}, text=WORDS)
        await journal.commit(msgspec.structs.replace(said, at=NOW, openings=(f"{WORDS} {name}",), policy="default"))
        journal.intend(intent(f"{name}-2", where)).result(10)
        given = msgspec.structs.replace(feedback(f"fb-{name}", exchange=identifier), comment=f"{WORDS} {name}")
        assert await history.give(where, given) == "new"
        learnt = Learnt(exchange=identifier, signals=(signal(identifier, WORDS),), changes=(change("m1", identifier),))
        await history.taught(where, learnt)
        self.record.execute(f"INSERT INTO dead (exchange, stage, reason, at) VALUES ('{identifier}', 'x', 'y', 1)")


@pytest.fixture
async def archived(tmp_path: Path) -> AsyncIterator[Archived]:
    async with opened(tmp_path) as record:
        archive = SqliteArchive(tmp_path / "journal.db", record.journal.writer, record.journal.forget)
        yield Archived(record, archive, tmp_path)
        await archive.aclose()


@pytest.mark.promise("P11")
@pytest.mark.parametrize(
    ("person", "own", "other"),
    [(ANN, scope("s1"), scope("s1", user="bob")), (NOBODY, scope("s1", user=None), scope("s2", user=None))],
    ids=["a user", "a session of nobody's"],
)
async def test_everything_of_a_person_goes_from_every_table_and_file_and_nothing_of_others(
    archived: Archived, person: Person, own: Scope, other: Scope
) -> None:
    await archived.fill(own, "own")
    await archived.fill(other, "other")
    assert f"{WORDS}, own".encode() in archived.bytes_on_disk()
    counts = await archived.erase(person)
    assert counts == {
        "signals": 1, "changes": 1, "waiting": 1, "dead": 1, "feedback": 1,
        "sessions": 1, "ledger": 1, "anchors": 1, "openings": 1, "learnt": 1, "exchanges": 2,
    }  # fmt: skip
    left = archived.bytes_on_disk()
    for trace in (f"{WORDS}, own", f"{WORDS} own", "own-1", "own-2", "fb-own", "s:own"):
        assert trace.encode() not in left, trace
    assert f"{WORDS}, other".encode() in left
    assert await archived.record.journal.read(Operator(), "own-1") is None
    assert await archived.record.journal.read(Operator(), "other-1") is not None
    assert await archived.erase(person) == {}


@pytest.mark.promise("P11")
async def test_the_journal_does_not_know_their_sessions_any_more(archived: Archived) -> None:
    await archived.fill(scope("s1"), "own")
    nameless = scope("")
    assert await archived.record.journal.find_session(nameless, Echoes(anchors=["s:own"])) is not None
    await archived.erase(ANN)
    assert await archived.record.journal.find_session(nameless, Echoes(anchors=["s:own"])) is None
    assert await archived.record.journal.find_session(scope("s1"), Echoes()) is None


@pytest.mark.promise("P11")
async def test_what_is_learnt_of_a_removed_exchange_is_not_put_down(archived: Archived) -> None:
    await archived.fill(scope("s1"), "own")
    await archived.erase(ANN)
    await archived.record.history.taught(scope("s1"), Learnt(exchange="own-1", signals=(signal("own-1", WORDS),)))
    assert WORDS.encode() not in archived.bytes_on_disk()


async def test_tombstones_stand_where_they_were_set_and_a_later_one_counts(archived: Archived) -> None:
    erasures = Erasures(b"s" * 32)
    for moment, is_out in ((NOW, False), (NOW + 5, True), (NOW + 1, False)):
        await archived.archive.erase(ANN, erasures.tombstone(ANN, moment, is_out=is_out))
    (stone,) = await archived.archive.tombstones()
    assert (stone.at, stone.is_out) == (NOW + 5, False)


@pytest.mark.promise("P11")
async def test_what_a_tombstone_of_another_gateway_stands_for_is_purged(archived: Archived) -> None:
    await archived.fill(scope("s1"), "own")
    await archived.record.journal.commit(at(NOW + 5, "own-3", scope("s2")))
    await archived.fill(scope("s1", user="bob"), "other")
    stone = Erasures(b"s" * 32).tombstone(ANN, NOW, is_out=False)
    await archived.archive.bury([stone, msgspec.structs.replace(stone, at=NOW - 1, is_out=True)])
    assert await archived.archive.tombstones() == [stone]
    await archived.archive.purge(Erasures(b"s" * 32, [stone]).is_gone)
    assert f"{WORDS}, own".encode() not in archived.bytes_on_disk()
    assert f"{WORDS}, other".encode() in archived.bytes_on_disk()
    assert await leased(archived.record.journal) == ["own-3", "other-1"]
    assert await archived.record.journal.find_session(scope("s1"), Echoes()) is None


async def test_persons_are_found_in_all_tenants_by_user_or_by_session(archived: Archived) -> None:
    for tenant in ("acme", "other"):
        await archived.record.journal.commit(exchange(f"{tenant}-1", scope("s1", tenant=tenant)))
    await archived.record.journal.commit(exchange("nobodys", scope("s9", user=None)))
    assert await archived.archive.tenants("ann", "") == ["acme", "other"]
    assert await archived.archive.tenants(None, "s9") == ["acme"]
    assert await archived.archive.tenants(None, "s1") == []
    assert await archived.archive.tenants("eve", "") == []


async def test_everything_on_record_of_a_person_can_be_read_out_but_what_is_damaged(archived: Archived) -> None:
    await archived.fill(scope("s1"), "own")
    await archived.fill(scope("s1", user="bob"), "other")
    records = [(what, record) async for what, record in archived.archive.records(ANN)]
    assert [what for what, _ in records] == ["exchange", "exchange", "feedback", "learnt", "learnt"]
    assert [type(record) for _, record in records[1:]] == [Exchange, Feedback, Signal, Change]
    archived.record.execute("UPDATE exchanges SET payload = x'00' WHERE id = 'own-1'")
    left = [record.id async for what, record in archived.archive.records(ANN) if isinstance(record, Exchange)]
    assert left == ["own-2"]


async def test_what_is_older_than_its_policy_keeps_is_outdated_once_it_is_learnt(archived: Archived) -> None:
    journal = archived.record.journal
    for days, policy in ((9, "default"), (5, "default"), (1, "default"), (9, "other")):
        await journal.commit(at(NOW - days * DAY, f"{policy}-{days}", scope(f"s{days}"), policy=policy))
    keeping = Keeping(policy="default", before=NOW - 3 * DAY)
    assert await archived.archive.outdated(keeping, 9) == []
    await journal.done(await leased(journal))
    assert [one.exchange for one in await archived.archive.outdated(keeping, 9)] == ["default-9", "default-5"]
    assert [one.exchange for one in await archived.archive.outdated(keeping, 1)] == ["default-9"]


async def test_of_each_user_and_of_each_session_of_nobodys_the_newest_are_kept(archived: Archived) -> None:
    journal = archived.record.journal
    for number in range(3):
        for name, where in (("ann", scope(f"s{number}")), ("one", scope("s1", None)), ("two", scope("s2", None))):
            await journal.commit(at(NOW + number, f"{name}-{number}", where, policy="default"))
    await journal.done(await leased(journal))
    outdated = await archived.archive.outdated(Keeping(policy="default", newest=1), 9)
    assert sorted(one.exchange for one in outdated) == ["ann-0", "ann-1", "one-0", "one-1", "two-0", "two-1"]
    assert {one.scope.owner for one in outdated} == {scope().owner, scope("s1", None).owner, scope("s2", None).owner}


async def test_a_session_goes_with_the_last_of_its_exchanges(archived: Archived) -> None:
    await archived.fill(scope("s1"), "own")
    await archived.archive.drop(["own-1"])
    assert await archived.record.journal.read(Operator(), "own-1") is None
    assert "own-2" in [one.id async for _, one in archived.archive.records(ANN) if isinstance(one, Exchange)]
    await archived.archive.drop(["own-2", "unknown"])
    assert WORDS.encode() not in archived.bytes_on_disk()
    assert [record async for record in archived.archive.records(ANN)] == []
    left = archived.record.journal.writer.submit(
        lambda connection: [connection.execute(f"SELECT count(*) FROM {table}").fetchone()[0] for table in TABLES]
    )
    assert left.result(10) == [0] * len(TABLES)


TABLES = ("sessions", "ledger", "anchors", "openings", "learnt", "signals", "changes", "feedback", "waiting", "dead")


@pytest.mark.promise("P11")
async def test_a_log_that_somebody_keeps_reading_is_said_not_to_be_cut(archived: Archived) -> None:
    await archived.fill(scope("s1"), "own")
    reading = sqlite3.connect(archived.path / "journal.db", isolation_level=None)
    reading.execute("BEGIN")
    reading.execute("SELECT * FROM exchanges").fetchone()
    with pytest.raises(MemoryUnavailable, match="still in its log"):
        await archived.erase(ANN)
    reading.close()
    await archived.erase(ANN)
    assert WORDS.encode() not in archived.bytes_on_disk()
