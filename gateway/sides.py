"""What a statement is about, so that two can be held against each other: its matter, whose it is, what it sets.

Pure, and crude: words by how they begin. It knows nothing of what follows for memory; that is gateway/revisions.py.
"""

from __future__ import annotations

import functools
import re
import unicodedata
from collections.abc import Sequence, Set

import msgspec

from gateway.languages.spoken import spoken
from gateway.languages.tables import Table
from gateway.telling import MIN_CHARS, STEM_CHARS, telling

KEPT = 1024
"""Statements kept read, since the same few hundred hold at every turn."""

SHORT = STEM_CHARS - 1
"""Letters of a word that is whole and may be the beginning of a stem: "sign" and "signature"."""

MIN_OVERLAP = 0.5
"""Share of the words of a matter from which two are taken to be about the same."""

_NAME = re.compile(r"(?<=[^\s.!?:] )(?!I\b)[A-ZÀ-Þ][\w+#-]*|\b[a-z]\w*(?:_\w+|[A-Z]\w*)")
"""A capital inside a sentence, or a word as programmers write them."""

_WORD = re.compile(r"[^\W_]+")
_SYLLABLES = re.compile("[\u4e00-\u9fff]+")
"""Chinese has no borders between words: there a matter is told by its pairs of characters."""


class Side(msgspec.Struct, frozen=True, kw_only=True, gc=False):
    """A statement as it is held against another."""

    topic: frozenset[str]
    """Stems of what it is about, without the words that say how it is meant."""
    words: frozenset[str]
    """The same with words that tell little by themselves: the question in "always ask a question"."""
    others: frozenset[str]
    """People and animals in it: what is said of them is not said of the user."""
    is_negative: bool
    subject: frozenset[str]
    """Stems of that of which it says how much or what it is: the budget in "our budget is 4,000"; empty for none."""
    figures: frozenset[str]
    """Numbers in it, in digits or words."""
    names: frozenset[str]
    frame: tuple[str, ...]
    """Words up to its first number or name, if it has a subject: two with one frame set the same thing."""


@functools.lru_cache(maxsize=KEPT)
def side_of(text: str, otherwise: Table) -> Side:
    """A statement as it is compared. In a language that its words do not show it is in `otherwise`."""
    table = spoken(text, otherwise)
    straight = text.replace("’", "'")
    named = table.caught("subject", straight)
    figures, names = list(table.rules["figure"].finditer(straight)), list(_NAME.finditer(straight))
    topic = topic_of(straight, table)
    return Side(
        topic=topic,
        words=topic | words_in(straight, table),
        others=people_in(straight, table),
        is_negative=table.says("negative", straight),
        subject=topic_of(named["what"], table) if named else frozenset(),
        figures=frozenset(figure[0].lower() for figure in figures),
        names=frozenset(name[0] for name in names),
        frame=_frame(straight, [*figures, *names], table),
    )


def _frame(text: str, values: Sequence[re.Match[str]], table: Table) -> tuple[str, ...]:
    """What stands before the first value that is said of a subject."""
    subject = table.rules["subject"].search(text)
    starts = [value.start() for value in values if subject is not None and value.start() >= subject.end()]
    return words_of(text[: min(starts)], table) if starts else ()


def topic_of(text: str, table: Table) -> frozenset[str]:
    """Stems of what a text is about; words for the same thing have one."""
    bare = _bare(text, table)
    pairs = {run[at : at + 2] for run in _SYLLABLES.findall(bare) for at in range(len(run) - 1)}
    return frozenset(pairs) | {_plain(stem) for stem in telling(_SYLLABLES.sub(" ", bare))}


def words_in(text: str, table: Table) -> frozenset[str]:
    """Stems of its words, whether they tell or not, without those that say how it is meant."""
    words = (word for word in _WORD.findall(_bare(text, table)) if len(word) >= MIN_CHARS)
    return frozenset(_plain(word.removesuffix("s")[:STEM_CHARS]) for word in words)


def _bare(text: str, table: Table) -> str:
    return table.rules["stance"].sub(" ", table.alike(text.lower().replace("’", "'")))


def is_same(text: str, other: str) -> bool:
    """Whether two texts have the same words in the same order, but for those that change nothing."""
    return text == other or (len(_words(text)) > 0 and _words(text) == _words(other))


@functools.lru_cache(maxsize=KEPT)
def _words(text: str) -> tuple[str, ...]:
    return words_of(text, spoken(text))


def words_of(text: str, table: Table) -> tuple[str, ...]:
    """The words of a text in lower case, without those that change nothing."""
    straight = text.lower().replace("’", "'").replace("n't", " not")
    return tuple(_WORD.findall(table.rules["filler"].sub("", straight)))


def people_in(text: str, table: Table) -> frozenset[str]:
    """Relatives, colleagues, animals that a text names."""
    return frozenset(person[0].lower().removesuffix("s") for person in table.rules["kin"].finditer(text))


def shared(topic: Set[str], other: Set[str]) -> int:
    """How many stems of a topic the other has as well, or a form of them."""
    return sum(stem in other or _has_form(other, stem) for stem in topic)


def is_mostly(topic: Set[str], other: Set[str]) -> bool:
    """Whether the other has as much of a topic as makes it the same matter."""
    return bool(topic) and shared(topic, other) >= MIN_OVERLAP * len(topic)


def is_contrary(side: Side, own: Side) -> bool:
    """Of two statements about the same, one denies."""
    return bool(own.topic) and side.others == own.others and side.is_negative != own.is_negative


def is_alike(side: Side, own: Side) -> bool:
    """Whether two have most of their words in common."""
    most = max(len(side.topic), len(own.topic))
    return side.others == own.others and len(side.topic & own.topic) >= MIN_OVERLAP * most > 0


def is_of_same(side: Side, own: Side) -> bool:
    """Whether two are about the same people: those of the subject, where one has its own."""
    return own.others == side.others or bool(own.subject and own.subject == side.subject)


def has_other_subject(side: Side, own: Side) -> bool:
    """Whether each of two subjects has a word that the other has not: the rent of the studio, that of the garage."""
    common = shared(side.subject, own.subject), shared(own.subject, side.subject)
    return common[0] < len(side.subject) and common[1] < len(own.subject)


def matter_of(side: Side) -> frozenset[str]:
    """Stems of what a statement is about, without the numbers and names that it gives."""
    return side.topic - side.figures - telling(" ".join(side.names))


def sets_otherwise(old: Side, new: Side, *, in_words: bool) -> bool:
    """Whether two statements give different numbers, or without any different names.

    Args:
        in_words: whether it will do that neither gives any: then they differ by other words.
    """
    for before, after in ((old.figures, new.figures), (old.names, new.names)):
        if before or after:
            return bool(before - after and after - before)
    return in_words


def _has_form(stems: Set[str], stem: str) -> bool:
    """Whether a stem begins with a shorter word among others, or the other way round."""
    if not stem.isalpha() or len(stem) < SHORT:
        return False
    return stem[:SHORT] in stems if len(stem) > SHORT else any(other.startswith(stem) for other in stems)


def _plain(stem: str) -> str:
    """Without accents, which come and go with an ending: refrán, refranes."""
    if stem.isascii():
        return stem
    return "".join(char for char in unicodedata.normalize("NFKD", stem) if not unicodedata.combining(char))
