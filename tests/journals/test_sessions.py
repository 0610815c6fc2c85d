"""What every record must tell of sessions, whatever it is made of: whose, in which order, page by page, and whole."""

from __future__ import annotations

import math
from base64 import urlsafe_b64encode
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack
from pathlib import Path

import msgspec
import pytest

from gateway.chronicle import Learnt
from gateway.errors import BadRequest
from gateway.journals import fitting
from gateway.journals.redis.visited import RedisSessions
from gateway.journals.sqlite import SqliteSessions
from gateway.sessions import Heard, Sessions, Turned, Visited
from gateway.types import Scope
from tests.journals.lessons import NOW, at, change, feedback, signal
from tests.journals.looking_back import KINDS, PARTITIONS, Record, RedisRecord, any_record
from tests.journals.samples import scope

ANN, BOB, RIVAL = scope("s1"), scope("s1", user="bob"), scope("s1", tenant="rival")
NOBODY, SOMEBODY = scope("s3", user=None), scope("s4", user=None)

MOST = 50
"""Pages and people: a listing that goes round in circles must not go on for ever."""


class Read(msgspec.Struct):
    """A record, and its sessions."""

    record: Record
    sessions: Sessions

    async def call(self, name: str, where: Scope, after_s: float = 0.0) -> None:
        """Put a call on record."""
        await self.record.journal.commit(at(NOW + after_s, name, where))

    async def names(self, tenant: str = "", user: str | None = None, limit: int = 9) -> list[tuple[str, ...]]:
        """Whose sessions there are, from all pages."""
        found, place = await self.sessions.newest(tenant, user, "", limit)
        pages = [found]
        while place:
            found, place = await self.sessions.newest(tenant, user, place, limit)
            pages.append(found)
            assert len(pages) < MOST
        assert all(len(page) == limit for page in pages[:-1])
        return [(one.scope.tenant, one.scope.user or "", one.scope.session) for page in pages for one in page]


@pytest.fixture(params=KINDS)
async def read(request: pytest.FixtureRequest, tmp_path: Path) -> AsyncIterator[Read]:
    async with AsyncExitStack() as stack:
        record = await stack.enter_async_context(any_record(request, tmp_path))
        if isinstance(record, RedisRecord):
            yield Read(record, RedisSessions(record.server, partitions=PARTITIONS))
        else:
            sessions = SqliteSessions(tmp_path / "journal.db")
            stack.push_async_callback(sessions.aclose)
            yield Read(record, sessions)


async def test_sessions_are_listed_the_last_heard_of_first_and_no_call_hides_a_later_one(read: Read) -> None:
    assert await read.sessions.newest("", None, "", 5) == ([], "")
    await read.call("e1", ANN, 1)
    await read.call("e2", BOB, 2)
    await read.call("e4", ANN, 4)
    await read.call("e3", ANN, 3)  # an answer that came late
    found, place = await read.sessions.newest("", None, "", 5)
    assert found == [
        Visited(scope=ANN, began=NOW + 1, last=NOW + 4, calls=3),
        Visited(scope=BOB, began=NOW + 2, last=NOW + 2, calls=1),
    ]
    assert place == ""
    assert await read.sessions.visited(ANN) == found[0]
    assert await read.sessions.visited(scope("s9")) is None


async def test_a_tenants_a_users_and_nobodys_sessions_are_told_apart(read: Read) -> None:
    for number, where in enumerate((ANN, BOB, RIVAL, NOBODY)):
        await read.call(f"e{number}", where, number)
    assert await read.names() == [
        ("acme", "", "s3"),
        ("rival", "ann", "s1"),
        ("acme", "bob", "s1"),
        ("acme", "ann", "s1"),
    ]
    assert await read.names(tenant="acme") == [("acme", "", "s3"), ("acme", "bob", "s1"), ("acme", "ann", "s1")]
    assert await read.names(user="ann") == [("rival", "ann", "s1"), ("acme", "ann", "s1")]
    assert await read.names(tenant="acme", user="ann") == [("acme", "ann", "s1")]
    assert await read.names(user="") == [("acme", "", "s3")]
    assert await read.names(tenant="nobody's") == []


