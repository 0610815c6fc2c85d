"""The upstreams of config.yaml and which call goes to which, as values; and what does not go together in them.

Nothing is sent here: what is behind a name is built in gateway/upstreams/configured.py, and
gateway/upstreams/routed.py goes by the routes.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from fnmatch import fnmatchcase
from typing import Annotated, Literal
from urllib.parse import unquote

import msgspec
from msgspec import Meta

from gateway.documents import meant
from gateway.ports import Headers

DEFAULT = "default"
"""The upstream of every call that no route matches."""

OPENAI = "https://api.openai.com/v1"
ANTHROPIC = "https://api.anthropic.com/v1"

OURS = "x-accrue-"

NAME = re.compile(r"[a-z0-9_-]+")
_SLASHES = re.compile("//+")
VERSION = re.compile("^(?:/v1(?=/|$))+")
"""Before a path; once, or twice where a client adds it to a base that has it."""

Globs = Annotated[tuple[str, ...], Meta(min_length=1)]
PathGlob = Annotated[
    str, Meta(pattern=r"^(?!/?v1(/|$))[/*]", description="a glob for the path below /v1, such as /messages*")
]
Seconds = Annotated[float, Meta(gt=0, le=86_400)]
Url = Annotated[
    str,
    Meta(pattern=r"^(https?://[^\s/?#@]+(/[^\s?#]*)?)?$", description="an http(s) URL without credentials or query"),
]


class UpstreamConfig(msgspec.Struct, frozen=True, kw_only=True):
    """A provider."""

    kind: Literal["http", "litellm"] = "http"
    """`http` passes bytes to a server that speaks OpenAI's or Anthropic's API; `litellm` translates for any other."""
    url: Url = ""
    """Its base, down to and including `/v1`; with `litellm`, empty for the provider's own."""
    api_key: str | None = None
    """Sent in place of the client's credential; None sends the client's own."""
    connect_timeout_s: Seconds = 10.0
    read_timeout_s: Seconds = 600.0
    """The longest silence between two pieces of an answer."""
    retries: Annotated[int, Meta(ge=0, le=10)] = 0
    """Times it is asked again when it is overloaded, broken or not reached."""
    provider: str | None = None
    """What litellm calls it."""
    options: dict[str, str] = {}
    """What litellm must know of it beside a key, such as a region."""
    models: tuple[str, ...] = ()
    """What litellm is to list under `/models`."""


class RouteMatch(msgspec.Struct, frozen=True, kw_only=True):
    """Which calls a route is for: all members must fit, each by any one of its globs (`*`, `?`, `[…]`)."""

    model: Globs = ("*",)
    path: Annotated[tuple[PathGlob, ...], Meta(min_length=1)] = ("*",)
    """Below `/v1`, without the query."""
    headers: dict[str, str] = {}
    """A glob by header name; upper and lower case of names are the same."""

    @property
    def fits_any_model(self) -> bool:
        """Whether the model need not be known."""
        return "*" in self.model

    def fits_model(self, model: str) -> bool:
        """Whether a call for the model goes this way; one that names none fits `*` alone."""
        return any(fnmatchcase(model, glob) for glob in self.model)

    def fits_place(self, path: str, headers: Headers) -> bool:
        """Whether a call to the path, as `plain` gives it, goes this way if its model does."""
        return any(fnmatchcase(path, glob) for glob in self.path) and all(
            _has(headers, name.lower().encode(), glob) for name, glob in self.headers.items()
        )


class Route(msgspec.Struct, frozen=True, kw_only=True):
    """Where some calls go."""

    match: RouteMatch = RouteMatch()
    upstreams: tuple[str, ...] = ()
    """At least one name, in the order they are tried."""


BUILT_IN = {DEFAULT: UpstreamConfig(url=OPENAI), "anthropic": UpstreamConfig(url=ANTHROPIC)}

ANTHROPICS = (
    Route(match=RouteMatch(path=("/messages*",)), upstreams=("anthropic",)),
    Route(match=RouteMatch(headers={"anthropic-version": "*"}), upstreams=("anthropic",)),
)
"""OpenAI has no such path, and the key of an Anthropic client is none of its business (docs/decisions/0009)."""


