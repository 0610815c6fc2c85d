"""What a browser does with our pages, without one: it keeps cookies, and sends a page's forms as they stand in it."""

from __future__ import annotations

import html
import re

import httpx

from gateway.admin.operations import Reach
from gateway.console import Console

KEY = "an-admin-key-that-is-long-enough-for-a-test"
ORIGIN = "http://localhost:8080"

_TOKEN = re.compile(r'name="token" value="(\w+)"')
_TAG = re.compile(r"<[^>]*>")


class Browser:
    """One window."""

    def __init__(self, client: httpx.AsyncClient) -> None:
        self.client = client

    async def sign_in(self, key: str = KEY, **fields: str) -> httpx.Response:
        """Fill in the form."""
        return await self.send("/accrue/ui/signin", key=key, **fields)

    async def look(self, path: str) -> httpx.Response:
        """Follow a link."""
        return await self.client.get(path)

    async def send(self, path: str, /, **fields: str | list[str]) -> httpx.Response:
        """Send a form of ours as it is, to the address it names."""
        return await self.client.post(path, data=fields, headers={"origin": ORIGIN})

    async def token(self) -> str:
        """Which the forms of a page carry."""
        found = _TOKEN.search((await self.look("/accrue/ui/nowhere")).text)
        assert found is not None
        return found[1]


def reached(console: Console) -> Reach:
    """A console that can always be had."""

    async def reach() -> Console:
        return console

    return reach


def links(page: httpx.Response, path: str) -> list[str]:
    """Addresses of this path, with what is asked of it, to which the page leads."""
    return [html.unescape(link) for link in re.findall(rf'href="({re.escape(path)}\?[^"]+)"', page.text)]


def words(answer: httpx.Response) -> str:
    """What there is to read, in one line."""
    return " ".join(html.unescape(_TAG.sub(" ", answer.text)).split())
