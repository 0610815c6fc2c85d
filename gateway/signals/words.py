"""The words by which users praise, correct and complain, by language: words.yaml, read strictly once at import.

A rule is a list of regular expressions, one of which must be found; all languages are tried, since a message that says
no more than "danke" hardly shows its own. What a rule is good for is said where it is used.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from pathlib import Path
from typing import Literal, get_args

import msgspec

from gateway.documents import Reader

Rule = Literal[
    "praise",
    "doubt",
    "correction",
    "right",
    "instead",
    "forgotten",
    "also",
    "several",
    "governs",
    "goes_on",
    "reproach",
]

MAX_CHARS = 2_000
"""Of a text are searched."""

FLAGS = re.IGNORECASE


class Language(msgspec.Struct, frozen=True, kw_only=True):
    """The words of a language, as they are written."""

    fragments: dict[str, str] = {}
    """Put in where a pattern says `{name}`; each may use those above it."""
    rules: dict[Rule, tuple[str, ...]]


class Document(msgspec.Struct, frozen=True, kw_only=True):
    """The file, by the codes of its languages."""

    en: Language
    de: Language
    es: Language
    fr: Language
    zh: Language


class Found(msgspec.Struct, frozen=True, kw_only=True):
    """What a rule found in a text."""

    words: str
    """Verbatim."""
    end: int
    """Where the words end."""
    named: Mapping[str, str]
    """What the pattern's groups hold, verbatim."""


def read(path: Path) -> Mapping[Rule, tuple[re.Pattern[str], ...]]:
    """The rules of a file. Raises `ConfigError` with the mistakes in it."""
    reader = Reader(words={}, is_shipped=True)
    members = reader.document(path, Document)
    reader.finish()
    rules: dict[Rule, list[re.Pattern[str]]] = {rule: [] for rule in get_args(Rule)}
    for code, language in msgspec.structs.asdict(msgspec.convert(members, Document)).items():
        fragments: dict[str, str] = {}
        for name, written in language.fragments.items():
            fragments[name] = f"(?:{_filled(written, fragments)})"
        for rule, patterns in language.rules.items():
            for number, written in enumerate(patterns):
                try:
                    rules[rule].append(re.compile(_filled(written, fragments), FLAGS))
                except re.error as error:
                    reader.complain(reader.place(f"$.{code}.rules.{rule}[{number}]"), str(error))
    reader.finish()
    return {rule: tuple(patterns) for rule, patterns in rules.items()}


def _filled(written: str, fragments: Mapping[str, str]) -> str:
    """A pattern with the fragments put in. A line break in it means nothing."""
    filled = written.replace("\n", "")
    for name, fragment in fragments.items():
        filled = filled.replace(f"{{{name}}}", fragment)
    return filled


RULES = read(Path(__file__).parent / "words.yaml")


def found(rule: Rule, text: str) -> Found | None:
    """What a rule finds in a text; None when it finds nothing."""
    straight = text[:MAX_CHARS].replace("’", "'").replace("‘", "'")
    for pattern in RULES[rule]:
        match = pattern.search(straight)
        if match is not None:
            named = {name: text[slice(*match.span(name))].strip() for name, words in match.groupdict().items() if words}
            return Found(words=text[slice(*match.span())], end=match.end(), named=named)
    return None


def says(rule: Rule, text: str) -> bool:
    """Whether a rule finds itself in a text."""
    return found(rule, text) is not None
