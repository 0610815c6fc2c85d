from __future__ import annotations

import re
import sqlite3
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from gateway.database import connect_readonly
from gateway.errors import MemoryUnavailable
from gateway.experience import Lesson
from gateway.ports import Held
from gateway.sealing import KEY_BYTES, Seal, Sealed
from gateway.stores.local.truth import Change, Entry, Truth
from tests.stores.samples import memory


@pytest.fixture
def truth(tmp_path: Path) -> Iterator[Truth]:
    truth = Truth(tmp_path / "memories.db", readers=1)
    yield truth
    truth.close()


def test_each_row_written_or_removed_is_logged_as_it_stands_now(truth: Truth) -> None:
    truth.put("ann", "acme", [memory("m1", "tea"), memory("m2", "tea"), memory("m3", "tea")])
    truth.put("ann", "acme", [memory("m1", "coffee"), memory("m2", "tea", ended_at=3.0)])
    truth.forget("ann", ["m3"])
    coffee = Entry(owner="ann", kind="fact", key="coffee", text="coffee")
    assert truth.changes(0, 99) == [
        Change(number=1, point=1, entry=coffee),
        Change(number=2, point=2, entry=None),
        Change(number=3, point=3, entry=None, is_forgotten=True),
        Change(number=4, point=1, entry=coffee),
        Change(number=5, point=2, entry=None),
        Change(number=6, point=3, entry=None, is_forgotten=True),
    ]
    assert truth.count_holding() == 1


def test_the_log_is_read_on_from_a_number_in_portions(truth: Truth) -> None:
    truth.put("ann", "acme", [memory(f"m{number}") for number in range(5)])
    assert [change.number for change in truth.changes(0, 2)] == [1, 2]
    assert [change.number for change in truth.changes(2, 99)] == [3, 4, 5]


def test_settled_changes_leave_the_log_and_their_numbers_are_not_used_again(truth: Truth) -> None:
    truth.put("ann", "acme", [memory("m1"), memory("m2")])
    truth.settle(2)
    assert truth.changes(0, 99) == []
    truth.put("ann", "acme", [memory("m3")])
    assert [change.number for change in truth.changes(0, 99)] == [3]


def test_a_forgotten_memorys_point_is_given_to_no_other(truth: Truth) -> None:
    truth.put("ann", "acme", [memory("m1")])
    truth.forget("ann", ["m1"])
    truth.put("bob", "acme", [memory("m1")])
    assert truth.at_points("bob", [1, 2]) == {2: memory("m1")}


@pytest.mark.promise("P7")
def test_a_strangers_point_is_absent(truth: Truth) -> None:
    truth.put("ann", "acme", [memory("m1")])
    assert truth.at_points("ann", [1]) == {1: memory("m1")}
    assert truth.at_points("bob", [1]) == {}


