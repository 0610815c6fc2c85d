"""What a tool call asks for: its arguments in one form, the command it runs, whether it only looks.

What an unknown tool does is taken from the words of its name; one that says nothing is taken to change things.
"""

from __future__ import annotations

import re

import msgspec

from gateway.types import ToolCall

MAX_COMMAND_CHARS = 2000
"""Of a command are read: heredocs and scripts go on for long, and begin with what they are."""

_READING = frozenset(
    ("browse", "calculate", "cat", "check", "count", "describe", "fetch", "find", "get", "glob")
).union(
    ("grep", "head", "inspect", "list", "log", "logs", "lookup", "ls", "open", "query", "read", "retrieve", "search"),
    ("show", "status", "tail", "think", "view", "web"),
)
"""Words in the names of tools that look and change nothing."""

_COMMANDS = ("command", "cmd", "script")
"""Arguments of tools that run a shell. What stands beside them (a description, a time limit) is not what is run."""

_READER = re.compile(
    r"\s*(?:cd\s+[^&;|]+(?:&&|;)\s*)?(?:sudo\s+)?"
    r"(?:cat|head|tail|less|more|grep|rg|ag|find|ls|stat|wc|sed\s+-n|awk|journalctl|dmesg|(?:docker|kubectl)\s+logs"
    r"|git\s+(?:log|show|diff|status|blame)|gh\s+\w+\s+view)\b(?![^|;&]*>)"
)
"""A command whose first program prints what it finds."""

_WORDS = re.compile(r"[A-Z]?[a-z]+|[A-Z]+(?![a-z])")


def canonical(arguments: str) -> str:
    """Arguments in the one form that all writings of them share; as they are where they are no JSON."""
    try:
        return msgspec.json.encode(msgspec.json.decode(arguments), order="deterministic").decode()
    except (msgspec.DecodeError, RecursionError):
        return arguments.strip()


def command_of(call: ToolCall) -> str:
    """The command that a call runs in a shell; empty for a call of another sort."""
    try:
        arguments = msgspec.json.decode(call.arguments, type=dict[str, msgspec.Raw])
        value = next((msgspec.json.decode(arguments[name]) for name in _COMMANDS if name in arguments), "")
    except (msgspec.DecodeError, RecursionError):
        return ""
    if isinstance(value, list):  # Codex: ["bash", "-lc", "pytest -q"]
        value = " ".join(str(part) for part in value if part not in ("bash", "sh", "-lc", "-c"))
    return value[:MAX_COMMAND_CHARS].strip() if isinstance(value, str) else ""


def asked(call: ToolCall) -> str:
    """The same for calls that ask the same of the same tool."""
    return f"{call.name}|{command_of(call) or canonical(call.arguments)}"


def is_reading(call: ToolCall) -> bool:
    """Whether a call looks at something, and leaves it as it is."""
    command = command_of(call)
    if command:
        return _READER.match(command) is not None
    return any(word.lower() in _READING for word in _WORDS.findall(call.name))
