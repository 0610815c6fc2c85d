"""What is learnt meets what is known: said again, it is counted; said otherwise, the older one ends; what ended is
struck out of the turns in which it was said, so that no old rule comes back as an old conversation.

Pure, and learning an exchange twice changes nothing: ids of exchanges sort by time, so each memory knows up to which of
them it has been counted.
"""

from __future__ import annotations

import functools
import re
from collections.abc import Callable, Collection, Iterable, Iterator, Sequence

import msgspec

from gateway.derive import Derived, piece
from gateway.kinds.sentences import sentences
from gateway.memories import EPISODE, Memory
from gateway.origins import lowest
from gateway.passages import standing, without
from gateway.revisions import bound, corrects, near_duplicate, revise
from gateway.telling import mention_of, telling
from gateway.types import Exchange, Turn

ENDING_TURNS = 8
"""Newest turns of an exchange that can end anything: a client says one at a time, and each is held against all."""

MAX_ENDED = 20
"""Statements of which one exchange strikes the traces."""

_SENTENCE = re.compile(r"[^.!?。！？\n]+[.!?。！？]*")


class Merger:
    """Takes what exchanges left behind, in their order, into what is known of one owner."""

    def __init__(self, known: Iterable[Memory], pinned: Collection[str]) -> None:
        """Prepare to merge.

        Args:
            known: every memory that may be met again: those of the same ids, and all that are pinned.
            pinned: names of the kinds whose memories hold until they end.
        """
        self._pinned = pinned
        self._table = {memory.id: memory for memory in known}
        self._before = dict(self._table)

    def take(self, derived: Derived) -> list[Memory]:
        """Take in one exchange; what ended by it, which is to be struck before the next is taken.

        Sentences of episodes that ended, or that held in this session only, are among it.
        """
        is_new = not self._is_taken(derived)
        for episode in derived.episodes:
            self._table[episode.id] = _episode(self._table.get(episode.id), episode)
        if is_new and derived.previous is not None:
            self._widen(derived.previous, derived.exchange)
        ended: dict[str, Memory] = {}
        last = len(derived.stated) - ENDING_TURNS
        for number, (turn, stated) in enumerate(derived.stated):
            fresh = [self._state(memory) for memory in stated]
            if is_new and number >= last:
                ended |= self._revise(turn, fresh, derived.exchange)
                ended |= _bound(turn, derived)
        gone = [memory for id, memory in ended.items() if self._table.get(id, memory).ended_at is not None]
        return gone[:MAX_ENDED]

    def meet(self, told: Iterable[Memory]) -> None:
        """Take note of episodes that what comes may correct."""
        for episode in told:
            self._table.setdefault(episode.id, episode)
            self._before.setdefault(episode.id, episode)

    def strike(self, ended: Iterable[Memory], told: Iterable[Memory]) -> None:
        """Strike what ended out of the episodes in which it was said, and out of the answers that took note of it.

        Args:
            told: episodes in which it may have been said or taken note of, beside those that were taken.
        """
        self.meet(told)
        for gone in ended:
            stating = _stating(gone)
            for episode in sorted(self._table.values(), key=_moment):
                if _is_reached(self._table[episode.id], gone):  # it may be struck by now, as an answer
                    self._strike(episode, list(stating(episode.text)), gone)

    def changed(self) -> list[Memory]:
        """All that differs from what was known."""
        return [memory for id, memory in self._table.items() if memory != self._before.get(id)]

    def _is_taken(self, derived: Derived) -> bool:
        """True for an exchange that is learnt again: what the user said in it has been counted, if they said anything.

        What it had to end it has ended. A second "never mind" would take back one statement more.
        """
        memories = [episode for episode in derived.episodes if episode.speaker == "user"] or derived.memories
        known = [self._table.get(memory.id) for memory in memories]
        if any(memory.ended_at == derived.exchange.at for memory in self._before.values()):
            return True
        return bool(known) and all(one is not None and _is_counted(one, derived.exchange.id) for one in known)

    def _state(self, memory: Memory) -> Memory:
        """The memory as it is now that it was said, under the id by which it is known already."""
        known = self._table.get(memory.id)
        if known is None or known.ended_at is not None:
            twin = near_duplicate(memory, [one for one in self._held(memory.session) if one.kind == memory.kind])
            known = known if twin is None else twin
        if known is not None and _is_counted(known, memory.exchange):
            return known
        stated = memory if known is None else _again(known, memory)
        self._table[stated.id] = stated
        return stated

    def _revise(self, turn: Turn, fresh: Sequence[Memory], exchange: Exchange) -> dict[str, Memory]:
        """End what a user's turn ends, by id. What was said later than the turn is beyond its reach."""
        session = exchange.scope.session
        held = {memory.id: memory for memory in self._held(session) if _latest(memory) <= exchange.id}
        said = self._said(turn, exchange) if corrects(turn) else {}
        ended = {
            id: msgspec.structs.replace((held | said)[id], ended_at=exchange.at, ended_by=by, tokens=0)
            for id, by in revise(turn, fresh, [*held.values(), *said.values()], session=session).items()
        }
        self._table.update((id, gone) for id, gone in ended.items() if id in held)
        return ended

    def _said(self, turn: Turn, exchange: Exchange) -> dict[str, Memory]:
        """Sentences that the user said before this turn and that are held by no statement."""
        held = {memory.text for memory in self._held(exchange.scope.session)}
        return {
            sentence.id: sentence
            for episode in self._table.values()
            if episode.kind == EPISODE and episode.speaker == "user" and episode.ended_at is None
            if _latest(episode) <= exchange.id and episode.text not in turn.text
            for sentence in _sentences(episode)
            if sentence.text not in held
        }

    def _held(self, session: str) -> list[Memory]:
        """What holds in a session now, newest first."""
        held = (
            memory
            for memory in self._table.values()
            if memory.kind in self._pinned
            and memory.ended_at is None
            and (memory.reach == "user" or memory.session == session)
        )
        return sorted(held, key=lambda memory: (memory.at, _latest(memory), memory.id), reverse=True)

    def _widen(self, previous: Memory, exchange: Exchange) -> None:
        known = self._table.get(previous.id)
        if known is not None and known.session == previous.session and not _is_counted(known, exchange.id):
            self._table[known.id] = msgspec.structs.replace(known, key=previous.key, after=previous.after)

    def _strike(self, episode: Memory, stated: Sequence[str], gone: Memory) -> None:
        if not stated:
            return
        self._cut(episode, stated, gone)
        for answer in self._answers(episode):
            if _is_reached(answer, gone):
                self._cut(answer, list(_noting(answer.text, gone)), gone)

    def _answers(self, episode: Memory) -> list[Memory]:
        """What the assistant said next to what the user said: an episode, or the pieces that are left of one."""
        answer = self._table.get(episode.after)
        if answer is None or (episode.speaker, answer.speaker) != ("user", "assistant"):
            return []
        return [one for one in self._table.values() if (one.exchange, one.place) == (answer.exchange, answer.place)]

    def _cut(self, episode: Memory, struck: Sequence[str], gone: Memory) -> None:
        """What is left of an episode takes its place in pieces."""
        if not struck:
            return
        self._table[episode.id] = msgspec.structs.replace(episode, ended_at=gone.ended_at, ended_by=gone.ended_by)
        for text in without(episode.text, struck):
            part = piece(episode, text)
            self._table[part.id] = part


