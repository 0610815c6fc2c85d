from __future__ import annotations

from concurrent.futures import Future

from gateway.journals.sqlite.known import Known, KnownAnchor, KnownSession
from gateway.types import Note

OWNER = ("acme", "ann")


def note(where: str, text: str) -> Note:
    return Note(where=where, text=text)


def is_on_disk() -> Future[None]:
    write: Future[None] = Future()
    write.set_result(None)
    return write


def test_a_ledger_that_was_handed_out_does_not_change() -> None:
    session = KnownSession()
    session.add([note("a", "1")], is_on_disk())
    handed_out = session.ledger
    session.add([note("b", "2")], is_on_disk())
    assert dict(handed_out) == {"a": note("a", "1")}
    assert dict(session.ledger) == {"a": note("a", "1"), "b": note("b", "2")}


def test_of_two_notes_at_one_place_the_first_stays_even_within_an_exchange() -> None:
    session = KnownSession()
    session.add([note("b", "1"), note("a", "2"), note("b", "3")], is_on_disk())
    assert list(session.ledger.values()) == [note("b", "1"), note("a", "2")]


def test_what_the_disk_says_is_older_than_what_is_known() -> None:
    session = KnownSession()
    session.add([note("a", "newer"), note("b", "new")], is_on_disk())
    session.complete({"a": note("a", "older"), "0": note("0", "old")})
    assert list(session.ledger.values()) == [note("a", "older"), note("0", "old"), note("b", "new")]


def test_a_session_is_completed_once() -> None:
    session = KnownSession()
    session.complete(None)
    assert (session.is_whole, session.is_there) == (True, False)
    session.complete({"a": note("a", "stale")})
    assert (session.is_there, dict(session.ledger)) == (False, {})


def test_a_session_without_notes_is_there() -> None:
    session = KnownSession()
    session.complete({})
    assert session.is_there


def test_a_weak_anchor_is_open_until_the_disk_was_asked() -> None:
    anchor = KnownAnchor()
    assert anchor.is_open("w:1")
    anchor.add("s1", is_on_disk())
    assert anchor.is_open("w:1")
    anchor.complete(("s1", False))
    assert not anchor.is_open("w:1")
    assert anchor.owner("w:1") == "s1"


def test_a_strong_anchor_is_answered_by_the_newest_session_without_the_disk() -> None:
    anchor = KnownAnchor()
    assert anchor.is_open("s:1")
    anchor.add("s1", is_on_disk())
    anchor.add("s2", is_on_disk())
    assert not anchor.is_open("s:1")
    assert (anchor.owner("s:1"), anchor.owner("w:1")) == ("s2", None)


def test_a_weak_anchor_known_to_be_shared_needs_no_disk() -> None:
    anchor = KnownAnchor()
    anchor.add("s1", is_on_disk())
    anchor.add("s2", is_on_disk())
    assert not anchor.is_open("w:1")


def test_an_older_owner_on_the_disk_makes_an_anchor_shared_and_not_older() -> None:
    anchor = KnownAnchor()
    anchor.add("s2", is_on_disk())
    anchor.complete(("s1", False))
    assert (anchor.owner("s:1"), anchor.owner("w:1")) == ("s2", None)


def test_an_anchor_the_disk_knows_to_be_shared_is_shared() -> None:
    anchor = KnownAnchor()
    anchor.complete(("s1", True))
    assert (anchor.owner("s:1"), anchor.owner("w:1")) == ("s1", None)


def test_an_anchor_that_nobody_has_is_no_longer_open_and_has_no_owner() -> None:
    anchor = KnownAnchor()
    anchor.complete(None)
    assert not anchor.is_open("w:1")
    assert anchor.owner("w:1") is None
    anchor.add("s1", is_on_disk())
    assert anchor.owner("w:1") == "s1"
    anchor.complete(("s9", False))
    assert anchor.owner("w:1") == "s1"


def test_the_entry_used_longest_ago_leaves_first() -> None:
    known = Known(KnownSession, 2)
    first, second = known.entry(OWNER, "s1"), known.entry(OWNER, "s2")
    assert known.entry(OWNER, "s1") is first
    known.entry(OWNER, "s3")
    assert len(known) == 2
    assert known.entry(OWNER, "s1") is first
    assert known.entry(OWNER, "s2") is not second


def test_an_entry_stays_until_its_last_write_is_on_disk() -> None:
    known, write = Known(KnownSession, 1), Future[None]()
    session = known.entry(OWNER, "s1")
    session.add([], write)
    for number in range(9):
        known.entry(OWNER, f"other {number}")
    assert known.entry(OWNER, "s1") is session
    write.set_result(None)
    known.entry(OWNER, "other")
    assert len(known) == 1
    assert known.entry(OWNER, "s1") is not session


def test_entries_of_other_people_are_others() -> None:
    known = Known(KnownSession, 9)
    assert known.entry(("acme", "ann"), "s1") is not known.entry(("acme", ""), "s1")
