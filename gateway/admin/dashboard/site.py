"""The dashboard as routes: its pages for who is signed in, its few files for everybody.

Which pages there are stands here; what is on them is known by the module of each.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping, Sequence

from starlette.datastructures import ImmutableMultiDict
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import BaseRoute, Route

from gateway.admin.dashboard import health, lessons, memories, overview, policies, sessions, users
from gateway.admin.dashboard.figures import Kept
from gateway.admin.dashboard.pages import BELOW, HOME, Page, Section, Visit
from gateway.admin.dashboard.passes import Passes
from gateway.admin.dashboard.render import STATIC, Renderer
from gateway.admin.dashboard.signin import SIGN_OUT, Door
from gateway.admin.operations import Reach
from gateway.admin.refusals import OnRefused
from gateway.errors import DataDirError, MemoryUnavailable, NotFound, NotNow, RequestError
from gateway.period import Facts
from gateway.ports import Clock

SECTIONS: tuple[Section, ...] = (
    overview.SECTION,
    sessions.SECTION,
    memories.SECTION,
    lessons.SECTION,
    users.SECTION,
    policies.SECTION,
    health.SECTION,
)
"""In the order of the navigation."""

TYPES = {"css": "text/css; charset=utf-8", "js": "text/javascript; charset=utf-8", "svg": "image/svg+xml"}

FILE_HEADERS = {
    "cache-control": "public, max-age=31536000, immutable",
    "content-security-policy": "default-src 'none'",
    "x-content-type-options": "nosniff",
}

Endpoint = Callable[[Request], Awaitable[Response]]


def routes(
    reach: Reach, admin_key: str, clock: Clock, on_refused: OnRefused = lambda request: None
) -> Sequence[BaseRoute]:
    """`/accrue/` and what is below `/accrue/ui/`; who signs in needs no console for it."""
    renderer = Renderer()
    door = Door(Passes(admin_key, clock), renderer, on_refused)
    site = _Site(reach, door, renderer, clock)
    return [
        Route(HOME.rstrip("/"), site.home),
        *door.routes(),
        Route(f"{BELOW}static/{{name}}", _file),
        *(
            Route(page.path, site.endpoint(section, page), methods=[page.method])
            for section in SECTIONS
            for page in section.pages
        ),
        Route(f"{BELOW}{{rest:path}}", site.endpoint(None, Page(path=BELOW, work=_nowhere))),
    ]


class _Site:
    """Pages for operators, and complaints in the frame of the others."""

    def __init__(self, reach: Reach, door: Door, renderer: Renderer, clock: Clock) -> None:
        self._reach = reach
        self._door = door
        self._renderer = renderer
        self._kept = Kept(self._facts, clock)

    async def home(self, request: Request) -> Response:
        """To the first page."""
        return self._renderer.elsewhere(HOME)

    def endpoint(self, section: Section | None, page: Page) -> Endpoint:
        """A page for who is signed in."""

        async def answer(request: Request) -> Response:
            held = self._door.pass_of(request)
            if held is None:
                return self._door.to_sign_in(request)
            around = self._around(request, section, held)
            try:
                sent = await self._door.form(request, held) if page.method == "POST" else ImmutableMultiDict[str, str]()
                return await page.work(
                    Visit(
                        console=await self._reach(),
                        kept=self._kept,
                        request=request,
                        sent=sent,
                        renderer=self._renderer,
                        around=around,
                    )
                )
            except RequestError as error:
                return self._complaint(error, around)
            except (MemoryUnavailable, DataDirError) as error:
                return self._complaint(NotNow(f"Not everything could be reached just now: {error}"), around)

        return answer

    async def _facts(self, tenant: str | None, since: float | None) -> Facts:
        return await (await self._reach()).facts(tenant, since)

    def _around(self, request: Request, section: Section | None, held: str) -> Mapping[str, object]:
        did = request.query_params.get("did", "")
        return {
            "sections": [(one.title, one.pages[0].path, one is section) for one in SECTIONS],
            "said": section.said.get(did, "") if section is not None else "",
            "token": self._door.token(held),
            "sign_out": SIGN_OUT,
            "host": request.headers.get("host", ""),
        }

    def _complaint(self, error: RequestError, around: Mapping[str, object]) -> Response:
        return self._renderer.page("complaint.html", status=error.status, complaint=str(error), **around)


async def _nowhere(visit: Visit) -> Response:
    raise NotFound("There is no such page.")


async def _file(request: Request) -> Response:
    name = request.path_params["name"]
    if name not in STATIC:
        return Response("there is no such file\n", 404, media_type="text/plain")
    return Response(STATIC[name], 200, FILE_HEADERS | {"content-type": TYPES[name.rpartition(".")[2]]})
