"""What is said to the model, and where: lanes filled within the budget, and the session's ledger of notes.

The ledger only grows. A note once placed at a message is placed there again, byte for byte, as long as the message is
in the request, and a decision to add nothing is kept as well; so a request stays a prefix of the next one and the
provider's prompt cache keeps hitting (promise P5). Stable lanes go after the client's own system text, once; what
becomes known or relevant later goes to the newest user message.

Pure code: no I/O, no clock. `Composer.compose` may count tokens, which takes about half a millisecond per thousand.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence

import msgspec

from gateway.anchors import HEAD
from gateway.fence import NOTES, RULES, SEPARATOR, Fence
from gateway.filling import LINE_TOKENS, Filling, Line, bullets, in_order, lane_tokens
from gateway.kinds.base import Grouping, Kind
from gateway.memories import Memory, Ranked, Recalled
from gateway.policy import Place, Policy
from gateway.ports import TokenCounter
from gateway.shapes.base import Shape
from gateway.stages import Timing, untimed
from gateway.templates import is_label
from gateway.types import Call, Considered, Note, Outcome, Session, Slot
from gateway.verbatim import Spoken

WITHHELD = "withheld"
"""Of a lesson that is called for, and not told this time, to see what it is worth."""

DEFAULT_OUTPUT_TOKENS = 1_024
"""Kept free for the answer when the client names no limit."""

SURELY = 2
"""A prompt has at least this part of its estimate: by that what was told stays, as a provider's cache hangs on it."""


class Prompt(msgspec.Struct, frozen=True, kw_only=True):
    """A request as it goes upstream."""

    body: bytes
    added: tuple[Note, ...] = ()
    """New entries for the session's ledger."""
    outcome: Outcome
    considered: tuple[Considered, ...] = ()
    placed: tuple[Note, ...] = ()
    """All notes in it."""
    told: tuple[str, ...] = ()
    """See `Exchange.told`."""
    rules: tuple[Memory, ...] = ()
    """Constraints that hold, told or not."""


def open_slots(call: Call, session: Session, place: Place) -> tuple[Slot | None, Slot | None]:
    """The head and the newest user message, where the session has not yet decided what to add there."""
    head = next((slot for slot in call.slots if slot.is_head), None) if place.head else None
    turn = next((slot for slot in reversed(call.slots) if not slot.is_head), None) if place.turn else None
    return (_undecided(head, session), _undecided(turn, session))


def _undecided(slot: Slot | None, session: Session) -> Slot | None:
    return None if slot is None or slot.where in session.ledger else slot


class _Offers:
    """What decides on candidates for one call: the open slots, and what the session has said already."""

    def __init__(
        self,
        call: Call,
        head: Slot | None,
        turn: Slot | None,
        filling: Filling,
        replayed: Sequence[Note],
        session: str,
    ) -> None:
        self.call = call
        self._spoken = Spoken([turn.text for turn in call.turns])
        self._session = session
        self.filling = filling
        self._head = head
        self._turn = turn
        self._replayed = replayed
        self._noted = {memory for note in replayed for memory in note.memories}
        self._pinned: list[str] = []
        self.draws: dict[str, float] = {}
        """See `Note.draws`."""
        self.withheld: set[str] = set()
        self.echoes: list[str] = []
        """See `Note.echoes`."""

    def slot(self, memory: Memory, kind: Kind, *, is_echo: bool = False) -> Slot | None:
        """Where a memory goes now: stable lanes into the head, while it is open; what held once is no part of them."""
        is_stable = (kind.is_pinned or memory.is_pinned) and memory.ended_at is None and not is_echo
        return (self._head or self._turn) if is_stable else self._turn

    def objection(self, memory: Memory) -> str:
        """Why the memory need not be said; empty when it may."""
        if self._is_noted(memory):
            return "already-noted"
        if self._spoken.holds(memory.text) or (self.call.is_continued and memory.session == self._session):
            return "in-context"
        return "told" if self._is_told(memory) else ""

    def settle(self, candidate: Ranked, decision: str, *, is_echo: bool) -> None:
        """Take note of what the note will say of a candidate besides its line."""
        if is_echo and decision == "injected":
            self.echoes.append(candidate.memory.id)
        if candidate.propensity is not None and decision in ("injected", WITHHELD) and self._turn is not None:
            self.draws[candidate.memory.id] = candidate.propensity
        if decision == WITHHELD:
            self.withheld.add(candidate.memory.id)

    def pin(self, memory: Memory) -> None:
        """Take note of a pinned memory that is told now, or was earlier in the session."""
        self._pinned.append(memory.text)

    def _is_noted(self, memory: Memory) -> bool:
        """True when a note says it already; a label is said again where other items are nearer now."""
        if memory.id not in self._noted:
            return False
        return not is_label(memory) or any(memory.text in note.text for note in self._replayed)

    def _is_told(self, memory: Memory) -> bool:
        """True when pinned lines already say all of it, word for word."""
        rest = memory.text
        for text in self._pinned:
            rest = rest.replace(text, "")
        return rest != memory.text and not any(letter.isalnum() for letter in rest)


