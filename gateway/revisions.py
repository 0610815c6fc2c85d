"""What a user's message ends of what was said before: what it settles anew, contradicts, replaces or takes back,
sentence by sentence; what it means as a whole is in gateway/meant.py.

Pure: it is told what was found in the message and what holds, and says what ends. In doubt nothing does: two lines with
their dates can be told apart, one that was ended wrongly is gone. How people say such things is in gateway/languages,
what two statements have in common in gateway/sides.py.
"""

from __future__ import annotations

import functools
import re
from collections.abc import Callable, Iterator, Sequence

import msgspec

from gateway.kinds.sentences import is_off_the_record
from gateway.kinds.statements import MESSAGES, RELEASES, Statement, said_in
from gateway.languages.tables import Rule
from gateway.meant import meant, undated, undone
from gateway.memories import EPISODE, Memory
from gateway.sides import (
    MIN_OVERLAP,
    Side,
    has_other_subject,
    is_alike,
    is_contrary,
    is_mostly,
    is_of_same,
    is_same,
    people_in,
    sets_otherwise,
    shared,
    side_of,
    topic_of,
    words_in,
)
from gateway.telling import telling
from gateway.types import Turn

STATED = ("constraint", "preference", "fact")
"""Kinds that users state, and can take back."""

TELLING: tuple[Rule, ...] = ("mine", "changed", "amended")
"""How a sentence begins that tells something, whatever it asks in the end."""

MIN_SHARED = 2
"""Words of a release that a memory must have, if not all."""

FAR = (0, 0)
"""The score of what a release cannot mean."""

_QUOTES = re.compile('["“”„«»`]')

CORRECTIONS: tuple[Rule, ...] = (*RELEASES, "dropped", "changed", "amended", "corrected", "replaced")


class Release(msgspec.Struct, frozen=True, kw_only=True):
    """Words with which a user lets go of something."""

    rule: Rule
    topic: frozenset[str]
    """Stems of what is let go."""
    others: frozenset[str]
    """People and animals that it is about."""
    words: frozenset[str]
    """The same with words that tell little by themselves; they decide between memories that are as near."""
    least: int
    """Words of it that a memory must have, if not all."""


Reason = Callable[[Memory, Side], bool]
"""Says of a memory that holds whether it ends."""


def revise(turn: Turn, fresh: Sequence[Memory], held: Sequence[Memory], *, session: str) -> dict[str, str]:
    """What ends by a user's turn: the id of each memory, and of the fresh one in its place ("" if it is taken back).

    Args:
        fresh: what was found in this turn.
        held: constraints, preferences and facts that hold, newest first; of what was said in ordinary talk, sentences
            of episodes, which end only by what is said outright.
        session: in which the turn was said.
    """
    if turn.role != "user":
        return {}
    new = {memory.id for memory in fresh}
    known = [memory for memory in held if memory.kind in (*STATED, EPISODE) and memory.id not in new]
    is_off = is_off_the_record(turn.text)
    said = tuple(map(_told, said_in(turn.text)))
    ended: dict[str, str] = {}
    for before, statement in zip((None, *said), said, strict=False):
        found = [memory for memory in fresh if is_same(memory.text, statement.text)]
        ended |= _ended(statement, before, found, known, session, is_off=is_off)
    stated = [memory for memory in known if memory.kind in STATED]
    ended = ended or undone(said, stated, session)
    return ended if ended or is_off else meant(said, fresh, stated)


def corrects(turn: Turn) -> bool:
    """Whether a user's turn may take back, correct or update what was said before, in memory or in talk."""
    return turn.role == "user" and _corrects(turn.text)


@functools.lru_cache(maxsize=MESSAGES)
def _corrects(text: str) -> bool:
    return any(statement.table.says(rule, statement.text) for statement in said_in(text) for rule in CORRECTIONS)


