"""What is shown of memories, and that each action does to them what it says, on real parts."""

from __future__ import annotations

import re
from collections.abc import AsyncIterator
from html import unescape
from pathlib import Path

import httpx
import pytest
from starlette.applications import Starlette

from gateway.admin.dashboard import routes
from gateway.catalogue import Selection
from gateway.memories import Memory
from gateway.types import Scope
from tests.admin.console import Desk, opened_desk
from tests.admin.dashboard.browsing import KEY, ORIGIN, Browser, reached, words
from tests.exchanges import ANN, talk

LIST, ONE, CHANGE = "/accrue/ui/memories", "/accrue/ui/memory", "/accrue/ui/memory/change"
RULE = "From now on, always answer in British English."


@pytest.fixture
async def desk(tmp_path: Path) -> AsyncIterator[Desk]:
    """With what Ann said in two sessions."""
    async with opened_desk(tmp_path) as opened:
        await opened.happened(*talk(("s1", RULE, "Noted."), ("s2", "I live in Lyon.", "Good to know.")))
        yield opened


@pytest.fixture
async def browser(desk: Desk) -> AsyncIterator[Browser]:
    transport = httpx.ASGITransport(Starlette(routes=list(routes(reached(desk.console), KEY, desk.clock))))
    async with httpx.AsyncClient(transport=transport, base_url=ORIGIN) as client:
        signed_in = Browser(client)
        await signed_in.sign_in()
        yield signed_in


async def memory(desk: Desk, kind: str, scope: Scope = ANN) -> Memory:
    """The only one of a kind that holds."""
    page, _ = await desk.console.catalogue.browse(Selection(owner=scope.owner, kind=kind, state="holding"), "", 10)
    (found,) = page
    return found.memory


async def test_memories_are_listed_with_whose_they_are_and_lead_to_their_pages(desk: Desk, browser: Browser) -> None:
    page = await browser.look(LIST)
    assert "I live in Lyon. fact holding ann of acme" in words(page)
    links = [unescape(link) for link in re.findall(rf'href="({ONE}\?[^"]+)"', page.text)]
    assert len(links) == len((await desk.console.catalogue.browse(Selection(), "", 50))[0])
    assert all([(await browser.look(link)).status_code == 200 for link in links])


async def test_they_can_be_filtered_and_the_fields_stay_as_they_were(browser: Browser) -> None:
    page = await browser.look(f"{LIST}?kind=constraint&state=holding&user=ann&tenant=acme")
    assert (page.text.count(ONE + "?"), RULE in page.text) == (1, True)
    assert "<option selected>constraint</option>" in page.text
    assert 'name="user" value="ann"' in page.text
    assert "There are none of these." in words(await browser.look(f"{LIST}?state=retired"))


async def test_a_question_finds_what_recall_would_find(browser: Browser) -> None:
    page = words(await browser.look(f"{LIST}?q=Where+do+I+live%3F&user=ann"))
    assert re.search(r"I live in Lyon\. episode holding ann of acme \d\.\d\d", page)
    assert f"{RULE} constraint holding ann of acme always told" in page


async def test_a_question_without_a_person_says_what_is_missing_and_keeps_the_words(browser: Browser) -> None:
    page = await browser.look(f"{LIST}?q=Where+do+I+live%3F")
    assert "say who is meant" in words(page)
    assert 'value="Where do I live?"' in page.text
    assert "Nothing would be found" not in page.text


async def test_a_long_list_goes_on_on_the_next_page(desk: Desk, browser: Browser) -> None:
    for number in range(60):
        await desk.console.curator.add(ANN, "fact", f"Fact number {number}.")
    first = await browser.look(f"{LIST}?kind=fact&user=ann")
    found = re.search(rf'href="({LIST}\?[^"]+place=[^"]+)"', first.text)
    assert found is not None
    second = await browser.look(unescape(found[1]))
    assert (first.text.count(ONE + "?"), second.text.count(ONE + "?")) == (50, 11)
    assert "Next page" not in second.text


async def test_one_is_added_by_hand(desk: Desk, browser: Browser) -> None:
    answer = await browser.send(
        f"{LIST}/add", token=await browser.token(), kind="fact", text="Works in billing.", user="ann", is_pinned="true"
    )
    page = words(await browser.look(answer.headers["location"]))
    assert "It is remembered from now on." in page
    assert "Works in billing. holding pinned" in page
    held, _ = await desk.console.catalogue.browse(Selection(kind="fact"), "", 10)
    assert [one.memory.is_pinned for one in held if one.memory.text == "Works in billing."] == [True]


async def test_one_is_edited_and_both_are_told_of(desk: Desk, browser: Browser) -> None:
    old = await memory(desk, "fact")
    answer = await browser.send(CHANGE, token=await browser.token(), id=old.id, user="ann", text="I live in\r\nNice.")
    page = await browser.look(answer.headers["location"])
    assert "The older memory has ended" in words(page)
    new = await memory(desk, "fact")
    assert (new.text, new.id in answer.headers["location"]) == ("I live in\nNice.", True)
    before = words(await browser.look(f"{ONE}?id={old.id}"))
    assert "What took its place I live in Nice. holding" in before
    assert "supersede" in before


async def test_one_is_pinned_retired_and_restored(desk: Desk, browser: Browser) -> None:
    token, id = await browser.token(), (await memory(desk, "fact")).id
    seen = []
    for field, value in (("is_pinned", "true"), ("is_pinned", "false"), ("state", "retired"), ("state", "holding")):
        answer = await browser.send(CHANGE, token=token, id=id, tenant="acme", user="ann", **{field: value})
        assert "did=changed" in answer.headers["location"]
        found = (await desk.console.catalogue.find(id))[0].memory
        seen.append((found.is_pinned, found.ended_at is None))
    assert seen == [(True, True), (False, True), (False, False), (False, True)]


async def test_one_is_forgotten_for_good(desk: Desk, browser: Browser) -> None:
    id = (await memory(desk, "fact")).id
    answer = await browser.send("/accrue/ui/memory/forget", token=await browser.token(), id=id, user="ann")
    assert "It is forgotten." in words(await browser.look(answer.headers["location"]))
    assert list(await desk.console.catalogue.find(id)) == []
    assert (await browser.look(f"{ONE}?id={id}")).status_code == 404


async def test_the_page_offers_what_can_be_done_and_nothing_else(desk: Desk, browser: Browser) -> None:
    id = (await memory(desk, "fact")).id
    holding = words(await browser.look(f"{ONE}?id={id}"))
    await desk.console.curator.retire(ANN, id)
    retired = words(await browser.look(f"{ONE}?id={id}"))
    assert [act in holding for act in ("Pin:", "Retire", "Edit", "Restore")] == [True, True, True, False]
    assert [act in retired for act in ("Pin:", "Retire", "Edit", "Restore")] == [False, False, False, True]


async def test_what_cannot_be_done_is_said(browser: Browser) -> None:
    answer = await browser.send(CHANGE, token=await browser.token(), id="m_0", state="retired")
    assert (answer.status_code, "there is no such memory" in words(answer)) == (404, True)
    answer = await browser.send(f"{LIST}/add", token=await browser.token(), kind="nonsense", text="x", user="ann")
    assert answer.status_code == 400


async def test_a_text_of_many_lines_can_be_edited_as_it_is(desk: Desk, browser: Browser) -> None:
    made = await desk.console.curator.add(ANN, "fact", "one\ntwo")
    page = (await browser.look(f"{ONE}?id={made.id}&user=ann")).text
    assert ">\none\ntwo</textarea>" in page  # the first line feed is not part of it