@pytest.mark.parametrize("limit", [1, 2, 5])
async def test_pages_show_each_session_once_though_many_were_heard_of_at_one_moment(read: Read, limit: int) -> None:
    people = [scope(f"s{number}", user=user) for number in range(5) for user in ("ann", "bob", None)]
    for number, where in enumerate(people):
        await read.call(f"e{number}", where, after_s=number // 12)
    names = await read.names(limit=limit)
    assert sorted(names) == sorted((one.tenant, one.user or "", one.session) for one in people)
    assert {name[2] for name in names[:3]} == {"s4"}


async def test_a_place_that_is_none_is_refused(read: Read) -> None:
    for place in ("x", "????", "é", "gA=="):
        with pytest.raises(BadRequest, match="place: "):
            await read.sessions.newest("", None, place, 5)
        with pytest.raises(BadRequest, match="place: "):
            await read.sessions.people("", "", place, 5)


@pytest.mark.parametrize(("last", "is_one"), [(math.nan, False), (math.inf, False), (2**64 - 1, True), (-1e308, True)])
async def test_a_place_with_a_strange_number_is_refused_or_is_one(read: Read, last: float, is_one: bool) -> None:
    await read.call("e1", ANN)
    place = urlsafe_b64encode(msgspec.msgpack.encode([last, "", "", ""])).decode()
    if is_one:
        await read.sessions.newest("", None, place, 5)
        return
    with pytest.raises(BadRequest, match="place: "):
        await read.sessions.newest("", None, place, 5)


async def test_a_session_is_read_call_by_call_with_all_that_hangs_on_each(read: Read) -> None:
    for number in range(3):
        await read.call(f"e{number}", ANN, number)
    await read.call("other", BOB, 9)
    seen, changed = (signal("e1", "a"), signal("e1", "b")), (change("m1", "e1"),)
    await read.record.history.taught(ANN, Learnt(exchange="e1", signals=seen, changes=changed))
    given = [feedback("f1", exchange="e1"), feedback("f2", session="s1")]
    for one in given:
        await read.record.history.give(ANN, one)
    judged = (change("m1", "f1", at=NOW + 9),)
    await read.record.history.taught(ANN, Learnt(exchange="e1", feedback=("f1",), changes=judged))
    assert (await read.sessions.calls(ANN, "", 9))[0] == [
        Turned(exchange=at(NOW, "e0", ANN)),
        Turned(exchange=at(NOW + 1, "e1", ANN), signals=seen, feedback=(given[0],), changes=changed + judged),
        Turned(exchange=at(NOW + 2, "e2", ANN), feedback=(msgspec.structs.replace(given[1], exchange="e2"),)),
    ]


async def test_a_long_session_is_read_from_its_end_to_its_beginning(read: Read) -> None:
    for number in range(5):
        await read.call(f"e{number}", ANN, number // 2)

    async def before(name: str) -> list[str]:
        return [one.exchange.id for one in (await read.sessions.calls(ANN, name, 2))[0]]

    assert [await before(name) for name in ("", "e3", "e1", "e0")] == [["e3", "e4"], ["e1", "e2"], ["e0"], []]
    assert await before("e9") == []
    assert (await read.sessions.calls(scope("s9"), "", 9))[0] == []


async def test_no_more_of_a_session_is_read_at_once_than_fits(read: Read, monkeypatch: pytest.MonkeyPatch) -> None:
    for number in range(6):
        await read.call(f"e{number}", ANN, number)
    size = len(msgspec.msgpack.encode(at(NOW, "e0", ANN)))

    async def parts(limit: int) -> list[list[str]]:
        found, place = list[list[str]](), ""
        while place or not found:
            calls, place = await read.sessions.calls(ANN, place, limit)
            found.append([one.exchange.id for one in calls])
        return found

    assert await parts(4) == [["e2", "e3", "e4", "e5"], ["e0", "e1"]]
    assert await parts(6) == [["e0", "e1", "e2", "e3", "e4", "e5"]]
    monkeypatch.setattr(fitting, "MOST_BYTES", 3 * size)
    assert await parts(5) == [["e3", "e4", "e5"], ["e0", "e1", "e2"]]
    monkeypatch.setattr(fitting, "MOST_BYTES", 1)
    assert await parts(5) == [["e5"], ["e4"], ["e3"], ["e2"], ["e1"], ["e0"]]


async def test_a_session_is_found_by_its_name_whoever_has_it(read: Read) -> None:
    for number, where in enumerate((RIVAL, BOB, ANN, NOBODY)):
        await read.call(f"e{number}", where)
    assert await read.sessions.called("s1") == [ANN, BOB, RIVAL]
    assert await read.sessions.called("s3") == [NOBODY]
    assert await read.sessions.called("s9") == []


async def test_people_are_those_who_are_named_in_the_order_of_their_names(read: Read) -> None:
    people = ["bo", "ann", "Ända", "bob", "a%", "x\x00y"]
    for number, user in enumerate(people):
        await read.call(f"e{number}", scope("s1", user=user))
    await read.call("e8", RIVAL)
    await read.call("e9", NOBODY)

    async def named(tenant: str = "", name: str = "", limit: int = 9) -> list[tuple[str, str | None]]:
        found, place = await read.sessions.people(tenant, name, "", limit)
        while place:
            more, place = await read.sessions.people(tenant, name, place, limit)
            found = [*found, *more]
            assert len(found) < MOST
        return [(one.tenant, one.user) for one in found]

    everybody = [*(("acme", user) for user in sorted(people)), ("rival", "ann")]
    assert await named() == await named(limit=1) == await named(limit=3) == everybody
    assert await named(tenant="rival") == [("rival", "ann")]
    assert await named(name="bo") == [("acme", "bo"), ("acme", "bob")]
    assert await named(name="a%") == [("acme", "a%")]
    assert await named(name="x\x00") == [("acme", "x\x00y")]


async def test_how_much_was_heard_of_somebody_is_from_their_first_call_to_their_last(read: Read) -> None:
    await read.call("e1", ANN, 1)
    await read.call("e2", scope("s2"), 2)
    await read.call("e3", ANN, 3)
    await read.call("e4", NOBODY, 4)
    await read.call("e5", SOMEBODY, 5)
    assert await read.sessions.heard(ANN) == Heard(began=NOW + 1, last=NOW + 3, sessions=2)
    assert await read.sessions.heard(Scope(tenant="acme", user="ann")) == await read.sessions.heard(ANN)
    assert await read.sessions.heard(NOBODY) == Heard(began=NOW + 4, last=NOW + 4, sessions=1)
    assert await read.sessions.heard(BOB) is None


async def test_names_that_are_no_good_unicode_are_found_as_they_were_put_down(read: Read) -> None:
    where = scope("s\ud800", user="u\ud800")
    await read.call("e1", where)
    (found,) = (await read.sessions.newest("", "u\ud800", "", 9))[0]
    assert (found.scope.user, found.scope.session) == ("u\ufffd", "s\ufffd")
    assert await read.sessions.visited(where) == found
    assert [one.exchange.id for one in (await read.sessions.calls(where, "", 9))[0]] == ["e1"]
    assert await read.sessions.called("s\ud800") == [found.scope]
    assert len((await read.sessions.people("", "u\ud800", "", 9))[0]) == 1
