"""The same call again and again with the same result: a loop, or two calls that alternate.

Only what nothing has changed in between counts: a test that is run again after an edit is no loop, and neither is a
call that brings something new each time.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable, Iterator, Sequence

import msgspec

from gateway.experience import Grade, Signal
from gateway.signals.base import MAX_EVIDENCE_CHARS, Answered, Detector, Seen, answered, answered_before, signal
from gateway.signals.calls import asked, is_reading
from gateway.signals.errors import failure

REPEATS = 3
"""Calls that make a loop: who does a thing twice may want to be sure."""

OSCILLATION = 4
"""Calls that make two of them alternate: A, B, A, B."""


MAX_CALLS = 500
"""Newest calls of a session that are looked at; a loop is near."""


class _Step(msgspec.Struct, frozen=True, kw_only=True):
    """A call with what came of it."""

    asked: str
    result: str
    """The signature of an error, which may name another time each time; else the result itself."""
    is_change: bool
    """True when it succeeded and may have changed something."""


class RepeatedCall:
    """See the module."""

    name = "repeated_call"
    version = 2
    grade: Grade = "B"

    def find(self, seen: Seen) -> Sequence[Signal]:
        """One when a loop is complete, and not again while it goes on; its key is `tool|repeat` or `|oscillation`."""
        calls = [*answered_before(seen), *answered(seen)][-MAX_CALLS:]
        return [
            self._signal(seen, one, shape, times)
            for one, loops in zip(calls, _loops(map(_step, calls)), strict=True)
            if one.exchange is seen.exchange
            for shape, times in loops
        ]

    def _signal(self, seen: Seen, one: Answered, shape: str, times: int) -> Signal:
        call = one.call
        arguments = call.arguments[:MAX_EVIDENCE_CHARS]
        return signal(
            self,
            seen,
            arguments or call.name,
            is_good=False,
            key=f"{call.name}|{shape}",
            tool=call.name,
            details={"tool": call.name, "arguments": arguments, "times": str(times), "shape": shape},
        )


DETECTOR: Detector = RepeatedCall()


def _step(one: Answered) -> _Step:
    error = failure(one.call, one.result.text, is_marked=one.result.is_error)
    return _Step(
        asked=asked(one.call),
        result=one.result.text if error is None else error.signature,
        is_change=error is None and not is_reading(one.call),
    )


def _loops(steps: Iterable[_Step]) -> Iterator[Sequence[tuple[str, int]]]:
    """For each step the loops that it completes, by shape and number of calls."""
    runs: dict[str, tuple[_Step, int]] = {}
    """By what is asked: the last step that asked it, and how often it was taken since something changed."""
    last: deque[_Step] = deque(maxlen=OSCILLATION)
    was_alternating = False
    for step in steps:
        before, times = runs.get(step.asked, (step, 0))
        times = times + 1 if before == step else 1
        if step.is_change:
            runs.clear()
        runs[step.asked] = step, times
        last.append(step)
        is_alternating = _alternates(last)
        yield [
            *([("repeat", REPEATS)] if times == REPEATS else ()),
            *([("oscillation", OSCILLATION)] if is_alternating and not was_alternating else ()),
        ]
        was_alternating = is_alternating


def _alternates(last: Sequence[_Step]) -> bool:
    return len(last) == OSCILLATION and last[0] == last[2] != last[1] == last[3] and last[0].asked != last[1].asked
