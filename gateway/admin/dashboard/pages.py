"""What a page of the dashboard is, and what it is given when somebody looks at it.

A page is a module with a `SECTION` and a template; which there are is known in gateway/admin/dashboard/site.py. Who may
look is settled before a page is reached.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping
from typing import Literal, TypeVar

import msgspec
from starlette.datastructures import ImmutableMultiDict
from starlette.requests import Request
from starlette.responses import Response

from gateway.admin.dashboard.figures import Figures, Kept, Length
from gateway.admin.dashboard.render import Renderer, link
from gateway.console import Console
from gateway.errors import BadRequest

HOME = "/accrue/"
BELOW = "/accrue/ui/"
"""Where pages are but for the first; `/accrue/memories` and the like are the API's."""

FRAME = ("token", "did")
"""Fields that are not of a page, but of the frame around it."""

Asked = TypeVar("Asked", bound=msgspec.Struct)


class Visit(msgspec.Struct, frozen=True, kw_only=True):
    """One request of an operator for a page."""

    console: Console
    kept: Kept
    request: Request
    sent: ImmutableMultiDict[str, str] = ImmutableMultiDict()
    """The form, on POST."""
    renderer: Renderer
    around: Mapping[str, object] = {}
    """What the frame around a page shows."""

    def asked(self, type: type[Asked]) -> Asked:
        """What the address asks for. Raises `BadRequest`."""
        return _converted(self.request.query_params, type)

    def filled(self, type: type[Asked]) -> Asked:
        """What the form says. Raises `BadRequest`."""
        return _converted(self.sent, type)

    async def figures(self, length: Length) -> Figures | None:
        """See `Kept`, which from then on forgets as the gateway does."""
        self.console.caches.join(self.kept)
        return await self.kept.figures(length)

    def show(self, template: str, *, status: int = 200, **values: object) -> Response:
        """The page."""
        return self.renderer.page(template, status=status, **self.around, **values)

    def go(self, path: str, *, did: str, **query: object) -> Response:
        """Go on to a page, which says what was done.

        Args:
            did: a name in `Section.said`.
        """
        return self.renderer.elsewhere(link(path, **query, did=did))


def _converted(given: ImmutableMultiDict[str, str], type: type[Asked]) -> Asked:
    """Fields left empty are as if they were not there."""
    said = {name: value for name, value in given.items() if value != "" and name not in FRAME}
    try:
        return msgspec.convert(said, type, strict=False)
    except msgspec.ValidationError as error:
        raise BadRequest(str(error), code="invalid_request") from error


class Page(msgspec.Struct, frozen=True, kw_only=True):
    """One address."""

    path: str
    work: Callable[[Visit], Awaitable[Response]]
    """Raises `RequestError`, `MemoryUnavailable` or `DataDirError`, of which it is told."""
    method: Literal["GET", "POST"] = "GET"
    """What changes anything is a POST, and is sent by a form with the token in it."""


class Section(msgspec.Struct, frozen=True, kw_only=True):
    """What stands under one title in the navigation."""

    title: str
    pages: tuple[Page, ...]
    """The first is where the title leads."""
    said: Mapping[str, str] = {}
    """What is said at the top of a page after something was done, by a name that stands in the address."""
