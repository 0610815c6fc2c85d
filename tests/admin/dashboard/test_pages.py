"""What a page is told of the address that was asked for, and of a form."""

from __future__ import annotations

import msgspec
import pytest
from starlette.datastructures import ImmutableMultiDict, QueryParams
from starlette.requests import Request

from gateway.admin.dashboard.figures import Kept
from gateway.admin.dashboard.pages import Visit
from gateway.admin.dashboard.render import Renderer
from gateway.errors import BadRequest
from gateway.testing import ManualClock
from tests.admin.dashboard.showcase import console_of


class Asked(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What some page takes."""

    user: str | None = None
    limit: int = 50
    is_pinned: bool = False


def visit(query: str, sent: str = "") -> Visit:
    console = console_of(clock=ManualClock())
    return Visit(
        console=console,
        kept=Kept(console.facts, console.clock),
        request=Request({"type": "http", "query_string": query.encode(), "headers": []}),
        sent=ImmutableMultiDict(QueryParams(sent).multi_items()),
        renderer=Renderer(),
    )


def test_fields_that_are_empty_or_of_the_frame_are_as_if_they_were_not_there() -> None:
    assert visit("user=&limit=20&did=changed").asked(Asked) == Asked(limit=20)
    assert visit("", "token=abc&user=ann&is_pinned=true").filled(Asked) == Asked(user="ann", is_pinned=True)


@pytest.mark.parametrize("query", ["limit=many", "colour=green"])
def test_what_a_page_cannot_take_is_refused(query: str) -> None:
    with pytest.raises(BadRequest):
        visit(query).asked(Asked)


def test_going_on_is_by_get_and_says_what_was_done() -> None:
    answer = visit("").go("/accrue/ui/memory", did="changed", id="m_1", user=None)
    assert (answer.status_code, answer.headers["location"]) == (303, "/accrue/ui/memory?id=m_1&did=changed")
