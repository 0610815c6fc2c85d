"""What a request binds its answer to: the tools on offer and the format asked for, as each endpoint writes them.

Read from a call's raw members, and only where it is needed: tools may be most of a request.
"""

from __future__ import annotations

from collections.abc import Mapping

import msgspec

from gateway.ids import digest_of
from gateway.shapes.slots import HEAD_ROLES
from gateway.types import Call, Reply

MAX_SCHEMA_BYTES = 64 * 1024
"""A larger schema is not kept beside the answers that it binds."""

ANY_JSON = "{}"
"""The schema of an answer that must be JSON, and no more."""

FORMAT = ""
"""The name under which the format of the answer itself stands among schemas."""


class _Function(msgspec.Struct, frozen=True, kw_only=True):
    name: str | None = None
    parameters: msgspec.Raw = msgspec.Raw()
    input_schema: msgspec.Raw = msgspec.Raw()


class _Tool(_Function, frozen=True, kw_only=True):
    """A tool; chat completions have a function inside, the others are one themselves."""

    function: _Function | None = None


class _Format(msgspec.Struct, frozen=True, kw_only=True):
    type: str | None = None
    schema: msgspec.Raw = msgspec.Raw()
    json_schema: _Format | None = None


class _Text(msgspec.Struct, frozen=True, kw_only=True):
    format: _Format | None = None


_TOOLS = msgspec.json.Decoder(list[_Tool] | None)
_FORMAT = msgspec.json.Decoder(_Format | None)
_TEXT = msgspec.json.Decoder(_Text | None)


def tools(call: Call) -> Mapping[str, str]:
    """JSON schemas of the arguments of the tools on offer, by name; empty for a tool without one."""
    try:
        offered = _TOOLS.decode(call.fields["tools"]) or [] if "tools" in call.fields else []
    except (msgspec.DecodeError, UnicodeDecodeError):
        return {}
    functions = [tool.function or tool for tool in offered]
    return {one.name: bytes(one.parameters or one.input_schema).decode() for one in functions if one.name}


def schemas(call: Call, reply: Reply) -> Mapping[str, str]:
    """Schemas that an answer is held to; see `Exchange.schemas`."""
    called = {made.name for turn in reply.turns for made in turn.calls}
    offered = tools(call) if called else {}
    bound = {name: offered.get(name, "") for name in sorted(called)} | {FORMAT: _answer_format(call)}
    return {name: schema for name, schema in bound.items() if 0 < len(schema) <= MAX_SCHEMA_BYTES}


def setup(call: Call) -> str:
    """See `Exchange.setup`."""
    system = "\n".join(turn.text for turn in call.turns if turn.role in HEAD_ROLES)
    parts = (call.model.encode(errors="replace"), system.encode(errors="replace"), bytes(call.fields.get("tools", b"")))
    return digest_of(parts, size=8).hex()


def _answer_format(call: Call) -> str:
    """The schema of the answer itself; empty where it may say what it likes."""
    try:
        if "response_format" in call.fields:
            asked = _FORMAT.decode(call.fields["response_format"])
        elif "text" in call.fields:
            text = _TEXT.decode(call.fields["text"])
            asked = text.format if text is not None else None
        else:
            return ""
    except (msgspec.DecodeError, UnicodeDecodeError):
        return ""
    if asked is None or asked.type not in ("json_schema", "json_object"):
        return ""
    inner = asked.json_schema or asked
    return bytes(inner.schema).decode() or ANY_JSON
