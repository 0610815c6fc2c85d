"""Who comes in, by what, and what is refused at the door."""

from __future__ import annotations

from http.cookies import SimpleCookie

import httpx
import pytest
from starlette.applications import Starlette

from gateway.admin.dashboard import routes
from gateway.admin.dashboard.passes import PASS_S, TICKET_S, Passes
from gateway.admin.dashboard.signin import MAX_FORM_BYTES
from gateway.console import Console
from gateway.testing import ManualClock
from tests.admin.dashboard.browsing import KEY, ORIGIN, Browser, reached, words
from tests.admin.dashboard.showcase import Letters

SIGN_IN, SIGN_OUT = "/accrue/ui/signin", "/accrue/ui/signout"


def cookie(answer: httpx.Response) -> dict[str, str]:
    """The attributes of the one that is set."""
    (morsel,) = SimpleCookie(answer.headers["set-cookie"]).values()
    return {name: str(value) for name, value in morsel.items() if value}


async def test_the_admin_key_opens_the_dashboard(stranger: Browser) -> None:
    answer = await stranger.sign_in()
    assert (answer.status_code, answer.headers["location"]) == (303, "/accrue/")
    assert cookie(answer) == {
        "httponly": "True", "max-age": str(int(PASS_S)), "path": "/accrue", "samesite": "strict",
    }  # fmt: skip
    assert KEY not in answer.headers["set-cookie"]
    assert (await stranger.look("/accrue/")).status_code == 200


@pytest.mark.promise("P7")
async def test_nobody_without_the_key_sees_or_does_anything(stranger: Browser, letters: Letters) -> None:
    answer = await stranger.sign_in("sk-of-a-client-that-is-long-enough-to-be")
    assert (answer.status_code, "That is not the admin key" in answer.text) == (401, True)
    assert "set-cookie" not in answer.headers
    for path in ("/accrue/", "/accrue/ui/health", f"/accrue/ui/health?key={KEY}", "/accrue/ui/nowhere"):
        assert (await stranger.look(path)).headers["location"].startswith(SIGN_IN), path
    headers = {"origin": ORIGIN, "authorization": f"Bearer {KEY}"}
    sent = await stranger.client.post("/accrue/ui/health/drop", data={"exchange": "ex_1"}, headers=headers)
    assert (sent.status_code, sent.headers["location"], letters.done) == (303, SIGN_IN, [])


async def test_whoever_wanted_to_see_a_page_gets_there_after_signing_in(stranger: Browser) -> None:
    asked = await stranger.look("/accrue/ui/health?did=x&a=%2F")
    form = await stranger.look(asked.headers["location"])
    assert 'value="/accrue/ui/health?did=x&amp;a=%2F"' in form.text
    answer = await stranger.sign_in(next="/accrue/ui/health?did=x&a=%2F")
    assert answer.headers["location"] == "/accrue/ui/health?did=x&a=%2F"


@pytest.mark.parametrize(
    "wanted", ["https://evil.example/", "//evil.example", "/v1/models", "/accrue/\r\nset-cookie: a"]
)
async def test_nobody_is_led_elsewhere_by_signing_in(stranger: Browser, wanted: str) -> None:
    assert (await stranger.sign_in(next=wanted)).headers["location"] == "/accrue/"


async def test_a_pass_ends_after_a_working_day(browser: Browser, clock: ManualClock) -> None:
    clock.advance(PASS_S)
    assert (await browser.look("/accrue/")).headers["location"] == SIGN_IN


async def test_over_https_the_cookie_is_for_https_alone(stranger: Browser) -> None:
    data = {"key": KEY}
    behind = {"origin": "https://memory.example", "sec-fetch-site": "same-origin", "host": "gateway.internal"}
    assert "secure" in cookie(await stranger.client.post(SIGN_IN, data=data, headers=behind))


