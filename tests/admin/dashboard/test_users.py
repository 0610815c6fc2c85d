"""What is shown of users, and that they are carried away and removed as they are called, on real parts."""

from __future__ import annotations

import json
import re
from collections.abc import AsyncIterator
from html import unescape
from pathlib import Path

import httpx
import pytest

from gateway.admin.dashboard import users
from gateway.console import Console
from gateway.errors import MemoryUnavailable
from gateway.types import Scope
from tests.admin.console import Desk, opened_desk
from tests.admin.dashboard.browsing import Browser, links, words
from tests.exchanges import ANN, NOW, exchange, talk, user

LIST, ONE = "/accrue/ui/users", "/accrue/ui/user"
ANN_S = f"{ONE}?name=ann&tenant=acme"
ERASE, EXPORT = f"{ONE}/erase?name=ann&tenant=acme", f"{ONE}/export?name=ann&tenant=acme"

STRANGE = ("..", "a/b?c#d", "two\r\nlines", "null", " spaced ", "nul\0in it", "%2e%2e", "<b>bold</b>", "\u202eback")


@pytest.fixture
async def desk(tmp_path: Path) -> AsyncIterator[Desk]:
    """With what Ann said, and Bob, who was only heard of."""
    async with opened_desk(tmp_path) as opened:
        await opened.happened(*talk(("s1", "Always answer in French.", "Noted."), ("s2", "I live in Lyon.", "Good.")))
        bob = Scope(tenant="acme", user="bob", session="s1")
        await opened.journal.commit(exchange(user("Hm."), id="ex_bob", scope=bob, at=NOW, mode="read"))
        yield opened


@pytest.fixture
async def console(desk: Desk) -> Console:
    return desk.console


def form(page: httpx.Response, path: str) -> str:
    (found,) = re.findall(rf'action="({re.escape(path)}\?[^"]+)"', page.text)
    return unescape(found)


async def test_users_are_listed_on_one_page_with_those_who_were_only_heard_of(browser: Browser) -> None:
    page = await browser.look(LIST)
    assert re.search(r"ann acme \d+ 2 .* bob acme 0 1 – ", words(page))
    assert "Next page" not in page.text
    assert links(page, ONE) == [ANN_S, ANN_S.replace("ann", "bob")]


async def test_they_are_found_by_the_beginning_of_their_name(browser: Browser) -> None:
    assert links(await browser.look(f"{LIST}?name=b"), ONE) == [ANN_S.replace("ann", "bob")]
    assert "There are none of these." in words(await browser.look(f"{LIST}?name=eve"))


async def test_a_long_list_goes_on_on_the_next_page(browser: Browser, desk: Desk) -> None:
    for number in range(60):
        await desk.console.curator.add(Scope(tenant="acme", user=f"c{number:02}"), "fact", "Likes tea.")
    first = await browser.look(f"{LIST}?tenant=acme")
    (following,) = links(first, LIST)
    second = await browser.look(following)
    assert (len(links(first, ONE)), len(links(second, ONE))) == (50, 12)


async def test_where_nobody_was_named_it_is_said_how_that_is_done(tmp_path: Path, browser: Browser, desk: Desk) -> None:
    for name in ("ann", "bob"):
        await desk.console.eraser.erase(await desk.console.eraser.person(name, "", "acme"))
    assert "Nobody was named yet." in words(await browser.look(LIST))