def in_force(routes: tuple[Route, ...], upstreams: Mapping[str, UpstreamConfig]) -> tuple[Route, ...]:
    """The routes; without any, Anthropic's paths part from a default that is OpenAI itself.

    Not where OpenAI has a key of its own and Anthropic has none: then clients hold a token that is for us alone.
    """
    default, anthropic = upstreams[DEFAULT], upstreams.get("anthropic")
    if routes or anthropic is None or origin(default.url) != origin(OPENAI):
        return routes
    return () if default.api_key and not anthropic.api_key else ANTHROPICS


def plain(path: str) -> str:
    """A path as globs see it, whichever way the client spelt it: unquoted, without empty segments or `/v1` in front."""
    return VERSION.sub("", _SLASHES.sub("/", unquote(path)))


def unused(routes: Sequence[Route], upstreams: Mapping[str, UpstreamConfig]) -> Sequence[str]:
    """Names of upstreams that no call reaches: mostly somebody forgot the route, and all goes to the default."""
    named = {name for route in routes for name in route.upstreams}
    return [name for name in upstreams if name not in named | BUILT_IN.keys()]


def faults(routes: Sequence[Route], upstreams: Mapping[str, UpstreamConfig]) -> Iterator[tuple[str, str]]:
    """What does not go together: the path of each place in config.yaml, and what is wrong there."""
    for name, upstream in upstreams.items():
        yield from ((f"$.upstreams.{name}", fault) for fault in _upstream_faults(name, upstream, upstreams))
    for number, route in enumerate(routes):
        if not route.upstreams:
            yield f"$.routes[{number}]", "a route needs upstreams"
        if any(name.lower().startswith(OURS) for name in route.match.headers):
            yield f"$.routes[{number}].match.headers", f"headers that begin with {OURS} are ours, and are never sent on"
        for place, name in enumerate(route.upstreams):
            path = f"$.routes[{number}].upstreams[{place}]"
            if name not in upstreams:
                yield path, f"found {name!r}, expected one of {', '.join(upstreams)}{meant(name, upstreams)}"
            elif _would_leak(upstreams[name], upstreams.get(route.upstreams[0])):
                first = route.upstreams[0]
                yield path, f"{name} would be sent the credential that clients have for {first}; it needs an api_key"


def origin(url: str) -> tuple[str, str]:
    """Scheme, and host with the port where it is not the usual one: who is at the other end."""
    scheme, _, below = url.partition("://")
    host = below.partition("/")[0].lower()
    return scheme, host.removesuffix(":443" if scheme == "https" else ":80")


def _has(headers: Headers, name: bytes, glob: str) -> bool:
    return any(line.lower() == name and fnmatchcase(value.decode("latin-1"), glob) for line, value in headers)


def _upstream_faults(name: str, upstream: UpstreamConfig, upstreams: Mapping[str, UpstreamConfig]) -> Iterator[str]:
    if not NAME.fullmatch(name):
        yield "a name is made of small letters, digits, - and _"
    for other in upstreams:
        if other != name and other.replace("-", "_") == name.replace("-", "_"):
            yield f"in the environment its name would be the same as that of {other}"
    if upstream.kind == "http" and not upstream.url:
        yield "an upstream of kind http needs a url"
    if upstream.kind == "http" and (upstream.provider or upstream.options or upstream.models):
        yield "provider, options and models are for kind litellm"
    if upstream.kind == "litellm" and not upstream.provider:
        yield "an upstream of kind litellm needs a provider"


def _would_leak(fallback: UpstreamConfig, first: UpstreamConfig | None) -> bool:
    """Whether a client's credential, meant for the first, would go to somebody else; through litellm none goes.

    For a first that has its own key it is meant for us, and for no upstream at all.
    """
    is_told = fallback.kind == "http" and not fallback.api_key
    return is_told and first is not None and (bool(first.api_key) or origin(fallback.url) != origin(first.url))
