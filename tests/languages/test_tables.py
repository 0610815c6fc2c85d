"""A table is read strictly: what is wrong with it is told with its place."""

from __future__ import annotations

from pathlib import Path
from typing import get_args

import pytest

from gateway import languages
from gateway.documents import Reader
from gateway.errors import ConfigError
from gateway.languages.tables import NOTHING, TABLES, Document, Rule, read

FOLDER = Path(languages.__path__[0])

SPOKEN = ("de", "en", "es", "fr", "zh")
"""Languages that have rules; the others have word lists alone."""

TABLE = r"""
generic: a the of
shows: love
letters: ñ
same:
  - emoji emojis
  - mail e-mail
fragments:
  pet: [dog, 'cats?']
  owner: ['my {pet}']
rules:
  fact:
    after: '^(?:well, )?'
    any:
      - '{owner} (?P<what>\w+)'
      - |-
        our (?P<what>
        \w+)
slots:
  'name-of-{pet}': ['my (?P<pet>{pet}) is called', '(?P<pet>{pet}) called']
  emoji: ['\bemojis?\b']
"""


def write(folder: Path, text: str) -> Path:
    path = folder / "xx.yaml"
    path.write_text(text, encoding="utf-8")
    return path


@pytest.mark.parametrize("code", TABLES)
def test_the_tables_of_the_gateway_are_right(code: str) -> None:
    assert read(FOLDER / f"{code}.yaml").code == code


def test_a_rule_finds_one_of_its_patterns_with_the_fragments_put_in(tmp_path: Path) -> None:
    table = read(write(tmp_path, TABLE))
    assert table.code == "xx"
    assert table.says("fact", "Well, my dog barks")
    assert table.caught("fact", "My cats sleep") == {"what": "sleep"}
    assert table.caught("fact", "our house") == {"what": "house"}, "a line break in a pattern means nothing"
    assert table.caught("fact", "So my dog barks") is None
    assert table.rules["constraint"] is NOTHING
    assert not table.says("constraint", "anything")


def test_a_slot_is_named_by_what_its_pattern_holds(tmp_path: Path) -> None:
    table = read(write(tmp_path, TABLE))
    assert table.slot("My Dog is called Rex") == "name-of-dog"
    assert table.slot("a dog called Rex") == "name-of-dog"
    assert table.slot("no emojis") == "emoji"
    assert table.slot("none") == ""


def test_words_for_the_same_thing_are_one(tmp_path: Path) -> None:
    table = read(write(tmp_path, TABLE))
    assert table.alike("emojis in my e-mail, not emojisch") == "emoji in my mail, not emojisch"
    assert TABLES["it"].alike("emojis") == "emojis"


@pytest.mark.parametrize(
    ("text", "complaint"),
    [
        ("rules:\n  fact: {any: ['(']}", "2: $.rules.fact: missing ), unterminated subpattern at position 0"),
        ("rules:\n  fact: {any: ['{pet}']}", "2: $.rules.fact: there is no fragment pet above"),
        ("fragments:\n  a: ['{b}']\n  b: [x]", "2: $.fragments.a: there is no fragment b above"),
        ("rules:\n  fat: {any: [x]}", "2: $.rules.fat: unknown key (did you mean fact?), known here: constraint"),
        ("rules:\n  fact: {after: x}", "2: $.rules.fact: there is no pattern"),
        ("slots:\n  'family-{whom}': [x]", "2: $.slots.family-{whom}: a pattern has no group whom"),
        ("genric: a", "1: $.genric: unknown key (did you mean generic?)"),
    ],
)
def test_a_mistake_is_told_with_its_place(tmp_path: Path, text: str, complaint: str) -> None:
    with pytest.raises(ConfigError) as told:
        read(write(tmp_path, text))
    assert complaint in str(told.value)


def test_each_language_that_is_spoken_has_every_rule() -> None:
    lacking = {code: [rule for rule in get_args(Rule) if TABLES[code].rules[rule] is NOTHING] for code in SPOKEN}
    assert {code: rules for code, rules in lacking.items() if rules} == {}


def test_the_same_slots_are_known_in_every_language() -> None:
    known = set(TABLES["en"].slots)
    assert {code: sorted(set(TABLES[code].slots) - known) for code in SPOKEN} == {code: [] for code in SPOKEN}


@pytest.mark.parametrize("code", SPOKEN)
def test_every_pattern_that_takes_back_names_what(code: str) -> None:
    reader = Reader(words={})
    rules = reader.document(FOLDER / f"{code}.yaml", Document)["rules"]
    reader.finish()
    for rule, group in (("allowed", "what"), ("waived", "what"), ("forgotten", "what"), ("replaced", "old")):
        assert [said for said in rules[rule]["any"] if f"(?P<{group}>" not in said] == []
