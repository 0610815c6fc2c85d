"""What a message as a whole lets go or changes, when none of its sentences says so by itself.

Pure. People give the reason in one sentence and the release in another, and name the thing in neither as they did at
first: here a word of letting go or of change anywhere counts, and one memory alone must be nearest to all that is said.
"""

from __future__ import annotations

from collections.abc import Sequence

import msgspec

from gateway.kinds.sentences import is_empty_talk
from gateway.kinds.statements import Statement
from gateway.languages.tables import Rule
from gateway.memories import Memory
from gateway.sides import Side, has_other_subject, is_of_same, matter_of, shared, side_of

MIN_SHARED = 2
"""Words that what is let go has in common with the message, if not half of its own."""

MIN_RELEASED = 0.5
"""Share of the words of a rule that a message names that lets it go."""

MIN_CHANGED = 1 / 3
"""Share of the words of a matter that is named where another number or name is given for it: the rest is seldom said
again."""


UNDONE = ("constraint", "preference")
"""Kinds that "never mind" may mean."""


SIGNS = frozenset({"sign", "waives", "allows"})
"""Groups of the rule `dropped`."""


CHANGES: tuple[Rule, ...] = ("changed", "amended", "corrected")


class Message(msgspec.Struct, frozen=True, kw_only=True):
    """What is told in a message, taken together."""

    side: Side
    signs: frozenset[str]
    """How it lets go: `sign` of anything, `waives` what is asked for, `allows` what is forbidden; see `dropped`."""
    changes: bool
    slots: frozenset[str]
    """What it settles of the user's own; see `Span.slot`."""


def meant(said: Sequence[Statement], fresh: Sequence[Memory], known: Sequence[Memory]) -> dict[str, str]:
    """The one memory that ends by a message as a whole, and the fresh one in its place ("" if there is none).

    Args:
        said: the sentences of the message.
        fresh: what was found in it.
        known: what holds.
    """
    told = [one for one in said if _is_told(one)]
    if not told or any(memory.reach != "user" for memory in fresh):
        return {}
    message = _message(told)
    scores = {memory.id: _nearness(memory, message, told[0]) for memory in known} if _is_about_old(message) else {}
    best = max(scores.values(), default=0)
    nearest = [id for id, score in scores.items() if score == best > 0]
    return dict.fromkeys(nearest, fresh[0].id if fresh else "") if len(nearest) == 1 else {}


def undated(said: Statement) -> str:
    """A sentence without the day since when it is so ("as of Monday"), which is no value of anything."""
    return said.table.rules["changed"].sub(lambda match: match[0] if match.lastgroup else " ", said.text)


def _is_about_old(message: Message) -> bool:
    return bool(message.signs or message.slots) or message.changes


def _is_told(said: Statement) -> bool:
    """What is asked, imagined, or said for once ends nothing that lasts."""
    return not said.is_question and said.reach == "user" and not said.says("supposed")


def _message(told: Sequence[Statement]) -> Message:
    dropped = [one.table.caught("dropped", one.said) or {} for one in told]
    return Message(
        side=side_of(" ".join(map(undated, told)), told[0].table),
        signs=frozenset(sign for caught in dropped for sign in caught) & SIGNS,
        changes=any(one.says(rule) for one in told for rule in CHANGES),
        slots=frozenset(one.slot for one in told if one.says("mine")) - {""},
    )


def _nearness(memory: Memory, message: Message, said: Statement) -> int:
    """How many words a memory and a message have in common, if the message may mean it."""
    side = side_of(memory.text, said.table)
    count = shared(side.topic, message.side.topic)
    if _is_rule(memory, side, said) and _is_let_go(side, message, count, memory.kind):
        return count
    if memory.kind == "fact" and said.table.slot(memory.text) in message.slots:
        return len(side.topic) + 1
    is_near = is_of_same(side, message.side) and not has_other_subject(side, message.side)
    is_meant = message.changes and is_near and memory.kind != "constraint"
    return _changed(side, message.side, count) if is_meant else 0


def _changed(side: Side, own: Side, count: int) -> int:
    """How many words they have in common, if one gives other numbers or names than the other."""
    old, new = side.figures | side.names, own.figures | own.names
    matter = matter_of(side)
    common = shared(matter, own.topic) + len(side.names & own.names)
    before, after = (side.figures, own.figures) if side.figures else (side.names, own.names)
    if common >= MIN_CHANGED * len(matter) and before - after and after - before:
        return common
    return count if old and old < new and count >= MIN_CHANGED * len(side.topic) else 0


def _is_let_go(side: Side, message: Message, count: int, kind: str) -> bool:
    is_half = count >= MIN_RELEASED * len(side.topic) > 0
    is_named = count >= MIN_SHARED or count == len(side.topic) > 0
    if "sign" in message.signs:
        return count > 0 if kind == "constraint" else is_named or is_half
    if "waives" in message.signs:
        return is_half and count >= MIN_SHARED if side.is_negative else is_named or is_half
    if "allows" in message.signs:
        return side.is_negative and is_named
    return side.is_negative and not message.side.is_negative and is_half and count >= MIN_SHARED


def _is_rule(memory: Memory, side: Side, said: Statement) -> bool:
    """A constraint, or what was asked for in talk; what a user tells of themselves can only be changed."""
    is_of_user = any(said.table.rules[rule].match(memory.text) for rule in ("subject", "mine"))
    return memory.kind == "constraint" or (memory.kind == "fact" and not memory.slot and not is_of_user)


def undone(said: Sequence[Statement], known: Sequence[Memory], session: str) -> dict[str, str]:
    """A message that says no more than "never mind" takes back what was stated last in its session."""
    is_meant = any(statement.says("undone") for statement in said)
    if not is_meant or not all(statement.says("undone") or is_empty_talk(statement.text) for statement in said):
        return {}
    stated = [memory.id for memory in known if memory.session == session and memory.kind in UNDONE]
    return dict.fromkeys(stated[:1], "")
