"""gateway/curation.py: what a person does to memories stays done, is on record, and mixes with no learning."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable, Coroutine, Sequence
from pathlib import Path
from typing import Any, Literal

import pytest

from gateway.chronicle import Learnt
from gateway.curation import MAX_TEXT_CHARS, TAKEN_AT_ONCE, Curator
from gateway.erasures import Person
from gateway.errors import BadRequest, Conflict, MemoryUnavailable, NotFound
from gateway.experience import Change
from gateway.memories import Memory
from gateway.ports import Held
from gateway.types import Operator, Scope
from tests.admin.console import Desk, opened_desk
from tests.exchanges import ANN, NOW, exchange, in_session, user
from tests.lessons import lesson
from tests.stores.samples import BOB, memory

RULE = "Always answer in French."
SAID = exchange(user(f"{RULE} I live in Bern."))


@pytest.fixture
async def desk(tmp_path: Path) -> AsyncIterator[Desk]:
    async with opened_desk(tmp_path) as made:
        yield made


async def learnt(desk: Desk, kind: str = "constraint") -> Memory:
    """What Ann said, learnt."""
    await desk.happened(SAID)
    (found,) = await desk.store.list(ANN, [kind], 9)
    return found


async def held(desk: Desk, id: str, scope: Scope = ANN) -> Memory:
    (found,) = await desk.store.get(scope, [id])
    return found


async def changes(desk: Desk) -> list[Change]:
    return [one.change for one in await desk.console.chronicle.changes(Operator(), 0.0, 99)]


async def test_a_text_is_remembered_in_the_operators_words(desk: Desk) -> None:
    added = await desk.console.curator.add(ANN, "fact", " Ann's dog is called Rex. ", is_pinned=True)
    assert added == await held(desk, added.id)
    assert (added.text, added.origin, added.is_pinned) == ("Ann's dog is called Rex.", "operator", True)
    assert added.tokens > 0
    assert [(one.action, one.memory, one.reason) for one in await changes(desk)] == [
        ("ADD", added.id, "by hand"),
        ("PIN", added.id, "by hand"),
    ]
    assert desk.changed == [ANN]


async def test_the_same_text_twice_is_one_memory_also_where_the_user_said_it(desk: Desk) -> None:
    curator, said = desk.console.curator, await learnt(desk)
    assert (await curator.add(ANN, "constraint", "always answer in french")).id == said.id
    assert await changes(desk) == []
    await curator.retire(ANN, said.id)
    again = await curator.add(ANN, "constraint", RULE, is_pinned=True)
    assert (again.id, again.origin, again.ended_at, again.is_pinned) == (said.id, "user", None, True)
    assert len(await desk.store.list(ANN, ["constraint"], 9)) == 1


@pytest.mark.parametrize(
    ("kind", "text", "code"),
    [
        ("fact", " \n ", "invalid_text"),
        ("fact", "x" * (MAX_TEXT_CHARS + 1), "invalid_text"),
        ("rumour", "Tea.", "invalid_kind"),
    ],
)
async def test_what_is_no_memory_is_refused(desk: Desk, kind: str, text: str, code: str) -> None:
    with pytest.raises(BadRequest) as refused:
        await desk.console.curator.add(ANN, kind, text)
    assert refused.value.code == code
    assert (await desk.store.list(ANN, (), 9), await changes(desk), desk.changed) == ([], [], [])


async def test_an_edited_memory_ends_and_another_takes_its_place(desk: Desk) -> None:
    said = await learnt(desk)
    await desk.console.curator.pin(ANN, said.id, is_pinned=True)
    new = await desk.console.curator.edit(ANN, said.id, "Always answer in German.")
    old = await held(desk, said.id)
    assert (old.text, old.ended_at, old.ended_by) == (RULE, NOW - 60, new.id)
    assert (new.text, new.slot, new.reach, new.is_pinned) == ("Always answer in German.", said.slot, "user", True)
    assert [one.action for one in await changes(desk)][:3] == ["PIN", "ADD", "SUPERSEDE"]


async def test_an_edit_that_changes_nothing_changes_nothing(desk: Desk) -> None:
    said = await learnt(desk)
    assert await desk.console.curator.edit(ANN, said.id, f" {RULE} ") == said
    assert await changes(desk) == []


async def test_an_edit_into_what_is_known_makes_that_hold(desk: Desk) -> None:
    curator = desk.console.curator
    bern, basel = [await curator.add(ANN, "fact", f"Ann lives in {city}.") for city in ("Bern", "Basel")]
    await curator.retire(ANN, basel.id)
    await curator.pin(ANN, bern.id, is_pinned=True)
    became = await curator.edit(ANN, bern.id, basel.text)
    assert (became.id, became.ended_at, became.is_pinned) == (basel.id, None, True)
    assert (await held(desk, bern.id)).ended_by == basel.id


async def test_what_has_ended_is_neither_edited_nor_pinned(desk: Desk) -> None:
    curator, said = desk.console.curator, await learnt(desk)
    gone = await curator.retire(ANN, said.id)
    for action in (curator.edit(ANN, said.id, "Bonjour."), curator.pin(ANN, said.id, is_pinned=True)):
        with pytest.raises(BadRequest, match="restore it first"):
            await action
    assert await held(desk, said.id) == gone
    assert (await curator.pin(ANN, said.id, is_pinned=False)).is_pinned is False


async def test_what_is_retired_is_told_no_more_and_restored_told_again(desk: Desk) -> None:
    curator, said = desk.console.curator, await learnt(desk)
    await curator.retire(ANN, said.id)
    assert said.id not in {found.id for found in await desk.console.search(ANN, "hm?") if isinstance(found, Memory)}
    back = await curator.restore(ANN, said.id)
    assert back == said
    assert said in await desk.console.search(ANN, "hm?")


async def test_a_lesson_is_retired_and_restored_as_a_lesson(desk: Desk) -> None:
    made = lesson("book|error", state="proposed")
    await desk.store.put(ANN, [made])
    gone = await desk.console.curator.retire(ANN, made.id)
    assert gone.lesson is not None
    assert gone.lesson.state == "retired"
    back = await desk.console.curator.restore(ANN, made.id)
    assert back.lesson is not None
    assert (back.lesson.state, back.ended_at) == ("active", None)


async def test_what_is_forgotten_is_gone_for_good(desk: Desk) -> None:
    said = await learnt(desk)
    await desk.console.curator.forget(ANN, said.id)
    assert await desk.store.get(ANN, [said.id]) == []
    assert (await changes(desk))[0] == Change(
        action="FORGET", memory=said.id, at=desk.clock.now(), cause="", reason="by hand"
    )
    assert desk.changed == [ANN]


async def talked(desk: Desk, text: str = "I live in Bern. I have two dogs.") -> dict[str, Memory]:
    """What is known by text once Ann has said something and an answer took note of it."""
    await desk.happened(exchange(user(text), answers=["You live in Bern, fine. Dogs are fun."]))
    return {one.text: one for one in await desk.store.list(ANN, (), 99)}


async def told(desk: Desk) -> dict[str, bool]:
    """Texts of Ann's conversations, each with whether it may still be told."""
    return {one.text: one.ended_at is None for one in await desk.store.list(ANN, ("episode",), 99)}


