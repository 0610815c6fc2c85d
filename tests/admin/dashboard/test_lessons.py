"""What is shown of lessons and what they are worth, and that each action does what it says, on real parts."""

from __future__ import annotations

import re
from collections.abc import AsyncIterator
from pathlib import Path

import msgspec
import pytest

from gateway.admin.dashboard import figures, lessons
from gateway.console import Console
from gateway.memories import Memory
from gateway.owners import scope_of
from gateway.period import Facts, Held
from gateway.types import Scope
from tests.admin.console import Desk, opened_desk
from tests.admin.dashboard import schooling
from tests.admin.dashboard.browsing import Browser, links, words
from tests.exchanges import ANN, NOW, talk
from tests.lessons import lesson

LIST, ONE = "/accrue/ui/lessons", "/accrue/ui/lesson"
DATES = f"{ONE}?id=m_dates&tenant=acme&user=ann"

SAID = tuple(("Billing service", f"Message {number}.", "Noted.") for number in range(5))
BOB = Scope(tenant="acme", user="bob")


SHARED = lesson("shared", text="`pay` fails for several users.", tools=("pay",), users=("ann", "bob", "eve"))
FACTS = Facts(
    since=None,
    until=NOW,
    lessons=[
        *schooling.held(),
        Held(owner=BOB.owner, memory=lesson("bob", text="`ship` wants a postcode.")),
        Held(owner=ANN.common.owner, memory=SHARED),
    ],
)


@pytest.fixture
async def desk(tmp_path: Path, request: pytest.FixtureRequest) -> AsyncIterator[Desk]:
    """With what Ann's agents learnt, one lesson of Bob's and one of everybody's; or with what a test says."""
    happened = getattr(request, "param", FACTS)

    async def facts(tenant: str | None, since: float | None) -> Facts:
        return happened

    async with opened_desk(tmp_path, facts=facts) as opened:
        await opened.happened(*talk(*SAID))
        for one in happened.lessons:
            await opened.store.put(scope_of(one.owner), [one.memory])
        yield opened


@pytest.fixture
async def console(desk: Desk) -> Console:
    return desk.console


async def held(desk: Desk, id: str) -> Memory:
    (found,) = await desk.console.catalogue.find(id)
    return found.memory


@pytest.mark.promise("P10")
async def test_lessons_are_listed_with_what_they_are_worth_where_that_is_known(browser: Browser) -> None:
    page = words(await browser.look(LIST))
    for tile in ("Active 7", "Proposed 1", "Retired 1", "Help 3", "Harm 0", "Not known yet 4"):
        assert tile in page
    assert re.search(r"`2026-04-03`\. for Book me a flight .* active ann of acme 2 \(A\) 38 of 42 17 of 38 \+43\.6 "
                     r"\(\+25\.3 to \+60\.8\)", page)  # fmt: skip
    assert (
        "`deploy` is refused on Fridays. with deploy proposed ann of acme 1 (A) 3 of 4 1 of 2 not enough data" in page
    )
    assert re.search("How uplifts are spread .* 5 in all", page)


async def test_each_leads_to_its_page_whosever_it_is(browser: Browser) -> None:
    found = links(await browser.look(LIST), ONE)
    assert len(found) == len(schooling.lessons()) + 2
    pages = [await browser.look(link) for link in found]
    assert {page.status_code for page in pages} == {200}
    assert "A lesson of all users" in words(pages[[("user=" in link) for link in found].index(False)])


@pytest.mark.parametrize(
    ("query", "count"),
    [("state=retired", 1), ("user=bob", 1), ("tenant=acme", 9), ("tenant=other", 0), ("user=ann&state=active", 5)],
)
async def test_they_are_chosen_by_state_and_by_whose_they_are(browser: Browser, query: str, count: int) -> None:
    page = await browser.look(f"{LIST}?{query}")
    assert len(links(page, ONE)) == count
    assert ("There are none of these." in page.text) is (count == 0)


