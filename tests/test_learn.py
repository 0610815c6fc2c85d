"""gateway/learn.py: from the journal to the store, and that nothing is lost on the way there."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Sequence
from contextlib import aclosing, asynccontextmanager
from pathlib import Path
from typing import Any

import msgspec
import pytest

from gateway import learn
from gateway.deadletters import DeadLetter
from gateway.embedders.wordllama import WordLlamaEmbedder
from gateway.erasures import Erasures, Person
from gateway.errors import MemoryUnavailable
from gateway.journals.sqlite import SqliteJournal
from gateway.kinds.constraint import Constraint
from gateway.learn import BATCH, Learner
from gateway.memories import Found, Memory, Query, Span
from gateway.stores.local import LocalStore
from gateway.study import Study
from gateway.tokens import Tokens
from gateway.types import Exchange, Scope, Turn
from gateway.wiring import KINDS
from tests.exchanges import ANN, NOW, assistant, exchange, talk, user

EMBEDDER = WordLlamaEmbedder()
TOKENS = Tokens.from_litellm()

RULE = "Always answer in French."
GERMAN = "From now on, answer in German."
QUESTION = f"When does the train to Bern leave? {RULE} I prefer window seats."
ANSWER = "Le train part à neuf heures."


class Allergic(Constraint):
    """A kind with a fault: there is a word it cannot bear."""

    def find(self, turn: Turn, *, is_first: bool = False) -> Sequence[Span]:
        if "pollen" in turn.text:
            raise ZeroDivisionError("a fault of ours")
        return super().find(turn, is_first=is_first)


class Shaky(LocalStore):
    """A store of which one thing can be told to be away, and which says when that or a write was tried."""

    def __init__(self, folder: Path) -> None:
        super().__init__(folder / "memories.db", folder / "index", EMBEDDER)
        self.away = ""
        self.tried = asyncio.Event()
        self.puts = 0

    async def search(self, scope: Scope, query: Query) -> Found:
        self._try("search")
        return await super().search(scope, query)

    async def get(self, scope: Scope, ids: Sequence[str], *, reach: int = 0) -> list[Memory]:
        self._try("get")
        return await super().get(scope, ids, reach=reach)

    async def list(self, scope: Scope, kinds: Sequence[str], limit: int) -> list[Memory]:
        self._try("list")
        return await super().list(scope, kinds, limit)

    async def put(self, scope: Scope, memories: Sequence[Memory]) -> None:
        self.puts += 1
        self.tried.set()
        self._try("put")
        await super().put(scope, memories)

    def _try(self, what: str) -> None:
        if what == self.away:
            self.tried.set()
            raise MemoryUnavailable("away")


class Waiting(Shaky):
    """A store that has nothing for Ann until somebody else has written."""

    async def get(self, scope: Scope, ids: Sequence[str], *, reach: int = 0) -> list[Memory]:
        if scope.owner == ANN.owner:
            async with asyncio.timeout(10):
                await self.tried.wait()
        return await super().get(scope, ids, reach=reach)


class Watched(Study):
    """Notes what it is to look at, and what its owner was known to have said by then."""

    def __init__(self, store: LocalStore) -> None:
        self._memories = store
        self.looked: list[tuple[str, int]] = []

    async def learn(self, exchange: Exchange) -> None:
        known = await self._memories.list(exchange.scope, ("episode",), 100)
        self.looked.append((exchange.id, len(known)))


class Forgetful(SqliteJournal):
    """A journal that loses its marks of what was learnt."""

    async def done(self, exchanges: Sequence[str]) -> None:
        return None


class School(msgspec.Struct, frozen=True, kw_only=True):
    """A learner and what it stands between."""

    journal: SqliteJournal
    store: Shaky
    learner: Learner

    async def happened(self, *exchanges: Exchange) -> None:
        for one in exchanges:
            await self.journal.commit(one)

    async def table(self, scope: Scope = ANN) -> dict[str, Memory]:
        """Memories by id."""
        return {memory.id: memory for memory in await self.store.list(scope, (), 1_000)}

    async def known(self, scope: Scope = ANN) -> dict[str, Memory]:
        """Memories by their text; of an episode and a statement with the same the statement."""
        memories = sorted((await self.table(scope)).values(), key=lambda memory: memory.kind != "episode")
        return {memory.text: memory for memory in memories}

    async def found(self, text: str) -> set[str]:
        """What Ann is reminded of by a text: whatever is pinned, and what is found."""
        query = Query(text=text, kinds=tuple(KINDS), pinned=tuple(KINDS), limit=20)
        found = await self.store.search(ANN, query)
        return {memory.text for memory in (*found.pinned, *(hit.memory for hit in found.hits))}

    @asynccontextmanager
    async def running(self) -> AsyncIterator[asyncio.Event]:
        """The learner at work, until the event is set or the block is left."""
        stop = asyncio.Event()
        async with asyncio.timeout(10), asyncio.TaskGroup() as tasks:
            tasks.create_task(self.learner.run(stop))
            yield stop
            stop.set()


@asynccontextmanager
async def opened(folder: Path) -> AsyncIterator[School]:
    folder.mkdir(exist_ok=True)
    async with aclosing(SqliteJournal(folder / "journal.db")) as journal, aclosing(Shaky(folder)) as store:
        yield School(journal=journal, store=store, learner=Learner(journal, store, KINDS, TOKENS))


@pytest.fixture
async def school(tmp_path: Path) -> AsyncIterator[School]:
    async with opened(tmp_path) as school:
        yield school


@pytest.mark.promise("P6")
async def test_what_was_written_before_a_crash_is_not_written_otherwise_after_it(
    school: School, tmp_path: Path
) -> None:
    exchanges = talk(
        ("s1", QUESTION, "Understood, French it is. At nine."),
        ("s2", "Never use emojis.", "Fine."),
        ("s1", GERMAN, "Gern."),
        ("s2", "Never mind.", "Fine."),
        ("s1", RULE, "Bien."),
        ("s1", GERMAN, "Gern."),
    )
    async with aclosing(Forgetful(tmp_path / "forgetful.db")) as journal:
        for one in exchanges:
            await journal.commit(one)
        learner = Learner(journal, school.store, KINDS, TOKENS)
        await learner.step()
        before = await school.table()
        await learner.step()
    assert await school.table() == before
    known = {memory.text: (memory.count, memory.ended_at is None) for memory in before.values() if memory.slot}
    assert known[RULE] == (2, False)
    assert known[GERMAN] == (2, True)


async def test_in_whatever_batches_it_is_learnt_the_same_is_stored(
    school: School, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    exchanges = talk(("s1", QUESTION, ANSWER), ("s2", GERMAN, "Gern."), ("s2", RULE, "Bien."), ("s1", GERMAN, "Gut."))
    async with opened(tmp_path / "other") as other:
        await school.happened(*exchanges)
        await other.happened(*exchanges)
        assert await school.learner.step() == len(exchanges)
        monkeypatch.setattr(learn, "BATCH", 1)
        while await other.learner.step():
            pass
        assert other.store.puts == len(exchanges)
        assert await other.table() == await school.table()


@pytest.mark.parametrize("batch", [1, BATCH])
async def test_what_has_ended_is_found_no_more_nor_are_the_turns_in_which_it_was_said(
    school: School, monkeypatch: pytest.MonkeyPatch, batch: int
) -> None:
    monkeypatch.setattr(learn, "BATCH", batch)
    answer = "Understood, I will answer in French. The train leaves at nine."
    await school.happened(
        *talk(("s1", QUESTION, answer), ("s2", f"Hello! {RULE}", "Bonjour."), ("s1", GERMAN, "Gern."))
    )
    while await school.learner.step():
        pass
    found = await school.found("When does the train to Bern leave, and in French?")
    assert {
        "I prefer window seats.",
        "When does the train to Bern leave?",
        "The train leaves at nine.",
        GERMAN,
    } <= found
    assert not any("French" in text for text in found)
    known = await school.known()
    assert {known[text].ended_by for text in (QUESTION, answer, RULE)} == {known[GERMAN].id}
    assert known["The train leaves at nine."].tokens > 0


@pytest.mark.parametrize("batch", [1, BATCH])
async def test_of_two_statements_in_a_turn_each_is_struck_when_it_ends(
    school: School, monkeypatch: pytest.MonkeyPatch, batch: int
) -> None:
    monkeypatch.setattr(learn, "BATCH", batch)
    answer = "Understood. I answer in French. I leave out emojis. At nine."
    await school.happened(
        *talk(
            ("s1", f"To Bern? {RULE} Never use emojis.", answer),
            ("s1", GERMAN, "Fine."),
            ("s1", "You can use emojis again.", "Good."),
        )
    )
    while await school.learner.step():
        pass
    told = {memory.text for memory in (await school.table()).values() if memory.ended_at is None}
    assert told == {"To Bern?", "Understood.", "At nine.", GERMAN, "Fine.", "You can use emojis again.", "Good."}


async def test_a_statement_made_long_ago_is_known_by_its_id(school: School, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(learn, "MAX_PINNED", 0)
    first, second = talk(("s1", RULE, "Bien."), ("s1", f"{RULE} Please.", "Oui."))
    for one in (first, second):
        await school.happened(one)
        await school.learner.step()
    assert (await school.known())[RULE].count == 2


async def test_an_exchange_in_which_nothing_was_said_writes_nothing(school: School) -> None:
    await school.happened(exchange(Turn(role="tool", text="09:00", answers="call_1"), answers=[""]))
    assert await school.learner.step() == 1
    assert school.store.puts == 0


async def test_a_rehearsal_reads_the_rules_and_writes_nothing(school: School) -> None:
    heard: list[str] = []

    class Listening(Constraint):
        def find(self, turn: Turn, *, is_first: bool = False) -> Sequence[Span]:
            heard.append(turn.text)
            return super().find(turn, is_first=is_first)

    Learner(school.journal, school.store, {**KINDS, "constraint": Listening()}, TOKENS).rehearse()
    assert len(heard) == 1
    assert school.store.puts == 0
    assert await school.journal.lease(1) == []


async def test_those_who_asked_are_told_what_was_learnt(school: School) -> None:
    told: list[str] = []
    learner = Learner(
        school.journal,
        school.store,
        KINDS,
        TOKENS,
        on_learnt=lambda exchanges: told.extend(one.id for one in exchanges),
    )
    await school.happened(*talk(("s1", RULE, "Bien."), ("s1", GERMAN, "Gern.")))
    await learner.step()
    assert told == ["ex_000", "ex_001"]


@pytest.mark.promise("P11")
async def test_nobody_is_told_of_somebody_who_was_erased_before_it_was_learnt(school: School) -> None:
    told: list[str] = []
    erasures = Erasures(b"secret")
    erasures.tombstone(Person(tenant=ANN.tenant, user=ANN.user), NOW)
    bob = msgspec.structs.replace(ANN, user="bob")
    await school.happened(exchange(user(RULE)), exchange(user(RULE), id="ex_2", scope=bob))
    learner = Learner(
        school.journal,
        school.store,
        KINDS,
        TOKENS,
        on_learnt=lambda some: told.extend(one.id for one in some),
        erasures=erasures,
    )
    await learner.step()
    assert told == ["ex_2"]


async def test_nothing_is_written_of_somebody_from_whom_others_learn_by_now(school: School) -> None:
    def still(scope: Scope) -> None:
        raise MemoryUnavailable("another gateway learns from them")

    await school.happened(exchange(user(RULE)))
    with pytest.raises(MemoryUnavailable, match="another gateway"):
        await Learner(school.journal, school.store, KINDS, TOKENS, still=still).step()
    assert school.store.puts == 0


async def test_an_answer_is_found_by_what_followed_it(school: School) -> None:
    follow_up = exchange(user("And to Basel?"), id="ex_2", context=(user(QUESTION), assistant(ANSWER)))
    await school.happened(exchange(user(QUESTION), answers=[ANSWER]), follow_up)
    await school.learner.step()
    assert (await school.known())[ANSWER].key == f"{QUESTION}\n{ANSWER}\n{ANSWER}\nAnd to Basel?"


async def test_a_question_is_found_by_the_answer_that_came_after_the_tools(school: School) -> None:
    tool = Turn(role="tool", text="09:00", answers="call_1")
    await school.happened(
        exchange(user(QUESTION), answers=[""]), exchange(tool, id="ex_2", context=(user(QUESTION),), answers=[ANSWER])
    )
    await school.learner.step()
    known = await school.known()
    assert known[QUESTION].key == f"{QUESTION}\n{QUESTION}\n{ANSWER}"
    assert known[ANSWER].key == f"{QUESTION}\n{ANSWER}\n{ANSWER}"


@pytest.mark.parametrize("changes", [{"status": 429}, {"learns": ("constraint",)}])
async def test_what_teaches_no_episodes_widens_none(school: School, changes: dict[str, Any]) -> None:
    follow_up = exchange(user("More?"), id="ex_2", context=(user(QUESTION), assistant(ANSWER)), **changes)
    await school.happened(exchange(user(QUESTION), answers=[ANSWER]), follow_up)
    await school.learner.step()
    assert (await school.known())[ANSWER].key == f"{QUESTION}\n{ANSWER}\n{ANSWER}"


@pytest.mark.promise("P7")
async def test_what_one_user_said_is_learnt_for_that_user(school: School) -> None:
    bob = msgspec.structs.replace(ANN, user="bob")
    await school.happened(
        exchange(user(QUESTION), answers=[ANSWER]), exchange(user("Hello from Bob."), id="ex_2", scope=bob)
    )
    await school.learner.step()
    assert set(await school.known(bob)) == {"Hello from Bob."}


@pytest.mark.promise("P6")
@pytest.mark.parametrize("away", ["get", "list", "search", "put"])
async def test_a_store_that_is_away_is_waited_for_and_nothing_is_lost(
    school: School, monkeypatch: pytest.MonkeyPatch, away: str
) -> None:
    monkeypatch.setattr(learn, "RETRY_S", 0.01)
    await school.happened(*talk(("s1", QUESTION, ANSWER), ("s1", GERMAN, "Gern.")))
    school.store.away = away
    async with school.running():
        await school.store.tried.wait()
        assert not school.learner.idle.is_set()
        school.store.away = ""
        assert GERMAN not in await school.known()
        await school.learner.idle.wait()
        assert (await school.known())[RULE].ended_at is not None


async def test_a_batch_that_fails_midway_is_learnt_whole_later(school: School) -> None:
    await school.happened(
        exchange(user(QUESTION), answers=[ANSWER]), exchange(user("Where is platform nine?"), id="ex_2")
    )
    school.store.away = "put"
    with pytest.raises(MemoryUnavailable):
        await school.learner.step()
    school.store.away = ""
    assert await school.learner.step() == 2
    assert {RULE, "Where is platform nine?"} <= set(await school.known())


class Blind(Watched):
    """Sees nothing, because of a fault of ours."""

    async def learn(self, exchange: Exchange) -> None:
        raise KeyError("what a user said")

    async def judge(self) -> int:
        return 0

    async def close(self) -> int:
        return 0


class Buried:
    """Letters, as they come; unless they cannot be taken."""

    def __init__(self) -> None:
        self.letters: list[DeadLetter] = []
        self.is_away = False

    async def bury(self, letter: DeadLetter) -> None:
        if self.is_away:
            raise MemoryUnavailable("away")
        self.letters.append(letter)


@pytest.mark.promise("P6")
async def test_what_is_passed_over_is_a_dead_letter_that_quotes_nobody(school: School) -> None:
    buried, allergic = Buried(), {**KINDS, "constraint": Allergic()}
    learner = Learner(school.journal, school.store, allergic, TOKENS, Blind(school.store), dead=buried)
    await school.happened(
        exchange(user("Much pollen today."), id="ex_1", at=7.0), exchange(user("And platform ten?"), id="ex_2")
    )
    buried.is_away = True
    with pytest.raises(MemoryUnavailable):
        await learner.step()
    buried.is_away = False
    assert await learner.step() == 2
    assert await learner.step() == 0
    assert [(letter.exchange, letter.stage) for letter in buried.letters] == [
        ("ex_1", "unlearnt"),
        ("ex_2", "unstudied"),
    ]
    assert buried.letters[0].at == 7.0
    assert [letter.reason.partition(",")[0] for letter in buried.letters] == [
        "ZeroDivisionError in tests.test_learn",
        "KeyError in tests.test_learn",
    ]


@pytest.mark.promise("P6")
async def test_an_exchange_that_cannot_be_learnt_keeps_no_other_from_it(school: School) -> None:
    learner = Learner(school.journal, school.store, {**KINDS, "constraint": Allergic()}, TOKENS)
    await school.happened(
        exchange(user("Where is platform nine?"), id="ex_1"),
        exchange(user("Much pollen today."), id="ex_2"),
        exchange(user("And platform ten?"), id="ex_3"),
    )
    async with msgspec.structs.replace(school, learner=learner).running():
        await learner.idle.wait()
        assert set(await school.known()) == {"Where is platform nine?", "And platform ten?"}
        await school.happened(exchange(user(QUESTION), id="ex_4"))
        learner.wake()
        await learner.idle.wait()
        assert RULE in await school.known()
    assert await school.journal.lease(100) == []


async def test_the_learner_is_idle_when_all_is_learnt_and_not_once_there_is_more(school: School) -> None:
    assert not school.learner.idle.is_set()
    async with school.running():
        await school.learner.idle.wait()
        await school.happened(*(exchange(user(f"Fact number {n}."), id=f"ex_{n}") for n in range(BATCH + 1)))
        school.learner.wake()
        assert not school.learner.idle.is_set()
        await school.learner.idle.wait()
        assert len(await school.known()) == BATCH + 1


async def test_what_waits_when_the_end_comes_is_still_learnt(school: School) -> None:
    async with school.running() as stop:
        await school.learner.idle.wait()
        await school.happened(exchange(user(QUESTION), answers=[ANSWER]))
        stop.set()
    assert RULE in await school.known()


async def test_the_end_does_not_wait_for_a_long_queue(school: School, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(learn, "BATCH", 1)
    monkeypatch.setattr(learn, "LAST_BATCHES", 2)
    await school.happened(*(exchange(user(f"Fact number {n}."), id=f"ex_{n}") for n in range(9)))
    async with school.running() as stop:
        await school.store.tried.wait()
        stop.set()
    assert 1 <= school.store.puts <= 4
    assert len(await school.journal.lease(100)) == 9 - school.store.puts
    assert not school.learner.idle.is_set()


async def test_told_to_stop_before_it_began_it_leaves_everything_for_the_next_start(school: School) -> None:
    await school.happened(exchange(user(QUESTION), answers=[ANSWER]))
    stop = asyncio.Event()
    stop.set()
    async with asyncio.timeout(5):
        await school.learner.run(stop)
    assert len(await school.journal.lease(100)) == 1


async def test_what_follows_an_exchange_that_had_to_wait_waits_as_well(school: School) -> None:
    school.store.away = "search"
    await school.happened(*talk(("s1", GERMAN, "Gern."), ("s1", "Where is platform nine?", "Here.")))
    with pytest.raises(MemoryUnavailable):
        await school.learner.step()
    school.store.away = ""
    assert await school.known() == {}
