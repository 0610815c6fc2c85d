"""Every error that a client sees has OpenAI's shape, and the tree is the one that is drawn."""

from __future__ import annotations

import json
import re

import pytest

from gateway import errors
from gateway.errors import AccrueError, BadRequest, Overloaded, RequestError, UpstreamTimeout, UpstreamUnreachable


def below(error: type[AccrueError]) -> set[type[AccrueError]]:
    return {error}.union(*map(below, error.__subclasses__()))


def test_the_drawn_tree_names_every_error_once_with_its_status() -> None:
    drawn = re.findall(r"[├└]── (\w+) +(\d{3})?", errors.__doc__ or "")
    public = [error for error in below(AccrueError) if error.__module__ == errors.__name__]
    known = {(error.__name__, str(error.status) if issubclass(error, RequestError) else "") for error in public}
    assert len(drawn) == len(known) - 1
    assert set(drawn) == known - {("AccrueError", ""), ("RequestError", "400")} | {("RequestError", "")}


def test_a_body_is_an_error_object_that_clients_can_show() -> None:
    error = BadRequest("no “such” mode", code="invalid_memory_mode", param="mode")
    assert json.loads(error.body) == {
        "error": {
            "message": "no “such” mode",
            "type": "invalid_request_error",
            "param": "mode",
            "code": "invalid_memory_mode",
        },
        "type": "error",
    }
    assert error.headers == []


@pytest.mark.parametrize(
    ("error", "status", "type_"),
    [
        (BadRequest("x"), 400, "invalid_request_error"),
        (UpstreamUnreachable("x"), 502, "api_connection_error"),
        (UpstreamTimeout("x"), 504, "api_timeout_error"),
    ],
)
def test_status_and_type_say_whose_fault_it_is(error: RequestError, status: int, type_: str) -> None:
    assert error.status == status
    assert json.loads(error.body)["error"] == {"message": "x", "type": type_, "param": None, "code": None}


def test_a_refusal_says_when_to_come_again_where_that_is_known() -> None:
    assert Overloaded("later", retry_after_s=3).headers == [(b"retry-after", b"3")]
    assert Overloaded("later").headers == []
