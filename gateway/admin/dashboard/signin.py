"""How an operator comes in and goes out: by the admin key in a form, or by a link that a command prints.

What a pass is made of is known in gateway/admin/dashboard/passes.py; what is behind the door is not known here.
"""

from __future__ import annotations

from collections.abc import Sequence
from urllib.parse import parse_qsl, urlsplit

from starlette.datastructures import ImmutableMultiDict
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import BaseRoute, Route

from gateway.admin.dashboard.pages import BELOW, HOME
from gateway.admin.dashboard.passes import PASS_S, Passes
from gateway.admin.dashboard.render import Renderer, link
from gateway.admin.refusals import OnRefused
from gateway.errors import Forbidden, RequestError, TooLarge, Unauthorized

SIGN_IN, SIGN_OUT = f"{BELOW}signin", f"{BELOW}signout"

MAX_FORM_BYTES = 1 << 20
"""Of a form; nobody types a larger one."""

MAX_FIELDS = 2_000


class Door:
    """Lets operators in and out."""

    def __init__(self, passes: Passes, renderer: Renderer, on_refused: OnRefused) -> None:
        self._passes = passes
        self._renderer = renderer
        self._on_refused = on_refused

    def routes(self) -> Sequence[BaseRoute]:
        """The sign-in page, and where its form and that of signing out are sent."""
        return [
            Route(SIGN_IN, self._ask, methods=["GET"]),
            Route(SIGN_IN, self._sign_in, methods=["POST"]),
            Route(SIGN_OUT, self._sign_out, methods=["POST"]),
        ]

    def pass_of(self, request: Request) -> str | None:
        """The pass of who asks, if it is good."""
        given = request.cookies.get(self._passes.name, "")
        return given if self._passes.is_good("pass", given) else None

    def token(self, of_pass: str) -> str:
        """What their forms carry."""
        return self._passes.token(of_pass)

    async def form(self, request: Request, of_pass: str) -> ImmutableMultiDict[str, str]:
        """A form that one of our pages sent. Raises `Forbidden` for any other, and `TooLarge`."""
        refuse_elsewhere(request)
        form = await read_form(request)
        if not self._passes.is_token(of_pass, form.get("token", "")):
            raise Forbidden("this form is not of the page that you see: go back, load it anew and try again")
        return form

    def to_sign_in(self, request: Request) -> Response:
        """Ask who they are, and bring them back to what they wanted to see."""
        wanted = f"{request.url.path}?{request.url.query}".rstrip("?") if request.method == "GET" else ""
        return self._renderer.elsewhere(link(SIGN_IN, next="" if wanted == HOME else wanted))

    async def _ask(self, request: Request) -> Response:
        """The form; or, for a link that signs in, its welcome."""
        wanted = _ours(request.query_params.get("next", ""))
        ticket = request.query_params.get("ticket", "")
        if not ticket or request.method == "HEAD":  # HEAD is asked for by what looks at links before people do
            return self._renderer.page("signin.html", wanted=wanted, complaint="")
        if not self._passes.use_up("ticket", ticket):
            complaint = "That link is used up or older than five minutes: have a new one printed."
            return self._asked_again(request, wanted, complaint)
        # Of a redirect the browser might hold that it began elsewhere, and send no cookie along.
        return self._let_in(request, self._renderer.page("welcome.html", wanted=wanted))

    async def _sign_in(self, request: Request) -> Response:
        try:
            refuse_elsewhere(request)
            form = await read_form(request)
        except RequestError as error:
            return self._renderer.page("signin.html", status=error.status, wanted=HOME, complaint=str(error))
        wanted = _ours(form.get("next", ""))
        if not self._passes.is_key(form.get("key", "")):
            return self._asked_again(request, wanted, "That is not the admin key of this gateway.")
        return self._let_in(request, self._renderer.elsewhere(wanted))

    async def _sign_out(self, request: Request) -> Response:
        """Without a good pass there is nothing to do, and nothing to complain of."""
        answer = self._renderer.elsewhere(SIGN_IN)
        held = self.pass_of(request)
        try:
            if held is not None:
                await self.form(request, held)
                self._passes.use_up("pass", held)
        except RequestError as error:
            return self._renderer.page("signin.html", status=error.status, wanted=HOME, complaint=str(error))
        answer.delete_cookie(self._passes.name, path=HOME.rstrip("/"), httponly=True, samesite="strict")
        return answer

    def _asked_again(self, request: Request, wanted: str, complaint: str) -> Response:
        self._on_refused(request)
        return self._renderer.page("signin.html", status=Unauthorized.status, wanted=wanted, complaint=complaint)

    def _let_in(self, request: Request, answer: Response) -> Response:
        answer.set_cookie(
            self._passes.name,
            self._passes.give("pass"),
            max_age=int(PASS_S),
            path=HOME.rstrip("/"),
            secure=_is_https(request),
            httponly=True,
            samesite="strict",
        )
        return answer


def refuse_elsewhere(request: Request) -> None:
    """Raise `Forbidden` for a form that a page of elsewhere sent.

    Browsers say where a request is from, and no page can make them say something else. Over plain HTTP they say so by
    the origin alone; before us may stand a proxy that asks for another host than they did, but then it speaks HTTPS.
    """
    site = request.headers.get("sec-fetch-site")
    origin = urlsplit(request.headers.get("origin", "")).netloc
    is_ours = site == "same-origin" if site is not None else origin != "" and origin == request.headers.get("host")
    if not is_ours:
        raise Forbidden("this was sent by a page of elsewhere, or by no browser: sign in and act on the page itself")


async def read_form(request: Request) -> ImmutableMultiDict[str, str]:
    """The fields of a form. Raises `TooLarge`."""
    body = bytearray()
    async for chunk in request.stream():
        body += chunk
        if len(body) > MAX_FORM_BYTES:
            raise TooLarge(f"a form is at most {MAX_FORM_BYTES >> 20} MB")
    try:
        fields = parse_qsl(body.decode("ascii", "replace"), keep_blank_values=True, max_num_fields=MAX_FIELDS)
    except ValueError as error:
        raise TooLarge(f"a form has at most {MAX_FIELDS} fields") from error
    return ImmutableMultiDict([(name, value.replace("\r\n", "\n")) for name, value in fields])


def _ours(wanted: str) -> str:
    """Where to go after signing in: never to another host."""
    return wanted if wanted.startswith(HOME) and wanted.isprintable() else HOME


def _is_https(request: Request) -> bool:
    """Whether the browser speaks HTTPS, if only to a proxy before us."""
    said = (request.headers.get("origin", ""), request.headers.get("x-forwarded-proto", ""), request.url.scheme)
    return any(one.partition(":")[0] == "https" for one in said)
