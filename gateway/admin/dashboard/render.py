"""Templates to answers: how values are written in HTML, and the headers that keep a page to itself.

Whatever was stored is only ever text. What the pages show is not known here.
"""

from __future__ import annotations

import hashlib
from datetime import UTC, datetime
from pathlib import Path
from urllib.parse import urlencode

from jinja2 import Environment, FileSystemLoader, StrictUndefined
from markupsafe import Markup, escape
from starlette.responses import Response

FOLDER = Path(__file__).parent
STATIC = {path.name: path.read_bytes() for path in sorted((FOLDER / "static").iterdir())}
STAMP = hashlib.sha256(b"".join(STATIC.values())).hexdigest()[:12]
"""Stands in the addresses of files, which browsers keep until it is another."""

POLICY = (
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; connect-src 'self'; "
    "form-action 'self'; frame-ancestors 'none'; base-uri 'none'"
)
HEADERS = {
    "content-security-policy": POLICY,
    "x-content-type-options": "nosniff",
    "referrer-policy": "same-origin",  # with no-referrer, forms would come from the origin `null`
    "cross-origin-opener-policy": "same-origin",
    "cache-control": "no-store",
}

SHOWN_ID = 12
"""Characters of a long id that tell it from others at a glance."""


class Renderer:
    """Makes pages of templates."""

    def __init__(self) -> None:
        self._environment = Environment(
            loader=FileSystemLoader(FOLDER / "templates"),
            autoescape=True,
            undefined=StrictUndefined,
            finalize=as_text,
            auto_reload=False,
        )
        self._environment.filters |= {one.__name__: one for one in (time, number, share, points, short, copied)}
        self._environment.globals |= {"link": link, "stamp": STAMP}

    def page(self, template: str, *, status: int = 200, **values: object) -> Response:
        """A page."""
        text = self._environment.get_template(template).render(**values)
        return Response(text.encode("utf-8", "replace"), status, HEADERS, "text/html; charset=utf-8")

    def elsewhere(self, address: str) -> Response:
        """Go on to another page, by GET."""
        return Response(status_code=303, headers=HEADERS | {"location": address})


def as_text(value: object) -> object:
    """As it stands in HTML. A carriage return would be read as a line feed there, and nothing as what it is."""
    if isinstance(value, Markup) or not isinstance(value, str):
        return value
    return Markup(str(escape(value)).replace("\r", "&#13;").replace("\0", "\N{REPLACEMENT CHARACTER}"))


def link(path: str, **query: object) -> str:
    """An address of ours; what is empty is left out."""
    said = {name: str(value) for name, value in query.items() if value not in (None, "")}
    asked = urlencode(said, errors="replace")
    return f"{path}?{asked}" if asked else path


def time(at: float | None) -> Markup:
    """A moment in Unix seconds, to the minute, in UTC."""
    if at is None:
        return Markup("–")
    moment = datetime.fromtimestamp(at, UTC)
    return Markup(moment.strftime('<time datetime="%Y-%m-%dT%H:%M:%SZ" title="%F %T UTC">%F %H:%M</time>'))


def number(value: float | None) -> str:
    """With its thousands apart, and a decimal only where it is small and has one."""
    if value is None:
        return "–"
    return f"{value:,.0f}" if abs(value) >= 100 or value == int(value) else f"{value:,.1f}"


def share(part: float, whole: float) -> str:
    """In per cent; a dash where there is nothing to have a share of."""
    return f"{100 * part / whole:.0f}\N{NO-BREAK SPACE}%" if whole else "–"


def points(value: float) -> str:
    """A difference of two rates, in percentage points, with its sign."""
    return f"{100 * value:+.1f}".replace("-", "\N{MINUS SIGN}")


def short(id: str) -> Markup:
    """The beginning of an id, and all of it for whoever points at it."""
    return Markup('<code class="id" title="{}">{}</code>').format(as_text(id), as_text(_begun(id)))


def copied(id: str) -> Markup:
    """The same for whoever wants to take it along, for which there is a button where there is JavaScript."""
    return Markup('<code class="id" title="{0}" data-copy="{0}">{1}</code>').format(as_text(id), as_text(_begun(id)))


def _begun(id: str) -> str:
    return id if len(id) <= SHOWN_ID + 2 else f"{id[:SHOWN_ID]}…"