LEFT = {"I have two dogs.": True, "Dogs are fun.": True}


@pytest.mark.parametrize("is_retired_first", [False, True])
async def test_of_what_is_forgotten_nothing_is_left_in_the_conversations_in_which_it_was_said(
    desk: Desk, *, is_retired_first: bool
) -> None:
    curator, home = desk.console.curator, (await talked(desk))["I live in Bern."]
    if is_retired_first:
        await curator.retire(ANN, home.id)
    await curator.forget(ANN, home.id)
    assert await told(desk) == LEFT
    assert {one.action for one in await changes(desk) if one.reason == "left of what was struck"} == {"IMPORT"}
    found = await desk.console.search(ANN, "Where do I live? In Bern?")
    assert not any("Bern" in (one if isinstance(one, Memory) else one.memory).text for one in found)


async def test_what_is_retired_or_edited_is_struck_out_of_conversations_and_stays_so_when_it_is_restored(
    desk: Desk,
) -> None:
    curator, known = desk.console.curator, await talked(desk)
    await curator.retire(ANN, known["I live in Bern."].id)
    struck = {"I live in Bern. I have two dogs.": False, "You live in Bern, fine. Dogs are fun.": False} | LEFT
    assert await told(desk) == struck
    await curator.restore(ANN, known["I live in Bern."].id)
    await curator.retire(ANN, known["I live in Bern."].id)
    assert await told(desk) == struck
    cats = await curator.edit(ANN, known["I have two dogs."].id, "Ann has two cats.")
    assert (await told(desk))["I have two dogs."] is False
    (gone,) = [one for one in await desk.store.list(ANN, ("episode",), 99) if one.text == "I have two dogs."]
    assert gone.ended_by == cats.id


