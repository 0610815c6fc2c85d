"""What the contract (tests/journals/test_contract.py) leaves to a journal on one disk: crashes, failures, the cache."""

from __future__ import annotations

import asyncio
import random
import resource
import signal
import sqlite3
import subprocess
import sys
from collections.abc import AsyncIterator, Iterator
from contextlib import aclosing, closing, contextmanager
from itertools import islice
from pathlib import Path
from tempfile import TemporaryDirectory

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from structlog.testing import capture_logs

from gateway.errors import MemoryUnavailable
from gateway.journals.sqlite import SqliteJournal, read_letters_beside
from gateway.journals.sqlite import journal as journal_module
from gateway.ports import Echoes
from gateway.types import Operator
from tests.journals.samples import exchange, intent, leased, ledger_found, scope, session_found

KILLS = 20
NORMAL, FULL = 1, 2
"""`PRAGMA synchronous`: with FULL a commit returns when the disk has it, with NORMAL when the system has."""

ROOT = Path(__file__).parents[3]


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "journal.db"


@pytest.fixture
async def journal(path: Path) -> AsyncIterator[SqliteJournal]:
    async with aclosing(SqliteJournal(path)) as opened:
        yield opened


def run(path: Path, *statements: str) -> None:
    """Do to the file what another process could do."""
    with closing(sqlite3.connect(path, isolation_level=None)) as connection:
        for statement in statements:
            connection.execute(statement)


def hide_tables(path: Path) -> None:
    run(path, *(f"ALTER TABLE {table} RENAME TO hidden_{table}" for table in ["sessions", "anchors", "exchanges"]))


def show_tables(path: Path) -> None:
    run(path, *(f"ALTER TABLE hidden_{table} RENAME TO {table}" for table in ["sessions", "anchors", "exchanges"]))


@contextmanager
def full_disk() -> Iterator[None]:
    """No file of this process can grow beyond 100 kB."""
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (100_000, hard))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))


# Crashes

WRITING_CHILD = """
import asyncio, os, sys
from pathlib import Path
from gateway.journals.sqlite import SqliteJournal, read_letters_beside
from tests.journals.samples import exchange, intent, scope

async def write(journal, name, numbers):
    for number in numbers:
        where = scope(f"{name}-{number % 9}")
        journal.intend(intent(f"{name}-{number}", where))
        await journal.commit(exchange(f"{name}-{number}", where, anchors=(f"s:{name}-{number}",)))
        os.write(1, f"{name}-{number}\\n".encode())

async def main(path, name):
    journal, numbers = SqliteJournal(Path(path)), iter(range(10**9))
    await asyncio.gather(*(write(journal, name, numbers) for _ in range(8)))

asyncio.run(main(*sys.argv[1:]))
"""


def acknowledged_before_kill(path: Path, name: str, count: int) -> list[str]:
    """Ids that a child process acknowledged before it was killed, which is soon after `count` of them."""
    command = [sys.executable, "-c", WRITING_CHILD, str(path), name]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True, cwd=ROOT) as child:
        assert child.stdout is not None
        heard = list(islice(child.stdout, count))
        child.send_signal(signal.SIGKILL)
        heard += child.stdout
    assert len(heard) >= count, "the child ended by itself"
    return [line.strip() for line in heard if line.endswith("\n")]


