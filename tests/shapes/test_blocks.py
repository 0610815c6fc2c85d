"""gateway/shapes/blocks.py"""

from __future__ import annotations

import json
from collections.abc import Sequence

import msgspec
import pytest

from gateway.shapes.blocks import (
    Block,
    blocks_of,
    content_of,
    media,
    own_words,
    results,
    spoken,
    system_text,
    text_of,
)
from gateway.types import ToolCall, Turn

REMINDER = "<system-reminder>\nToday is Sunday.\n</system-reminder>"


def blocks(*content: object) -> Sequence[Block]:
    return blocks_of(content_of(msgspec.Raw(json.dumps(content))))


def text(said: str) -> dict[str, str]:
    return {"type": "text", "text": said}


def test_a_string_is_short_for_one_block_of_text() -> None:
    assert blocks_of("hi") == (Block(type="text", text="hi"),)
    assert blocks_of(content_of(msgspec.Raw(b'"hi"'))) == blocks_of("hi")


def test_an_absent_content_has_no_blocks() -> None:
    assert [blocks_of(content_of(raw)) for raw in (None, msgspec.Raw(), msgspec.Raw(b"null"))] == [[], [], []]


def test_only_blocks_of_text_have_text() -> None:
    held = blocks(text("a"), {"type": "thinking", "thinking": "hm", "text": "x"}, text(""), {"type": "text"}, text("b"))
    assert text_of(held) == "a\nb"


def test_a_header_in_disguise_is_no_system_text() -> None:
    held = blocks(text("x-anthropic-billing-header: cc_version=2.1;"), text("Be brief."), {"type": "text"})
    assert system_text(held) == "Be brief."


@pytest.mark.parametrize(
    "reminder", [REMINDER, f"\n{REMINDER}\n", f"{REMINDER}\n{REMINDER}", "<system-reminder></system-reminder>"]
)
def test_a_block_of_reminders_is_not_the_users_own(reminder: str) -> None:
    assert own_words(blocks(text(reminder), text("hi"))) == "hi"


@pytest.mark.parametrize(
    "said",
    [
        f"{REMINDER} hi {REMINDER}",
        f"hi {REMINDER}",
        f"{REMINDER} hi",
        "<system-reminder>what is this?",
        "</system-reminder>",
        " \n",
        "",
    ],
)
def test_a_block_with_more_in_it_than_reminders_is_the_users_own(said: str) -> None:
    assert own_words(blocks(text(said))) == said


def test_reminders_that_never_end_are_read_in_one_pass() -> None:
    said = "<system-reminder>" * 100_000 + "</system-reminder> hi"
    assert own_words(blocks(text(said))) == said


def test_an_assistant_turn_is_its_text_and_the_calls_that_the_client_answers() -> None:
    call = '{"type":"tool_use","id":"toolu_1","name":"search","input":{"q": 1.0}}'
    theirs = '{"type":"server_tool_use","id":"srvtoolu_1","name":"web_search","input":{}}'
    thinking = '{"type":"thinking","thinking":"hm"}'
    held = content_of(msgspec.Raw(f'[{thinking},{theirs},{{"type":"text","text":"Hi"}},{call}]'))
    assert spoken(blocks_of(held)) == Turn(
        role="assistant", text="Hi", calls=(ToolCall(id="toolu_1", name="search", arguments='{"q": 1.0}'),)
    )


def test_each_tool_result_is_a_turn() -> None:
    listed = [text("one"), {"type": "image", "source": {"type": "base64", "data": "AAAA"}}, text("two")]
    held = blocks(
        {"type": "tool_result", "tool_use_id": "toolu_1", "content": "found"},
        {"type": "tool_result", "tool_use_id": "toolu_2", "content": listed, "is_error": True},
        {"type": "tool_result", "tool_use_id": "toolu_3"},
        {"type": "web_search_tool_result", "tool_use_id": "srvtoolu_4", "content": {"type": "error"}},
        text("and?"),
    )
    assert results(held) == [
        Turn(role="tool", text="found", answers="toolu_1"),
        Turn(role="tool", text="one\ntwo", answers="toolu_2", is_error=True),
        Turn(role="tool", text="", answers="toolu_3"),
    ]


@pytest.mark.parametrize("mark", [None, False, "true", 1, {}])
def test_only_what_is_marked_as_an_error_is_one_and_an_odd_mark_breaks_nothing(mark: object) -> None:
    held = blocks({"type": "tool_result", "tool_use_id": "toolu_1", "content": "found", "is_error": mark})
    assert results(held) == [Turn(role="tool", text="found", answers="toolu_1")]


def test_images_and_documents_are_media_wherever_they_stand() -> None:
    image = {"type": "image", "source": {"type": "base64", "media_type": "image/png", "data": "A" * 98}}
    held = blocks(
        text("look"),
        image,
        {"type": "document", "source": {"type": "url", "url": "https://example.org/a.pdf"}},
        {"type": "document", "source": {"type": "file", "file_id": "file_1"}},
        {"type": "document", "source": {"type": "text", "data": "plain"}},
        {"type": "search_result", "source": "https://example.org", "content": [text("found")]},
        {"type": "tool_result", "content": [image]},
    )
    assert media(held) == [100, 27, 8, 0, 100]