def _told(said: Statement) -> Statement:
    """What a question tells before it asks: "We live in Ghent now, is there a good baker?"."""
    clause, comma, _ = said.said.partition(",")
    if not (said.is_question and comma and any(said.table.rules[rule].match(clause) for rule in TELLING)):
        return said
    return msgspec.structs.replace(said, text=clause, said=clause, is_question=False)


def bound(turn: Turn) -> tuple[str, ...]:
    """Sentences of a user's turn that ask for something in this chat alone, or once; verbatim, in order."""
    said = said_in(turn.text) if turn.role == "user" else ()
    return tuple(one.text for one in said if not one.is_question and one.says("bound"))


def near_duplicate(memory: Memory, others: Sequence[Memory]) -> Memory | None:
    """The one among others of its kind that says the same in the same words, small ones aside."""
    for other in others:
        if (other.kind, other.reach) == (memory.kind, memory.reach) and is_same(memory.text, other.text):
            return other
    return None


def _ended(
    said: Statement,
    before: Statement | None,
    found: Sequence[Memory],
    known: Sequence[Memory],
    session: str,
    *,
    is_off: bool,
) -> dict[str, str]:
    """What ends by one sentence. What is said for a session alone ends nothing that lasts."""
    if said.reach is None:
        return {}
    releases = list(_releases(said, before, is_off=is_off))
    reasons = () if is_off else tuple(_overtaken(said, before, found))
    if not releases and not reasons:
        return {}
    lasts = said.reach == "user" and all(memory.reach == "user" for memory in found)
    near = [memory for memory in known if (lasts if memory.reach == "user" else memory.session == session)]
    sides = [(memory, side_of(memory.text, said.table)) for memory in near]
    gone = [memory.id for memory, side in sides if any(reason(memory, side) for reason in reasons)]
    for release in releases:
        gone += _released(release, sides, is_all=said.says("wholly"))
    return dict.fromkeys(gone, found[0].id if found else "")


def _overtaken(said: Statement, before: Statement | None, found: Sequence[Memory]) -> Iterator[Reason]:
    """What ends because something else holds from now on."""
    own = side_of(said.text, said.table)
    for memory in found:
        yield functools.partial(_is_settled_anew, memory.slot, memory.text)
        yield lambda _, side: side.topic == own.topic and is_contrary(side, own)
        yield lambda _, side: _is_set_anew(side, own)
    replaced = said.table.caught("replaced", said.said)
    if replaced is not None and (found or _is_own(said)):
        old = topic_of(replaced["old"], said.table)
        yield lambda _, side: not side.is_negative and old <= side.topic and bool(old) and side.others == own.others
    if found and said.table.says("corrected", said.text):
        yield lambda memory, side: memory.kind in (found[0].kind, EPISODE) and is_alike(side, own)
    allowed = None if said.is_question else said.table.caught("allowed", said.said)
    if allowed is not None:
        yield functools.partial(_gives_way, said.slot, topic_of(allowed["what"], said.table))
    if not said.is_question and not said.says("supposed"):
        yield from _updated(said, before)


def _is_own(said: Statement) -> bool:
    """Whether it tells of the user's own: "we moved off Heroku", or "renamed master to trunk" with nobody named."""
    tells = not said.is_question and not said.says("supposed")
    return tells and (said.says("mine") or said.table.rules["replaced"].match(said.said) is not None)


def _updated(said: Statement, before: Statement | None) -> Iterator[Reason]:
    """What ends because the user says that a thing is otherwise, whether or not that is kept.

    The day since when it is so ("as of Monday") is no value of it.
    """
    changed, is_corrected = said.table.caught("changed", said.said), said.table.says("corrected", said.text)
    if changed is None and not (is_corrected or said.says("amended")):
        return
    text = undated(said)
    if said.says("refers") and before is not None:
        text = f"{before.text} {text}"
    own = side_of(text, said.table)
    if said.says("mine"):
        yield functools.partial(_is_settled_anew, said.slot, said.text)
    if changed is not None:
        yield functools.partial(_is_changed, own, is_worded="new" in changed)
    else:
        yield functools.partial(_is_put_right, own, is_outright=is_corrected)