async def test_of_a_fact_in_a_models_words_the_users_own_are_struck(desk: Desk) -> None:
    await talked(desk, "We got two dogs last June, and a fish. I live in Bern.")
    fact = memory("m_1", "Ann owns two dogs.", evidence="two dogs last June", at=NOW - 60)
    await desk.store.put(ANN, [fact])
    await desk.console.curator.forget(ANN, fact.id)
    assert set(await told(desk)) == {"We got", "and a fish. I live in Bern.", "You live in Bern, fine."}


async def test_a_name_alone_that_proves_a_fact_is_struck_only_where_it_was_quoted_from(desk: Desk) -> None:
    """A model may quote as little; and that somebody does not live in Bern any more says nothing of their trains."""
    train = "My train to Bern leaves at nine."
    answers = ["The train to Bern is often late."]
    await desk.happened(exchange(user("We moved to Bern last June.")))
    await desk.happened(exchange(user(train), id="ex_777", scope=in_session("s2"), answers=answers))
    fact = memory("m_1", "Ann has lived in Bern since June.", evidence="Bern", at=NOW - 60)
    await desk.store.put(ANN, [fact])
    await desk.console.curator.retire(ANN, fact.id)
    left = await told(desk)
    assert (left[train], left[answers[0]]) == (True, True)
    assert left["We moved to Bern last June."] is False


async def test_what_nobody_said_or_holds_elsewhere_strikes_nothing(desk: Desk) -> None:
    curator, before = desk.console.curator, await talked(desk)
    added = await curator.add(ANN, "preference", "I have two dogs.")
    other = memory("m_1", "I live in Bern.", reach="session", session="s9", at=NOW - 60)
    await desk.store.put(ANN, [other])
    for id in (added.id, other.id):
        await curator.retire(ANN, id)
        await curator.forget(ANN, id)
    assert {one.text: one for one in await desk.store.list(ANN, (), 99)} == before


async def test_an_edit_back_to_the_first_text_makes_that_one_hold_again(desk: Desk) -> None:
    curator, first = desk.console.curator, (await talked(desk))["I live in Bern."]
    second = await curator.edit(ANN, first.id, "Ann lives in Basel.")
    for _ in range(2):
        back = await curator.edit(ANN, second.id, "I live in Bern.")
        assert (back.id, back.ended_at, back.ended_by) == (first.id, None, "")
        assert (await held(desk, second.id)).ended_by == first.id
        forth = await curator.edit(ANN, first.id, "Ann lives in Basel.")
        assert (forth.id, forth.ended_at, forth.ended_by) == (second.id, None, "")
    assert [one.id for one in await desk.store.list(ANN, ("fact",), 9) if one.ended_at is None].count(first.id) == 0
    by_first = [one.action for one in await changes(desk) if one.memory == first.id]
    assert by_first == ["SUPERSEDE", "RESTORE", "SUPERSEDE", "RESTORE", "SUPERSEDE"]