async def test_a_long_list_goes_on_on_the_next_page(browser: Browser, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(lessons, "AT_ONCE", 5)
    first = await browser.look(f"{LIST}?since=30d&tenant=acme")
    (following,) = [link for link in links(first, LIST) if "place=" in link]
    second = await browser.look(following)
    assert (len(links(first, ONE)), len(links(second, ONE)), "since=30d" in following) == (5, 4, True)
    assert "Next page" not in second.text


@pytest.mark.parametrize("desk", [Facts(since=None, until=NOW)], indirect=True)
async def test_where_nothing_was_learnt_it_is_said_how_that_comes(browser: Browser) -> None:
    assert "Nothing was learnt yet" in words(await browser.look(LIST))


async def test_one_is_shown_with_its_evidence_which_leads_to_the_call_in_which_it_was_seen(browser: Browser) -> None:
    page = await browser.look(DATES)
    said = words(page)
    assert "told − withheld: +43.6 points (+25.3 to +60.8)" in said
    assert "told 42 42 38 90 % withheld 38 38 17 45 %" in said.replace("\N{NO-BREAK SPACE}", " ")
    assert "For what is like Book me a flight on the 3rd of April" in said
    assert "Where a call offers one of these tools book" in said
    assert "At once when this error comes back date must be yyyy-mm-dd" in said
    assert "Not for what is like When does the office open?" in said
    assert "tool_error (A) Error: date must be YYYY-MM-DD, not 3/4/2026" in said
    first = links(page, "/accrue/ui/session")[0]
    session = await browser.look(first)
    assert f'id="{first.partition("#")[2]}"' in session.text


@pytest.mark.promise("P10")
async def test_of_one_on_which_too_little_is_known_no_uplift_is_said(browser: Browser) -> None:
    page = words(await browser.look(f"{ONE}?id=m_fresh&tenant=acme&user=ann"))
    assert "Not enough data yet." in page
    assert "Told 4 of 20 sessions Withheld 2 of 20 sessions" in page
    assert "Uplift" not in page


async def test_one_is_pinned_retired_restored_and_all_that_is_in_its_history(desk: Desk, browser: Browser) -> None:
    token, seen, page = await browser.token(), [], ""
    for field, value in (("is_pinned", "true"), ("is_pinned", "false"), ("state", "retired"), ("state", "holding")):
        fields = {"id": "m_dates", "tenant": "acme", "user": "ann", "session": "", field: value}
        answer = await browser.send(f"{ONE}/change", token=token, **fields)
        page = words(await browser.look(answer.headers["location"]))
        assert "Done." in page
        found = await held(desk, "m_dates")
        seen.append((found.is_pinned, found.ended_at is None, "Restore" in page))
    assert seen == [(True, True, False), (False, True, False), (False, False, True), (False, True, False)]
    assert re.search(r"History .* pin .* unpin .* retire .* restore", page)


async def test_one_is_forgotten_for_good(desk: Desk, browser: Browser) -> None:
    whose = {"id": "m_dates", "tenant": "acme", "user": "ann"}
    answer = await browser.send(f"{ONE}/forget", token=await browser.token(), **whose)
    assert "It is forgotten." in words(await browser.look(answer.headers["location"]))
    assert list(await desk.console.catalogue.find("m_dates")) == []


async def test_what_is_no_lesson_has_no_such_page(desk: Desk, browser: Browser) -> None:
    made = await desk.console.curator.add(ANN, "fact", "Lives in Lyon.")
    answer = await browser.look(f"{ONE}?id={made.id}&tenant=acme&user=ann")
    assert (answer.status_code, "that memory is no lesson" in words(answer)) == (404, True)


async def test_what_is_still_being_counted_is_said(
    desk: Desk, browser: Browser, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(figures, "WAIT_S", 0.0)
    desk.clock.advance(60)
    assert "Going through the record" in words(await browser.look(LIST))
    made = msgspec.structs.replace(lesson("new"), text="Mind the step.")
    await desk.store.put(ANN, [made])
    page = words(await browser.look(f"{ONE}?id=m_new&since=7d"))
    assert re.search(r"Mind the step\..*still being counted", page)
