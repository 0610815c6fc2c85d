"""A tool answered with an error. What is one, and whose fault it is, is said in gateway/signals/errors.py."""

from __future__ import annotations

from collections.abc import Sequence

from gateway.experience import Grade, Signal
from gateway.signals.base import MAX_EVIDENCE_CHARS, Answered, Detector, Seen, answered, signal
from gateway.signals.errors import Failure, failure


class ToolError:
    """See the module."""

    name = "tool_error"
    version = 2
    grade: Grade = "A"

    def find(self, seen: Seen) -> Sequence[Signal]:
        """One for each result that is an error; its key is `tool|signature`."""
        failed = ((one, failure(one.call, one.result.text, is_marked=one.result.is_error)) for one in answered(seen))
        return [self._signal(seen, one, error) for one, error in failed if error is not None]

    def _signal(self, seen: Seen, one: Answered, error: Failure) -> Signal:
        tool = one.call.name
        return signal(
            self,
            seen,
            error.line,
            is_good=False,
            key=f"{tool}|{error.signature}",
            tool=tool,
            is_environment=error.is_environment,
            details={"tool": tool, "arguments": one.call.arguments[:MAX_EVIDENCE_CHARS], "error": error.line},
        )


DETECTOR: Detector = ToolError()
