"""What is shown of sessions, on real parts."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path

import httpx
import msgspec
import pytest
from starlette.applications import Starlette

from gateway.admin.dashboard import routes
from gateway.anchors import HEAD
from gateway.journals import fitting
from gateway.types import Considered, Note, Outcome, Scope, Usage
from tests.admin.console import Desk, opened_desk
from tests.admin.dashboard.browsing import KEY, ORIGIN, Browser, links, reached, words
from tests.exchanges import NOW, exchange, in_session, user

LIST, ONE = "/accrue/ui/sessions", "/accrue/ui/session"
NOBODY = Scope(tenant="acme", user=None, session="s1")


@pytest.fixture
async def desk(tmp_path: Path) -> AsyncIterator[Desk]:
    """With two sessions of Ann's, and one of nobody's that has the name of one of hers."""
    told = Note(where=f"{HEAD}0", text="You know: she lives in Lyon.", tokens=12, memories=("m_1",), lanes={"fact": 1})
    hit = exchange(
        user("Where do I live?"), id="ex_2", answers=["In Lyon."], at=NOW - 60, model="gpt-9", notes=(told,),
        outcome=Outcome(status="hit", notes=1, tokens=12, lanes={"fact": 1}),
        considered=(Considered(memory="m_1", lane="fact", text="She lives in Lyon.", score=0.5, decision="injected"),),
    )  # fmt: skip
    assert hit.reply is not None
    hit = msgspec.structs.replace(
        hit, reply=msgspec.structs.replace(hit.reply, usage=Usage(prompt_tokens=321, cached_tokens=50))
    )
    async with opened_desk(tmp_path) as opened:
        await opened.happened(
            exchange(user("I live in Lyon."), id="ex_1", answers=["Noted."], at=NOW - 120),
            hit,
            exchange(user("Hello."), id="ex_3", scope=in_session("s2"), at=NOW - 30, status=500),
            exchange(user("Who am I?"), id="ex_4", scope=NOBODY, at=NOW - 20, is_aside=True),
        )
        yield opened


@pytest.fixture
async def browser(desk: Desk) -> AsyncIterator[Browser]:
    transport = httpx.ASGITransport(Starlette(routes=list(routes(reached(desk.console), KEY, desk.clock))))
    async with httpx.AsyncClient(transport=transport, base_url=ORIGIN) as client:
        signed_in = Browser(client)
        await signed_in.sign_in()
        yield signed_in


async def test_sessions_are_listed_and_each_leads_to_its_own_page(browser: Browser) -> None:
    page = await browser.look(LIST)
    assert "s1 nobody named acme 1" in words(page)
    opened = [words(await browser.look(link)) for link in links(page, ONE)]
    assert [("Who am I?" in text, "Hello." in text, "I live in Lyon." in text) for text in opened] == [
        (True, False, False), (False, True, False), (False, False, True),
    ]  # fmt: skip


async def test_they_can_be_filtered(browser: Browser) -> None:
    assert len(links(await browser.look(f"{LIST}?user=ann"), ONE)) == 2
    assert len(links(await browser.look(f"{LIST}?is_nobodys=true"), ONE)) == 1
    assert "There are none of these." in words(await browser.look(f"{LIST}?user=bob"))


async def test_a_long_list_goes_on_on_the_next_page(browser: Browser) -> None:
    first = await browser.look(f"{LIST}?limit=2")
    assert len(links(await browser.look(links(first, LIST)[0]), ONE)) == 1


async def test_a_session_tells_what_was_added_at_each_call_and_why(browser: Browser) -> None:
    page = await browser.look(f"{ONE}?id=s1&tenant=acme&user=ann")
    text = words(page)
    assert "gpt-9" in text
    assert "Memory added 12 tokens behind the system text She lives in Lyon. fact, score 0.50" in text
    assert "You know: she lives in Lyon." in text
    assert "Tokens added 12 to 321 prompt tokens, 50 of them cached" in text
    assert text.index("I live in Lyon.") < text.index("Where do I live?") < text.index("In Lyon.")
    assert links(page, "/accrue/ui/memory") == ["/accrue/ui/memory?id=m_1&tenant=acme&user=ann"]


async def test_what_was_refused_or_no_part_of_the_talk_is_marked(browser: Browser) -> None:
    assert "refused: 500" in words(await browser.look(f"{ONE}?id=s2"))
    assert "aside" in words(await browser.look(f"{ONE}?id=s1&is_nobodys=true"))


async def test_earlier_calls_of_a_long_session_are_a_page_away(browser: Browser) -> None:
    last = await browser.look(f"{ONE}?id=s1&tenant=acme&user=ann&limit=1")
    (earlier,) = links(last, ONE)
    assert "Where do I live?" not in words(await browser.look(earlier))


async def test_of_calls_with_large_records_fewer_are_on_a_page(
    browser: Browser, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(fitting, "MOST_BYTES", 1)
    last = await browser.look(f"{ONE}?id=s1&tenant=acme&user=ann")
    (earlier,) = links(last, ONE)
    first = await browser.look(earlier)
    assert [("Where do I live?" in words(page), "I live in Lyon." in words(page)) for page in (last, first)] == [
        (True, False), (False, True),
    ]  # fmt: skip
    assert links(first, ONE) == []


async def test_a_session_that_is_not_there_or_of_several_is_said_to_be(browser: Browser) -> None:
    assert (await browser.look(f"{ONE}?id=s9")).status_code == 404
    several = await browser.look(f"{ONE}?id=s1")
    assert (several.status_code, "several sessions are called so" in words(several)) == (409, True)
