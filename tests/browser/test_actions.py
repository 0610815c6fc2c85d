"""What people do on the pages, with and without JavaScript, by mouse and by keyboard."""

from __future__ import annotations

import pytest
from selenium.webdriver.common.keys import Keys

from gateway.admin.dashboard.passes import Passes
from gateway.catalogue import Selection
from gateway.memories import Memory
from gateway.types import Scope
from tests.admin.dashboard.browsing import KEY
from tests.browser.conftest import Picture
from tests.browser.house import House
from tests.browser.window import Window

ADDED = "Works in the billing team."


def memories(house: House, user: str) -> list[Memory]:
    """Of somebody."""
    owner = Scope(tenant="acme", user=user).owner
    page, _ = house.do(house.desk.console.catalogue.browse(Selection(owner=owner), "", 50))
    return [one.memory for one in page]


def add(operator: Window, user: str) -> None:
    """By the form below the list."""
    operator.open("/accrue/ui/memories?tenant=acme")
    operator.one("details summary").click()
    operator.one("#new-text").send_keys(ADDED)
    operator.one("#new-user").send_keys(user)
    operator.send("Remember")


@pytest.mark.parametrize("is_scripted", [True, False])
def test_a_memory_lives_through_all_that_can_be_done_to_it(operator: Window, house: House, is_scripted: bool) -> None:
    operator.forbid_scripts(not is_scripted)
    user = f"bea {is_scripted}"
    add(operator, user)
    assert "It is remembered from now on." in operator.text()
    (made,) = memories(house, user)
    assert made.text == ADDED
    operator.send("Pin: tell it on every call")
    assert memories(house, user)[0].is_pinned
    operator.one("summary").click()
    operator.one("textarea").send_keys(" Since May.")
    operator.send("Save")
    assert operator.one("#text").text == f"{ADDED} Since May."
    newest = memories(house, user)[0]
    assert (newest.text, newest.is_pinned) == (f"{ADDED} Since May.", True)
    _be_sure(operator, "Retire", is_scripted)
    assert memories(house, user)[0].ended_at is not None
    operator.send("Restore")
    assert memories(house, user)[0].ended_at is None
    _be_sure(operator, "Forget…", is_scripted)
    assert "It is forgotten." in operator.text()
    assert [one.id for one in memories(house, user)] == [made.id]
    assert operator.complaints() == []


def _be_sure(operator: Window, label: str, is_scripted: bool) -> None:
    """Do what is asked about where there is JavaScript."""
    if is_scripted:
        operator.press(label)
    operator.send("Yes" if is_scripted else label)


def test_what_cannot_be_undone_is_asked_about_and_no_means_no(operator: Window, house: House) -> None:
    add(operator, "carl")
    operator.press("Forget…")
    assert "cannot be restored" in operator.one("dialog[open]").text
    operator.press("Cancel")
    operator.press("Forget…")
    operator.one("dialog[open] button").send_keys(Keys.ESCAPE)
    operator.wait("!document.querySelector('dialog[open]')")
    assert len(memories(house, "carl")) == 1


def test_dead_letters_are_replayed_and_dropped(operator: Window, house: House) -> None:
    held = house.letters.held
    operator.open("/accrue/ui/health")
    operator.all("input[type=checkbox]")[0].click()
    operator.press("Drop the chosen…")
    operator.send("Yes")
    assert "Dropped." in operator.text()
    operator.send("Replay the chosen")
    assert [(what, len(which)) for what, which in house.letters.done] == [("drop", len(held) - 1), ("replay", 1)]
    assert "Everything that was recorded could be learnt." in operator.text()
    house.letters.held = held


def test_an_id_can_be_taken_along(operator: Window, house: House) -> None:
    operator.open("/accrue/ui/health")
    assert operator.all(".copy")[0].get_attribute("aria-label") == f"Copy {house.letters.held[0].exchange}"


def test_a_link_signs_in_and_is_not_left_in_the_history(stranger: Window, house: House) -> None:
    stranger.open("/accrue/ui/signin")
    ticket = Passes(KEY, house.desk.clock).give("ticket")
    before = stranger.script("return history.length")
    stranger.open(f"/accrue/ui/signin?ticket={ticket}")
    stranger.wait("location.pathname === '/accrue/'")
    assert "Overview" in stranger.text()
    assert stranger.script("return history.length") == before + 1
    assert stranger.complaints() == []


def test_signing_out_ends_it(operator: Window) -> None:
    operator.send("Sign out")
    operator.open("/accrue/ui/memories")
    assert operator.path == "/accrue/ui/signin?next=%2Faccrue%2Fui%2Fmemories"


def test_the_keyboard_is_enough(operator: Window) -> None:
    operator.open("/accrue/")
    operator.one("body").send_keys(Keys.TAB)
    active = "return document.activeElement.textContent.trim()"
    assert operator.script(active) == "Skip to content"
    operator.script("document.activeElement.click()")
    assert operator.script("return location.hash") == "#content"
    operator.open("/accrue/")
    operator.one("nav a[href='/accrue/ui/memories']").send_keys(Keys.ENTER)
    operator.wait("location.pathname === '/accrue/ui/memories'")


def test_a_lesson_is_retired_after_a_question_and_told_again(operator: Window, house: House) -> None:
    operator.open("/accrue/ui/lessons?tenant=acme&state=proposed")
    operator.one(".list a").click()
    operator.send("Tell it from now on")
    _be_sure(operator, "Retire", is_scripted=True)
    (lesson,) = [one for one in memories(house, "ann") if one.id == "m_fresh"]
    assert lesson.ended_at is not None
    operator.send("Restore")
    assert "restore" in operator.text()
    assert operator.complaints() == []


def test_who_is_erased_has_to_be_named_again(operator: Window, house: House, axe: str) -> None:
    add(operator, "eve")
    operator.open("/accrue/ui/users?name=ev")
    operator.one(".list a").click()
    operator.one("#typed").send_keys("ev")
    operator.send("Erase for good")
    assert "Nothing was removed" in operator.text()
    assert len(memories(house, "eve")) == 1
    operator.one("#typed").send_keys("eve")
    operator.send("Erase for good")
    assert "Nothing is known any more of what they said" in operator.text()
    assert operator.faults(axe) == []
    assert memories(house, "eve") == []


def test_a_call_that_is_not_made_shows_what_would_be_told(operator: Window, axe: str, picture: Picture) -> None:
    operator.open("/accrue/ui/policies")
    operator.one("#user").send_keys("ann")
    operator.send("Try it")
    picture(operator, "rehearsal")
    assert "allergic to chicken" in operator.one("mark").text
    assert (operator.faults(axe), operator.complaints()) == ([], [])
