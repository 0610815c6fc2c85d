"""What is said of the gateway itself, and what can be done about dead letters."""

from __future__ import annotations

import httpx
import msgspec
import pytest
from starlette.applications import Starlette

from gateway.admin.dashboard import health as module
from gateway.admin.dashboard import routes
from gateway.console import Health
from gateway.deadletters import DeadLetter
from gateway.errors import DataDirError
from gateway.testing import ManualClock
from tests.admin.dashboard.browsing import KEY, ORIGIN, Browser, reached, words
from tests.admin.dashboard.showcase import HEALTH, LETTERS, Letters, console_of


async def test_it_says_what_works_and_what_is_left_alone(browser: Browser) -> None:
    text = words(await browser.look("/accrue/ui/health"))
    for said in ("Memory on", "Record ok", "Waiting to be learnt 7", "98 %", "embedder open: left alone 2"):
        assert said in text


async def test_what_does_not_work_is_said_in_words(letters: Letters) -> None:
    async def broken() -> Health:
        return msgspec.structs.replace(HEALTH, memory="the disk is full", journal="no", waiting=None, breakers=())

    letters.held = []
    console = console_of(clock=ManualClock(), health=broken, letters=letters)
    transport = httpx.ASGITransport(Starlette(routes=list(routes(reached(console), KEY, console.clock))))
    async with httpx.AsyncClient(transport=transport, base_url=ORIGIN) as client:
        browser = Browser(client)
        await browser.sign_in()
        text = words(await browser.look("/accrue/ui/health"))
    for said in ("Memory the disk is full calls go on without it", "not known", "calls are not on record", "None."):
        assert said in text
    assert "Everything that was recorded could be learnt." in text


class NoLetters(Letters):
    """Cannot be read."""

    async def all(self) -> list[DeadLetter]:
        raise DataDirError("journal.db: disk I/O error")


async def test_where_letters_cannot_be_read_all_else_is_shown() -> None:
    async def broken() -> Health:
        return msgspec.structs.replace(HEALTH, journal="disk I/O error", waiting=None, dead=None)

    console = console_of(clock=ManualClock(), health=broken, letters=NoLetters())
    transport = httpx.ASGITransport(Starlette(routes=list(routes(reached(console), KEY, console.clock))))
    async with httpx.AsyncClient(transport=transport, base_url=ORIGIN) as client:
        browser = Browser(client)
        await browser.sign_in()
        answer = await browser.look("/accrue/ui/health")
    text = words(answer)
    for said in ("Memory on", "Record disk I/O error", "Dead letters not known", "Not known: they cannot be read now."):
        assert said in text
    assert (answer.status_code, "Everything that was recorded" in text) == (200, False)


@pytest.mark.parametrize("action", ["replay", "drop"])
async def test_the_chosen_letters_are_dealt_with_and_no_others(browser: Browser, letters: Letters, action: str) -> None:
    chosen = [LETTERS[0].exchange, LETTERS[2].exchange]
    answer = await browser.send(f"/accrue/ui/health/{action}", token=await browser.token(), exchange=chosen)
    assert letters.done == [(action, tuple(chosen))]
    after = words(await browser.look(answer.headers["location"]))
    assert LETTERS[1].exchange in (await browser.look("/accrue/ui/health")).text
    assert ("The learner has them once more." in after) == (action == "replay")


async def test_a_replay_wakes_the_learner(letters: Letters) -> None:
    woken = list[str]()
    console = console_of(clock=ManualClock(), letters=letters, wake=lambda: woken.append("now"))
    transport = httpx.ASGITransport(Starlette(routes=list(routes(reached(console), KEY, console.clock))))
    async with httpx.AsyncClient(transport=transport, base_url=ORIGIN) as client:
        browser = Browser(client)
        await browser.sign_in()
        await browser.send("/accrue/ui/health/replay", token=await browser.token(), exchange=LETTERS[0].exchange)
    assert woken == ["now"]


async def test_nothing_chosen_is_nothing_done(browser: Browser, letters: Letters) -> None:
    answer = await browser.send("/accrue/ui/health/drop", token=await browser.token())
    assert (answer.status_code, letters.done) == (400, [])


async def test_of_very_many_letters_the_oldest_are_on_the_page(
    browser: Browser, letters: Letters, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "MOST_LETTERS", 2)
    text = words(await browser.look("/accrue/ui/health"))
    assert "and 1 more" in text