@pytest.mark.promise("P6")
async def test_what_was_acknowledged_survives_a_killed_process(path: Path) -> None:
    moments = random.Random(6)
    for kill in range(KILLS):
        acknowledged = acknowledged_before_kill(path, f"e{kill}", moments.randint(1, 200))
        async with aclosing(SqliteJournal(path)) as journal:
            waiting = await journal.lease(10**6)
            states = {found.id: found.state for found in waiting}
            assert {states.get(identifier) for identifier in acknowledged} == {"done"}
            assert len(states) == len(waiting)
            assert set(states.values()) <= {"done", "interrupted"}
            for identifier in acknowledged[:: max(1, len(acknowledged) // 5)]:
                assert await session_found(journal, scope(), f"s:{identifier}") is not None
            await journal.done(list(states))


# Failures of the disk


async def test_a_row_that_cannot_be_written_fails_alone_and_may_be_written_later(
    journal: SqliteJournal, path: Path
) -> None:
    run(
        path,
        "CREATE TRIGGER no BEFORE INSERT ON exchanges WHEN NEW.id = 'bad' BEGIN SELECT RAISE(ABORT, 'no room'); END",
    )
    names = ["e1", "bad", "e2"]
    results = await asyncio.gather(
        *(journal.commit(exchange(name, scope("s1"))) for name in names), return_exceptions=True
    )
    assert [str(result) for result in results] == ["None", "journal: no room", "None"]
    assert isinstance(results[1], MemoryUnavailable)
    assert await leased(journal) == ["e1", "e2"]
    run(path, "DROP TRIGGER no")
    await journal.commit(exchange("bad", scope("s1")))
    assert await leased(journal) == ["e1", "e2", "bad"]


@pytest.mark.promise("P6")
async def test_on_a_full_disk_nothing_is_acknowledged_and_what_was_stays(path: Path) -> None:
    async with aclosing(SqliteJournal(path)) as journal:
        await journal.commit(exchange("before", scope("s1"), notes={"head": "kept"}))
        with full_disk():
            big = "x" * 200_000
            outcomes = await asyncio.gather(
                *(journal.commit(exchange(f"lost {number}", scope("s1"), text=big)) for number in range(3)),
                return_exceptions=True,
            )
            assert [type(outcome) for outcome in outcomes] == [MemoryUnavailable] * 3
            assert await ledger_found(journal, scope("s1")) == {"head": "kept"}
        await journal.commit(exchange("after", scope("s1")))
    async with aclosing(SqliteJournal(path)) as journal:
        assert await leased(journal) == ["before", "after"]


async def test_an_intent_that_cannot_be_written_is_logged_and_its_notes_come_with_the_commit(
    journal: SqliteJournal, path: Path
) -> None:
    run(path, "CREATE TRIGGER no BEFORE INSERT ON ledger BEGIN SELECT RAISE(ABORT, 'no room'); END")
    with capture_logs() as logs:
        journal.intend(intent("e1", scope("s1"), notes={"head": "sent upstream"}))
        await journal.done([])
    failed = {"event": "journal_write_failed", "exchange": "e1", "error": "journal: no room", "log_level": "warning"}
    assert logs == [failed]
    assert await ledger_found(journal, scope("s1")) == {"head": "sent upstream"}
    run(path, "DROP TRIGGER no")
    await journal.commit(exchange("e1", scope("s1"), notes={"head": "sent upstream"}))
    async with aclosing(SqliteJournal(path)) as reopened:
        assert await ledger_found(reopened, scope("s1")) == {"head": "sent upstream"}


async def test_a_disk_that_cannot_be_read_is_unavailable_and_heals(journal: SqliteJournal, path: Path) -> None:
    await journal.commit(exchange("e1", scope("s1")))
    hide_tables(path)
    for question in [
        journal.find_session(scope("cold"), Echoes(anchors=[])),
        journal.find_session(scope(), Echoes(anchors=["s:cold"])),
        journal.read(Operator(), "e1"),
        journal.lease(1),
        journal.commit(exchange("e2", scope("s1"))),
    ]:
        with pytest.raises(MemoryUnavailable):
            await question
    show_tables(path)
    assert await session_found(journal, scope("cold")) is None
    assert await leased(journal) == ["e1"]
    await journal.commit(exchange("e2", scope("s1")))


async def test_a_damaged_record_is_unavailable_and_leaves_the_queue(journal: SqliteJournal, path: Path) -> None:
    await journal.commit(exchange("e1", scope("s1")))
    await journal.commit(exchange("e2", scope("s1")))
    run(path, "UPDATE exchanges SET payload = x'00' WHERE id = 'e1'")
    with pytest.raises(MemoryUnavailable):
        await journal.read(Operator(), "e1")
    with capture_logs() as logs:
        assert await leased(journal, 1) == []
    assert logs == [{"event": "journal_record_unreadable", "exchanges": ["e1"], "log_level": "error"}]
    assert await leased(journal, 1) == ["e2"]
    (letter,) = read_letters_beside(path)
    assert (letter.exchange, letter.stage, letter.reason, letter.at) == ("e1", "unreadable", "the record is damaged", 1)


async def test_a_closed_journal_says_so_to_who_commits_and_nothing_to_who_intends(path: Path) -> None:
    journal = SqliteJournal(path)
    await journal.aclose()
    await journal.aclose()
    journal.intend(intent("e1", scope("s1")))
    with pytest.raises(MemoryUnavailable, match="closed"):
        await journal.commit(exchange("e1", scope("s1")))


async def test_a_file_whose_open_intents_cannot_be_finished_is_tried_again(path: Path) -> None:
    async with aclosing(SqliteJournal(path)) as journal:
        journal.intend(intent("e1", scope("s1")))
    run(path, "CREATE TRIGGER no BEFORE UPDATE ON exchanges BEGIN SELECT RAISE(ABORT, 'no room'); END")
    async with aclosing(SqliteJournal(path)) as journal:
        assert "no room" in journal.trouble
        run(path, "DROP TRIGGER no")
        await journal.prove()
        assert journal.trouble == ""
        found = await journal.read(Operator(), "e1")
        assert found is not None
        assert found.state == "interrupted"


@pytest.mark.promise("P6")
async def test_of_many_open_intents_the_newest_are_finished_at_once_and_the_others_while_it_runs(
    path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(journal_module, "INTERRUPTED_AT_START", 2)
    monkeypatch.setattr(journal_module, "INTERRUPTED_AT_ONCE", 3)
    async with aclosing(SqliteJournal(path)) as journal:
        for number in range(9):
            journal.intend(intent(f"e{number}", scope("s1")))
    async with aclosing(SqliteJournal(path)) as journal:
        assert (await leased(journal))[:2] == ["e7", "e8"]
        async with asyncio.timeout(10):
            while len(await leased(journal)) < 9:
                await journal.commit(exchange("later", scope("s1"), mode="read"))


async def test_a_journal_that_is_closed_meanwhile_leaves_the_rest_to_the_next_start(
    path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with aclosing(SqliteJournal(path)) as journal:
        for number in range(9):
            journal.intend(intent(f"e{number}", scope("s1")))
    monkeypatch.setattr(journal_module, "INTERRUPTED_AT_ONCE", 1)
    monkeypatch.setattr(journal_module, "INTERRUPTED_AT_START", 1)
    await SqliteJournal(path).aclose()
    monkeypatch.setattr(journal_module, "INTERRUPTED_AT_START", 9)
    async with aclosing(SqliteJournal(path)) as journal:
        seen = await leased(journal)
    assert sorted(seen) == [f"e{number}" for number in range(9)]


@pytest.mark.promise("P6")
@pytest.mark.parametrize(("is_relaxed", "synchronous"), [(False, FULL), (True, NORMAL)])
async def test_only_a_relaxed_journal_does_not_wait_for_the_disk_itself(
    path: Path, is_relaxed: bool, synchronous: int
) -> None:
    async with aclosing(SqliteJournal(path, is_relaxed=is_relaxed)) as journal:
        asked = journal.writer.submit(lambda connection: connection.execute("PRAGMA synchronous").fetchone())
        assert await asyncio.wrap_future(asked) == (synchronous,)


# The cache


async def test_the_next_turn_of_a_session_is_found_without_the_disk(journal: SqliteJournal, path: Path) -> None:
    journal.intend(intent("e1", scope("s1"), notes={"head": "note"}))
    await journal.commit(exchange("e1", scope("s1"), anchors=("w:text", "s:call")))
    assert await session_found(journal, scope("named")) is None
    journal.intend(intent("e2", scope("named")))
    hide_tables(path)
    assert await session_found(journal, scope(), "w:text") == "s1"
    assert await session_found(journal, scope(), "s:call") == "s1"
    assert await ledger_found(journal, scope("s1")) == {"head": "note"}
    assert await session_found(journal, scope("named")) == "named"


async def test_an_anchor_is_found_before_its_commit_is_on_disk(journal: SqliteJournal) -> None:
    _, found = await asyncio.gather(
        journal.commit(exchange("e1", scope("s1"), anchors=("w:text",))),
        journal.find_session(scope(), Echoes(anchors=["w:text"])),
    )
    assert found is not None


def test_one_journal_serves_several_loops(path: Path) -> None:
    journal = SqliteJournal(path)

    async def write(loop: int) -> list[str | None]:
        for number in range(20):
            await journal.commit(exchange(f"e{loop}-{number}", scope(f"s{loop}"), anchors=(f"w:{loop}-{number}",)))
        return [await session_found(journal, scope(), f"w:{loop}-{number}") for number in range(20)]

    async def write_in_threads() -> list[list[str | None]]:
        return await asyncio.gather(*(asyncio.to_thread(asyncio.run, write(loop)) for loop in range(3)))

    assert asyncio.run(write_in_threads()) == [[f"s{loop}"] * 20 for loop in range(3)]
    asyncio.run(journal.aclose())


users = st.sampled_from(["ann", None])
names = st.sampled_from(["s1", "s2", "s3", "s4"])
places = st.lists(st.sampled_from("abc"), max_size=2)
anchors = st.lists(st.sampled_from(["s:1", "s:2", "w:1", "w:2", "w:3"]), max_size=3)
Step = tuple[str, str | None, str, list[str], list[str]]
steps: st.SearchStrategy[Step] = st.one_of(
    st.tuples(st.just("intend"), users, names, places, st.just([])),
    st.tuples(st.just("commit"), users, names, places, anchors),
    st.tuples(st.just("find"), users, names, st.just([]), anchors),
    st.tuples(st.just("reopen"), users, names, st.just([]), st.just([])),
)


class Model:
    """A journal without disk, threads or bounds: what must be found."""

    def __init__(self) -> None:
        self.ledgers: dict[tuple[str | None, str], dict[str, str]] = {}
        self.owners: dict[tuple[str | None, str], list[str]] = {}

    def add(self, user: str | None, session: str, notes: dict[str, str], got: list[str]) -> None:
        ledger = self.ledgers.setdefault((user, session), {})
        for place, text in notes.items():
            ledger.setdefault(place, text)
        for anchor in got:
            self.owners.setdefault((user, anchor), []).append(session)

    def owner(self, user: str | None, asked: list[str]) -> str | None:
        for anchor in asked:
            owners = self.owners.get((user, anchor), [])
            if owners and (anchor.startswith("s:") or len(set(owners)) == 1):
                return owners[-1]
        return None


@pytest.mark.promise("P5")
@pytest.mark.promise("P7")
@settings(deadline=None, max_examples=60)
@given(st.lists(steps, max_size=25))
def test_with_hardly_any_cache_and_commits_under_way_the_same_is_found(
    script: list[Step],
) -> None:
    async def play(path: Path) -> None:
        journal, model, commits = SqliteJournal(path), Model(), set[asyncio.Task[None]]()
        for number, (step, user, name, noted, wanted) in enumerate(script):
            notes = {place: f"{place} {number}" for place in noted}
            if step == "intend":
                journal.intend(intent(f"e{number}", scope(name, user=user), notes=notes))
                model.add(user, name, notes, [])
            elif step == "commit":
                finished = exchange(f"e{number}", scope(name, user=user), notes=notes, anchors=tuple(wanted))
                commits.add(asyncio.create_task(journal.commit(finished)))
                await asyncio.wait(commits, timeout=0)  # lets it begin, does not wait for it
                model.add(user, name, notes, wanted)
            elif step == "find":
                assert await ledger_found(journal, scope(name, user=user)) == model.ledgers.get((user, name))
                assert await session_found(journal, scope(user=user), *wanted) == model.owner(user, wanted)
            else:
                await asyncio.gather(*commits)
                await journal.aclose()
                journal = SqliteJournal(path)
        await asyncio.gather(*commits)
        await journal.aclose()

    with TemporaryDirectory() as folder, pytest.MonkeyPatch.context() as patch:
        patch.setattr(journal_module, "SESSIONS_KEPT", 1)
        patch.setattr(journal_module, "ANCHORS_KEPT", 2)
        asyncio.run(play(Path(folder) / "journal.db"))
