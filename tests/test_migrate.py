"""gateway/migrate.py: everything arrives, whatever happens on the way, and what does not is found out."""

from __future__ import annotations

import asyncio
import signal
import sys
import tempfile
from asyncio.subprocess import PIPE
from collections.abc import Sequence
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from gateway.errors import DataDirError, MemoryUnavailable
from gateway.experience import Credit, Evidence, Lesson
from gateway.memories import Memory
from gateway.migrate import AT_ONCE, DIGEST_BITS, PORTIONS, compare, digest_of, first_difference, migrate
from gateway.ports import Held, Movable
from gateway.stores.local import LocalStore
from gateway.types import Scope
from tests.stores.engines import Engine, engine_store
from tests.stores.samples import ANN, BOB, WordsEmbedder, memory, query

PAIR = "from here to there"
NOBODY = Scope(tenant="ac:me", user=None, session="s 1")
LESSON = Lesson(
    key="book|passengers",
    state="active",
    grade="A",
    triggers=("book a flight", "Flüge für zwei 😀"),
    evidence=(Evidence(signal="tool_error", version=1, grade="A", exchange="e1", session="s1", at=1.5, span="E: two"),),
    credit=Credit(right_with=0.1, wrong_without=2.75, at=1e9 + 0.1),
)

TEXTS = st.text(st.characters(codec="utf-8"), max_size=40)
TIMES = st.floats(min_value=0, max_value=4e9)
MEMORIES = st.builds(
    memory,
    id=TEXTS.filter(bool),
    text=TEXTS,
    kind=st.sampled_from(["fact", "episode", "lesson", "no-such-kind"]),
    at=TIMES,
    recorded_at=TIMES,
    ended_at=st.none() | TIMES,
    ended_by=TEXTS,
    evidence=TEXTS,
    reach=st.sampled_from(["user", "session"]),
    slot=TEXTS,
    count=st.integers(1, 2**62),
    before=TEXTS,
    after=TEXTS,
    lesson=st.none() | st.just(LESSON),
)
NAMES = TEXTS.filter(bool)
OWNERS = st.one_of(
    st.builds(Scope, tenant=NAMES, user=NAMES),
    st.builds(Scope, tenant=NAMES, user=st.none(), session=NAMES),
    st.builds(lambda tenant: Scope(tenant=tenant, user="ann").common, NAMES),
)


class Shelf:
    """A store that gives memories in an order of its own, as a server does; it may break off, or lose what it took."""

    def __init__(self, *held: Held) -> None:
        self.held: dict[tuple[str, str], Held] = {}
        self.taken: list[Held] = []
        self.breaks_at = -1
        """The number of the write that fails."""
        self.is_deaf = False
        """Whether what was to be written then is lost, or only the answer."""
        self.loses = ""
        self._put(held)

    async def page(self, after: tuple[str, str], limit: int) -> Sequence[Held]:
        keys = sorted(self.held, key=hash)
        begin = keys.index(after) + 1 if after != ("", "") else 0
        return [self.held[key] for key in keys[begin : begin + limit]]

    async def take(self, held: Sequence[Held]) -> None:
        self.breaks_at -= 1
        if self.breaks_at == 0 and self.is_deaf:
            raise MemoryUnavailable("the line is cut")
        self._put(held)
        self.taken += held
        if self.breaks_at == 0:
            raise MemoryUnavailable("the line is cut")

    async def aclose(self) -> None:
        """Nothing to release."""

    def _put(self, held: Sequence[Held]) -> None:
        self.held |= {(one.owner, one.memory.id): one for one in held if one.memory.id != self.loses}


def held(scope: Scope, one: Memory) -> Held:
    return Held(owner=scope.owner, tenant=scope.tenant, memory=one)


def person(number: int) -> Scope:
    return Scope(tenant="acme", user=f"user {number}")


def many(count: int) -> list[Held]:
    """Of a few people, in no order."""
    return [held(person(number % 7), memory(f"m{number}", f"tea {number}")) for number in range(count)]


def local(folder: Path) -> LocalStore:
    folder.mkdir(exist_ok=True)
    return LocalStore(folder / "memories.db", folder / "index", WordsEmbedder())


async def everything(store: Movable) -> list[Held]:
    return list(await store.page(("", ""), 10_000))