class Composer:
    """Writes notes into requests."""

    def __init__(self, kinds: Mapping[str, Kind], counter: TokenCounter, fence: Fence, time: Timing = untimed) -> None:
        self._kinds = dict(sorted(kinds.items(), key=lambda item: item[1].order))
        self._groups = {name: kind.group for name, kind in kinds.items() if isinstance(kind, Grouping)}
        self._rules = {name for name, kind in kinds.items() if kind.is_rule}
        self._counter = counter
        self._fence = fence
        self._time = time

    def compose(self, shape: Shape, call: Call, session: Session, recalled: Recalled, policy: Policy) -> Prompt:
        """The request with earlier notes in their places and new ones where there is something to say."""
        replayed = _replayed(call, session)
        kept = _kept(call, session)
        spent = _tokens(replayed)
        free = self._free(call, call.prompt_tokens)
        if spent > max(self._free(call, call.prompt_tokens // SURELY), 0):
            return Prompt(body=call.body, outcome=Outcome(status="empty", reason="window"))
        head, turn = open_slots(call, session, policy.place)
        allowance = min(policy.budget.tokens, int(policy.budget.window_share * free)) - spent - _tokens(kept)
        filling = Filling(allowance, policy.budget, [*replayed, *kept])
        offers = _Offers(call, head, turn, filling, [*replayed, *kept], session.scope.session)
        echoed = [Ranked(memory=memory, scores={}, score=1.0) for memory in recalled.echoes]
        considered = [self._offer(candidate, offers, is_echo=True) for candidate in echoed]
        considered += [self._offer(candidate, offers) for candidate in self._candidates(recalled)]
        lacks_room = allowance <= 0 and any(entry.decision == "budget" for entry in considered)
        slots = [slot for slot in (head, turn) if slot is not None]
        added = self._write(call.model, session, filling.lines, allowance, slots)
        added = [_settled_note(note, turn, offers) for note in added]
        placed = [*replayed, *added]
        with self._time("place"):
            body = shape.place(call, placed)
        return Prompt(
            body=body,
            added=tuple(added),
            outcome=_outcome(placed, reason="window" if lacks_room else ""),
            considered=tuple(_settled(considered, added)),
            placed=tuple(placed),
            told=tuple(dict.fromkeys(memory for note in (*kept, *placed) for memory in note.memories)),
            rules=tuple(memory for memory in recalled.pinned if memory.kind in self._rules),
        )

    def _free(self, call: Call, prompt_tokens: int) -> int:
        """Tokens of the model's window that neither the prompt nor the answer needs."""
        answer = call.max_output_tokens or DEFAULT_OUTPUT_TOKENS
        evident = call.prompt_tokens + 2 * answer  # whoever asks for so long an answer knows of room for it
        return self._counter.window(call.model, needed=evident) - prompt_tokens - answer

    def _candidates(self, recalled: Recalled) -> Iterator[Ranked]:
        """Everything recalled, lane by lane."""
        pinned = [Ranked(memory=memory, scores={}, score=1.0) for memory in recalled.pinned]
        for name in self._kinds:
            yield from (candidate for candidate in (*pinned, *recalled.hits) if candidate.memory.kind == name)

    def _offer(self, candidate: Ranked, offers: _Offers, *, is_echo: bool = False) -> Considered:
        """Take a candidate into the filling, or say why not.

        Args:
            is_echo: whether it is to be said although it was said before.
        """
        memory, kind = candidate.memory, self._kinds[candidate.memory.kind]
        text = kind.line(memory)
        tokens = (memory.tokens or self._counter.count(text, offers.call.model)) + LINE_TOKENS
        is_withheld = candidate.skipped == WITHHELD  # if it would have been told: else nothing was tried
        decision = "" if is_withheld else candidate.skipped
        decision = decision or ("" if is_echo else offers.objection(memory))
        slot = offers.slot(memory, kind, is_echo=is_echo)
        if not decision and slot is None:
            decision = "no-place"
        elif not decision and slot is not None:
            group = self._groups[kind.name](memory) if kind.name in self._groups else ""
            line = Line(memory=memory, kind=kind, text=text, group=group, where=slot.where, tokens=tokens)
            fits = offers.filling.fits(line) if is_withheld else offers.filling.take(line)
            decision = (WITHHELD if is_withheld else "injected") if fits else "budget"
        offers.settle(candidate, decision, is_echo=is_echo)
        if (kind.is_pinned or memory.is_pinned) and decision in ("already-noted", "injected"):
            offers.pin(memory)
        return Considered(
            memory=memory.id,
            lane=kind.name,
            text=text,
            scores=candidate.scores,
            score=candidate.score,
            tokens=tokens,
            decision=decision,
        )

    def _write(
        self, model: str, session: Session, lines: list[Line], allowance: int, slots: Sequence[Slot]
    ) -> list[Note]:
        """A note for each open slot, counted exactly; the last lines go while it is too much."""
        while True:
            notes = [
                self._note(model, session, slot, [line for line in lines if line.where == slot.where]) for slot in slots
            ]
            total = sum(note.tokens for note in notes)
            if not lines or total <= allowance:
                return notes
            lines = lines[: min(len(lines) - 1, len(lines) * max(allowance, 0) // total)]

    def _note(self, model: str, session: Session, slot: Slot, taken: Sequence[Line]) -> Note:
        lines = in_order(taken)
        nonce = self._fence.nonce(session.scope.owner + session.scope.session)
        rules = self._fence.block(RULES, nonce, bullets([line for line in lines if line.is_rule]))
        notes = self._fence.block(NOTES, nonce, bullets([line for line in lines if not line.is_rule]))
        text = SEPARATOR.join(block for block in (rules, notes) if block)
        return Note(
            where=slot.where,
            text=text,
            tokens=self._counter.count(SEPARATOR + text, model) if text else 0,
            memories=tuple(line.memory.id for line in lines),
            lanes=dict(Counter(line.kind.name for line in lines)),
            lane_tokens=lane_tokens(lines),
        )


def _settled_note(note: Note, turn: Slot | None, offers: _Offers) -> Note:
    """The note at the newest user message with what was drawn for and said once more there."""
    if turn is None or note.where != turn.where:
        return note
    echoes = tuple(memory for memory in offers.echoes if memory in note.memories)
    drawn = offers.withheld.union(note.memories)  # lines that went because it was too much were not tried either
    draws = {id: propensity for id, propensity in offers.draws.items() if id in drawn}
    return msgspec.structs.replace(note, draws=draws, echoes=echoes)


def _replayed(call: Call, session: Session) -> list[Note]:
    return [session.ledger[slot.where] for slot in call.slots if slot.where in session.ledger]


def _kept(call: Call, session: Session) -> list[Note]:
    """Notes that the upstream keeps with the conversation it continues: the model sees them, though they are not here.

    What stood in a head has to be sent with every request, and is not kept.
    """
    if not call.is_continued:
        return []
    present = {slot.where for slot in call.slots}
    return [note for where, note in session.ledger.items() if where not in present and not where.startswith(HEAD)]


def _tokens(notes: Sequence[Note]) -> int:
    return sum(note.tokens for note in notes)


def _outcome(placed: Sequence[Note], reason: str) -> Outcome:
    lanes: Counter[str] = Counter()
    for note in placed:
        lanes.update(note.lanes)
    count = sum(lanes.values())
    return Outcome(
        status="hit" if count else "empty",
        notes=count,
        tokens=_tokens(placed),
        lanes=dict(lanes),
        reason="" if count else reason,
    )


def _settled(considered: Sequence[Considered], added: Sequence[Note]) -> Iterator[Considered]:
    """Lines that were taken and then went because the exact count was too high are over budget after all."""
    injected = {memory for note in added for memory in note.memories}
    for entry in considered:
        is_dropped = entry.decision == "injected" and entry.memory not in injected
        yield msgspec.structs.replace(entry, decision="budget") if is_dropped else entry