def _latest(memory: Memory) -> str:
    """The exchange in which it was said last."""
    return memory.last or memory.exchange


def _is_counted(known: Memory, exchange: str) -> bool:
    """True when this exchange, or a later one, has been taken into the memory."""
    return exchange <= _latest(known)


def _moment(memory: Memory) -> tuple[str, int, str]:
    return _latest(memory), memory.place, memory.id


def _is_reached(episode: Memory, gone: Memory) -> bool:
    """Whether what ended may be struck out of it: what held in one session is left in others."""
    is_near = gone.reach == "user" or gone.session == episode.session
    return episode.kind == EPISODE and episode.ended_at is None and is_near


def _again(known: Memory, said: Memory) -> Memory:
    """A statement that was made before, made once more; what had ended holds again."""
    return msgspec.structs.replace(
        known,
        at=said.at,
        last=said.exchange,
        count=known.count + 1,
        ended_at=None,
        ended_by="",
        tokens=0 if known.ended_at else known.tokens,
        slot=known.slot or said.slot,
    )


def _episode(known: Memory | None, said: Memory) -> Memory:
    """An episode moves to where its words were said last; its origin is the lowest of those it was said with."""
    if known is None:
        return said
    if _is_counted(known, said.exchange):
        return known
    origin = lowest((known.origin, said.origin))
    return msgspec.structs.replace(
        said,
        origin=origin,
        count=known.count + 1,
        last=said.exchange,
        recorded_at=known.recorded_at,
        is_pinned=known.is_pinned,
    )


@functools.lru_cache(maxsize=256)
def _read(text: str) -> tuple[str, ...]:
    return tuple(sentences(text))


def _sentences(episode: Memory) -> Iterator[Memory]:
    """What is said in an episode, sentence by sentence."""
    for number, text in enumerate(_read(episode.text)):
        yield msgspec.structs.replace(episode, id=f"{episode.id}/{number}", text=text, key=text)


def _bound(turn: Turn, derived: Derived) -> dict[str, Memory]:
    """What a turn asks for in its session only; it has no place in a conversation that is told in another."""
    narrow = frozenset(bound(turn))
    return {
        sentence.id: msgspec.structs.replace(sentence, reach="session", ended_at=derived.exchange.at)
        for episode in derived.episodes
        if narrow and episode.speaker == "user"
        for sentence in _sentences(episode)
        if sentence.text in narrow
    }


def _stating(gone: Memory) -> Callable[[str], Iterator[str]]:
    """Finds what of a text states what ended: its very words, and sentences that say the same in the same."""
    verbatim, mentions = standing((gone.text,)), mention_of(telling(gone.text))

    def stating(text: str) -> Iterator[str]:
        if verbatim.search(text):
            yield gone.text
        if mentions(text):
            for sentence in _read(text):
                if near_duplicate(msgspec.structs.replace(gone, text=sentence), (gone,)) is not None:
                    yield sentence

    return stating


def _noting(answer: str, gone: Memory) -> Iterator[str]:
    """Sentences of an answer that take up what ended."""
    told = telling(gone.text)
    for match in _SENTENCE.finditer(answer):
        if told & telling(match[0]):
            yield match[0].strip()
