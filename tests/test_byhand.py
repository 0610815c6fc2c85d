"""gateway/byhand.py: what changes by hand make of memories."""

from __future__ import annotations

import msgspec
import pytest

from gateway.byhand import BY_HAND, after, again, change, worded
from gateway.experience import HandAction
from gateway.memories import Memory
from gateway.wiring import KINDS
from tests.exchanges import NOW
from tests.lessons import lesson
from tests.stores.samples import memory

FACT, RULE, LESSON = KINDS["fact"], KINDS["constraint"], KINDS["lesson"]


def done(known: Memory, *actions: HandAction) -> Memory:
    """A memory after actions, a second apart."""
    changes = [change(action, known.id, NOW + place) for place, action in enumerate(actions)]
    return after(changes, {known.id: known})[known.id]


def test_a_text_is_the_memory_that_a_users_saying_so_would_be() -> None:
    made = worded(RULE, "Answer in German from now on.", NOW)
    assert made.id == worded(RULE, "  answer in german from NOW on!  ".strip(), NOW + 1).id
    assert (made.origin, made.speaker, made.exchange, made.key) == ("operator", "operator", "", made.text)
    assert (made.slot, worded(FACT, "Tea at five.", NOW).slot) == ("answer-language", "")


def test_another_wording_of_the_same_is_another_memory_where_it_takes_its_place() -> None:
    old = worded(FACT, "ann lives in bern", NOW)
    new = worded(FACT, "Ann lives in Bern.", NOW, instead=old)
    assert new.id != old.id
    assert worded(FACT, "Ann lives in Basel.", NOW, instead=old).id == worded(FACT, "Ann lives in Basel.", NOW).id


def test_what_held_in_one_session_is_followed_by_what_holds_there() -> None:
    old = memory("m_1", "Be brief.", kind="constraint", reach="session", session="s1", slot="length", is_pinned=True)
    new = worded(RULE, "Be very brief.", NOW, instead=old)
    assert new.id != worded(RULE, "Be very brief.", NOW).id
    table = after([change("ADD", new.id, NOW), change("SUPERSEDE", old.id, NOW, by=new.id)], {old.id: old, new.id: new})
    heir, gone = table[new.id], table[old.id]
    assert (heir.reach, heir.session, heir.slot, heir.is_pinned) == ("session", "s1", "length", True)
    assert (gone.ended_at, gone.ended_by) == (NOW, new.id)


def test_a_lesson_in_other_words_is_told_where_the_first_was_and_is_sure() -> None:
    old = lesson("book|error", state="proposed", grade="B", triggers=("Book a flight",), tools=("book",))
    new = worded(LESSON, "Ask how many fly before calling `book`.", NOW, instead=old)
    table = after([change("ADD", new.id, NOW), change("SUPERSEDE", old.id, NOW, by=new.id)], {old.id: old, new.id: new})
    heir, gone = table[new.id].lesson, table[old.id]
    assert heir is not None
    assert gone.lesson is not None
    assert (heir.triggers, heir.tools, heir.state, heir.grade) == (("Book a flight",), ("book",), "active", "S")
    assert (gone.lesson.state, gone.ended_at, gone.ended_by) == ("retired", NOW, new.id)


def test_a_lesson_that_is_added_is_told_for_what_is_like_it() -> None:
    added = done(worded(LESSON, "Book window seats.", NOW), "ADD")
    assert added.lesson is not None
    assert (added.lesson.state, added.lesson.grade, added.lesson.triggers) == ("active", "S", ("Book window seats.",))
    assert added.lesson.key == f"{BY_HAND}|{added.id}"


def test_what_takes_the_place_of_another_and_was_there_stays_what_it_was() -> None:
    old, known = memory("m_1", "Bern", slot="home"), memory("m_2", "Basel", slot="work")
    table = after([change("SUPERSEDE", "m_1", NOW, by="m_2")], {"m_1": old, "m_2": known})
    assert table["m_2"] is known
    assert table["m_1"].ended_by == "m_2"


@pytest.mark.parametrize("made", [memory("m_1", "tea", tokens=9), lesson("book|error")], ids=["fact", "lesson"])
def test_what_is_retired_has_ended_and_restored_holds_again(made: Memory) -> None:
    gone = done(made, "RETIRE")
    assert (gone.ended_at, gone.ended_by, gone.tokens) == (NOW, "", 0)
    assert done(made, "RETIRE", "RETIRE") == gone
    back = done(made, "RETIRE", "RESTORE")
    assert (back.ended_at, back.tokens) == (None, 0)
    assert back == msgspec.structs.replace(made, tokens=0)


def test_what_is_pinned_is_so_until_it_is_unpinned() -> None:
    one = memory("m_1", "tea")
    assert done(one, "PIN") == msgspec.structs.replace(one, is_pinned=True)
    assert done(one, "PIN", "UNPIN") == done(one, "FORGET") == done(one, "IMPORT") == one


def test_what_is_added_once_more_is_as_it_came_whatever_became_of_it() -> None:
    one = done(worded(FACT, "Tea at five.", NOW), "ADD")
    since = msgspec.structs.replace(
        one, count=3, last="ex_9", at=NOW + 9, ended_at=NOW + 10, ended_by="m_2", is_pinned=True, tokens=9
    )
    assert done(since, "ADD") == one


def test_of_what_is_not_there_nothing_is_changed() -> None:
    assert after([change("PIN", "m_1", NOW)], {}) == {}


def test_what_does_not_hold_is_made_to_hold() -> None:
    def actions(known: Memory) -> list[str]:
        return [one.action for one in again(known, NOW)]

    assert actions(memory("m_1", "tea")) == actions(lesson("k")) == []
    assert actions(memory("m_1", "tea", ended_at=NOW)) == actions(lesson("k", state="proposed")) == ["RESTORE"]
