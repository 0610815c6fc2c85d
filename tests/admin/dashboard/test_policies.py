"""What is shown of policies, and of a call that is not made."""

from __future__ import annotations

import html
import re
from collections.abc import AsyncIterator, Mapping
from pathlib import Path
from typing import Any

import pytest

from gateway.console import Console, Rehearsal
from gateway.ports import Headers
from gateway.types import Outcome, Scope
from tests.admin.console import Desk, opened_desk
from tests.admin.dashboard import schooling
from tests.admin.dashboard.browsing import Browser, words
from tests.exchanges import exchange, user

LIST, TRY = "/accrue/ui/policies", "/accrue/ui/policies/rehearse"

SUPPORT = """
match:
  path: ['/u/*', '/a/support/*']
  headers: {x-team: support}
holdout: 0.05
identify: {anonymous: session}
budget: {lanes: {lesson: 200}}
learn: {kinds: [fact, episode]}
"""

Asked = list[tuple[Scope, str, Headers, Mapping[str, Any]]]


@pytest.fixture
def asked() -> Asked:
    """What was to be rehearsed."""
    return []


@pytest.fixture
async def desk(tmp_path: Path, asked: Asked) -> AsyncIterator[Desk]:
    (tmp_path / "policies").mkdir()
    (tmp_path / "policies" / "support.yaml").write_text(SUPPORT)

    async def rehearse(scope: Scope, path: str, headers: Headers, body: Mapping[str, Any]) -> Rehearsal:
        asked.append((scope, path, headers, body))
        if path == "/models":
            return Rehearsal(policy="", scope=scope, outcome=Outcome(status="off"))
        return await schooling.rehearse(scope, path, headers, body)

    async with opened_desk(tmp_path, rehearse=rehearse, matches=lambda: {"default": 1, "support": 1_200}) as opened:
        await opened.happened(exchange(user("My dog Biscuit is allergic to chicken.")))
        yield opened


@pytest.fixture
async def console(desk: Desk) -> Console:
    return desk.console


async def test_policies_are_shown_in_their_order_with_what_they_say_and_how_often_they_matched(
    browser: Browser,
) -> None:
    page = await browser.look(LIST)
    said = words(page)
    assert re.search(
        r"support 1,200 calls since the start For calls of which all this is so: the path is /u/\* or /a/support/\* "
        r"the header x-team is support .* Member .* default 1 call since the start",
        said,
    )
    for row in ("holdout 0.05 0.0", "identify.anonymous session null", "budget.lanes.lesson 200 400"):
        assert row in said
    assert "learn.kinds fact, episode constraint, preference, fact, lesson, correction, episode" in said
    assert "It says nothing that is not usual." in said
    assert "identify.headers.user none the same" in said


async def test_a_call_that_is_not_made_shows_what_would_be_told_and_why_and_where(
    browser: Browser, asked: Asked
) -> None:
    page = await browser.send(
        TRY,
        token=await browser.token(),
        user="ann",
        path="/v1/chat/completions",
        headers="X-Accrue-Agent: bot\r\n\r\nx-b:  c:d ",
        body='{"model": "m", "messages": [{"role": "user", "content": "What for my dog?"}]}',
    )
    said = words(page)
    assert "hit hit; notes=1; tokens=31; lanes=fact:1 under the policy default , for ann in session se_new" in said
    assert "It would add 31 tokens, of 1 memory From earlier sessions" in said
    assert "I walked the dog this morning. weak episode 0.12 words 0.31 14" in said
    assert "allergic to chicken. injected fact 0.81 words 0.74, dense 0.66 17" in said
    (marked,) = re.findall(r"<mark>(.*?)</mark>", page.text)
    assert html.unescape(marked).startswith("\\n\\nFrom earlier sessions")
    scope, path, headers, body = asked[0]
    assert (scope.tenant, scope.user, path) == ("acme", "ann", "/v1/chat/completions")
    assert headers == [(b"x-accrue-agent", b"bot"), (b"x-b", b"c:d")]
    assert body["messages"][0]["content"] == "What for my dog?"
    assert 'name="user" value="ann"' in page.text


async def test_what_would_pass_untouched_is_said_to(browser: Browser) -> None:
    page = words(await browser.send(TRY, token=await browser.token(), tenant="acme", user="eve", path="/models"))
    assert re.search(r"off .* It would add nothing\. .* As it came, byte for byte\.", page)


@pytest.mark.parametrize(
    ("fields", "complaint"),
    [
        ({"body": "{"}, "the body is no JSON object"),
        ({"body": "[]"}, "the body is no JSON object"),
        ({"headers": "no colon"}, "a header is a name, a colon and a value: no colon"),
        ({"headers": ": no name"}, "a header is a name"),
        ({"headers": "\n".join(f"x-{number}: 1" for number in range(201))}, "headers"),
        ({"user": "eve"}, "nothing is known of such a person"),
        ({"user": ""}, "say who is meant"),
    ],
)
async def test_what_cannot_be_tried_is_said_above_the_form_as_it_was_filled_in(
    browser: Browser, asked: Asked, fields: dict[str, str], complaint: str
) -> None:
    page = await browser.send(TRY, token=await browser.token(), **{"user": "ann", "session": "", **fields})
    assert (page.status_code in (400, 404), complaint in words(page), asked) == (True, True, [])
    for value in fields.values():
        assert html.escape(value, quote=False) in page.text


async def test_a_form_of_elsewhere_tries_nothing(browser: Browser, asked: Asked) -> None:
    assert (await browser.send(TRY, token="forged", user="ann")).status_code == 403
    assert asked == []