def test_of_a_pinned_kind_the_newest_are_told_of_and_only_so_many(
    truth: Truth, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("gateway.stores.local.truth.MAX_PINNED", 2)
    for number in range(4):
        truth.put("ann", "acme", [memory(f"fact{number}", at=float(number)), memory(f"rule{number}", kind="rule")])
    truth.put("ann", "acme", [memory("fact3", at=3.0, ended_at=5.0)])
    truth.put("bob", "acme", [memory("his", at=9.0)])
    assert [one.id for one in truth.pinned("ann", "s1", ["rule", "fact"])] == ["fact2", "rule3", "rule2", "fact1"]
    assert [one.id for one in truth.pinned("ann", "s1", ["fact"])] == ["fact2", "fact1"]
    assert truth.pinned("ann", "s1", []) == []


def test_other_sessions_and_what_has_ended_take_no_room_among_the_pinned(
    truth: Truth, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("gateway.stores.local.truth.MAX_PINNED", 2)
    truth.put("ann", "acme", [memory("mine", at=1.0), memory("here", at=0.0, session="s1", reach="session")])
    truth.put("ann", "acme", [memory(f"there{at}", at=float(at), session="s2", reach="session") for at in range(2, 6)])
    truth.put("ann", "acme", [memory(f"over{at}", at=float(at), ended_at=9.0) for at in range(2, 6)])
    assert [one.id for one in truth.pinned("ann", "s1", ["fact"])] == ["mine", "here"]
    asked = truth.pinned("ann", "s1", ["fact"], has_ended=True)
    assert [one.id for one in asked] == ["over5", "over4", "mine", "here"]


def test_what_a_person_pinned_is_told_of_whatever_its_kind_and_its_age(
    truth: Truth, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("gateway.stores.local.truth.MAX_PINNED", 2)
    truth.put("ann", "acme", [memory(f"fact{at}", at=float(at), is_pinned=at < 2) for at in range(5)])
    truth.put("ann", "acme", [memory("lesson", kind="lesson", at=9.0, is_pinned=True, ended_at=9.5)])
    truth.put("ann", "acme", [memory("there", kind="rule", at=9.0, is_pinned=True, reach="session", session="s2")])
    truth.put("bob", "acme", [memory("his", at=9.0, is_pinned=True)])
    assert [one.id for one in truth.pinned("ann", "s1", ["fact"])] == ["fact4", "fact3", "fact1", "fact0"]
    assert [one.id for one in truth.pinned("ann", "s1", ["rule"])] == ["fact1", "fact0"]
    assert [one.id for one in truth.pinned("ann", "s2", ["rule"])] == ["there", "fact1"]
    truth.put("ann", "acme", [memory("fact4", at=4.0, is_pinned=True)])
    assert [one.id for one in truth.pinned("ann", "s1", ["fact"])] == ["fact4", "fact3", "fact1"]
    assert truth.pinned("ann", "s1", []) == []


def test_rows_that_hold_are_walked_in_the_order_of_their_points(truth: Truth) -> None:
    truth.put("ann", "acme", [memory("m1", "tea"), memory("m2", ended_at=3.0), memory("m3"), memory("m4")])
    assert truth.holding(0, 2) == {
        1: Entry(owner="ann", kind="fact", key="tea", text="tea"),
        3: Entry(owner="ann", kind="fact", key="", text=""),
    }
    assert list(truth.holding(3, 2)) == [4]
    assert truth.holding(4, 2) == {}
    assert truth.last_point() == 4


def test_rows_of_all_owners_are_read_page_by_page_ended_ones_too(truth: Truth) -> None:
    rows = [("a", "m2"), ("a", "m9"), ("a\0", "m1"), ("b", "m0"), ("é", "m3"), ("😀", "m1")]
    for owner, id in reversed(rows):
        truth.put(owner, f"tenant of {owner}", [memory(id, ended_at=3.0 if id == "m1" else None)])
    read: list[Held] = []
    while page := truth.page((read[-1].owner, read[-1].memory.id) if read else ("", ""), 2):
        assert len(page) == 2
        read += page
    assert [(one.owner, one.memory.id) for one in read] == rows
    assert [(one.tenant, one.memory.ended_at) for one in read[2:4]] == [("tenant of a\0", 3.0), ("tenant of b", None)]


def test_a_row_that_cannot_be_read_is_named_and_ends_the_reading(truth: Truth, tmp_path: Path) -> None:
    truth.put("ann", "acme", [memory("m1"), memory("m2")])
    with sqlite3.connect(tmp_path / "memories.db") as other:
        other.execute("UPDATE memories SET lesson = '{' WHERE id = 'm2'")
    assert [one.memory.id for one in truth.page(("", ""), 1)] == ["m1"]
    with pytest.raises(MemoryUnavailable, match="memory m2 cannot be read: "):
        truth.page(("", ""), 2)


def test_what_lacks_a_vector_is_logged_anew_a_few_at_a_time(truth: Truth) -> None:
    truth.put("ann", "acme", [memory("m1"), memory("m2"), memory("m3")])
    truth.settle(3)
    assert not truth.has_lacking()
    truth.lack([1, 2])
    truth.lack([2, 3])
    assert truth.log_lacking(2) == 2
    assert truth.has_lacking()
    assert truth.log_lacking(2) == 1
    assert not truth.has_lacking()
    assert [change.point for change in truth.changes(0, 99)] == [1, 2, 3]


@pytest.mark.parametrize(
    ("find", "index"),
    [
        (lambda truth: truth.get("ann", ["m1", "m2"], reach=3), "sqlite_autoindex_memories_1"),
        (lambda truth: truth.pinned("ann", "s1", ["fact"], has_ended=True), "memories_(?:by_kind|pinned)"),
        (lambda truth: truth.newest("ann", ["fact", "rule"], 9), "memories_by_kind"),
        (lambda truth: truth.points_in_time("ann", ["fact"], 1.0, 2.0, 9), "memories_by_kind"),
        (lambda truth: truth.page(("ann", "m1"), 9), "sqlite_autoindex_memories_1"),
    ],
    ids=["get", "pinned", "newest", "time", "page"],
)
def test_no_search_walks_all_rows_of_an_owner(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, find: Callable[[Truth], object], index: str
) -> None:
    statements: list[str] = []

    def traced(path: Path) -> sqlite3.Connection:
        connection = connect_readonly(path)
        connection.set_trace_callback(statements.append)
        return connection

    monkeypatch.setattr("gateway.lasting.opened_readonly", traced)
    truth = Truth(tmp_path / "memories.db", readers=1)
    find(truth)
    planner = sqlite3.connect(tmp_path / "memories.db")
    plans = [step for asked in statements for *_, step in planner.execute(f"EXPLAIN QUERY PLAN {asked}")]
    assert [step for step in plans if "memories" in step]
    assert all(re.search(f"USING INDEX {index}", step) for step in plans if "memories" in step)
    assert not any("TEMP B-TREE FOR ORDER BY" in step for step in plans)
    planner.close()
    truth.close()


def test_a_failing_put_leaves_nothing(truth: Truth) -> None:
    with pytest.raises(sqlite3.IntegrityError):
        truth.put("ann", "acme", [memory("m1"), memory("m2", kind=None)])
    assert truth.get("ann", ["m1", "m2"]) == []
    truth.put("ann", "acme", [memory("m1")])
    assert truth.get("ann", ["m1"]) == [memory("m1")]


def test_forgotten_and_replaced_bytes_are_in_no_file(truth: Truth, tmp_path: Path) -> None:
    truth.put("ann", "acme", [memory("m1", "first-secret " * 500), memory("m2", "stays " * 500)])
    truth.put("ann", "acme", [memory("m1", "second-secret")])
    assert any(b"secret" in file.read_bytes() for file in tmp_path.iterdir())
    assert truth.forget("ann", ["m1"]) == 1
    assert [file.name for file in tmp_path.iterdir() if b"secret" in file.read_bytes()] == []
    assert truth.get("ann", ["m2"]) == [memory("m2", "stays " * 500)]


def test_a_file_that_is_no_database_is_set_aside(tmp_path: Path) -> None:
    (tmp_path / "memories.db").write_bytes(b"not a database" * 99)
    truth = Truth(tmp_path / "memories.db", readers=1)
    assert truth.newest("ann", [], 9) == []
    truth.close()
    assert len(list(tmp_path.glob("memories.db.corrupt-*"))) == 1


def test_under_a_seal_no_word_of_a_memory_lies_open(tmp_path: Path) -> None:
    seal = Seal(bytes(KEY_BYTES))
    lesson = Lesson(key="a key", state="active", grade="A", triggers=("when Tuesday comes",))
    one = memory("m1", "my dog Biscuit", evidence="Biscuit, he said", slot="Biscuit's food", lesson=lesson)
    truth = Truth(tmp_path / "memories.db", readers=1, seal=seal)
    truth.put("ann", "acme", [one])
    assert truth.get("ann", ["m1"]) == truth.newest("ann", [], 9) == truth.pinned("ann", "", ["fact"]) == [one]
    assert truth.at_points("ann", [1]) == {1: one}
    entry = Entry(owner="ann", kind="fact", key=one.key, text=one.text)
    assert truth.holding(0, 9) == {1: entry}
    assert truth.changes(0, 9) == [Change(number=1, point=1, entry=entry)]
    truth.close()
    content = b"".join(file.read_bytes() for file in tmp_path.iterdir())
    assert not [word for word in (b"Biscuit", b"Tuesday", b"a key") if word in content]


def test_a_memory_that_was_moved_to_another_row_does_not_open(tmp_path: Path) -> None:
    truth = Truth(tmp_path / "memories.db", readers=1, seal=Seal(bytes(KEY_BYTES)))
    truth.put("ann", "acme", [memory("m1", "tea")])
    with sqlite3.connect(tmp_path / "memories.db") as thief:
        thief.execute("UPDATE memories SET owner = 'bob'")
    with pytest.raises(Sealed):
        truth.get("bob", ["m1"])
    truth.close()
