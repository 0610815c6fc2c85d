"""Secrets in a text, by the rules of secrets.yaml: a pass for their keywords, and the patterns of those that are there.

The rules are read strictly at import: a mistake in one is told with its file, line and path, and nothing starts. Time
is linear in the text, whatever stands in it (google-re2). What becomes of a secret is not known here.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from functools import reduce
from operator import or_
from pathlib import Path
from typing import Any, Literal

import ahocorasick
import msgspec
import re2

from gateway.documents import Reader
from gateway.sensitive.plausible import CHECKS
from gateway.sensitive.spans import Span, apart, beside
from gateway.sensitive.views import View, views_of

RULES = Path(__file__).with_name("secrets.yaml")


class Rule(msgspec.Struct, frozen=True, kw_only=True):
    """A rule as it is written."""

    keywords: tuple[str, ...] = ()
    patterns: tuple[str, ...] = ()
    check: Literal["", "password", "token", "basic", "cookie"] = ""


class Document(msgspec.Struct, frozen=True, kw_only=True):
    """The rules as they are written."""

    rules: dict[str, Rule]
    names: dict[str, str] = {}
    """Parts of patterns, which stand in them as `(?P>name)`."""


class _Sort(msgspec.Struct, frozen=True, kw_only=True):
    """One sort of secret."""

    name: str
    order: int
    patterns: Sequence[Any]
    is_right: Callable[[str], bool]
    has_form: bool
    """True where the form alone tells."""

    def find(self, data: bytes) -> Iterator[Span]:
        """Secrets of this sort."""
        for pattern in self.patterns:
            for match in pattern.finditer(data):
                group = match.lastindex or 0
                start, end = match.span(group)
                if self.has_form or self.is_right(match[group].decode(errors="replace")):
                    yield Span(start=start, end=end, name=self.name, order=self.order)


class Secrets:
    """Finds secrets of all sorts."""

    def __init__(self, path: Path = RULES) -> None:
        """Read the rules of a file. Raises `ConfigError` with the mistakes in it."""
        reader = Reader(words={}, is_shipped=True)
        members = reader.document(path, Document)
        reader.finish()
        document = msgspec.convert(members, Document)
        rules = {name: _whole(rule, document.names) for name, rule in document.rules.items()}
        self._sorts = [_sort(name, order, rule, reader) for order, (name, rule) in enumerate(rules.items())]
        reader.finish()
        self._keywords = _automaton([rule.keywords for rule in rules.values()])

    def find(self, text: View) -> list[Span]:
        """Places of secrets in a text, in order and apart."""
        views = list(views_of(text))
        found = apart(span for view in views for span in self._seen(view, is_joined=False))
        joined = views[-1].joined()
        if joined is None:
            return found
        # A token that is whole without what follows in the next line ends with its own.
        return apart([*found, *beside(self._seen(joined, is_joined=True), found)])

    def _seen(self, view: View, *, is_joined: bool) -> list[Span]:
        """Places in the text itself of what is seen in a view of it."""
        lowered = view.data.lower().decode("latin-1")
        wanted = reduce(or_, {sorts for _, sorts in self._keywords.iter(lowered)}, 0)
        spans: list[Span] = []
        for sort in self._sorts if wanted else ():
            if wanted >> sort.order & 1 and (sort.has_form or not is_joined):
                for span in sort.find(view.data):
                    start, end = view.span(span.start, span.end)
                    spans.append(msgspec.structs.replace(span, start=start, end=end))
        return spans


def _sort(name: str, order: int, rule: Rule, reader: Reader) -> _Sort:
    """A rule that can be used; what is wrong with it is noted by the reader."""
    options = re2.Options()
    options.encoding = re2.Options.Encoding.LATIN1  # bytes as they are, in the rules too
    options.log_errors = False
    patterns: list[Any] = []
    for number, pattern in enumerate(_together(rule)):
        try:
            patterns.append(re2.compile(pattern.encode(), options=options))
        except re2.error as error:
            reader.complain(reader.place(f"$.rules.{name}.patterns[{number}]"), _said(error))
    if not rule.patterns:
        reader.complain(reader.place(f"$.rules.{name}"), "expected patterns")
    if not rule.keywords or any(word.encode() != word.encode().lower() for word in rule.keywords):
        reader.complain(reader.place(f"$.rules.{name}.keywords"), "expected words in lower case")
    return _Sort(name=name, order=order, patterns=patterns, is_right=CHECKS[rule.check], has_form=not rule.check)


def _whole(rule: Rule, names: Mapping[str, str]) -> Rule:
    """The rule with the parts of its patterns in their places; of one that nobody named the pattern is told wrong."""

    def whole(pattern: str) -> str:
        return reduce(lambda text, name: text.replace(f"(?P>{name})", names[name]), names, pattern)

    return msgspec.structs.replace(rule, patterns=tuple(map(whole, rule.patterns)))


def _together(rule: Rule) -> Sequence[str]:
    """Patterns that need no check as one, so that a text is gone through once. Others must not hide each other."""
    return rule.patterns if rule.check else ["|".join(f"(?:{pattern})" for pattern in rule.patterns)]


def _said(error: Exception) -> str:
    problem = error.args[0] if error.args else "no pattern"
    return problem.decode(errors="replace") if isinstance(problem, bytes) else str(problem)


def _automaton(keywords: Sequence[Sequence[str]]) -> Any:
    """Finds keywords, each with the sorts that have it as bits."""
    sorts: dict[str, int] = {}
    for order, words in enumerate(keywords):
        for word in words:
            sorts[word] = sorts.get(word, 0) | 1 << order
    automaton = ahocorasick.Automaton()
    for word, bits in sorts.items():
        automaton.add_word(word.encode().decode("latin-1"), bits)
    automaton.make_automaton()
    return automaton


SECRETS = Secrets()
