"""A test that failed passes, or one that passed fails, between two runs of a session.

What runners print is read in gateway/signals/runners.py. A test that fails when it is first seen is no change.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import msgspec

from gateway.experience import Grade, Signal
from gateway.signals.base import MAX_EVIDENCE_CHARS, Detector, Seen, answered, answered_before, signal, standing
from gateway.signals.calls import asked
from gateway.signals.outputs import output_of
from gateway.signals.runners import Ran, Report, report

MAX_CHANGES = 20
"""Told of one exchange: hundreds of tests change at once for one reason."""


class _Change(msgspec.Struct, frozen=True, kw_only=True):
    test: str
    before: Ran
    after: Ran


class TestChange:
    """See the module."""

    name = "test_change"
    version = 1
    grade: Grade = "A"

    def find(self, seen: Seen) -> Sequence[Signal]:
        """One for each test that changed, with its id as the key."""
        known = _Known()
        for one in answered_before(seen):
            run = report(output_of(one.result.text).printed)
            if run is not None:
                known.take(asked(one.call), run)
        found = []
        for one in answered(seen):
            run = report(output_of(one.result.text).printed)
            if run is not None:
                changes = known.take(asked(one.call), run)
                found += [self._signal(seen, one.call.name, one.result.text, change) for change in changes]
        return found[:MAX_CHANGES]

    def _signal(self, seen: Seen, tool: str, text: str, change: _Change) -> Signal:
        failed = change.before if change.after.is_passed else change.after
        return signal(
            self,
            seen,
            standing(change.after.line, text),
            is_good=change.after.is_passed,
            key=change.test,
            tool=tool,
            details={
                "test": change.test,
                "file": failed.file or change.after.file,
                "error": failed.error[:MAX_EVIDENCE_CHARS],
                "before": _state(change.before),
                "after": _state(change.after),
            },
        )


DETECTOR: Detector = TestChange()


class _Known:
    """What became of each test so far."""

    def __init__(self) -> None:
        self._last: dict[str, Ran] = {}
        self._failed: dict[str, set[str]] = {}
        """Tests that failed, by the call that ran them."""

    def take(self, call: str, run: Report) -> list[_Change]:
        """Take note of a run; what changed with it."""
        tests = {**dict(self._fixed(call, run)), **run.tests}
        known = ((test, self._last[test], ran) for test, ran in tests.items() if test in self._last)
        changes = [
            _Change(test=test, before=before, after=after)
            for test, before, after in known
            if before.is_passed != after.is_passed
        ]
        self._last.update(tests)
        self._failed.setdefault(call, set()).update(test for test, ran in tests.items() if not ran.is_passed)
        return changes

    def _fixed(self, call: str, run: Report) -> Iterator[tuple[str, Ran]]:
        """Tests that failed when the same was run, where now all have passed and none is named."""
        for test in sorted(self._failed.get(call, ())) if run.passed else ():
            yield test, Ran(is_passed=True, line=run.passed, file=self._last[test].file)


def _state(ran: Ran) -> str:
    return "passed" if ran.is_passed else "failed"
