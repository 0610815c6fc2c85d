"""Which paths are passed on, and what the upstream is asked for; one is known however often it is disguised."""

from __future__ import annotations

import itertools
import re
from collections.abc import Sequence
from urllib.parse import unquote

from gateway.errors import BadRequest, Forbidden, NotFound
from gateway.routes import VERSION

DENIED = ("organization", "projects", "webhook_endpoints")
"""Beginnings of paths: a memory gateway has no business with a provider's admin keys."""

OWN = "accrue"
"""Beginning of our own paths, which never go upstream."""

NAMING = ("a", "u", "s")
"""Segments that are followed by a name (gateway/identify.py)."""

MAX_SHOWN_CHARS = 200
"""Of a path are told back."""

MAX_QUOTED = 4
"""Times that a path can be percent-encoded and still be seen through."""

_SEPARATORS = re.compile(r"[/\\]")
"""Some servers take the second for the first."""


def target_of(method: str, path: str) -> str:
    """The path below the upstream's base. Clients are pointed at us with and without `/v1`.

    Raises `RequestError` for a path that is not passed on.

    Args:
        path: without the names of who asks, percent-encoded as sent.
    """
    segments = [segment for segment in _SEPARATORS.split(_unquoted(path)) if segment]
    if not path.startswith("/") or method == "CONNECT" or {".", ".."} & set(segments):
        raise BadRequest(f"{path[:MAX_SHOWN_CHARS]} is no path of an API", code="invalid_path")
    if _is_ours(segments):
        raise NotFound(f"there is no {path[:MAX_SHOWN_CHARS]} here", code="unknown_path")
    below = next(itertools.dropwhile(lambda segment: segment == "v1", segments), "")
    if below in DENIED:
        raise Forbidden(f"/{below} is for administration, and is not passed on here", code="path_denied")
    return VERSION.sub("", path)


def _is_ours(segments: Sequence[str]) -> bool:
    """Whether one of our own paths is meant, in whatever case, behind whatever names."""
    names = [segment.partition(";")[0].casefold() for segment in segments]
    while names and names[0] in ("v1", *NAMING):
        names = names[1:] if names[0] == "v1" else names[2:]
    return names[:1] == [OWN]


def _unquoted(path: str) -> str:
    """A path as the last of several servers reads it, each of which decodes it once."""
    for _ in range(MAX_QUOTED):
        path, before = unquote(path), path
        if path == before:
            break
    return path
