"""gateway/signals/words.py: the table is read strictly, and what it finds is verbatim."""

from __future__ import annotations

import re
from pathlib import Path
from typing import get_args

import pytest

from gateway.errors import ConfigError
from gateway.signals import words
from gateway.signals.words import MAX_CHARS, RULES, Rule, found, read, says

OTHERS = "".join(f"\n{code}:\n  rules: {{}}" for code in ("de", "es", "fr", "zh"))


def write(folder: Path, text: str) -> Path:
    path = folder / "words.yaml"
    path.write_text(text + OTHERS, encoding="utf-8")
    return path


def test_what_is_found_is_verbatim_whatever_the_apostrophe() -> None:
    what = found("instead", "No, it’s ‘Berlin’.")
    assert what is not None
    assert what.words.startswith("No, it’s")
    assert what.end == len(what.words)
    assert dict(what.named) == {"right": "Berlin"}


def test_every_rule_has_patterns_and_those_that_name_something_do() -> None:
    assert set(RULES) == set(get_args(Rule))
    assert all(RULES.values())
    named: dict[Rule, str] = {"right": "right", "instead": "right", "forgotten": "what", "also": "what"}
    for rule, group in named.items():
        assert all(group in pattern.groupindex for pattern in RULES[rule]), rule


def test_only_the_beginning_of_a_text_is_searched() -> None:
    assert says("doubt", "but no")
    assert not says("doubt", "x" * MAX_CHARS + " but no")


def test_fragments_are_put_in_where_they_are_named(tmp_path: Path) -> None:
    rules = read(write(tmp_path, "en:\n  fragments: {a: 'x|y', b: '{a}z'}\n  rules: {praise: ['{b}\n    !']}"))
    assert [pattern.pattern for pattern in rules["praise"]] == ["(?:(?:x|y)z) !"]
    assert rules["doubt"] == ()


@pytest.mark.parametrize(
    ("text", "complaint"),
    [
        ("en:\n  rules: {praise: ['(']}", "2: $.en.rules.praise[0]: missing ), unterminated subpattern"),
        ("en:\n  rules: {prise: [x]}", "2: $.en.rules.prise: unknown key (did you mean praise?)"),
        ("en:\n  rule: {}", "2: $.en.rule: unknown key"),
    ],
)
def test_a_mistake_is_told_with_its_place(tmp_path: Path, text: str, complaint: str) -> None:
    with pytest.raises(ConfigError, match=re.escape(complaint)):
        read(write(tmp_path, text))


def test_the_file_lies_in_the_package() -> None:
    assert (Path(words.__file__).parent / "words.yaml").is_file()
