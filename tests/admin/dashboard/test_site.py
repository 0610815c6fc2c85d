"""What every page has, which files there are, and what is said where something fails."""

from __future__ import annotations

import re

import httpx
import pytest
from starlette.applications import Starlette

from gateway.admin.dashboard.site import SECTIONS, routes
from gateway.console import Console
from gateway.errors import MemoryUnavailable
from gateway.testing import ManualClock
from tests.admin.dashboard.browsing import KEY, ORIGIN, Browser, words

INLINE = re.compile(r"<style|\sstyle=|<script(?! src=\"/accrue)|\son\w+=|javascript:|https?://(?!localhost)")

PAGES = [page.path for section in SECTIONS for page in section.pages if page.method == "GET"]


@pytest.mark.parametrize("path", [*PAGES, "/accrue/ui/signin", "/accrue/ui/nowhere"])
async def test_every_answer_keeps_to_itself(browser: Browser, path: str) -> None:
    answer = await browser.look(path)
    policy = dict(part.strip().split(" ", 1) for part in answer.headers["content-security-policy"].split(";"))
    assert policy == {
        "default-src": "'none'", "script-src": "'self'", "style-src": "'self'", "img-src": "'self' data:",
        "connect-src": "'self'", "form-action": "'self'", "frame-ancestors": "'none'", "base-uri": "'none'",
    }  # fmt: skip
    assert answer.headers["x-content-type-options"] == "nosniff"
    assert answer.headers["cache-control"] == "no-store"
    assert answer.headers["referrer-policy"] == "same-origin"
    assert not INLINE.search(answer.text)


async def test_the_address_without_its_slash_leads_to_the_first_page(browser: Browser) -> None:
    assert (await browser.look("/accrue")).headers["location"] == "/accrue/"


async def test_the_navigation_names_every_page_and_says_which_one_this_is(browser: Browser) -> None:
    page = (await browser.look("/accrue/ui/health")).text
    found = re.findall(r'<li><a href="([^"]+)"( aria-current="page")?>(\w+)</a>', page)
    assert [(path, title) for path, _, title in found] == [(one.pages[0].path, one.title) for one in SECTIONS]
    assert [title for _, current, title in found if current] == ["Health"]


async def test_files_are_kept_by_browsers_until_they_are_others(stranger: Browser) -> None:
    page = (await stranger.look("/accrue/ui/signin")).text
    for address in re.findall(r'(?:href|src)="(/accrue/ui/static/[^"]+)"', page):
        answer = await stranger.look(address)
        assert (answer.status_code, "immutable" in answer.headers["cache-control"]) == (200, True)
        assert answer.headers["content-type"].startswith(("text/css", "text/javascript", "image/svg+xml"))


@pytest.mark.parametrize("name", ["nothing.css", "..%2Frender.py", "../site.py", "%2e%2e/site.py"])
async def test_no_other_file_is_handed_out(stranger: Browser, name: str) -> None:
    assert (await stranger.look(f"/accrue/ui/static/{name}")).status_code in (303, 404)


async def test_a_page_that_is_not_there_is_said_to_be_missing(browser: Browser) -> None:
    answer = await browser.look("/accrue/ui/<b>nowhere")
    assert (answer.status_code, "There is no such page." in words(answer)) == (404, True)


@pytest.mark.parametrize("path", ["/accrue/", "/accrue/ui/health"])
async def test_what_cannot_be_reached_now_is_said_on_the_page(path: str) -> None:
    async def unreachable() -> Console:
        raise MemoryUnavailable("the disk <b>is full")

    app = Starlette(routes=list(routes(unreachable, KEY, ManualClock())))
    async with httpx.AsyncClient(transport=httpx.ASGITransport(app), base_url=ORIGIN) as client:
        browser = Browser(client)
        await browser.sign_in()
        answer = await browser.look(path)
    assert answer.status_code == 503
    assert "Not everything could be reached just now: the disk <b>is full" in words(answer)


async def test_what_is_said_after_an_action_is_ours_alone(browser: Browser) -> None:
    assert 'class="said"' not in (await browser.look("/accrue/ui/health?did=You+have+won")).text
    assert "Dropped." in words(await browser.look("/accrue/ui/health?did=dropped"))
