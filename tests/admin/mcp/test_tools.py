"""gateway/admin/mcp/tools.py: what tools say of themselves is what they take and give."""

from __future__ import annotations

import msgspec
import pytest
from jsonschema import Draft202012Validator

from gateway.admin.mcp.tools import TOOLS, Finding, Findings, SearchAsked, Tool


@pytest.mark.parametrize("tool", TOOLS, ids=lambda tool: tool.name)
def test_each_schema_is_an_object_that_refuses_what_the_tool_does(tool: Tool) -> None:
    asked = tool.schema(tool.asked)
    Draft202012Validator.check_schema(asked)
    assert (asked["type"], asked["additionalProperties"]) == ("object", False)
    assert all(member["description"] for member in asked["properties"].values())


def test_what_a_search_answers_fits_its_schema() -> None:
    (search,) = (tool for tool in TOOLS if tool.asked is SearchAsked)
    told = Findings(memories=(Finding(id="m_1", kind="fact", text="x", said_by="user", date="2026-01-01"),))
    schema = search.schema(search.data)
    Draft202012Validator(schema).validate(msgspec.json.decode(msgspec.json.encode(told)))
    assert not Draft202012Validator(schema).is_valid({"memories": [{"id": 1}]})
    assert schema["type"] == "object"
