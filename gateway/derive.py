"""What an exchange leaves behind: its memories, with the words they are found by and the episodes next to them.

Pure: the same exchange leaves the same memories, under the same ids. What is known already is of no concern here;
gateway/merge.py sees to that.
"""

from __future__ import annotations

import itertools
from collections.abc import Iterator, Mapping, Sequence

import msgspec

from gateway.ids import bare, memory_id
from gateway.kinds.base import Kind
from gateway.kinds.sentences import is_off_the_record
from gateway.memories import EPISODE, Memory, Origin, Span
from gateway.origins import AUTHORITIES, origins_of
from gateway.types import Exchange, Turn

MAX_TURNS = 500
"""Newest turns learnt of one exchange; one with more is no conversation, and the record has it whole."""

WINDOW_CHARS = 400
"""Of a neighbouring passage go into the key that a passage is found by."""

PASSAGES_BEFORE = 2

PASSAGE_WEIGHT = 2
"""Times the passage itself stands in its key: previous + 2 x turn + next found .70 of the evidence where the turn alone
found .63 (LoCoMo R@10, DESIGN section 7)."""

_SPEAKERS = ("user", "assistant")


class Passage(msgspec.Struct, frozen=True, kw_only=True):
    """A piece of a conversation, in its place."""

    turn: int
    """Index among the turns of the exchange, beginning with its context."""
    role: str
    origin: Origin
    text: str
    is_kept: bool
    """False for what is said around, and is no episode itself."""

    @property
    def id(self) -> str:
        """Of the episode: the same words of the same speaker are one, in whatever session they are said again."""
        return memory_id(EPISODE, self.role, bare(self.text))


class Derived(msgspec.Struct, frozen=True, kw_only=True):
    """What an exchange leaves behind."""

    exchange: Exchange
    episodes: tuple[Memory, ...] = ()
    """In the order in which they were said."""
    stated: tuple[tuple[Turn, tuple[Memory, ...]], ...] = ()
    """The turns in order, each with what it states that is pinned."""
    previous: Memory | None = None
    """The episode before these, as it is now that they follow it; an earlier exchange brought it."""

    @property
    def memories(self) -> list[Memory]:
        """Episodes and statements."""
        return [*self.episodes, *(memory for _, stated in self.stated for memory in stated)]


def derive(exchange: Exchange, kinds: Mapping[str, Kind], now: float) -> Derived:
    """What an exchange leaves behind. An exchange that the upstream refused leaves nothing: it will come again.

    Args:
        now: Unix seconds at which it is learnt.
    """
    if exchange.is_refused:
        return Derived(exchange=exchange)
    turns = [*exchange.context, *exchange.turns, *_answer(exchange)]
    taught = {name: kinds[name] for name in exchange.learns if name in kinds}  # a record may be older than the kinds
    start = max(len(exchange.context), len(turns) - MAX_TURNS)
    stated = tuple(_stated(exchange, [kind for kind in taught.values() if kind.is_pinned], turns, start, now))
    if EPISODE not in taught:
        return Derived(exchange=exchange, stated=stated)
    passages = list(_passages(turns, taught[EPISODE], max(0, start - PASSAGES_BEFORE - 1)))
    places = _kept(passages)
    old = sum(passages[place].turn < start for place in places)
    episodes = _chained([_episode(exchange, passages, place, now) for place in places], old)
    previous = episodes[old - 1] if 0 < old < len(episodes) else None
    return Derived(exchange=exchange, episodes=tuple(episodes[old:]), stated=stated, previous=previous)


def _stated(
    exchange: Exchange, kinds: Sequence[Kind], turns: Sequence[Turn], start: int, now: float
) -> Iterator[tuple[Turn, tuple[Memory, ...]]]:
    is_first = not exchange.context and start == 0
    for turn, origin in list(zip(turns, origins_of(turns), strict=True))[start:]:
        if turn.role in _SPEAKERS:
            able = kinds if origin in AUTHORITIES else ()
            found = [(kind, span) for kind in able for span in kind.find(turn, is_first=is_first)]
            yield turn, tuple(_statement(exchange, kind.name, span, turn.role, origin, now) for kind, span in found)
            is_first = is_first and turn.role != "user"


