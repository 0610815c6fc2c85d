"""OpenTelemetry traces: each call as a server span with its stages below it, each write of memories as one of its own.

The only module that knows OpenTelemetry, imported only where traces are configured; what spans say stands in
gateway/spans.py. A call is followed by noting times, and handed over when it is settled. Spans are made and sent in a
thread, so that no call waits for them. What there is no room for, or nobody takes, is counted and gone.
"""

from __future__ import annotations

import asyncio
import logging
import queue
import threading
from collections import OrderedDict
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import suppress
from functools import partial

import structlog
from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter
from opentelemetry.sdk.resources import Resource
from opentelemetry.sdk.trace import ReadableSpan, SpanProcessor, TracerProvider
from opentelemetry.sdk.trace.export import SpanExportResult
from opentelemetry.sdk.trace.sampling import ParentBased, TraceIdRatioBased
from opentelemetry.trace import (
    NonRecordingSpan,
    Span,
    SpanContext,
    SpanKind,
    Status,
    StatusCode,
    set_span_in_context,
)
from opentelemetry.trace.propagation.tracecontext import TraceContextTextMapPropagator

from gateway import spans
from gateway.accounts import Settled
from gateway.memories import Memory
from gateway.ports import Headers, MemoryStore
from gateway.sections import Telemetry
from gateway.spans import Call, Told, Write
from gateway.stages import Mark, marked
from gateway.types import Exchange, Scope
from gateway.wrapped import Wrapped

WAITING = 2_048
"""Calls and writes that wait to be told of; one more is lost."""

BATCH = 256
"""Told of in one request."""

GATHER_S = 1.0
"""From the first to telling of it: those that come meanwhile share its request."""

PATIENCE_S = 5.0
"""Given to a request, tries included; what the collector has not taken by then is lost."""

KNOWN = 4_096
"""Calls whose trace is known for when they are learnt, newest last."""

log = structlog.get_logger()


