"""The document of our own paths: whole, and true of what is served."""

from __future__ import annotations

import re
from typing import Any

import httpx
import jsonschema
import msgspec
import pytest
from starlette.applications import Starlette

from gateway import __version__
from gateway.admin import OPERATIONS
from gateway.admin.openapi import PATH, document, routes
from gateway.admin.operations import LINES


@pytest.fixture(scope="module")
def made() -> dict[str, Any]:
    return dict(document(OPERATIONS))


async def test_it_is_served_to_everybody(made: dict[str, Any]) -> None:
    app = Starlette(routes=routes(OPERATIONS))
    async with httpx.AsyncClient(transport=httpx.ASGITransport(app), base_url="http://accrue") as client:
        answer = await client.get(PATH)
    assert (answer.status_code, answer.json()) == (200, msgspec.json.decode(msgspec.json.encode(made)))
    assert answer.json()["info"]["version"] == __version__


def test_every_operation_stands_in_it_under_a_name_of_its_own(made: dict[str, Any]) -> None:
    named = [one["operationId"] for path in made["paths"].values() for one in path.values()]
    assert len(named) == len(set(named))
    assert {one.name for one in OPERATIONS} <= set(named)


def test_whatever_it_refers_to_is_there(made: dict[str, Any]) -> None:
    text = msgspec.json.encode(made).decode()
    for kind, name in set(re.findall(r'"#/components/(\w+)/([^"]+)"', text)):
        assert name in made["components"][kind], name


def test_every_schema_is_one(made: dict[str, Any]) -> None:
    for schema in made["components"]["schemas"].values():
        jsonschema.Draft202012Validator.check_schema(schema)


def test_members_stand_where_they_are_read(made: dict[str, Any]) -> None:
    for operation in OPERATIONS:
        told = made["paths"][re.sub(r":\w+", "", operation.path)][operation.method.lower()]
        places = {one["name"]: one["in"] for one in told["parameters"]}
        in_path = set(re.findall(r"\{(\w+)", operation.path))
        assert {name for name, place in places.items() if place == "path"} == in_path
        body = told.get("requestBody", {}).get("content", {}).get("application/json", {}).get("schema", {})
        others = set(places) | set(body.get("properties", {})) | ({"lines"} if operation.is_lines_asked else set())
        assert others == set(operation.asked.__struct_fields__), operation.name
        assert (operation.answer == LINES) == (LINES in told["responses"]["200"]["content"])
