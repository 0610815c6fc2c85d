"""What a tool printed and how it ended, out of the ways in which that is wrapped: JSON around it, or an exit code
before or behind it.

Whether what was printed is an error is not known here.
"""

from __future__ import annotations

import re
from collections.abc import Mapping

import msgspec

HEAD_CHARS = 200
"""In which a tool says how it ended; further on stands what it was asked for."""

MAX_JSON_CHARS = 64 * 1024
"""Of a result that is read as JSON."""

_PRINTED = ("stderr", "stdout", "output")
_WRAPPED = ("result", "content", "text", "output")
"""A member that is alone in its object is a wrapper; beside others it is data."""

_EXITS = ("exit_code", "exitCode", "exit_status", "returncode", "return_code")

_EXIT_HEAD = re.compile(
    r"^[^\w\n]*(?=[^\n]{0,60}\b(?:exit|failed))"
    r"(?:(?:error|the|process|command|shell|script|program|execution|exited|failed|finished|completed|terminated|ended"
    r"|returned|with|an?|non-?zero)\b:?[ ]+){0,7}"
    r"(?:exit[ _])?(?:code|status)(?: code)?\s*[:=]?\s*(-?\d{1,10})(?=\s*$|[.:;,)\]])",
    re.IGNORECASE | re.MULTILINE,
)
"""A line that says no more: Claude Code `Exit code 1`, Codex `Process exited with code 1`."""

_EXIT_TAIL = re.compile(r"\bexit (?:code|status)[:=]?\s*(-?\d{1,10})\W{0,9}\Z", re.IGNORECASE)
"""OpenHands: `[The command completed with exit code 1.]`."""


class Output(msgspec.Struct, frozen=True, kw_only=True):
    """A tool's result, unwrapped."""

    printed: str
    """What was printed; empty where the result is an object of another sort."""
    exit_code: int | None = None
    """None where it is not said."""
    members: Mapping[str, object] | None = None
    """Of a result that is a JSON object."""


def output_of(text: str) -> Output:
    """A tool's result as what was printed and how it ended; never raises."""
    value = _value(text)
    if isinstance(value, dict):
        return _of_members(value)
    if isinstance(value, str):
        text = value
    elif isinstance(value, list):
        text = _of_parts(value)
    return Output(printed=text, exit_code=_exit_code(text))


def _value(text: str) -> object:
    """A JSON object, array or string; None for everything else."""
    if text[:64].lstrip()[:1] not in ("{", "[", '"') or len(text) > MAX_JSON_CHARS:
        return None
    try:
        return msgspec.json.decode(text)
    except (msgspec.DecodeError, RecursionError):
        return None


def _of_members(members: Mapping[str, object]) -> Output:
    metadata = members.get("metadata")  # Codex: {"output": "…", "metadata": {"exit_code": 1}}
    holders = (members, metadata) if isinstance(metadata, dict) else (members,)
    codes = (holder[name] for holder in holders for name in _EXITS if name in holder)
    code = next((code for code in codes if type(code) is int), None)
    names = _WRAPPED if len(members) == 1 else _PRINTED
    printed = "\n".join(text for name in names if isinstance(text := members.get(name), str) and text)
    return Output(printed=printed, exit_code=_exit_code(printed) if code is None else code, members=members)


def _of_parts(parts: list[object]) -> str:
    """The text of content parts (MCP); empty for a list of anything else, which is data."""
    texts = [part.get("text") for part in parts if isinstance(part, dict) and part.get("type") == "text"]
    return "\n".join(text for text in texts if isinstance(text, str)) if len(texts) == len(parts) else ""


def _exit_code(text: str) -> int | None:
    found = _EXIT_HEAD.search(text[:HEAD_CHARS]) or _EXIT_TAIL.search(text[-HEAD_CHARS:])
    return int(found.group(1)) if found else None