async def test_a_link_signs_in_once_and_leaves_no_trace_of_itself(
    stranger: Browser, clock: ManualClock, letters: Letters
) -> None:
    link = f"{SIGN_IN}?ticket={Passes(KEY, clock).give('ticket')}"
    assert "set-cookie" not in (await stranger.client.head(link)).headers  # what looks at links uses none up
    answer = await stranger.look(link)
    assert 'http-equiv="refresh" content="0; url=/accrue/"' in answer.text
    assert cookie(answer)["samesite"] == "strict"
    assert (await stranger.look("/accrue/")).status_code == 200
    again = await stranger.look(link)
    assert (again.status_code, "used up" in words(again)) == (401, True)
    late = f"{SIGN_IN}?ticket={Passes(KEY, clock).give('ticket')}"
    clock.advance(TICKET_S)
    assert (await stranger.look(late)).status_code == 401


async def test_signing_out_ends_the_pass_wherever_a_copy_of_it_is(browser: Browser) -> None:
    token, held = await browser.token(), dict(browser.client.cookies)
    answer = await browser.send(SIGN_OUT, token=token)
    assert (answer.headers["location"], dict(browser.client.cookies)) == (SIGN_IN, {})
    browser.client.cookies.update(held)
    assert (await browser.look("/accrue/")).status_code == 303
    assert (await browser.send(SIGN_OUT)).status_code == 303


async def test_nobody_is_signed_out_by_a_page_of_elsewhere(browser: Browser) -> None:
    there = await browser.client.post(SIGN_OUT, headers={"sec-fetch-site": "cross-site"})
    assert (there.status_code, (await browser.look("/accrue/")).status_code) == (403, 200)


@pytest.mark.parametrize(
    "headers",
    [
        {},
        {"origin": "null"},
        {"origin": "https://evil.example"},
        {"origin": "http://localhost:9090"},
        {"origin": ORIGIN, "sec-fetch-site": "same-site"},
        {"origin": ORIGIN, "sec-fetch-site": "cross-site"},
    ],
)
async def test_no_page_of_elsewhere_acts_for_an_operator(
    browser: Browser, letters: Letters, headers: dict[str, str]
) -> None:
    data = {"token": await browser.token(), "exchange": "ex_1"}
    answer = await browser.client.post("/accrue/ui/health/drop", data=data, headers=headers)
    assert (answer.status_code, letters.done) == (403, [])
    assert (await browser.client.post(SIGN_IN, data={"key": KEY}, headers=headers)).status_code == 403


@pytest.mark.parametrize("token", ["", "0" * 64, "ä"])
async def test_a_form_without_its_token_does_nothing(browser: Browser, letters: Letters, token: str) -> None:
    answer = await browser.send("/accrue/ui/health/drop", token=token, exchange="ex_1")
    assert (answer.status_code, letters.done) == (403, [])


async def test_a_form_that_is_too_large_is_refused(browser: Browser) -> None:
    token = await browser.token()
    assert (await browser.send("/accrue/ui/health/drop", token=token, x="a" * MAX_FORM_BYTES)).status_code == 413
    many = await browser.send("/accrue/ui/health/drop", token=token, exchange=["ex"] * 2_001)
    assert many.status_code == 413
    assert (await browser.send(SIGN_IN, key="a" * MAX_FORM_BYTES)).status_code == 413


async def test_who_fails_to_sign_in_is_told_of(console: Console, clock: ManualClock) -> None:
    told = list[str]()
    app = Starlette(routes=list(routes(reached(console), KEY, clock, lambda request: told.append(request.url.path))))
    async with httpx.AsyncClient(transport=httpx.ASGITransport(app), base_url=ORIGIN) as client:
        door = Browser(client)
        await door.look("/accrue/")
        await door.sign_in()
        assert told == []
        await door.sign_in("wrong")
        await door.look(f"{SIGN_IN}?ticket=used")
    assert told == [SIGN_IN, SIGN_IN]
