"""The same call again and again with the same result: a loop, or two calls that alternate.

Only what nothing has changed in between counts: a test that is run again after an edit is no loop, and neither is a
call that brings something new each time.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import msgspec

from gateway.experience import Grade, Signal
from gateway.signals.base import MAX_EVIDENCE_CHARS, Answered, Detector, Seen, answered, answered_before, signal
from gateway.signals.calls import asked, is_reading
from gateway.signals.errors import failure

REPEATS = 3
"""Calls that make a loop: who does a thing twice may want to be sure."""

OSCILLATION = 4
"""Calls that make two of them alternate: A, B, A, B."""


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
    version = 1
    grade: Grade = "B"

    def find(self, seen: Seen) -> Sequence[Signal]:
        """One when a loop is complete, and not again while it goes on; its key is `tool|repeat` or `|oscillation`."""
        steps = [_step(one) for one in answered_before(seen)]
        found = []
        for one in answered(seen):
            steps.append(_step(one))
            found += [self._signal(seen, one, shape, times) for shape, times in _loops(steps)]
        return found

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
    error = failure(one.call, one.result.text)
    return _Step(
        asked=asked(one.call),
        result=one.result.text if error is None else error.signature,
        is_change=error is None and not is_reading(one.call),
    )


def _loops(steps: Sequence[_Step]) -> Iterator[tuple[str, int]]:
    """The loops that the last step completes, by shape and number of calls."""
    if _repeats(steps) == REPEATS:
        yield "repeat", REPEATS
    if _alternates(steps) and not _alternates(steps[:-1]):
        yield "oscillation", OSCILLATION


def _repeats(steps: Sequence[_Step]) -> int:
    """How often the last step was taken since something changed."""
    last, count = steps[-1], 0
    for step in reversed(steps):
        if step == last:
            count += 1
        elif step.is_change or step.asked == last.asked:
            break
    return count


def _alternates(steps: Sequence[_Step]) -> bool:
    last = steps[-OSCILLATION:]
    return len(last) == OSCILLATION and last[0] == last[2] != last[1] == last[3] and last[0].asked != last[1].asked