class Traces:
    """Follows calls and writes, and tells a collector of them."""

    def __init__(
        self, settings: Telemetry, version: str, *, now: Callable[[], float], counted: Callable[[str, int], None]
    ) -> None:
        """Begin to tell.

        Args:
            now: gives Unix seconds.
            counted: told how many were `sent` and how many `lost`.
        """
        logging.getLogger("opentelemetry").setLevel(logging.CRITICAL)  # what it would say we count, and say once
        self._now = now
        self._counted = counted
        self._has_content = settings.content
        self._waiting: queue.Queue[Told | None] = queue.Queue(WAITING)
        self._stop = threading.Event()
        self._ended = _Ended()
        provider = TracerProvider(
            sampler=ParentBased(TraceIdRatioBased(settings.sample_percent / 100)),
            resource=Resource({"service.name": "accrue", "service.version": version}),
            shutdown_on_exit=False,
        )
        provider.add_span_processor(self._ended)
        self._tracer = provider.get_tracer("accrue", version, schema_url=spans.SCHEMA_URL)
        self._exporter = OTLPSpanExporter(settings.endpoint or None, timeout=PATIENCE_S)
        self._contexts: OrderedDict[str, SpanContext] = OrderedDict()
        self._is_heard = True
        self._thread = threading.Thread(target=self._run, name="traces", daemon=True)
        self._thread.start()

    def follow(self, headers: Headers) -> Settled:
        """Follow a call that comes in, within the trace that its client names; see `accounts.Follow`."""
        carrier = {
            name.decode("latin-1"): value.decode("latin-1")
            for name, value in headers
            if name in (b"traceparent", b"tracestate")
        }
        return partial(self._settle, self._now(), carrier, marked())

    def watched(self, store: MemoryStore) -> MemoryStore:
        """The store, with its writes told of."""
        return _Watched(store, self._now, self._hand_over)

    async def aclose(self) -> None:
        """Tell of what waits, if that is quickly done, and of nothing more."""
        self._stop.set()
        with suppress(queue.Full):  # then it does not wait for more
            self._waiting.put_nowait(None)
        await asyncio.to_thread(self._thread.join, PATIENCE_S)
        self._exporter.shutdown()  # type: ignore[no-untyped-call] # the library has no types here

    def _settle(
        self, began: float, carrier: Mapping[str, str], marks: Sequence[Mark], word: str, exchange: Exchange | None
    ) -> None:
        told = None if word == "erased" else exchange
        self._hand_over(Call(began=began, ended=self._now(), carrier=carrier, marks=marks, word=word, exchange=told))

    def _hand_over(self, told: Told) -> None:
        try:
            self._waiting.put_nowait(told)
        except queue.Full:
            self._counted("lost", 1)

    def _run(self) -> None:
        """Tell until told to stop, and then what still waits."""
        while not self._stop.is_set():
            first = self._waiting.get()
            if self._waiting.qsize() < BATCH:
                self._stop.wait(GATHER_S)
            self._tell([told for told in (first, *self._drained(BATCH - 1)) if told is not None])
        while rest := [told for told in self._drained(BATCH) if told is not None]:
            self._tell(rest)

    def _drained(self, limit: int) -> Iterator[Told | None]:
        with suppress(queue.Empty):
            for _ in range(limit):
                yield self._waiting.get_nowait()

    def _tell(self, batch: Sequence[Told]) -> None:
        made = [told for told in batch if self._is_made(told)]
        ended = self._ended.taken()
        if not ended:
            return
        is_heard = self._exporter.export(ended) is SpanExportResult.SUCCESS
        self._counted("sent" if is_heard else "lost", len(made))
        if is_heard != self._is_heard:
            self._is_heard = is_heard
            log.info("traces_heard") if is_heard else log.warning("traces_lost")

    def _is_made(self, told: Told) -> bool:
        """Make the spans of it; whether there are any, and it is not of those that are left out."""
        try:
            return self._call(told) if isinstance(told, Call) else self._write(told)
        except Exception as error:  # one that cannot be told of must not end the telling of all others
            log.error("untold", exc_info=error)
            return False

    def _call(self, call: Call) -> bool:
        context = TraceContextTextMapPropagator().extract(call.carrier)
        named = spans.name_of(call)
        root = self._tracer.start_span(named, context, SpanKind.SERVER, start_time=_ns(call.began))
        if call.exchange is not None:
            self._contexts[call.exchange.id] = root.get_span_context()
            if len(self._contexts) > KNOWN:
                self._contexts.popitem(last=False)
        if root.is_recording():
            root.set_attributes(spans.of_call(call, has_content=self._has_content))
            _judge(root, spans.error_of(call))
            for stage, began, ended in spans.stages(call):
                self._stage(root, call, stage, began, ended)
        root.end(_ns(call.ended))
        return root.get_span_context().trace_flags.sampled

    def _stage(self, root: Span, call: Call, stage: str, began: float, ended: float) -> None:
        is_search = stage == "recall"
        name = spans.SEARCH if is_search else stage
        below = self._tracer.start_span(name, set_span_in_context(root), start_time=_ns(began))
        if is_search:
            below.set_attributes(spans.of_search(call, has_content=self._has_content))
            _judge(below, spans.trouble_of(call))
        below.end(_ns(ended))

    def _write(self, write: Write) -> bool:
        """Within the trace of the call that is learnt from, where it was one of this process."""
        source = next((self._contexts[id] for id in write.exchanges if id in self._contexts), None)
        context = None if source is None else set_span_in_context(NonRecordingSpan(source))
        span = self._tracer.start_span(spans.UPSERT, context, start_time=_ns(write.began))
        span.set_attributes(spans.of_write(write, has_content=self._has_content))
        _judge(span, write.error)
        span.end(_ns(write.ended))
        return span.get_span_context().trace_flags.sampled


class _Watched(Wrapped):
    """A `MemoryStore` of which it is told what is written."""

    def __init__(self, store: MemoryStore, now: Callable[[], float], tell: Callable[[Told], None]) -> None:
        super().__init__(store)
        self._now = now
        self._tell = tell

    async def put(self, scope: Scope, memories: Sequence[Memory]) -> None:
        """As the store; what did not come about is told as well."""
        began, error = self._now(), ""
        try:
            await self._store.put(scope, memories)
        except BaseException as raised:
            error = type(raised).__name__
            raise
        finally:
            self._tell(Write(began=began, ended=self._now(), memories=memories, error=error))


class _Ended(SpanProcessor):
    """Spans that have ended and were not sent yet. Of one thread."""

    def __init__(self) -> None:
        self._spans: list[ReadableSpan] = []

    def on_end(self, span: ReadableSpan) -> None:
        self._spans.append(span)

    def taken(self) -> list[ReadableSpan]:
        """All of them, once."""
        ended, self._spans = self._spans, []
        return ended


def _judge(span: Span, error: str) -> None:
    if error:
        span.set_attribute("error.type", error)
        span.set_status(Status(StatusCode.ERROR))


def _ns(seconds: float) -> int:
    return int(seconds * 1e9)
