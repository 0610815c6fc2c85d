"""gateway/admin/names.py: whatever is left of a path is a name."""

from __future__ import annotations

import httpx
import pytest
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import PlainTextResponse
from starlette.routing import Route

from gateway.admin.names import WHOLE


async def told(request: Request) -> PlainTextResponse:
    return PlainTextResponse(request.path_params["name"])


@pytest.mark.parametrize(("path", "name"), [("ann", "ann"), ("a%2Fb/c", "a/b/c"), ("a%0Ab%0A", "a\nb\n"), ("", "")])
async def test_a_name_is_all_that_is_left_of_the_path(path: str, name: str) -> None:
    app = Starlette(routes=[Route(f"/of/{{name:{WHOLE}}}", told, name="of")])
    async with httpx.AsyncClient(transport=httpx.ASGITransport(app), base_url="http://accrue") as client:
        assert (await client.get(f"/of/{path}")).text == name
    assert app.url_path_for("of", name=name) == f"/of/{name}"
