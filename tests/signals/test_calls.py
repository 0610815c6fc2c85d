"""What a tool call asks for."""

from __future__ import annotations

import json

import pytest

from gateway.signals.calls import asked, canonical, command_of, is_reading
from gateway.types import ToolCall


def call(name: str, arguments: object = None) -> ToolCall:
    text = arguments if isinstance(arguments, str) else json.dumps(arguments or {})
    return ToolCall(id="c", name=name, arguments=text)


def test_arguments_have_one_form() -> None:
    assert canonical('{"b": [1, 2], "a": "x"}') == canonical('{ "a":"x","b":[1,2] }')
    assert canonical('{"a": 1}') != canonical('{"a": 2}')
    assert canonical(" not json ") == "not json"
    assert canonical("[" * 50_000) == "[" * 50_000


@pytest.mark.parametrize(
    ("arguments", "command"),
    [
        ({"command": "make test", "timeout": 5}, "make test"),
        ({"cmd": " ls "}, "ls"),
        ({"command": ["bash", "-lc", "pytest -q"]}, "pytest -q"),
        ({"command": 7}, ""),
        ({"path": "a.py"}, ""),
        ("not json", ""),
        ("[1]", ""),
    ],
)
def test_the_command_of_a_shell(arguments: object, command: str) -> None:
    assert command_of(call("bash", arguments)) == command


def test_the_same_command_is_asked_however_it_is_explained() -> None:
    one, other = ({"command": "make", "description": words} for words in ("Build", "Build it again"))
    assert asked(call("bash", one)) == asked(call("bash", other)) != asked(call("sh", one))


@pytest.mark.parametrize(
    "reading",
    [
        call("get_user_details"),
        call("searchFlights"),
        call("Read"),
        call("web_search"),
        call("bash", {"command": "cat a.py"}),
        call("bash", {"command": "cd src && grep -rn x ."}),
        call("bash", {"command": "git log -3"}),
        call("bash", {"command": "docker logs web"}),
    ],
)
def test_who_only_looks_changes_nothing(reading: ToolCall) -> None:
    assert is_reading(reading)


@pytest.mark.parametrize(
    "changing",
    [
        call("book_reservation"),
        call("edit_file"),
        call("frobnicate"),
        call("thinker"),
        call("bash", {"command": "make install"}),
        call("bash", {"command": "cat > a.py"}),
        call("bash", {"command": "catkin build"}),
        call("read_shell", {"command": "rm -r build"}),
    ],
)
def test_what_may_change_something_is_no_reading(changing: ToolCall) -> None:
    assert not is_reading(changing)
