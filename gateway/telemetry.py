"""Counters and logs: what happened, in numbers and in one line each, never with a body or a user's words.

No label names a user or a session: that would be a list of them.
"""

from __future__ import annotations

import contextlib
import logging
import sys
from collections.abc import Callable, Mapping

import structlog
from prometheus_client import CollectorRegistry, Counter, Gauge, generate_latest

CONTENT_TYPE = "text/plain; version=0.0.4; charset=utf-8"


SHARED = {
    "lag": "Exchanges that wait to be learnt in the partitions held.",
    "partitions": "Partitions that this gateway learns.",
    "journal_degraded": "1 while what goes on record does not get to the other gateways.",
}
"""Where gateways share a record, what is shown of it."""


class Telemetry:
    """The counters of one gateway."""

    def __init__(self) -> None:
        self._registry = CollectorRegistry()
        self._calls = self._counter("calls", "Calls that memory could have augmented, by what it did.", "memory")
        self._tokens = self._counter("note_tokens", "Tokens of notes in requests, replayed ones included.")
        self._passed = self._counter("passed_through", "Requests passed through unread.")
        self._failures = self._counter("memory_failures", "Recalls that did not come about, by cause.", "cause")
        self._opened = self._counter("breaker_opened", "Times that a dependency was left alone.", "dependency")
        self._breakers = Gauge(
            "accrue_breaker_open", "1 while a dependency is left alone.", ["dependency"], registry=self._registry
        )
        self._received = self._counter("received", "Requests and WebSocket calls that came in.")
        self._recorded = self._counter("recorded", "Of these, those on record.")
        self._unrecorded = self._counter("unrecorded", "Of these, those that went through without, by why.", "reason")
        self._refused = self._counter("refused", "Of these, those that were answered by us, by status.", "status")
        self._late = self._counter("late", "Answers let go before their record, which came later or is unrecorded.")
        self._unclean = self._counter("unclean", "Records kept without a word of what was said, by a fault of ours.")
        self._tasks = Gauge("accrue_tasks", "Tasks of the event loop when it was asked.", registry=self._registry)
        self._distilled = self._counter("distilled", "Sessions meant for the distilling model, by outcome.", "outcome")
        self._distil_tokens = self._counter("distil_tokens", "Tokens that the distilling model has cost.")
        self._facts = self._counter("distilled_facts", "Facts that the distilling model named, by outcome.", "outcome")
        self._signals = self._counter("signals", "Signals that were seen, by detector and how it went.", "name", "went")
        self._lessons = self._counter("lessons", "Steps that lessons took, by action.", "action")

    def share(self, values: Mapping[str, Callable[[], float]]) -> None:
        """Show what gateways share, by the names of `SHARED`, as it is when somebody asks."""
        for name, value in values.items():
            Gauge(f"accrue_{name}", SHARED[name], registry=self._registry).set_function(value)

    def called(self, memory: str, tokens: int) -> None:
        """A call was augmented, or would have been."""
        self._calls.labels(memory).inc()
        self._tokens.inc(tokens)

    def passed(self) -> None:
        """A request went through unread."""
        self._passed.inc()

    def failed(self, cause: str) -> None:
        """Recall did not come about; the call went on without it."""
        self._failures.labels(cause).inc()

    def breaker(self, dependency: str, is_open: bool) -> None:
        """A dependency is left alone from now on, or not any more."""
        self._breakers.labels(dependency).set(is_open)
        self._opened.labels(dependency).inc(is_open)

    def received(self) -> None:
        """A call has come in."""
        self._received.inc()

    def recorded(self) -> None:
        """It is on record."""
        self._recorded.inc()

    def refused(self, status: int) -> None:
        """It was answered by us."""
        self._refused.labels(str(status)).inc()

    def late(self) -> None:
        """An answer was let go before its record."""
        self._late.inc()

    def unclean(self) -> None:
        """What was said in an exchange could not be cleaned, and is not kept."""
        self._unclean.inc()

    def unrecorded(self, reason: str) -> None:
        """It went through without a record."""
        self._unrecorded.labels(reason).inc()

    def distilled(self, outcome: str) -> None:
        """A session's turn came, or will not."""
        self._distilled.labels(outcome).inc()

    def distil_cost(self, tokens: int) -> None:
        """The distilling model was asked."""
        self._distil_tokens.inc(tokens)

    def facts(self, outcome: str, count: int) -> None:
        """A model named facts."""
        self._facts.labels(outcome).inc(count)

    def signal(self, name: str, *, is_good: bool | None) -> None:
        """A detector saw something."""
        self._signals.labels(name, {True: "right", False: "wrong", None: "neither"}[is_good]).inc()

    def lesson(self, action: str) -> None:
        """A lesson was added, confirmed, retired."""
        self._lessons.labels(action.lower()).inc()

    def tasks(self, count: int) -> None:
        """So many tasks are under way in the event loop."""
        self._tasks.set(count)

    def render(self) -> bytes:
        """All counters in Prometheus' text format."""
        return generate_latest(self._registry)

    def _counter(self, name: str, meaning: str, *labels: str) -> Counter:
        return Counter(f"accrue_{name}", meaning, labels, registry=self._registry)


def configure_logs(level: str, log_format: str) -> None:
    """Send logs to standard error, as JSON lines or for a console: ours, and warnings of the libraries we use.

    Tracebacks show lines of code and never the values of variables, which may be a user's words.
    """
    least = logging.getLevelNamesMapping()[level.upper()]
    context: list[structlog.typing.Processor] = [
        structlog.contextvars.merge_contextvars,
        structlog.processors.add_log_level,
        structlog.processors.TimeStamper(fmt="iso", utc=True),
        structlog.processors.format_exc_info,
    ]
    renderer = _renderer(log_format)
    structlog.configure(
        processors=[*context, renderer],
        wrapper_class=structlog.make_filtering_bound_logger(least),
        logger_factory=_log_to_stderr,
        cache_logger_on_first_use=False,
    )
    libraries = logging.StreamHandler(sys.stderr)
    libraries.setLevel(max(least, logging.WARNING))
    named = [structlog.stdlib.add_logger_name, *context]
    render = [structlog.stdlib.ProcessorFormatter.remove_processors_meta, renderer]
    libraries.setFormatter(structlog.stdlib.ProcessorFormatter(processors=render, foreign_pre_chain=named))
    # By force: a library that was imported before has set up a handler of its own (`import wordllama` does).
    logging.basicConfig(handlers=[libraries], level=libraries.level, force=True)
    logging.captureWarnings(True)


class _Log:
    """Writes lines to standard error. One that cannot be written is lost: a full disk is no reason to fail a call."""

    def msg(self, line: str) -> None:
        """Write one line."""
        with contextlib.suppress(OSError, ValueError):
            print(line, file=sys.stderr, flush=True)

    debug = info = warning = error = critical = msg


def _log_to_stderr(*_: object) -> _Log:
    return _Log()


def _renderer(log_format: str) -> structlog.typing.Processor:
    if log_format == "json":
        return structlog.processors.JSONRenderer()
    # The renderer's own tracebacks are those of `rich` where that is installed, and show local variables.
    return structlog.dev.ConsoleRenderer(
        colors=sys.stderr.isatty(), pad_event_to=0, exception_formatter=structlog.dev.plain_traceback
    )
