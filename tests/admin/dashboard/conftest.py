"""The dashboard over a console of doubles, and an operator who is signed in."""

from __future__ import annotations

from collections.abc import AsyncIterator

import httpx
import pytest
from starlette.applications import Starlette

from gateway.admin.dashboard import routes
from gateway.console import Console
from gateway.testing import ManualClock
from tests.admin.dashboard.browsing import KEY, ORIGIN, Browser, reached
from tests.admin.dashboard.showcase import Letters, console_of
from tests.periods import NOW


@pytest.fixture
def clock() -> ManualClock:
    return ManualClock(NOW)


@pytest.fixture
def letters() -> Letters:
    return Letters()


@pytest.fixture
def console(clock: ManualClock, letters: Letters) -> Console:
    return console_of(clock=clock, letters=letters)


@pytest.fixture
async def stranger(console: Console) -> AsyncIterator[Browser]:
    """A browser in which nobody has signed in."""
    transport = httpx.ASGITransport(Starlette(routes=list(routes(reached(console), KEY, console.clock))))
    async with httpx.AsyncClient(transport=transport, base_url=ORIGIN) as client:
        yield Browser(client)


@pytest.fixture
async def browser(stranger: Browser) -> Browser:
    """A browser in which an operator has signed in."""
    await stranger.sign_in()
    return stranger
