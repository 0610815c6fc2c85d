"""What every journal must do, whatever it is made of."""

from __future__ import annotations

import asyncio

import msgspec
import pytest

from gateway.ports import Echoes
from gateway.types import Exchange, Operator, Reply, Turn
from tests.journals.samples import OpenJournal, exchange, intent, leased, ledger_found, scope, session_found


async def test_a_session_is_found_as_soon_as_a_request_of_it_is_intended(open_journal: OpenJournal) -> None:
    async with open_journal() as journal:
        assert await session_found(journal, scope("s1")) is None
        journal.intend(intent("e1", scope("s1"), notes={"head": "likes tea"}))
        assert await ledger_found(journal, scope("s1")) == {"head": "likes tea"}


async def test_the_found_scope_is_the_one_asked_for_with_the_session_filled_in(open_journal: OpenJournal) -> None:
    asked = msgspec.structs.replace(scope(), agent="coder")
    async with open_journal() as journal:
        await journal.commit(exchange("e1", scope("s1"), anchors=("s:call_1",)))
        found = await journal.find_session(asked, Echoes(anchors=["s:call_1"]))
        assert found is not None
        assert found.scope == msgspec.structs.replace(asked, session="s1")
        assert not found.is_new


async def test_a_named_session_that_is_not_known_is_not_looked_for_by_anchors(open_journal: OpenJournal) -> None:
    async with open_journal() as journal:
        await journal.commit(exchange("e1", scope("s1"), anchors=("s:call_1",)))
        assert await session_found(journal, scope("s2"), "s:call_1") is None


@pytest.mark.parametrize("is_reopened", [False, True])
async def test_a_strong_anchor_belongs_to_the_newest_session_that_got_it(
    open_journal: OpenJournal, is_reopened: bool
) -> None:
    async with open_journal() as journal:
        await journal.commit(exchange("e1", scope("s1"), anchors=("s:call_1",)))
        await journal.commit(exchange("e2", scope("s2"), anchors=("s:call_1",)))
        if not is_reopened:
            assert await session_found(journal, scope(), "s:call_1") == "s2"
    async with open_journal() as journal:
        assert await session_found(journal, scope(), "s:call_1") == "s2"
        await journal.commit(exchange("e3", scope("s1"), anchors=("s:call_1",)))
        assert await session_found(journal, scope(), "s:call_1") == "s1"


@pytest.mark.parametrize("is_reopened", [False, True])
async def test_a_weak_anchor_counts_only_while_one_session_has_it(open_journal: OpenJournal, is_reopened: bool) -> None:
    async with open_journal() as journal:
        await journal.commit(exchange("e1", scope("s1"), anchors=("w:thanks",)))
        await journal.commit(exchange("e2", scope("s1"), anchors=("w:thanks",)))
        assert await session_found(journal, scope(), "w:thanks") == "s1"
        if not is_reopened:
            await journal.commit(exchange("e3", scope("s2"), anchors=("w:thanks",)))
            assert await session_found(journal, scope(), "w:thanks") is None
    async with open_journal() as journal:
        await journal.commit(exchange("e4", scope("s3"), anchors=("w:thanks",)))
        await journal.commit(exchange("e5", scope("s3"), anchors=("w:thanks",)))
        assert await session_found(journal, scope(), "w:thanks") is None
    async with open_journal() as journal:
        assert await session_found(journal, scope(), "w:thanks") is None


@pytest.mark.parametrize("is_reopened", [False, True])
async def test_the_first_anchor_that_says_something_decides(open_journal: OpenJournal, is_reopened: bool) -> None:
    asked = ["w:unknown", "w:shared", "w:s2", "s:s1"]
    async with open_journal() as journal:
        await journal.commit(exchange("e1", scope("s1"), anchors=("w:shared", "s:s1")))
        await journal.commit(exchange("e2", scope("s2"), anchors=("w:shared", "w:s2")))
        if not is_reopened:
            assert await session_found(journal, scope(), *asked) == "s2"
            assert await session_found(journal, scope(), *reversed(asked)) == "s1"
    async with open_journal() as journal:
        assert await session_found(journal, scope(), *asked) == "s2"
        assert await session_found(journal, scope(), *reversed(asked)) == "s1"
        assert await session_found(journal, scope(), "w:unknown", "w:shared") is None
        assert await session_found(journal, scope()) is None


