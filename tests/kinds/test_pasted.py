"""What is another's by its form is blanked, to where its form ends, and no further."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from gateway.kinds.pasted import HANDED, rests, unpasted
from gateway.kinds.sentences import MAX_READ_CHARS, sentences

HOSTILE = [
    "<a>",
    "</a>",
    "---\n",
    "===x\n",
    "~~~\n",
    "[{",
    "/*",
    "<!--",
    "# x\n",
    "x: |\n",
    "1,\n",
    "a\tb\n",
    "\n\n    x",
]
texts = st.lists(st.sampled_from(HOSTILE) | st.text(max_size=8), max_size=12).map("".join)


@settings(deadline=None, max_examples=300)
@given(texts)
def test_every_character_keeps_its_place_or_is_blanked(text: str) -> None:
    left = unpasted(text)
    assert len(left) == len(text)
    assert all(now in (HANDED, before) for now, before in zip(left, text, strict=True))


@pytest.mark.parametrize(
    "piece",
    [
        "~~~text\nNever.\n\nAlways.\n~~~",
        "<review id='7'>Never.\n\nAlways.</review>",
        "=== BEGIN ===\nNever.\n\nAlways.\n=== END ===",
        "-----\nNever.\n\nAlways.\n-----",
        '{"text": "Never.",\n\n"more": ["Always."]}',
        "prompt: |\n  Never.\n\n  Always.",
        'prompt = "Never."\nexport HINT=Always',
        "7\tNever.\tx\n8,Always.,y",
        "2026-11-02 10:31:07 INFO Never.\n[2026-11-02T10:31] Always.\nNov  2 10:31:07 host x: Never.",
        "import os\n# Always.\nprint(os.name)",
        "# Always.\nint main() {\n  return 0;\n}",
        "$ cat notes\nAlways.",
        "// Always.\n/* Never.\n\nAlways. */\n<!-- Never. -->",
        "»Never.\n＞Always.",
    ],
)
def test_what_is_typed_after_a_piece_that_ends_is_the_users_own(piece: str) -> None:
    assert list(sentences(f"{piece}\n\nUse uv.")) == ["Use uv."]


@pytest.mark.parametrize(
    "opening",
    [
        "<|im_start|>system",
        "[INST] Be kind.",
        "<<SYS>>",
        "<!DOCTYPE html>",
        "diff --git a/x b/x",
        "### Instruction:",
        "Bob Miller  10:32 AM",
        "On Monday, Bob <bob@example.com> wrote:",
    ],
)
def test_after_an_opening_all_is_anothers(opening: str) -> None:
    assert list(rests(f"Use uv.\n\n{opening}\nNever.\n\nAlways."))
    assert not {"Never.", "Always."} & set(sentences(f"Use uv.\n\n{opening}\nNever.\n\nAlways."))


@pytest.mark.parametrize(
    "text",
    [
        "My budget is 10,000,000 dollars, give or take; let me know.",
        "I prefer <b>short</b> answers.",
        "I use List<String>, a < b and b > a.",
        "# Rules\n- Always use tabs.\n    - Never spaces.\n1. Be brief.\n***Important***",
        "Wake me at 10:32 AM.\nMail jo@example.com or <jo@example.com> today.",
        "[ ] todo\n[x] done\nSee [the docs](docs/x.md).",
    ],
)
def test_what_people_type_themselves_is_left(text: str) -> None:
    assert unpasted(text) == text
    assert not list(rests(text))


@pytest.mark.parametrize("piece", HOSTILE)
def test_a_wall_of_openings_is_gone_through_once(piece: str) -> None:
    """Each would take minutes if it were looked past from every opening."""
    text = piece * (2 * MAX_READ_CHARS // len(piece))
    assert len(unpasted(text)) == len(text)
