"""A collector of OpenTelemetry traces on a real socket, for the tests of who tells it something."""

from __future__ import annotations

import json
import queue
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import msgspec
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest
from opentelemetry.proto.common.v1.common_pb2 import AnyValue

PATIENCE_S = 20.0


class Seen(msgspec.Struct, frozen=True, kw_only=True):
    """A span as it came over the wire."""

    name: str
    kind: int
    trace: str
    id: str
    parent: str
    took_s: float
    began: float
    is_error: bool
    attributes: dict[str, Any]
    resource: dict[str, Any]
    schema: str


class Collector:
    """Takes what is sent to `url`."""

    def __init__(self, url: str) -> None:
        self.url = url
        self.status = 200
        """It answers with."""
        self.heard: queue.Queue[list[Seen]] = queue.Queue()
        self._seen: list[Seen] = []

    def spans(self, *names: str) -> list[Seen]:
        """All that were sent, as soon as each of these names is among them."""
        while not set(names) <= {span.name for span in self._seen}:
            self._seen += self.heard.get(timeout=PATIENCE_S)
        return self._seen

    def span(self, name: str) -> Seen:
        """The first of that name, as soon as it is there."""
        return next(span for span in self.spans(name) if span.name == name)


@contextmanager
def collecting(port: int = 0) -> Iterator[Collector]:
    """A collector; 0 is any free port."""

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers["content-length"]))
            if collector.status == 200:
                collector.heard.put(list(_spans(body)))
            self.send_response(collector.status)
            self.send_header("content-length", "0")
            self.end_headers()

        def log_message(self, *_: object) -> None:
            """Nobody reads it."""

    with ThreadingHTTPServer(("127.0.0.1", port), Handler) as server:
        collector = Collector(f"http://127.0.0.1:{server.server_port}/v1/traces")
        thread = threading.Thread(target=server.serve_forever, daemon=True)
        thread.start()
        yield collector
        server.shutdown()
        thread.join()


def _spans(body: bytes) -> Iterator[Seen]:
    request = ExportTraceServiceRequest()
    request.ParseFromString(body)
    for source in request.resource_spans:
        for scoped in source.scope_spans:
            for span in scoped.spans:
                yield Seen(
                    name=span.name,
                    kind=span.kind,
                    trace=span.trace_id.hex(),
                    id=span.span_id.hex(),
                    parent=span.parent_span_id.hex(),
                    took_s=(span.end_time_unix_nano - span.start_time_unix_nano) / 1e9,
                    began=span.start_time_unix_nano / 1e9,
                    is_error=span.status.code == 2,
                    attributes={each.key: _value(each.value) for each in span.attributes},
                    resource={each.key: _value(each.value) for each in source.resource.attributes},
                    schema=scoped.schema_url,
                )


def _value(value: AnyValue) -> Any:
    kind = value.WhichOneof("value")
    if kind == "array_value":
        return [_value(each) for each in value.array_value.values]
    return getattr(value, kind or "string_value")


def messages(text: str) -> Any:
    """What an attribute of messages or records holds."""
    return json.loads(text)
