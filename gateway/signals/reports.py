"""What a JSON object says of how a call went: whether it reports an error, in which words, with which status.

A record that has an error among its data reports none. What is printed as text is not known here.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping

MAX_OTHERS = 2
"""Members beside the error that a report of one has at most; an object with more is a record, of a failed job say."""

MAX_DEPTH = 4
"""To which words are looked for in an object."""

_NO_ERROR = frozenset(("", "0", "false", "n/a", "no", "no error", "no errors", "none", "null", "ok", "success"))
_GOOD = ("success", "ok", "succeeded")
_BAD = ("isError", "is_error")
_ERRORS = ("error", "errors", "error_message", "errorMessage", "Error")
_STATUSES = ("status", "statusCode", "status_code", "code")
_WORDS = ("message", "msg", "detail", "details", "error_description", "description", "reason", "statusText", "title")
_SAID = frozenset(("error", "message", "msg", "detail"))
"""Beside one of them a `code` is that of an error, and not of a country."""

_REPORT = frozenset((*_GOOD, *_BAD, *_ERRORS, *_STATUSES, *_WORDS)).union(
    ("body", "data", "documentation_url", "headers", "help", "hint", "instance", "method", "output", "param", "path"),
    ("request_id", "requestId", "response", "stderr", "stdout", "timestamp", "trace_id", "traceId", "type", "url"),
)
"""Members of an error's report."""


def is_success(members: Mapping[str, object]) -> bool:
    """Whether an object says that all went well."""
    return any(members.get(name) is True for name in _GOOD)


def reported(members: Mapping[str, object]) -> str | None:
    """What an object says that reports an error; None for any other object."""
    if any(members.get(name) is False for name in _GOOD) or any(members.get(name) is True for name in _BAD):
        return _words(members)
    others = [name for name, value in members.items() if value and name not in _REPORT]
    if len(others) > MAX_OTHERS:
        return None
    words = _words(members)
    is_error = any(_is_error(members[name], members, words) for name in _ERRORS if name in members)
    is_refused = any(400 <= status < 600 for status in statuses(members)) and (
        "code" not in members or not _SAID.isdisjoint(members)
    )
    is_failed = members.get("status") in ("error", "fail") and words
    return words if is_error or is_refused or is_failed else None


def statuses(members: Mapping[str, object]) -> Iterator[int]:
    """Numbers under the names of statuses, of an object and of the error in it."""
    error = members.get("error")
    for holder in (members, error if isinstance(error, dict) else {}):
        yield from (value for name in _STATUSES if type(value := holder.get(name)) is int)


def _is_error(value: object, members: Mapping[str, object], words: str) -> bool:
    """Whether the value of a member called error is one; a figure is data."""
    if isinstance(value, str):
        return value.strip().lower() not in _NO_ERROR
    if isinstance(value, list):  # beside warnings they are what a linter found
        return bool(value) and "warnings" not in members
    if isinstance(value, dict):  # without words they are figures
        return bool(_words(value, 1))
    return value is True or (type(value) is int and bool(value and words))


def _words(value: object, depth: int = 0) -> str:
    """The first words in what describes an error."""
    if isinstance(value, str):
        return value.strip()
    if isinstance(value, list):
        value = value[0] if value else ""
        return _words(value, depth + 1) if depth < MAX_DEPTH else ""
    if not isinstance(value, dict) or depth >= MAX_DEPTH:
        return ""
    names = (
        *_ERRORS,
        *_WORDS,
        "stderr",
        "content",
        "text",
        "stdout",
        "output",
        "type",
        "code",
        *(value if depth else ()),
    )
    return next((words for name in names if name in value and (words := _words(value[name], depth + 1))), "")