@settings(deadline=None, max_examples=8)
@given(put=st.lists(st.tuples(OWNERS, MEMORIES), max_size=20))
async def test_every_memory_comes_through_a_server_and_back_as_it_was(put: list[tuple[Scope, Memory]]) -> None:
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        here, server, there = local(folder / "here"), engine_store(Engine()), local(folder / "there")
        for scope, one in put:
            await here.put(scope, [one])
        before = await everything(here)
        assert (await migrate(here, server, folder / "progress", PAIR)).count == len(before)
        back = await migrate(server, there, folder / "progress", PAIR)
        assert (back.count, back.compared.differing) == (len(before), frozenset())
        assert await everything(there) == before
        assert str(back.compared.source) == str((await compare(here, there)).target)
        await asyncio.gather(here.aclose(), server.aclose(), there.aclose())


async def test_what_was_moved_is_found_where_it_is_now(tmp_path: Path) -> None:
    here, there = local(tmp_path / "here"), local(tmp_path / "there")
    await here.put(ANN, [memory("m1", "green tea"), memory("m2", "green tea", ended_at=3.0)])
    await here.put(ANN.common, [memory("m3", "green tea", kind="lesson", lesson=LESSON)])
    await here.put(NOBODY, [memory("m4", "green tea")])
    await migrate(here, there, tmp_path / "progress", PAIR)
    for scope, id in ((ANN, "m1"), (ANN.common, "m3"), (NOBODY, "m4")):
        found = await there.search(scope, query("tea", kinds=("fact", "lesson")))
        assert [(hit.memory.id, set(hit.scores)) for hit in found.hits] == [(id, {"words", "chars", "dense"})]
    await asyncio.gather(here.aclose(), there.aclose())


