"""The tables of this folder, read once at import: a mistake in one is told with its file, line and path.

A table holds words that say nothing of what a text is about (`generic`), words and letters that show the language,
named fragments, and rules: lists of regular expressions, one of which must be found. `{name}` in a pattern stands for a
fragment above it, which is itself a list of alternatives. What a rule is good for is said where it is used; this file
knows only their names.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Mapping
from pathlib import Path
from typing import Literal, get_args

import msgspec

from gateway.documents import Reader
from gateway.languages.finder import Finder, ways_of

Rule = Literal[
    "constraint",
    "request",
    "first",
    "preference",
    "reaction",
    "fact",
    "supposed",
    "foreign",
    "condition",
    "here",
    "moment",
    "bound",
    "agreed",
    "off_record",
    "empty_talk",
    "label",
    "handover",
    "above",
    "salutation",
    "dear",
    "signature",
    "heading",
    "allowed",
    "waived",
    "forgotten",
    "undone",
    "dropped",
    "wholly",
    "mine",
    "replaced",
    "corrected",
    "amended",
    "changed",
    "refers",
    "subject",
    "figure",
    "negative",
    "stance",
    "kin",
    "filler",
]

FLAGS = re.IGNORECASE | re.MULTILINE
NOTHING = Finder()
"""Is never found."""

_GROUP = re.compile(r"\(\?P<(\w+)>")
"""To `re` each group of a pattern has a name of its own: in the second alternative `what` is `what_1`."""

_REFERENCE = re.compile(r"\{([a-z_]+)\}")


class Patterns(msgspec.Struct, frozen=True, kw_only=True):
    """A rule as it is written."""

    after: str = ""
    """What stands before each of them."""
    any: tuple[str, ...] = ()


class Document(msgspec.Struct, frozen=True, kw_only=True):
    """A table as it is written."""

    generic: str = ""
    shows: str = ""
    """Words that show the language whoever else has them, and may well tell what a text is about."""
    letters: str = ""
    """Those that few other languages have."""
    same: tuple[str, ...] = ()
    """Words for one thing, a line each."""
    fragments: dict[str, tuple[str, ...]] = {}
    rules: dict[Rule, Patterns] = {}
    slots: dict[str, tuple[str, ...]] = {}


class Table(msgspec.Struct, frozen=True, kw_only=True, eq=False):
    """A language."""

    code: str
    generic: frozenset[str]
    shows: frozenset[str]
    letters: frozenset[str]
    same: Mapping[str, str]
    """A word by the first of those that mean the same."""
    synonyms: re.Pattern[str]
    """Finds any of them."""
    rules: Mapping[Rule, Finder]
    """All of them; one that the language has no patterns for finds nothing."""
    slots: Mapping[str, Finder]
    """What a sentence settles by its name, in which `{group}` stands for what the group of the pattern holds."""

    def says(self, rule: Rule, text: str) -> bool:
        """Whether a rule finds itself in a text."""
        return self.rules[rule].search(text) is not None

    def caught(self, rule: Rule, text: str) -> dict[str, str] | None:
        """The words that a rule's groups caught in a text, by the group's name; None when it does not find itself."""
        match = self.rules[rule].search(text)
        return None if match is None else _words_of(match)

    def alike(self, text: str) -> str:
        """A text in lower case with one word for the same thing throughout."""
        return self.synonyms.sub(lambda word: self.same[word[0]], text)

    def slot(self, text: str) -> str:
        """What a sentence settles; empty for nothing."""
        for name, pattern in self.slots.items():
            match = pattern.search(text)
            if match is not None:
                return name.format_map({group: self.alike(word.casefold()) for group, word in _words_of(match).items()})
        return ""


def _words_of(match: re.Match[str]) -> dict[str, str]:
    """What the groups of a pattern caught, by the names they have in the table."""
    return {name.rpartition("_")[0]: word for name, word in match.groupdict().items() if word is not None}


def read(path: Path, *, is_checked: bool = False) -> Table:
    """The table of a file. Raises `ConfigError` with the mistakes in it.

    Args:
        is_checked: whether its patterns are known to be right, which takes most of the time to find out.
    """
    reader = Reader(words={}, is_shipped=True)
    members = reader.document(path, Document)
    reader.finish()
    document = msgspec.convert(members, Document)
    table = _table(path.stem, document, reader, is_checked=is_checked)
    reader.finish()
    return table


def _table(code: str, document: Document, reader: Reader, *, is_checked: bool) -> Table:
    generic = frozenset(document.generic.split())
    patterns = _Compiler(reader, f" {' '.join(sorted(generic))} ", is_checked=is_checked)
    for name, alternatives in document.fragments.items():
        patterns.define(name, alternatives)
    rules: dict[Rule, Finder] = dict.fromkeys(get_args(Rule), NOTHING)
    for rule, said in document.rules.items():
        rules[rule] = patterns.compiled(f"$.rules.{rule}", said.any, said.after)
    same = {word: line.split()[0] for line in document.same for word in line.split()}
    return Table(
        code=code,
        generic=generic,
        shows=frozenset(document.shows.split()),
        letters=frozenset(document.letters),
        same=same,
        synonyms=_one_of(same),
        rules=rules,
        slots={name: patterns.slot(name, said) for name, said in document.slots.items()},
    )


def _one_of(words: Collection[str]) -> re.Pattern[str]:
    """Any of the words as a whole, the longest first; between Chinese characters there is no telling where one ends."""
    longest = "|".join(map(re.escape, sorted(words, key=len, reverse=True)))
    return re.compile(rf"(?<![a-z\u00c0-\u024f])(?:{longest})(?![a-z\u00c0-\u024f])") if words else re.compile("(?!)")


class _Compiler:
    """Makes patterns of what is written, with the fragments put in that are defined so far."""

    def __init__(self, reader: Reader, common: str, *, is_checked: bool) -> None:
        self._reader = reader
        self._is_checked = is_checked
        self._common = common
        self._fragments: dict[str, str] = {}

    def define(self, name: str, alternatives: tuple[str, ...]) -> None:
        self._fragments[name] = self.compiled(f"$.fragments.{name}", alternatives).pattern

    def slot(self, name: str, alternatives: tuple[str, ...]) -> Finder:
        path = f"$.slots.{name}"
        for group in _REFERENCE.findall(name):
            if not all(f"(?P<{group}>" in said for said in alternatives):
                self._complain(path, f"a pattern has no group {group}")
        return self.compiled(path, alternatives)

    def compiled(self, path: str, alternatives: tuple[str, ...], after: str = "") -> Finder:
        if not alternatives:
            self._complain(path, "there is no pattern")
        numbered = [_GROUP.sub(rf"(?P<\1_{number}>", said) for number, said in enumerate(alternatives)]
        for name in sorted(set(_REFERENCE.findall("".join((after, *numbered)))) - self._fragments.keys()):
            self._complain(path, f"there is no fragment {name} above")
        try:
            ways = [way for said in numbered for way in ways_of(self._whole(said))]
            finder = Finder(ways, self._whole(after), FLAGS, self._common)
            if not self._is_checked:
                finder.check()
        except re.error as error:
            self._complain(path, str(error))
            return NOTHING
        return finder

    def _whole(self, said: str) -> str:
        """A pattern with its fragments in it."""
        plain = said.replace("\n", "")
        return _REFERENCE.sub(lambda reference: self._fragments.get(reference[1], ""), plain)

    def _complain(self, path: str, complaint: str) -> None:
        self._reader.complain(self._reader.place(path), complaint)


_FILES = sorted(Path(__file__).parent.glob("*.yaml"))

TABLES: Mapping[str, Table] = {path.stem: read(path, is_checked=True) for path in _FILES}
"""By the language's code; that their patterns are right is held by their tests."""
