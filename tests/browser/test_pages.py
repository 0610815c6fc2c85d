"""Each page as people see it: nothing complains and everybody can use it, in light and dark, on a desk or a phone."""

from __future__ import annotations

import pytest

from gateway.admin.dashboard.site import SECTIONS
from tests.browser.conftest import Picture
from tests.browser.window import Scheme, Window

PAGES = {
    **{section.title.lower(): section.pages[0].path for section in SECTIONS},
    "overview": "/accrue/?since=30d",
    "sessions": "/accrue/ui/sessions?tenant=acme",
    "session": "/accrue/ui/session?id=Planning+the+trip",
    "memories": "/accrue/ui/memories?tenant=acme",
    "lessons": "/accrue/ui/lessons?tenant=acme",
    "lesson": "/accrue/ui/lesson?id=m_dates&tenant=acme&user=ann",
    "new-lesson": "/accrue/ui/lesson?id=m_fresh&tenant=acme&user=ann",
    "users": "/accrue/ui/users?tenant=acme",
    "user": "/accrue/ui/user?name=ann&tenant=acme",
    "search": "/accrue/ui/memories?q=Where+do+I+live%3F&user=ann&tenant=acme",
}


def pages(operator: Window) -> dict[str, str]:
    """Addresses by name, with one memory's page."""
    operator.open("/accrue/ui/memories?user=ann&tenant=acme&kind=fact")
    memory = operator.one(".list a").get_attribute("href")
    assert memory is not None
    return {**PAGES, "memory": memory.partition("/accrue")[1] + memory.partition("/accrue")[2]}


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_no_page_has_a_fault_that_a_checker_of_accessibility_finds(
    operator: Window, axe: str, picture: Picture, scheme: Scheme
) -> None:
    operator.look_like(scheme)
    for name, path in pages(operator).items():
        operator.open(path)
        if scheme == "light" or name == "overview":
            picture(operator, name if scheme == "light" else f"{name}-{scheme}")
        operator.script("document.querySelectorAll('details').forEach(one => one.open = true)")
        assert (name, operator.faults(axe)) == (name, [])
        assert (name, operator.complaints()) == (name, [])


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_the_sign_in_page_has_none_either(stranger: Window, axe: str, scheme: Scheme) -> None:
    stranger.look_like(scheme)
    stranger.open("/accrue/ui/signin")
    assert (stranger.faults(axe), stranger.complaints()) == ([], [])


def test_the_checker_finds_what_is_wrong(operator: Window, axe: str) -> None:
    operator.open("/accrue/")
    operator.script("document.querySelector('main').append(document.createElement('input'))")
    assert [fault.partition(":")[0] for fault in operator.faults(axe)] == ["label"]


def test_what_the_browser_refuses_is_noticed(operator: Window) -> None:
    operator.open("/accrue/")
    operator.script("const one = document.createElement('div'); one.setAttribute('style', 'color: red'); "
                    "document.body.insertAdjacentHTML('beforeend', one.outerHTML)")  # fmt: skip
    assert "Content Security Policy" in "".join(operator.complaints())


def test_on_a_phone_nothing_is_wider_than_the_screen(operator: Window, axe: str) -> None:
    for name, path in pages(operator).items():
        operator.measure(360, 740)
        operator.open(path)
        width = operator.script("return document.documentElement.scrollWidth")
        assert (name, width <= 360, operator.faults(axe)) == (name, True, [])


def test_the_theme_is_chosen_by_hand_and_stays(operator: Window) -> None:
    ground = "getComputedStyle(document.body).backgroundColor"
    light = operator.script(f"return {ground}")
    operator.press("Theme: system")
    operator.press("Theme: light")
    dark = operator.script(f"return {ground}")
    assert light != dark
    operator.open("/accrue/ui/health")
    assert operator.script(f"return {ground}") == dark
    assert operator.complaints() == []
