"""Counters and logs: what happened, in numbers and in one line each, never with a body or a user's words.

No label names a user, a session or a tenant: that would be a list of them. Nor a model: clients write what they like.
"""

from __future__ import annotations

import contextlib
import logging
import sys
import time
from collections.abc import Callable, Iterator, Mapping

import structlog
from prometheus_client import CollectorRegistry, Counter, Gauge, generate_latest
from prometheus_client.core import GaugeMetricFamily
from prometheus_client.registry import Collector

from gateway.stages import Stages
from gateway.types import Exchange, Outcome

CONTENT_TYPE = "text/plain; version=0.0.4; charset=utf-8"


SHARED = {
    "lag": "Exchanges that wait to be learnt in the partitions held.",
    "partitions": "Partitions that this gateway learns.",
    "journal_degraded": "1 while what goes on record does not get to the other gateways.",
}
"""Where gateways share a record, what is shown of it."""

LOOKED_UP = {
    "waiting": "Exchanges that wait to be learnt.",
    "distilling": "Sessions that wait for the distilling model.",
    "dead_letters": "Exchanges that could not be learnt and wait for a person.",
    "index_share": "Share of the memories in the index of today's embedder.",
    "adherence": "Share of checked constraints that answers kept to, of the last 30 days.",
    "lift": "Share of right sessions with memory less the share without, of the last 30 days.",
    "lift_low": "Lower end of the 95 % interval of accrue_lift.",
    "lift_high": "Upper end of the 95 % interval of accrue_lift.",
}
"""What is not counted as it happens, but looked up now and then (gateway/lookups.py)."""


class Telemetry:
    """The counters of one gateway."""

    def __init__(self, now: Callable[[], float] = time.time) -> None:
        """`now` gives Unix seconds; it must be the clock by which exchanges end."""
        self._registry = CollectorRegistry()
        self._stages = Stages(self._registry, now)
        self.stage = self._stages.time
        """Measures a stage of a call: `with telemetry.stage("recall"):`."""
        self._figures = _Figures()
        self._registry.register(self._figures)
        self._calls = self._counter(
            "calls", "Calls that memory could have augmented, by what it did.", "memory", "reason"
        )
        self._provided = self._counter(
            "provider_tokens", "Tokens as providers counted them, of calls with notes and without.", "kind", "memory"
        )
        self._matches = self._counter("policy_matches", "Calls by the policy they were under.", "policy")
        self._spans = self._counter("spans", "Calls and writes that traces tell of, by what became of them.", "outcome")
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
        self._strangers = self._counter(
            "admin_refused", "Wrong admin keys and used up links, in the API and at the door."
        )
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

    def look_up(self, figures: Mapping[str, float | None]) -> None:
        """Show these figures, by the names of `LOOKED_UP`; one that is None is not known, and not shown."""
        self._figures.values.update(figures)

    def called(self, outcome: Outcome) -> None:
        """A call was augmented, or would have been."""
        self._calls.labels(outcome.status, outcome.reason).inc()
        self._tokens.inc(outcome.tokens)

    def matched(self, policy: str) -> None:
        """A call is under this policy."""
        self._matches.labels(policy).inc()

    def matches(self) -> Mapping[str, int]:
        """How often each policy was matched since the start."""
        return {name: int(count) for name, count in _counted(self._matches)}

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

    def breakers(self) -> Mapping[str, tuple[bool, int]]:
        """Of each dependency that was ever left alone: whether it is now, and how often since the start."""
        opened = dict(_counted(self._opened))
        return {name: (is_open == 1.0, int(opened[name])) for name, is_open in _counted(self._breakers)}

    def received(self) -> None:
        """A call has come in."""
        self._received.inc()

    def recorded(self, exchange: Exchange) -> None:
        """It is on record."""
        self._recorded.inc()
        if exchange.ended_at is not None:
            self._stages.took("record", exchange.ended_at, self._stages.now())
        usage = None if exchange.reply is None else exchange.reply.usage
        if usage is not None:
            memory = "with" if exchange.outcome.notes else "without"
            self._provided.labels("prompt", memory).inc(usage.prompt_tokens)
            self._provided.labels("cached", memory).inc(usage.cached_tokens)
            self._provided.labels("completion", memory).inc(usage.completion_tokens)

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

    def admin_refused(self) -> None:
        """Somebody wanted to operate and was not let in."""
        self._strangers.inc()

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

    def traced(self, outcome: str, count: int) -> None:
        """What traces tell of was `sent` to the collector, or `lost`."""
        self._spans.labels(outcome).inc(count)

    def tasks(self, count: int) -> None:
        """So many tasks are under way in the event loop."""
        self._tasks.set(count)

    def render(self) -> bytes:
        """All counters in Prometheus' text format."""
        return generate_latest(self._registry)

    def _counter(self, name: str, meaning: str, *labels: str) -> Counter:
        return Counter(f"accrue_{name}", meaning, labels, registry=self._registry)


class _Figures(Collector):
    """Gauges that are only there while their value is known."""

    def __init__(self) -> None:
        self.values: dict[str, float | None] = {}

    def describe(self) -> list[GaugeMetricFamily]:
        """Their names, so that no other metric takes one."""
        return [GaugeMetricFamily(f"accrue_{name}", meaning) for name, meaning in LOOKED_UP.items()]

    def collect(self) -> Iterator[GaugeMetricFamily]:
        """Those that are known."""
        for name, value in self.values.items():
            if value is not None:
                yield GaugeMetricFamily(f"accrue_{name}", LOOKED_UP[name], value=value)


def _counted(metric: Counter | Gauge) -> Iterator[tuple[str, float]]:
    """The values of a metric by its one label."""
    for family in metric.collect():
        for sample in family.samples:
            if not sample.name.endswith("_created"):
                yield next(iter(sample.labels.values())), sample.value


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