async def test_an_edit_back_in_other_words_is_worded_as_it_was_asked_for(desk: Desk) -> None:
    curator = desk.console.curator
    first = await curator.add(ANN, "fact", "ann lives in bern")
    second = await curator.edit(ANN, first.id, "Ann lives in Basel.")
    third = await curator.edit(ANN, second.id, "Ann lives in Bern.")
    assert (third.text, third.ended_at) == ("Ann lives in Bern.", None)
    assert len({first.id, second.id, third.id}) == 3
    assert [one.id for one in await desk.store.list(ANN, ("fact",), 9) if one.ended_at is None] == [third.id]


@pytest.mark.parametrize("kind", ["fact", "preference", "constraint", "episode"])
async def test_all_users_share_what_is_learnt_and_nothing_else(desk: Desk, kind: str) -> None:
    with pytest.raises(BadRequest, match="all users of a tenant share what is learnt") as refused:
        await desk.console.curator.add(ANN.common, kind, "Tea.")
    assert refused.value.code == "invalid_kind"
    assert (await desk.console.curator.add(ANN.common, "correction", "Tea.")).lesson is not None


@pytest.mark.promise("P7")
async def test_nobodys_hand_reaches_anothers_memory(desk: Desk) -> None:
    said, curator = await learnt(desk), desk.console.curator
    for action in (
        curator.edit(BOB, said.id, "Hi."),
        curator.pin(BOB, said.id, is_pinned=True),
        curator.retire(BOB, said.id),
        curator.restore(BOB, said.id),
        curator.forget(BOB, said.id),
    ):
        with pytest.raises(NotFound):
            await action
    assert await held(desk, said.id) == said


async def test_what_ended_by_hand_is_not_learnt_again_from_the_same_exchange_but_when_it_is_said_again(
    desk: Desk,
) -> None:
    said = await learnt(desk)
    await desk.console.curator.retire(ANN, said.id)
    await desk.learner.take(SAID)
    later = exchange(user("Thanks."), id="ex_2", context=SAID.turns, at=NOW)
    await desk.happened(later)
    assert (await held(desk, said.id)).ended_at is not None
    await desk.happened(exchange(user(RULE), id="ex_3", at=NOW + 1))
    assert (await held(desk, said.id)).ended_at is None


@pytest.mark.promise("P11")
async def test_of_who_wants_no_memory_nothing_is_remembered_by_hand_either(desk: Desk) -> None:
    said, curator = await learnt(desk), desk.console.curator
    desk.erasures.tombstone(Person(tenant=ANN.tenant, user=ANN.user), NOW - 3600, is_out=True)
    for action in (curator.add(ANN, "fact", "Tea."), curator.edit(ANN, said.id, "Tea."), curator.retire(ANN, said.id)):
        with pytest.raises(Conflict, match="opted out"):
            await action
    assert await changes(desk) == []
    await curator.forget(ANN, said.id)


async def test_what_was_exported_is_put_in_as_it_was(desk: Desk) -> None:
    ended = memory("m_2", "green tea", kind="fact", ended_at=3.0, ended_by="m_1", count=7)
    held_ones = [
        Held(owner=scope.owner, tenant="acme", memory=one)
        for scope in (ANN, ANN.common, BOB)
        for one in (memory("m_1", "tea", kind="fact", tokens=5), ended)
    ]
    await desk.store.put(BOB, [memory("m_1", "coffee", kind="fact")])
    assert await desk.console.curator.take(held_ones) == 5
    assert await desk.store.get(BOB, ["m_1", "m_2"]) == [held_ones[4].memory, ended]
    assert await desk.console.curator.take(held_ones) == 0
    assert {one.action for one in await changes(desk)} == {"IMPORT"}


