"""Lines within a budget: how many are taken, and how they stand in a block.

What a line says is decided by gateway/kinds/; which are offered, and in what order, by gateway/compose.py.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence

import msgspec

from gateway.fence import indented
from gateway.kinds.base import Kind
from gateway.memories import EPISODE, TAUGHT, Memory
from gateway.policy import Budget
from gateway.ports import TokenCounter
from gateway.types import Note

STANDARD_MODEL = "gpt-4o"
"""Lines are counted once, with this model's vocabulary; what goes upstream is counted again for the model in use."""

LINE_TOKENS = 2
"""Of a line besides its text: the bullet, the line break, and the indent where there is one more inside it."""

GROUP_TOKENS = 11
"""Of a group besides its lines: the date and the session before them."""

BLOCK_TOKENS = 76
"""Of a block besides its lines: two tags with their nonce, and the preamble.

Like the other two an upper bound by OpenAI's vocabularies; what is inserted is counted before it is used.
"""


def counted(memory: Memory, kinds: Mapping[str, Kind], counter: TokenCounter) -> Memory:
    """A memory with the tokens of its line, which are counted when it is written."""
    if memory.tokens:
        return memory
    line = kinds[memory.kind].line(memory)
    return msgspec.structs.replace(memory, tokens=counter.count(line, STANDARD_MODEL))


class Line(msgspec.Struct, frozen=True, kw_only=True, gc=False):
    """A rendered memory and the slot it is meant for."""

    memory: Memory
    kind: Kind
    text: str
    group: str
    """What stands before it and the other lines of its group; empty for none."""
    where: str
    tokens: int

    @property
    def is_rule(self) -> bool:
        """Whether it stands among the rules; one that was taken back is none."""
        return self.kind.is_rule and self.memory.ended_at is None


class Filling:
    """Lines taken so far, in lane order; what a lane leaves unspent is there for the next."""

    def __init__(self, allowance: int, budget: Budget, noted: Iterable[Note]) -> None:
        """`noted` is what the model sees already, which its lanes have paid for."""
        self.lines: list[Line] = []
        self._left = allowance
        self._lanes = Counter(budget.lanes)
        for note in noted:
            self._lanes.subtract(note.lane_tokens)
        self._opened: set[tuple[str, bool | str]] = set()

    def fits(self, line: Line) -> bool:
        """Whether its lane and the whole have room for the line."""
        return self._cost(line) <= self._left and line.tokens <= self._lanes[line.kind.name]

    def take(self, line: Line) -> bool:
        """Take the line if there is room for it."""
        if not self.fits(line):
            return False
        self._left -= self._cost(line)
        self._lanes[line.kind.name] -= line.tokens
        self._opened.update(_opens(line))
        self.lines.append(line)
        return True

    def _cost(self, line: Line) -> int:
        return line.tokens + sum(tokens for what, tokens in _opens(line).items() if what not in self._opened)


def _opens(line: Line) -> dict[tuple[str, bool | str], int]:
    """What stands around a line, once for all that share it, and its tokens."""
    opens: dict[tuple[str, bool | str], int] = {(line.where, line.is_rule): BLOCK_TOKENS}
    return opens | ({(line.where, line.group): GROUP_TOKENS} if line.group else {})


def in_order(lines: Iterable[Line]) -> list[Line]:
    """Statements, then what was learnt from what happened, then what was said in talk; each oldest first, since of two
    that differ the later one holds."""
    return sorted(lines, key=lambda line: (_part(line.memory), line.memory.at, line.memory.place, line.memory.id))


def _part(memory: Memory) -> int:
    return (memory.kind in TAUGHT) + 2 * (memory.kind == EPISODE)


def bullets(lines: Sequence[Line]) -> list[str]:
    """One bullet a line, and one for all lines of a group, where its first would stand.

    In a group each line has a line of the bullet to itself and what its text goes on with stands further in, so that
    nothing that was said can look as if somebody else had said it.
    """
    grouped: dict[tuple[str, int], list[str]] = {}
    for number, line in enumerate(lines):
        if line.group:
            grouped.setdefault((f"{line.group} ", 0), []).append(indented(line.text))
        else:
            grouped["", number] = [line.text]
    return [name + "\n".join(texts) for (name, _), texts in grouped.items()]


def lane_tokens(lines: Iterable[Line]) -> Mapping[str, int]:
    """What the lines cost each lane."""
    tokens: Counter[str] = Counter()
    for line in lines:
        tokens[line.kind.name] += line.tokens
    return dict(tokens)