def _is_changed(own: Side, memory: Memory, side: Side, *, is_worded: bool) -> bool:
    """It is said what became of its subject."""
    is_given = sets_otherwise(side, own, in_words=is_worded and memory.kind in STATED)
    return _is_named(side, own) and is_of_same(side, own) and is_given


def _is_named(side: Side, own: Side) -> bool:
    return bool(side.subject) and shared(side.subject, own.topic) == len(side.subject)


def _is_put_right(own: Side, memory: Memory, side: Side, *, is_outright: bool) -> bool:
    """It is of the same matter, and what it sets was wrong.

    Names come and go in talk: there it has numbers, or its subject is named, or it is corrected outright.
    """
    is_sure = is_outright or memory.kind in STATED or bool(side.figures)
    return (
        (is_sure or is_mostly(side.subject, own.topic))
        and not has_other_subject(side, own)
        and is_mostly(side.topic - side.figures, own.topic)
        and is_of_same(side, own)
        and sets_otherwise(side, own, in_words=False)
    )


def _releases(said: Statement, before: Statement | None, *, is_off: bool) -> Iterator[Release]:
    """What the user lets go. Off the record they can only ask to forget."""
    if said.is_question:
        return
    rules: tuple[Rule, ...] = ("forgotten",) if is_off else RELEASES
    for rule in rules:
        caught = said.table.caught(rule, said.said)
        if caught is not None and '""' in caught["what"]:  # what rules do not read, because it is only quoted
            caught = said.table.caught(rule, _QUOTES.sub("", said.text))
        if caught is not None:
            yield _release(rule, caught["what"], said, MIN_SHARED)
    dropped = said.table.caught("dropped", said.said)
    if dropped is not None and "what" in dropped:
        yield _release("forgotten", dropped["what"], said, 1)
    elif dropped is not None and not dropped and before is not None and not before.is_question:
        yield _release("forgotten", before.said, before, 1)


def _release(rule: Rule, what: str, said: Statement, least: int) -> Release:
    return Release(
        rule=rule,
        topic=topic_of(what, said.table),
        words=words_in(what, said.table),
        others=people_in(what, said.table),
        least=least,
    )


def _released(release: Release, sides: Sequence[tuple[Memory, Side]], *, is_all: bool) -> list[str]:
    """Of the memories that a release may mean the nearest, or all of them."""
    if not release.topic:
        return []
    scores = {memory.id: _score(release, memory, side) for memory, side in sides}
    best = max(scores.values(), default=FAR)
    return [id for id, score in scores.items() if score > FAR and (is_all or score == best)]


def _score(release: Release, memory: Memory, side: Side) -> tuple[int, int]:
    """How many words of a release a memory has, and how many of those that tell little."""
    is_fit = release.rule == "forgotten" or side.is_negative == (release.rule == "allowed")
    is_rule = memory.kind == "constraint"
    if not is_fit or not (is_rule or release.others == side.others):
        return FAR
    named = side.words if is_rule else side.topic
    if release.rule == "forgotten":
        named |= telling(memory.slot.replace("-", " "))
    count = shared(release.topic, named)
    is_part = count >= max(release.least, MIN_OVERLAP * len(release.topic))
    return (count, shared(release.words, named)) if is_part or count == len(release.topic) else FAR


def _is_settled_anew(slot: str, text: str, memory: Memory, _: Side) -> bool:
    return bool(slot) and memory.slot == slot and not is_same(memory.text, text)


def _is_set_anew(side: Side, own: Side) -> bool:
    """Of the user's own thing the same is said with another number or name. Of sons and colleagues there are many."""
    is_own = bool(own.frame) and not own.others
    return is_own and side.frame == own.frame and sets_otherwise(side, own, in_words=False)


def _gives_way(slot: str, topic: frozenset[str], memory: Memory, side: Side) -> bool:
    """A rule ends when another in its place is allowed."""
    return bool(slot) and memory.slot == slot and not side.is_negative and not (topic and topic <= side.topic)