async def test_more_than_a_portion_is_put_in_whole(desk: Desk) -> None:
    many = [
        Held(owner=ANN.owner, tenant="acme", memory=memory(f"m_{number}", f"tea {number}"))
        for number in range(TAKEN_AT_ONCE + 1)
    ]
    assert await desk.console.curator.take(many) == len(many)
    assert len(await desk.store.list(ANN, (), 999)) == len(many)


async def test_an_import_with_a_kind_that_is_not_known_takes_nothing(desk: Desk) -> None:
    both = [
        Held(owner=ANN.owner, tenant="acme", memory=memory(id, kind=kind)) for id, kind in (("a", "fact"), ("b", "x"))
    ]
    with pytest.raises(BadRequest, match="no kind 'x'"):
        await desk.console.curator.take(both)
    assert await desk.store.list(ANN, (), 9) == []


@pytest.mark.promise("P11")
async def test_an_import_brings_nobody_back_who_was_erased(desk: Desk) -> None:
    desk.erasures.tombstone(Person(tenant=ANN.tenant, user=ANN.user), NOW)
    old = [Held(owner=scope.owner, tenant="acme", memory=memory("m_1", "tea", at=NOW - 1)) for scope in (ANN, BOB)]
    assert await desk.console.curator.take(old) == 1
    assert (await desk.store.list(ANN, (), 9), len(await desk.store.list(BOB, (), 9))) == ([], 1)


class Broken:
    """A record that cannot be written."""

    async def taught(self, scope: Scope, learnt: Learnt) -> None:
        raise MemoryUnavailable("journal: disk I/O error")


def all_of(curator: Curator, id: str) -> Sequence[Callable[[], Coroutine[Any, Any, object]]]:
    return (
        lambda: curator.add(ANN, "fact", "Tea."),
        lambda: curator.edit(ANN, id, "Tea."),
        lambda: curator.pin(ANN, id, is_pinned=True),
        lambda: curator.retire(ANN, id),
        lambda: curator.restore(ANN, id),
        lambda: curator.forget(ANN, id),
    )


async def test_nothing_is_done_that_is_not_on_record(desk: Desk) -> None:
    said = await learnt(desk)
    console = desk.console
    broken = Curator(desk.guarded, Broken(), console.kinds, desk.counter, desk.clock)  # type: ignore[arg-type] # a double
    for action in all_of(broken, said.id):
        with pytest.raises(MemoryUnavailable):
            await action()
    assert await held(desk, said.id) == said
    assert len(await desk.store.list(ANN, ("fact",), 9)) == 1


class Turn(asyncio.Lock):
    """Counts who asks for it."""

    def __init__(self) -> None:
        super().__init__()
        self.asked = asyncio.Semaphore(0)

    async def acquire(self) -> Literal[True]:
        self.asked.release()
        return await super().acquire()


async def test_hand_and_learner_take_turns(tmp_path: Path) -> None:
    """Nothing is done while the other has its turn, and it is done after that."""
    turn = Turn()
    async with opened_desk(tmp_path, turn=turn) as desk, asyncio.timeout(20):
        said = await learnt(desk)
        async with turn:
            while not turn.asked.locked():
                await turn.asked.acquire()
            tasks = [asyncio.create_task(action()) for action in all_of(desk.console.curator, said.id)]
            tasks.append(asyncio.create_task(desk.happened(exchange(user("Tea is fine."), id="ex_2", at=NOW))))
            for _ in tasks:
                await turn.asked.acquire()
            assert await held(desk, said.id) == said
            assert {one.exchange for one in await desk.store.list(ANN, (), 9)} == {"ex_1"}
        ended = await asyncio.gather(*tasks, return_exceptions=True)
        assert {type(one) for one in ended if isinstance(one, Exception)} <= {NotFound, BadRequest}
        assert {one.exchange for one in await desk.store.list(ANN, ("episode",), 9)} == {"ex_1", "ex_2"}
