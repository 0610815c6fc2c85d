"""What the first page shows, with much on record, with too little, and with nothing."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import AbstractAsyncContextManager, asynccontextmanager

import httpx
import pytest
from starlette.applications import Starlette

from gateway.admin.dashboard import figures, routes
from gateway.period import Facts
from gateway.testing import ManualClock
from tests.admin.dashboard.browsing import KEY, ORIGIN, Browser, reached, words
from tests.admin.dashboard.showcase import Shelves, console_of
from tests.periods import NOW, arm, call, facts, memory, signal

Seen = Callable[..., AbstractAsyncContextManager[Browser]]


@pytest.fixture
def seen() -> Seen:
    """Opens the dashboard over some facts."""

    @asynccontextmanager
    async def opened(read: Callable[..., Awaitable[Facts]] | Facts, **given: object) -> AsyncIterator[Browser]:
        async def known(tenant: str | None, since: float | None) -> Facts:
            return read  # type: ignore[return-value] # facts, where they are not a function

        console = console_of(clock=ManualClock(NOW), facts=read if callable(read) else known, **given)
        transport = httpx.ASGITransport(Starlette(routes=list(routes(reached(console), KEY, console.clock))))
        async with httpx.AsyncClient(transport=transport, base_url=ORIGIN) as client:
            browser = Browser(client)
            await browser.sign_in()
            yield browser

    return opened


async def test_a_month_is_told_in_figures_and_charts(browser: Browser) -> None:
    answer = await browser.look("/accrue/?since=30d")
    text = words(answer)
    assert answer.text.count('role="img"') == 5
    assert "Memories held 1,274 episode 1,204, preference 41, constraint 17" in text
    assert "95 % interval" in text
    assert "Answer in British English." in text
    assert "Counted 2026-11-22 12:00 UTC" in text


async def test_the_lift_is_not_told_before_there_is_enough_to_tell_it(seen: Seen) -> None:
    few = facts([*arm("control", 3, 2, status="holdout"), *arm("treated", 12, 1)])
    async with seen(few) as browser:
        text = words(await browser.look("/accrue/"))
    assert "Lift not enough data yet 5 of 20 sessions held out, 13 of 20 with memory" in text
    assert "Held out 5 of 20" in text


async def test_what_the_lift_is_made_of_stands_beside_it(seen: Seen) -> None:
    many = facts([*arm("control", 20, 20, status="holdout"), *arm("treated", 60, 10)])
    async with seen(many) as browser:
        text = words(await browser.look("/accrue/"))
    assert "86 % of 70 sessions with memory went right, 50 % of 40 without." in text
    assert "The interval holds zero" not in text


async def test_without_calls_it_says_what_to_do_first(seen: Seen) -> None:
    async with seen(facts(), catalogue=Shelves(())) as browser:
        first, lately = words(await browser.look("/accrue/?since=all")), words(await browser.look("/accrue/"))
    assert "Nothing has come through yet" in first
    assert "export OPENAI_BASE_URL=http://localhost:8080/v1" in first
    assert "No calls in this period" in lately
    assert "What to do first" in lately


async def test_without_calls_lately_it_says_that_there_were_some(seen: Seen) -> None:
    async with seen(facts()) as browser:
        lately = words(await browser.look("/accrue/"))
        ever = words(await browser.look("/accrue/?since=all"))
    assert "Look at all there is on record , or choose a longer period. 1,274 memories are held." in lately
    assert "No calls in this period" in ever


async def test_rules_that_were_checked_are_shown_as_they_were_said(seen: Seen) -> None:
    rule = memory("m_1", "<b>No</b> {{7*7}}")
    checked = [signal("violated_constraint", "ex_1", is_good=True, key="m_1")]
    async with seen(facts([(call("ex_1"), checked)], memories=[rule])) as browser:
        answer = await browser.look("/accrue/")
    assert "&lt;b&gt;No&lt;/b&gt; {{7*7}}</bdi>" in answer.text


async def test_while_the_record_is_gone_through_it_says_so(seen: Seen, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(figures, "WAIT_S", 0.01)
    done = asyncio.Event()

    async def slowly(tenant: str | None, since: float | None) -> Facts:
        await done.wait()
        return facts()

    async with seen(slowly) as browser:
        answer = await browser.look("/accrue/")
        done.set()
        monkeypatch.setattr(figures, "WAIT_S", 10.0)
        after = await browser.look("/accrue/")
    assert (answer.status_code, "Going through the record" in answer.text) == (200, True)
    assert "No calls in this period" in after.text


async def test_a_period_that_is_none_is_refused(browser: Browser) -> None:
    answer = await browser.look("/accrue/?since=lately")
    assert (answer.status_code, "Invalid enum value" in words(answer)) == (400, True)
