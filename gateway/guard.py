"""The constraint guard: which standing instructions an answer broke, and which are said once more.

What a machine can verify is known by gateway/checkers/. All other constraints are never judged, and only said once
more when it was long ago. Pure code; where a constraint is said is decided by gateway/compose.py.
"""

from __future__ import annotations

import functools
import itertools
from collections.abc import Iterator, Mapping, Sequence

from gateway import checkers
from gateway.checkers.base import Check, Checker, Verdict
from gateway.checkers.instructions import clauses, is_harmless, plainly
from gateway.memories import Memory
from gateway.policy import Guard
from gateway.registry import family
from gateway.types import Call, Note, Turn

CHECKERS: Mapping[str, Checker] = {name: module.CHECKER for name, module in family(checkers).items()}

MAX_INSTRUCTION_CHARS = 300
"""Nobody gives one in more; what is longer is not taken apart."""

MAX_ECHOES = 5
"""Said once more in one call: each costs tokens, and many at once are read as none."""

MAX_JUDGED_CHARS = 16_000
"""A longer answer is a document, for which instructions on answers are seldom meant; nor is there time to judge it."""

MAX_MESSAGES = 50
"""Newest of the user's that are looked through: what was said before them was long ago in any case."""

MAX_SAID_CHARS = 16_000
"""From either end of a message are looked through for a constraint."""

Checks = tuple[tuple[str, Check], ...]
"""Checks with the names of their checkers."""


@functools.lru_cache(maxsize=4096)
def checks(text: str) -> Checks:
    """What a machine can verify of an instruction; nothing where it may hold for a part or under a condition only."""
    if len(text) > MAX_INSTRUCTION_CHARS:
        return ()
    said = plainly(text)
    whole = _understood((said,))
    if whole:
        return whole
    found: Checks = ()
    for readings in clauses(said):
        understood = _understood(readings)
        if not understood and not is_harmless(readings[0]):
            return ()
        found += understood
    return found


def verdicts(rules: Sequence[Memory], answer: str, asked: str = "") -> list[Verdict]:
    """What became of each rule that a machine can verify in an answer.

    Args:
        asked: the user's message that is answered. A rule whose matter it touches is not broken by the answer:
            whoever writes "translate this into French" wants French for once.
    """
    if not answer.strip() or len(answer) > MAX_JUDGED_CHARS:
        return []
    judged = (_verdict(rule, answer, asked) for rule in rules)
    return [verdict for verdict in judged if verdict is not None]


def answer_of(turn: Turn) -> str:
    """What is judged of an assistant's turn: nothing while it only says what it is about to do with a tool."""
    return "" if turn.role != "assistant" or turn.calls else turn.text


def echoes(rules: Sequence[Memory], call: Call, ledger: Mapping[str, Note], settings: Guard) -> tuple[Memory, ...]:
    """Constraints to be said once more at the newest user message, most urgent first.

    Those that the last answer broke, and those that were said long ago, in the user's words or in a note. What has not
    been said in this conversation, or only in the newest message, is not said *once more*.
    """
    if not settings.echo or not rules or call.is_continued:
        return ()
    said = _Said(call, ledger)
    if said.messages < 2:
        return ()
    broken = _broken_last(rules, call)
    is_long = 0 < settings.echo_turns < said.messages
    ages = {rule.id: said.age(rule) for rule in rules if is_long or rule.id in broken}
    urgent = [rule for rule in rules if rule.id in broken and ages[rule.id] > 0]
    long_ago = [rule for rule in rules if is_long and rule.id not in broken and ages[rule.id] >= settings.echo_turns]
    long_ago.sort(key=lambda rule: -ages[rule.id])
    unsaid = (rule for rule in (*urgent, *long_ago) if rule.text not in said.newest)
    return tuple(itertools.islice(unsaid, MAX_ECHOES))


class _Said:
    """What a call says of constraints, and how many user messages ago."""

    def __init__(self, call: Call, ledger: Mapping[str, Note]) -> None:
        users = [turn.text for turn in call.turns if turn.role == "user"]
        self.messages = len(users)
        users = users[-MAX_MESSAGES:]
        self.newest = users[-1] if users else ""
        self._texts = [f"{text[:MAX_SAID_CHARS]}\n{text[-MAX_SAID_CHARS:]}" for text in reversed(users)]
        self._noted: dict[str, int] = {}
        places = [slot.where for slot in call.slots if not slot.is_head]
        ages = {where: len(places) - 1 - place for place, where in enumerate(places)}
        for slot in call.slots:
            for memory in _told(ledger.get(slot.where)):
                self._noted[memory] = ages.get(slot.where, self.messages - 1)

    def age(self, rule: Memory) -> int:
        """User messages since a rule was noted last, else since the user said it; 0 where neither is so."""
        noted = self._noted.get(rule.id)
        if noted is not None:
            return noted
        return next((age for age, text in enumerate(self._texts) if rule.text in text), 0)


def _told(note: Note | None) -> Iterator[str]:
    if note is not None:
        yield from note.memories
        yield from note.echoes


def _broken_last(rules: Sequence[Memory], call: Call) -> frozenset[str]:
    """Rules that the assistant's last answer broke."""
    place = next((place for place in reversed(range(len(call.turns))) if answer_of(call.turns[place])), None)
    if place is None:
        return frozenset()
    asked = next((turn.text for turn in reversed(call.turns[:place]) if turn.role == "user"), "")
    judged = verdicts(rules, call.turns[place].text, asked)
    return frozenset(verdict.memory for verdict in judged if verdict.violation is not None)


def _understood(readings: Sequence[str]) -> Checks:
    """The checks of the first of some readings that a checker understands."""
    for reading in readings:
        made = ((name, checker.check(reading)) for name, checker in CHECKERS.items())
        found = tuple((name, check) for name, check in made if check is not None)
        if found:
            return found
    return ()


def _verdict(rule: Memory, answer: str, asked: str) -> Verdict | None:
    """None for a rule that nobody can verify, or whose breaking the message itself may have asked for."""
    applied = checks(rule.text)
    for name, check in applied:
        words = check.violation(answer)
        if words is not None:
            is_asked_for = check.matter.search(asked.replace(rule.text, "")[:MAX_SAID_CHARS]) is not None
            return None if is_asked_for else Verdict(memory=rule.id, checker=name, violation=words)
    return Verdict(memory=rule.id, checker=applied[0][0], violation=None) if applied else None
