"""What a tool printed and how it ended."""

from __future__ import annotations

import json

import pytest

from gateway.signals.outputs import MAX_JSON_CHARS, output_of


@pytest.mark.parametrize(
    ("text", "code"),
    [
        ("Exit code 1\nno such file", 1),
        ("Exit code: 0\nWall time: 1 second", 0),
        ("Chunk ID: 1\nProcess exited with code 2\nOutput:", 2),
        ("Command failed with exit code 127: foo", 127),
        ("exit status 1", 1),
        ("[exit code: -9]", -9),
        ("The command exited with non-zero status 3.", 3),
        ("done\n[The command completed with exit code 0.]", 0),
        ('{"output": "Exit code 3\\nbad"}', 3),
        ('{"output": "x", "metadata": {"exit_code": 4}}', 4),
        ('{"stdout": "", "returncode": 5}', 5),
        ('{"stdout": "", "exit_code": "six"}', None),
        ('{"stdout": "", "exit_code": true}', None),
        ("Exit code 1 is returned when nothing matches", None),
        ("Status: 404", None),
        ("code: 5", None),
        ("no exit", None),
    ],
)
def test_how_it_ended(text: str, code: int | None) -> None:
    assert output_of(text).exit_code == code


@pytest.mark.parametrize(
    ("text", "printed"),
    [
        ("plain", "plain"),
        ('{"stdout": "out", "stderr": "err"}', "err\nout"),
        ('{"result": "alone"}', "alone"),
        ('{"content": "a document", "title": "x"}', ""),
        ('"a string"', "a string"),
        ('[{"type": "text", "text": "a"}, {"type": "text", "text": "b"}]', "a\nb"),
        ('[{"type": "image"}]', ""),
        ("[1, 2]", ""),
        ("{no json", "{no json"),
        ("[" * 5000, "[" * 5000),
    ],
)
def test_what_was_printed(text: str, printed: str) -> None:
    assert output_of(text).printed == printed


def test_a_result_too_long_to_read_as_json_is_text() -> None:
    text = json.dumps({"result": "x" * MAX_JSON_CHARS})
    assert output_of(text).printed == text
    assert output_of(text).members is None