async def test_one_is_shown_with_what_is_remembered_lane_by_lane(
    browser: Browser, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(users, "FEW", 1)
    page = await browser.look(ANN_S)
    said = words(page)
    assert re.search(
        r"What is remembered constraint Always answer in French\. .* fact I live in Lyon\. .* episode", said
    )
    assert "2 older ones" in said
    assert "Memory on" in said
    for path in ("/accrue/ui/memory", "/accrue/ui/session", "/accrue/ui/memories", "/accrue/ui/sessions"):
        for link in links(page, path):
            assert (await browser.look(link)).status_code == 200
    assert (await browser.look(f"{ONE}?name=eve")).status_code == 404


@pytest.mark.parametrize("name", STRANGE)
async def test_whatever_they_are_called_they_have_a_page_and_can_be_carried_away_and_erased(
    browser: Browser, desk: Desk, name: str
) -> None:
    await desk.console.curator.add(Scope(tenant="acme", user=name), "fact", "Likes tea.")
    (link,) = [one for one in links(await browser.look(LIST), ONE) if one not in (ANN_S, ANN_S.replace("ann", "bob"))]
    page = await browser.look(link)
    assert "Likes tea." in words(page)
    token = await browser.token()
    carried = await browser.send(form(page, f"{ONE}/export"), token=token)
    assert [json.loads(line)["kind"] for line in carried.text.splitlines()] == ["learnt", "memory"]
    typed = name.replace("\r\n", "").replace("\0", "\N{REPLACEMENT CHARACTER}")
    gone = await browser.send(form(page, f"{ONE}/erase"), token=token, typed=typed)
    assert (gone.status_code, "Memories 1" in words(gone)) == (200, True)


@pytest.mark.promise("P11")
async def test_everything_of_one_is_carried_away_as_lines_by_the_cookie_of_the_page(
    browser: Browser, stranger: Browser
) -> None:
    answer = await browser.send(EXPORT, token=await browser.token())
    kinds = [json.loads(line)["kind"] for line in answer.text.splitlines()]
    assert (answer.status_code, kinds.count("exchange"), "memory" in kinds) == (200, 2, True)
    assert answer.headers["content-disposition"] == 'attachment; filename="accrue-user.jsonl"'
    assert (answer.headers["content-type"], answer.headers["cache-control"]) == ("application/jsonl", "no-store")
    assert "Hm." not in answer.text
    assert (await browser.send(EXPORT, token="forged")).status_code == 403
    stranger.client.cookies.clear()
    assert (await stranger.send(EXPORT)).headers["location"].startswith("/accrue/ui/signin")


@pytest.mark.promise("P11")
@pytest.mark.parametrize("typed", ["", "Ann", "bob", "ann "])
async def test_nobody_is_erased_whose_name_was_not_typed_again(browser: Browser, desk: Desk, typed: str) -> None:
    answer = await browser.send(ERASE, token=await browser.token(), typed=typed)
    is_theirs = typed.strip() == "ann"
    assert ("Nothing was removed" in words(answer)) is not is_theirs
    assert (answer.status_code, bool(await desk.store.list(ANN, (), 10))) == (200 if is_theirs else 400, not is_theirs)


@pytest.mark.promise("P11")
async def test_erasing_one_says_what_was_removed_and_leaves_nothing(browser: Browser, desk: Desk) -> None:
    answer = await browser.send(ERASE, token=await browser.token(), typed="ann")
    said = words(answer)
    assert re.search(r"Erased: ann .* Memories \d+ .* On record: exchanges 2", said)
    assert "from now on" not in said
    assert await desk.store.list(ANN, (), 10) == []
    assert (await browser.look(ANN_S)).status_code == 404
    assert (await browser.look(f"{ONE}?name=bob")).status_code == 200


@pytest.mark.promise("P11")
async def test_a_wish_not_to_be_remembered_is_taken_down_shown_and_taken_back(browser: Browser, desk: Desk) -> None:
    token, seen, gone = await browser.token(), [], ""
    for wish in ("out", "", "in"):
        gone = words(await browser.send(ERASE, token=token, typed="ann", henceforth=wish))
        page = words(await browser.look(ANN_S))
        seen.append(("Nothing is remembered of what they say from now on." in gone, "Opted out" in page))
        assert desk.erasures.is_out(ANN) is (wish != "in")
    assert seen == [(True, True), (False, True), (False, False)]
    assert "is remembered again" in gone


async def test_what_cannot_be_reached_is_said_and_to_be_asked_for_again(
    browser: Browser, desk: Desk, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def away() -> bool:
        raise MemoryUnavailable("the index is away")

    monkeypatch.setattr(desk.console.eraser, "_renew", away)
    answer = await browser.send(ERASE, token=await browser.token(), typed="ann")
    assert (answer.status_code, "the index is away" in words(answer)) == (503, True)
