"""What follows a tool's words has no more authority than they have, until the user speaks."""

from __future__ import annotations

import pytest

from gateway.origins import AUTHORITIES, lowest, origins_of
from gateway.types import ToolCall, Turn
from tests.exchanges import assistant, user

CALL = ToolCall(id="c1", name="fetch", arguments="{}")
RESULT = Turn(role="tool", text="x", answers="c1")


def test_the_assistant_after_a_tool_is_no_better_than_the_tool_until_the_user_speaks() -> None:
    turns = [user("a"), assistant("b"), RESULT, assistant("c"), assistant("d"), user("e"), assistant("f")]
    assert list(origins_of(turns)) == ["user", "assistant", "tool", "tool", "tool", "user", "assistant"]


def test_an_answer_with_calls_may_have_read_what_came_of_them() -> None:
    assert list(origins_of([user("a"), Turn(role="assistant", text="b", calls=(CALL,))])) == ["user", "tool"]


def test_a_system_text_is_the_operators_and_clears_nothing() -> None:
    turns = [Turn(role="system", text="a"), RESULT, Turn(role="developer", text="b"), assistant("c")]
    assert list(origins_of(turns)) == ["operator", "tool", "operator", "tool"]


@pytest.mark.parametrize(
    ("origins", "least"),
    [
        (["user"], "user"),
        (["operator", "user"], "user"),
        (["user", "import"], "import"),
        (["tool", "assistant"], "tool"),
    ],
)
def test_the_lowest_of_several_is_what_a_derived_memory_has(origins: list[str], least: str) -> None:
    assert lowest(origins) == least  # type: ignore[arg-type] # origins, as a list of their names


def test_neither_tool_nor_assistant_has_authority() -> None:
    assert not AUTHORITIES & {"tool", "assistant"}