@pytest.mark.promise("P5")
async def test_the_first_note_at_a_place_stays_and_survives_a_restart(open_journal: OpenJournal) -> None:
    async with open_journal() as journal:
        journal.intend(intent("e1", scope("s1"), notes={"head": "first", "b": "delta", "a": ""}))
        journal.intend(intent("e2", scope("s1"), notes={"head": "second", "0": "new"}))
        await journal.commit(exchange("e2", scope("s1"), notes={"head": "third", "0": "new"}))
        before = await ledger_found(journal, scope("s1"))
    async with open_journal() as journal:
        await journal.commit(exchange("e3", scope("s1"), notes={"b": "other", "z": "last"}))
        after = await ledger_found(journal, scope("s1"))
    assert before == {"head": "first", "b": "delta", "a": "", "0": "new"}
    assert after == {**before, "z": "last"}
    assert list(after) == [*before, "z"]


@pytest.mark.promise("P7")
@pytest.mark.parametrize("is_reopened", [False, True])
async def test_nobody_finds_or_reads_what_is_anothers(open_journal: OpenJournal, is_reopened: bool) -> None:
    owner = scope("s1")
    others = [scope("s1", user="bob"), scope("s1", user=None), scope("s1", tenant="evil")]
    async with open_journal() as journal:
        await journal.commit(exchange("e1", owner, anchors=("s:call_1", "w:text"), notes={"head": "secret"}))
        if not is_reopened:
            assert [await ledger_found(journal, other) for other in others] == [None, None, None]
    async with open_journal() as journal:
        for other in others:
            unnamed = msgspec.structs.replace(other, session="")
            assert await ledger_found(journal, other) is None
            assert await session_found(journal, unnamed, "s:call_1", "w:text") is None
            assert await journal.read(other, "e1") is None
        assert await ledger_found(journal, owner) == {"head": "secret"}


@pytest.mark.promise("P7")
async def test_the_same_names_under_another_user_are_other_sessions(open_journal: OpenJournal) -> None:
    async with open_journal() as journal:
        for number, user in enumerate(["ann", "bob", None]):
            await journal.commit(
                exchange(f"e{number}", scope("s1", user=user), anchors=("w:text",), notes={"head": f"for {user}"})
            )
        for user in ["ann", "bob", None]:
            assert await session_found(journal, scope(user=user), "w:text") == "s1"
            assert await ledger_found(journal, scope("s1", user=user)) == {"head": f"for {user}"}


@pytest.mark.promise("P7")
async def test_a_scope_reads_its_own_user_and_nobody_only_their_session(open_journal: OpenJournal) -> None:
    named, unnamed = exchange("e1", scope("s1")), exchange("e2", scope("s2", user=None))
    async with open_journal() as journal:
        await journal.commit(named)
        await journal.commit(unnamed)
        assert await journal.read(scope("another"), "e1") == named
        assert await journal.read(scope("s2", user=None), "e2") == unnamed
        assert await journal.read(scope("s3", user=None), "e2") is None
        assert await journal.read(scope(user=None), "e2") is None
        assert await journal.read(Operator(), "e1") == named
        assert await journal.read(Operator(), "e2") == unnamed
        assert await journal.read(Operator(), "e3") is None


async def test_exchanges_are_leased_in_their_order_until_they_are_done(open_journal: OpenJournal) -> None:
    async with open_journal() as journal:
        for name in ["e3", "e1", "e2"]:
            await journal.commit(exchange(name, scope("s1")))
        assert await leased(journal, 2) == ["e3", "e1"]
        assert await leased(journal, 2) == ["e3", "e1"]
        await journal.done(["e3", "unknown"])
        assert await leased(journal) == ["e1", "e2"]
    async with open_journal() as journal:
        assert await leased(journal) == ["e1", "e2"]


async def test_what_must_not_teach_is_recorded_and_never_leased(open_journal: OpenJournal) -> None:
    async with open_journal() as journal:
        journal.intend(intent("e1", scope("s1")))
        await journal.commit(exchange("e2", scope("s1"), mode="read"))
        await journal.commit(exchange("e3", scope("s1"), mode="write"))
        await journal.commit(exchange("e4", scope("s1"), state="interrupted"))
        await journal.commit(exchange("e5", scope("s1"), state="intent"))
        assert await leased(journal) == ["e3", "e4"]
        assert await journal.read(scope("s1"), "e2") is not None


async def test_an_exchange_committed_twice_is_learnt_once(open_journal: OpenJournal) -> None:
    async with open_journal() as journal:
        await journal.commit(exchange("e1", scope("s1"), state="interrupted"))
        await journal.commit(exchange("e1", scope("s1"), state="interrupted"))
        assert await leased(journal) == ["e1"]
        await journal.done(["e1"])
        await journal.commit(exchange("e1", scope("s1"), state="interrupted"))
        assert await leased(journal) == []