async def test_a_second_run_and_one_after_a_change_write_only_what_differs(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("gateway.migrate.AT_ONCE", 1)
    here, there = Shelf(*many(40)), Shelf()
    assert (await migrate(here, there, tmp_path / "progress", PAIR)).count == 40
    there.taken.clear()
    again = await migrate(here, there, tmp_path / "progress", PAIR)
    assert (again.count, there.taken, again.compared.source.count) == (0, [], 40)
    await here.take([held(person(3), memory("m3", "coffee"))])
    changed = await migrate(here, there, tmp_path / "progress", PAIR)
    assert {one.owner for one in there.taken} == {person(3).owner}
    assert (changed.count, changed.compared.differing, there.held) == (len(there.taken), frozenset(), here.held)


@pytest.mark.parametrize("is_deaf", [False, True])
@pytest.mark.parametrize("number", range(1, 6))
async def test_a_move_that_was_broken_off_goes_on_where_it_was(
    number: int, is_deaf: bool, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("gateway.migrate.AT_ONCE", 5)
    here, there, file = Shelf(*many(23)), Shelf(), tmp_path / "progress"
    there.breaks_at, there.is_deaf = number, is_deaf
    with pytest.raises(MemoryUnavailable, match="the line is cut"):
        await migrate(here, there, file, PAIR)
    assert len(there.held) == min(5 * (number - is_deaf), 23)
    done = await migrate(here, there, file, PAIR)
    assert (there.held, done.compared.differing, file.exists()) == (here.held, frozenset(), False)
    assert len(there.taken) <= 23 + 5


@pytest.mark.promise("P6")
async def test_a_killed_move_goes_on_and_nothing_is_written_twice(tmp_path: Path) -> None:
    here = local(tmp_path / "here")
    await here.take(many(3 * AT_ONCE))
    await here.aclose()
    script = (
        "import asyncio, sys; from pathlib import Path; from tests.test_migrate import *\n"
        "def watch(doing, count):\n"
        "    if doing == 'moving': print(doing, flush=True), sys.stdin.readline()\n"
        "folder = Path(sys.argv[1])\n"
        "asyncio.run(migrate(local(folder / 'here'), local(folder / 'there'), folder / 'progress', PAIR, watch))"
    )
    root = Path(__file__).parents[1]
    moving = await asyncio.create_subprocess_exec(
        sys.executable, "-c", script, str(tmp_path), cwd=root, stdin=PIPE, stdout=PIPE
    )
    assert moving.stdout is not None
    async with asyncio.timeout(60):
        assert await moving.stdout.readline() == b"moving\n"
        moving.kill()
        assert await moving.wait() == -signal.SIGKILL

    here, there, counts = local(tmp_path / "here"), local(tmp_path / "there"), dict[str, int]()
    assert len(await everything(there)) == AT_ONCE

    def watch(doing: str, count: int) -> None:
        counts[doing] = counts.get(doing, 0) + count

    done = await migrate(here, there, tmp_path / "progress", PAIR, watch)
    assert (done.count, done.compared.differing, counts["moving"]) == (3 * AT_ONCE, frozenset(), 2 * AT_ONCE)
    assert await everything(there) == await everything(here)
    await asyncio.gather(here.aclose(), there.aclose())


async def test_a_target_that_loses_one_memory_is_found_out_and_made_whole(tmp_path: Path) -> None:
    here, there, file = Shelf(*many(40)), Shelf(), tmp_path / "progress"
    there.loses = "m17"
    done = await migrate(here, there, file, PAIR)
    assert (done.compared.source.count, done.compared.target.count, len(done.compared.differing)) == (40, 39, 1)
    first = await first_difference(here, there, done.compared)
    assert first is not None
    assert (first.owner, first.source.count, first.target.count) == (person(3).owner, 6, 5)
    there.loses = ""
    assert (await migrate(here, there, file, PAIR)).compared.differing == frozenset()
    assert await first_difference(here, there, done.compared) is None


@pytest.mark.parametrize("portions", [1, PORTIONS])
async def test_one_altered_field_is_a_difference_and_the_lowest_digest_comes_first(
    portions: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("gateway.migrate.PORTIONS", portions)
    scopes = list(map(person, range(9)))
    here = Shelf(*(held(scope, memory("m1", "tea")) for scope in scopes))
    there = Shelf(*(held(scope, memory("m1", "tea", count=2)) for scope in scopes[3:]))
    compared = await compare(here, there)
    assert len(compared.differing) == len({digest_of(scope.owner) * portions >> DIGEST_BITS for scope in scopes})
    first = await first_difference(here, there, compared)
    assert first is not None
    assert first.owner == min((scope.owner for scope in scopes), key=digest_of)


async def test_two_memories_that_change_places_are_a_difference() -> None:
    tea, coffee = memory("m1", "tea"), memory("m1", "coffee")
    compared = await compare(Shelf(held(ANN, tea), held(BOB, coffee)), Shelf(held(ANN, coffee), held(BOB, tea)))
    assert len(compared.differing) == 2
    assert compared.source != compared.target


async def test_what_the_target_alone_holds_stays_and_is_a_difference(tmp_path: Path) -> None:
    here, there = Shelf(held(ANN, memory("m1", "tea"))), Shelf(held(BOB, memory("m1", "his")))
    done = await migrate(here, there, tmp_path / "progress", PAIR)
    assert (done.compared.source.count, done.compared.target.count) == (1, 2)
    first = await first_difference(here, there, done.compared)
    assert first is not None
    assert (first.owner, first.source.count) == (BOB.owner, 0)


async def test_another_pair_of_stores_does_not_go_on_where_this_one_was(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("gateway.migrate.AT_ONCE", 5)
    here, there, file = Shelf(*many(9)), Shelf(), tmp_path / "progress"
    there.breaks_at = 2
    with pytest.raises(MemoryUnavailable):
        await migrate(here, there, file, PAIR)
    with pytest.raises(DataDirError, match=r"a move from here to there was broken off; finish it, or delete that file"):
        await migrate(there, here, file, "from there to here")
    assert here.taken == []


@pytest.mark.parametrize("content", [b"", b"{", b'{"after": 3}'])
async def test_a_file_that_cannot_be_read_is_refused_before_anything_is_written(content: bytes, tmp_path: Path) -> None:
    here, there, file = Shelf(*many(9)), Shelf(), tmp_path / "progress"
    file.write_bytes(content)
    with pytest.raises(DataDirError, match=r"progress cannot be read: .*; without it a move begins anew"):
        await migrate(here, there, file, PAIR)
    assert there.taken == []


async def test_where_it_cannot_be_kept_how_far_it_came_the_move_ends(tmp_path: Path) -> None:
    here, there = Shelf(*many(9)), Shelf()
    with pytest.raises(DataDirError, match="progress: No such file or directory"):
        await migrate(here, there, tmp_path / "gone" / "progress", PAIR)