def piece(episode: Memory, text: str) -> Memory:
    """A part of an episode as an episode of its own, apart from one in which nothing else was said."""
    identifier = memory_id(EPISODE, episode.speaker, bare(text), episode.id)
    return msgspec.structs.replace(episode, id=identifier, text=text, key=text, tokens=0)


def _passages(turns: Sequence[Turn], kind: Kind, first: int) -> Iterator[Passage]:
    """What was said from a turn on; neither what is off the record, nor what answers it."""
    is_off = False
    for index, (turn, origin) in enumerate(zip(turns, origins_of(turns), strict=True)):
        is_off = is_off_the_record(turn.text) if turn.role == "user" else is_off
        if is_off or index < first or turn.role not in _SPEAKERS or not turn.text.strip():
            continue
        spans = kind.find(turn)
        for span in spans or (Span(text=turn.text.strip()[:WINDOW_CHARS]),):
            yield Passage(turn=index, role=turn.role, origin=origin, text=span.text, is_kept=bool(spans))


def _kept(passages: Sequence[Passage]) -> list[int]:
    """Places of the episodes; the same words said twice are one, where they were said last."""
    return sorted({passage.id: place for place, passage in enumerate(passages) if passage.is_kept}.values())


def _episode(exchange: Exchange, passages: Sequence[Passage], place: int, now: float) -> Memory:
    passage = passages[place]
    key = window_key([one.text for one in passages[: place + 2]], place)
    span = Span(text=passage.text)
    return _memory(exchange, EPISODE, span, passage.role, passage.origin, now, id=passage.id, key=key)


def _chained(episodes: Sequence[Memory], old: int) -> list[Memory]:
    """Each with the ids of the one before and the one after it; places are counted after the old ones."""
    ids = ["", *(episode.id for episode in episodes), ""]
    return [
        msgspec.structs.replace(episode, place=place - old, before=ids[place], after=ids[place + 2])
        for place, episode in enumerate(episodes)
    ]


def _statement(exchange: Exchange, kind: str, span: Span, role: str, origin: Origin, now: float) -> Memory:
    """A memory that is known by its words; one that holds in its session only, there only."""
    place = exchange.scope.session if span.reach == "session" else ""
    id = memory_id(kind, place, bare(span.text))
    return _memory(exchange, kind, span, role, origin, now, id=id, key=span.text)


def _memory(
    exchange: Exchange, kind: str, span: Span, role: str, origin: Origin, now: float, *, id: str, key: str
) -> Memory:
    return Memory(
        id=id,
        kind=kind,
        text=span.text,
        key=key,
        origin=origin,
        exchange=exchange.id,
        session=exchange.scope.session,
        at=exchange.at,
        recorded_at=now,
        speaker=role,
        reach=span.reach,
        slot=span.slot,
    )


def _answer(exchange: Exchange) -> tuple[Turn, ...]:
    """The assistant's turn; none when it gave several, because which of them the user saw is not known."""
    turns = exchange.reply.turns if exchange.reply is not None else ()
    return turns if len(turns) == 1 else ()


def window_key(texts: Sequence[str], place: int) -> str:
    """What a passage is found by: itself, the two before it, and the one after.

    Two before, because the one before is the assistant's: of "No, on the 5th" only the user's own turn before it says
    what is on the 5th.
    """
    before = (text[:WINDOW_CHARS] for text in texts[max(0, place - PASSAGES_BEFORE) : place])
    after = (text[:WINDOW_CHARS] for text in texts[place + 1 : place + 2])
    return "\n".join(itertools.chain(before, [texts[place]] * PASSAGE_WEIGHT, after))