async def test_a_call_that_is_done_after_all_is_learnt_again_and_stays_done(open_journal: OpenJournal) -> None:
    whole = exchange("e1", scope("s1"), text="all of it")
    async with open_journal() as journal:
        for interrupted_first in (True, False):
            if interrupted_first:
                await journal.commit(exchange("e1", scope("s1"), state="interrupted"))
                await journal.done(["e1"])
            await journal.commit(whole)
            assert await leased(journal) == (["e1"] if interrupted_first else [])
            await journal.done(["e1"])
        await journal.commit(exchange("e1", scope("s1"), state="interrupted", text="half of it"))
        assert await leased(journal) == []
        assert await journal.read(scope("s1"), "e1") == whole


@pytest.mark.promise("P6")
async def test_an_answer_replaces_a_refusal_and_a_later_attempt_an_earlier_one(open_journal: OpenJournal) -> None:
    def ended(text: str, attempts: int, status: int) -> Exchange:
        return msgspec.structs.replace(exchange("e1", scope("s1"), text=text), attempts=attempts, status=status)

    async with open_journal() as journal:
        for tried, stands in [
            (ended("refused", 1, 429), "refused"),
            (ended("answered", 2, 200), "answered"),
            (ended("answered late", 1, 200), "answered"),
            (ended("refused later", 3, 500), "answered"),
            (ended("answered again", 3, 200), "answered again"),
        ]:
            await journal.commit(tried)
            found = await journal.read(scope("s1"), "e1")
            assert found is not None
            assert found.turns[0].text == stands
            assert [each.turns[0].text for each in await journal.lease(9)] == [stands]


@pytest.mark.promise("P6")
async def test_a_call_that_ends_once_more_while_it_is_being_learnt_is_learnt_once_more(
    open_journal: OpenJournal,
) -> None:
    async with open_journal() as journal:
        await journal.commit(exchange("e1", scope("s1"), state="interrupted"))
        assert await leased(journal) == ["e1"]
        await journal.commit(exchange("e1", scope("s1"), text="all of it"))
        await journal.done(["e1"])
        assert [each.turns[0].text for each in await journal.lease(9)] == ["all of it"]
        await journal.done(["e1"])
        assert await leased(journal) == []


async def test_a_quoted_opening_finds_the_newest_session_that_alone_has_it(open_journal: OpenJournal) -> None:
    def told(identifier: str, session: str, at: float, *openings: str) -> Exchange:
        return msgspec.structs.replace(exchange(identifier, scope(session)), at=at, openings=openings)

    async def quoted(*texts: str, since: float = 0.0, user: str | None = "ann") -> str | None:
        found = await journal.find_session(scope(user=user), Echoes(texts=texts, since=since))
        return None if found is None else found.scope.session

    async with open_journal() as journal:
        await journal.commit(told("e1", "s1", 1.0, "apples keep", "pears do not"))
        await journal.commit(told("e2", "s2", 2.0, "pears do not", "plums are late"))
    async with open_journal() as journal:  # what the disk knows, and what it does not know yet
        await journal.commit(told("e3", "s3", 3.0, "figs are early"))
        assert await quoted("she said apples keep well") == "s1"
        assert await quoted("apples keep", "plums are late") == "s2"
        assert await quoted("figs are early, plums are late") == "s3"
        assert await quoted("pears do not") is None
        assert await quoted("apples") is None
        assert await quoted("apples keep", since=2.0) is None
        assert await quoted("apples keep", user="bob") is None
        assert await session_found(journal, scope(), "s:other") is None


async def test_an_intent_that_comes_late_does_not_undo_the_commit(open_journal: OpenJournal) -> None:
    finished = exchange("e1", scope("s1"))
    async with open_journal() as journal:
        await journal.commit(finished)
        journal.intend(intent("e1", scope("s1")))
    async with open_journal() as journal:
        assert await journal.read(scope("s1"), "e1") == finished
        assert await leased(journal) == ["e1"]


