"""The OpenAPI document of our own paths, made from the operations themselves; all other paths are the upstream's.

What is no operation (feedback, which clients give; probes) stands in openapi.yaml, in the words of this document.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import msgspec
import yaml
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import BaseRoute, Route

from gateway import __version__
from gateway.admin.operations import JSON, LINES, Operation

PATH = "/accrue/openapi.json"

WRITTEN = Path(__file__).with_name("openapi.yaml")

REFUSALS = ("400", "401", "404", "409", "413", "503")
"""What any operation may answer instead, each with an error as OpenAI words it."""

_REFUSED = {"$ref": "#/components/responses/Refused"}
_MEMBER = re.compile(r"\{(\w+)")


def routes(operations: Sequence[Operation]) -> Sequence[BaseRoute]:
    """The document, for everybody: it says nothing of what is kept here."""
    made = msgspec.json.encode(document(operations))

    async def shown(_: Request) -> Response:
        return Response(made, media_type=JSON)

    return [Route(PATH, shown)]


def document(operations: Sequence[Operation]) -> Mapping[str, Any]:
    """The document, OpenAPI 3.1."""
    made: dict[str, Any] = yaml.safe_load(WRITTEN.read_text(encoding="utf-8"))
    made["info"]["version"] = __version__
    types = [type for one in operations for type in (one.asked, one.answer) if type != LINES]
    shapes, components = msgspec.json.schema_components(types, ref_template="#/components/schemas/{name}")
    made["components"]["schemas"] |= components
    known = dict(zip(map(id, types), shapes, strict=True))
    for one in operations:
        asked = components[str(known[id(one.asked)]["$ref"]).rpartition("/")[2]]
        answer = None if one.answer == LINES else known[id(one.answer)]
        made["paths"].setdefault(_shown(one.path), {})[one.method.lower()] = _operation(one, asked, answer)
    return made


def _operation(one: Operation, asked: Mapping[str, Any], answer: Any) -> Mapping[str, Any]:
    in_path = set(_MEMBER.findall(one.path))
    others = {name: shape for name, shape in asked["properties"].items() if name not in in_path}
    content = {LINES: {"schema": {"type": "string"}}} if answer is None else {JSON: {"schema": answer}}
    made: dict[str, Any] = {
        "operationId": one.name,
        "summary": one.summary,
        "tags": [one.tag],
        "security": [{"admin": []}],
        "parameters": list(_parameters(asked, in_path, "path")),
        "responses": {"200": {"description": one.summary, "content": content}} | dict.fromkeys(REFUSALS, _REFUSED),
    }
    if one.is_lines_asked:
        made["requestBody"] = {"required": True, "content": {LINES: {"schema": {"type": "string"}}}}
        made["parameters"] += _parameters(asked, set(others) - {"lines"}, "query")
    elif one.method in ("POST", "PATCH"):
        required = [name for name in asked.get("required", ()) if name in others]
        shape = {"type": "object", "properties": others, "required": required, "additionalProperties": False}
        made["requestBody"] = {"required": True, "content": {JSON: {"schema": shape}}}
    else:
        made["parameters"] += _parameters(asked, set(others), "query")
    return made


def _parameters(asked: Mapping[str, Any], names: set[str], place: str) -> Iterator[Mapping[str, Any]]:
    for name, shape in asked["properties"].items():
        if name in names:
            is_required = place == "path" or name in asked.get("required", ())
            yield {"name": name, "in": place, "required": is_required, "schema": shape}


def _shown(path: str) -> str:
    """A route's path as OpenAPI writes it: without the kind of its parameters."""
    return re.sub(r"\{(\w+):\w+\}", r"{\1}", path)