@pytest.mark.promise("P6")
async def test_an_intent_is_replaced_as_its_answer_grows_and_its_words_survive_a_restart(
    open_journal: OpenJournal,
) -> None:
    def heard(text: str, attempts: int = 1) -> Exchange:
        reply = Reply(turns=(Turn(role="assistant", text=text),), is_complete=False)
        return msgspec.structs.replace(
            intent("e1", scope("s1")), reply=reply, attempts=attempts, anchors=("s:call_1",), openings=(text,)
        )

    async with open_journal() as journal:
        for one in [intent("e1", scope("s1")), heard("The train"), heard("The train leaves"), heard("No", attempts=0)]:
            assert await asyncio.wrap_future(journal.intend(one, is_patient=True)) is not None
        assert await leased(journal) == []
    async with open_journal() as journal:
        (found,) = await journal.lease(9)
        assert found == msgspec.structs.replace(heard("The train leaves"), state="interrupted")
        assert await session_found(journal, scope(), "s:call_1") == "s1"
        await asyncio.wrap_future(journal.intend(heard("The train leaves late")))
        assert await journal.read(Operator(), "e1") == found


@pytest.mark.promise("P6")
async def test_an_intent_says_when_it_is_durable(open_journal: OpenJournal) -> None:
    async with open_journal() as journal:
        await asyncio.wrap_future(journal.intend(intent("e1", scope("s1"))))
        assert await journal.read(Operator(), "e1") == intent("e1", scope("s1"))


@pytest.mark.promise("P6")
async def test_an_intent_left_open_comes_back_as_interrupted_and_teaches(open_journal: OpenJournal) -> None:
    async with open_journal() as journal:
        journal.intend(intent("e1", scope("s1"), notes={"head": "note"}))
        journal.intend(intent("e2", scope("s1"), mode="read"))
        await journal.commit(exchange("e3", scope("s1")))
    for _ in range(2):
        async with open_journal() as journal:
            assert await leased(journal) == ["e3", "e1"]
            recovered = [await journal.read(scope("s1"), name) for name in ["e1", "e2"]]
            assert [found and (found.state, found.turns[0].text) for found in recovered] == [
                ("interrupted", "hello"),
                ("interrupted", "hello"),
            ]
            assert await ledger_found(journal, scope("s1")) == {"head": "note"}


@pytest.mark.promise("P6")
async def test_a_caller_who_no_longer_waits_takes_no_write_along(open_journal: OpenJournal) -> None:
    finished = exchange("e1", scope("s1"))
    async with open_journal() as journal:
        waiting = asyncio.create_task(journal.commit(finished))
        asyncio.get_running_loop().call_soon(waiting.cancel)
        with pytest.raises(asyncio.CancelledError):
            await waiting
    async with open_journal() as journal:
        assert await journal.read(scope("s1"), "e1") == finished


async def test_closing_writes_what_is_queued(open_journal: OpenJournal) -> None:
    async with open_journal() as journal:
        for number in range(50):
            journal.intend(intent(f"e{number:02}", scope("s1")))
    async with open_journal() as journal:
        assert len(await leased(journal)) == 50


async def test_sixty_four_writers_at_once_each_get_their_own_exchange_recorded(open_journal: OpenJournal) -> None:
    async def write(number: int) -> None:
        where = scope(f"s{number % 7}", user=f"u{number % 3}")
        journal.intend(intent(f"e{number}", where, notes={f"p{number}": "note"}))
        await journal.commit(exchange(f"e{number}", where, anchors=(f"s:call_{number}",)))
        assert await session_found(journal, msgspec.structs.replace(where, session=""), f"s:call_{number}") is not None

    async with open_journal() as journal:
        await asyncio.gather(*(write(number) for number in range(64)))
        assert sorted(await leased(journal)) == sorted(f"e{number}" for number in range(64))
        found = await ledger_found(journal, scope("s1", user="u1"))
        assert found == {f"p{number}": "note" for number in range(64) if number % 7 == 1 and number % 3 == 1}


async def test_half_a_character_is_stored_as_its_replacement(open_journal: OpenJournal) -> None:
    torn = scope("s\ud800", user="u\udfff")
    async with open_journal() as journal:
        journal.intend(intent("e1", torn, notes={"head\ud800": "a\ud83d\ude00\ud800"}))
        await journal.commit(exchange("e1", torn, text="\udc00!", anchors=("s:call\ud800",)))
        assert await session_found(journal, msgspec.structs.replace(torn, session=""), "s:call\ud800") == "s\ufffd"
    async with open_journal() as journal:
        assert await ledger_found(journal, torn) == {"head\ufffd": "a😀\ufffd"}
        assert await session_found(journal, msgspec.structs.replace(torn, session=""), "s:call\ud800") == "s\ufffd"
        stored = await journal.read(Operator(), "e1")
        assert stored is not None
        assert stored.turns[0].text == "\ufffd!"
        assert await journal.read(torn, "e1") == stored
        assert await journal.read(Operator(), "e\ud800") is None
