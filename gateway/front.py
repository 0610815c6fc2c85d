"""One HTTP connection: what may come in, and how it is told that it may not.

It is uvicorn's protocol with gates and deadlines. Heads are judged in gateway/heads.py, and how long is too long is
known in gateway/patience.py; of what requests ask for nothing is known but the paths by which we are watched.
"""

from __future__ import annotations

import asyncio
from typing import Any

import httptools
from uvicorn.protocols.http.httptools_impl import STATUS_LINE, HttpToolsProtocol, RequestResponseCycle

from gateway.errors import RETRY_SOON_S, BadRequest, Overloaded, RequestError, RequestTimeout
from gateway.gate import Gate
from gateway.heads import Head, check, too_large_body, too_large_head
from gateway.patience import Patience

SPARED = (b"/livez", b"/readyz", b"/metrics")
"""Never shed: who is overloaded needs to be seen."""

FRAMING_PER_BYTE = 8
"""What may stand around a byte of a body, beside as much as may stand in a head: chunks of one byte need five."""

LINGER_S = 2.0
"""A connection that we end is read on for so long. Closed on unread bytes it would be reset, and what we said with it
(RFC 9112, 9.6)."""


class Front(HttpToolsProtocol):
    """Uvicorn's HTTP behind our gates.

    A message is a request while it comes in. A cycle is uvicorn's, and is a request while it is answered; those of
    pipelined requests wait for one another.
    """

    def __init__(self, gate: Gate, **given: Any) -> None:
        """Take the gate, and what uvicorn gives to its own."""
        super().__init__(**given)
        self.parser = _parser(self)
        self._gate = gate
        self._limits = gate.limits
        self._patience: Patience
        self._body_bytes, self._framing_bytes = 0, 0
        self._is_surplus = self._is_handshake = self._has_offer = False
        self._is_admitted = False
        """Whether the message has a cycle."""
        self._is_over = False
        """Whether what still comes is thrown away."""
        self._refusal: RequestError | None = None
        """What is said when all that came before is answered."""
        self._answering: RequestResponseCycle | None = None
        """The request that is answered, or was last."""

    # What asyncio calls

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override] # as uvicorn has it
        """Begin; a connection on which nothing is said ends like one on which nothing more is said."""
        super().connection_made(transport)
        self._patience = Patience(
            self.loop, transport, send_timeout_s=self._limits.send_timeout_s, on_late=self._on_late
        )
        self.flow = self._patience.flow
        self._is_surplus = len(self.connections) > self._limits.max_connections
        self._rest(self._limits.header_timeout_s if self._is_surplus else self.timeout_keep_alive)

    def connection_lost(self, exc: Exception | None) -> None:
        """End."""
        super().connection_lost(exc)
        if self._answering is not None:  # uvicorn tells the last of pipelined requests alone
            self._answering.disconnected = True
            self._answering.message_event.set()
        self._unset_keepalive_if_required()
        self._patience.end()

    def data_received(self, data: bytes) -> None:
        """Read on, until something is refused."""
        if self._is_over:
            return
        self._framing_bytes += len(data)
        try:
            self._feed(data)
            allowed = self._limits.max_header_bytes + FRAMING_PER_BYTE * self._body_bytes
            if self._patience.is_waiting and self._framing_bytes > allowed:
                raise too_large_head(self._limits.max_header_bytes)
        except RequestError as error:
            self._refuse(error)
        self._patience.arm()

    def pause_writing(self) -> None:
        """The client takes less than there is."""
        super().pause_writing()
        self._patience.watch_sending()

    def resume_writing(self) -> None:
        """It has taken most of it."""
        super().resume_writing()
        if not self.transport.is_closing():
            self._patience.sent()

    # What the parser calls

    def on_message_begin(self) -> None:
        """Begin a request with its first letter."""
        super().on_message_begin()
        self._unset_keepalive_if_required()
        self._body_bytes = 0
        self._is_handshake = self._has_offer = self._is_admitted = False
        self._patience.expect(self._limits.header_timeout_s)

    def on_header(self, name: bytes, value: bytes) -> None:
        """Keep a header; blanks after a value are no part of it, and the parser leaves them there."""
        super().on_header(name, value.rstrip(b" \t"))

    def on_headers_complete(self) -> None:
        """Judge the head and let the request be answered.

        What a chunked body brings after its end are trailers (RFC 9110, 6.5.1), and no headers of the request.
        """
        head = Head(
            method=self.parser.get_method(),
            target=self.url,
            version=self.parser.get_http_version(),
            headers=self.headers,
        )
        if self.parser.should_upgrade():
            offers = [value.lower() for name, value in self.headers if name == b"upgrade"]
            self._is_handshake = offers == [b"websocket"] and head.method == b"GET"
            self._has_offer = bool(offers) and not self._is_handshake
        if self._has_offer:
            return
        check(head, self._limits, is_handshake=self._is_handshake, is_local_only=self._gate.is_local_only)
        if (self._is_surplus or self._gate.is_full) and head.path not in SPARED:
            complaint = "too much is under way already: try again in a moment"
            raise Overloaded(complaint, code="overloaded", retry_after_s=RETRY_SOON_S)
        super().on_headers_complete()
        self._patience.expect(self._limits.body_timeout_s)
        self._is_admitted = not self._is_handshake
        if self._is_admitted:
            self.headers = []  # the scope keeps the list it has

    def on_body(self, body: bytes) -> None:
        """Pass on a piece of the body."""
        self._body_bytes += len(body)
        self._framing_bytes -= len(body)
        self._patience.came(len(body))
        if self._body_bytes > self._limits.max_body_bytes:
            raise too_large_body(self._limits.max_body_bytes)
        super().on_body(body)

    def on_message_complete(self) -> None:
        """End the message, unless it will be read again."""
        self._patience.relax()
        self._framing_bytes = 0
        if self._has_offer:
            return
        super().on_message_complete()
        if self._is_admitted and self.cycle.response_complete:  # it was answered before it was all there
            self._rest(self.timeout_keep_alive)
        self._is_admitted = False

    # What uvicorn calls

    def on_response_complete(self) -> None:
        """Go on with what waits, if only to be refused."""
        super().on_response_complete()
        is_idle = self.timeout_keep_alive_task is not None
        if is_idle and self._patience.is_waiting:  # for the rest of a request, which has its own deadline
            self._unset_keepalive_if_required()
        if is_idle and self._refusal is not None:
            self._say(self._refusal)

    def timeout_keep_alive_handler(self) -> None:
        """End an idle connection."""
        super().timeout_keep_alive_handler()
        self._patience.watch_sending()

    def _should_upgrade(self) -> bool:
        return self._is_handshake

    def _start_asgi_task(self, cycle: RequestResponseCycle, app: Any) -> None:
        self._answering = cycle
        task = self.loop.create_task(cycle.run_asgi(app))
        self.tasks.add(task)
        if cycle.scope["raw_path"] not in SPARED:
            self._gate.under_way.add(task)
        task.add_done_callback(self._on_answered)

    def _on_answered(self, task: asyncio.Task[None]) -> None:
        self.tasks.discard(task)
        self._gate.under_way.discard(task)
        if self.transport.is_closing():  # with something left, perhaps, for a client that does not take it
            self._patience.watch_sending()

    # Reading and refusing

    def _rest(self, seconds: float) -> None:
        """End the connection when no request begins within so long."""
        self._unset_keepalive_if_required()
        self.timeout_keep_alive_task = self.loop.call_later(seconds, self.timeout_keep_alive_handler)

    def _feed(self, data: bytes) -> None:
        """Have data parsed. A request that offers to change the protocol is read again without the offer.

        Java's clients offer HTTP/2 with every first request, and Apache's TLS. We may ignore it (RFC 9110, 7.8), but
        the parser takes all that follows the head, which is their body, for the other protocol.
        """
        while data:
            try:
                self.parser.feed_data(data)
            except httptools.HttpParserUpgrade as stop:
                if self._is_handshake:
                    self.handle_websocket_upgrade()
                    return
                data = self._declined() + data[stop.args[0] :]
                self.parser = _parser(self)  # the one that stopped reads no request after a last one
            except httptools.HttpParserError as error:
                raise _meant(error) from error
            else:
                return

    def _declined(self) -> bytes:
        """The head of the request that was read last, without the offer."""
        first = b"%b %b HTTP/%b" % (self.parser.get_method(), self.url, self.parser.get_http_version().encode())
        lines = [b"%b: %b" % line for line in self.headers if line[0] != b"upgrade"]
        return b"\r\n".join([first, *lines, b"\r\n"])

    def _on_late(self) -> None:
        if self._is_over:
            self.transport.abort()
        elif not self.transport.is_closing():
            awaited = "body" if self._is_admitted else "head"
            self._refuse(RequestTimeout(f"the {awaited} of the request did not come in time", code="request_timeout"))

    def _refuse(self, error: RequestError) -> None:
        """Take no more, and say so when it is the turn of the message that was refused."""
        self._is_over = True
        self._patience.relax()
        cycle = self.cycle if self._is_admitted else None
        is_queued = bool(self.pipeline) and self.pipeline[0][0] is cycle
        if is_queued:
            self.pipeline.popleft()
        if cycle is None or is_queued:  # else it has been counted, and will be settled
            self._gate.counters.received()
            self._gate.counters.refused(error.status)
        if is_queued or (cycle is None and self.cycle is not None and not self.cycle.response_complete):
            self._refusal = error
        else:
            self._say(error, cycle)

    def _say(self, error: RequestError, cycle: RequestResponseCycle | None = None) -> None:
        """End the connection with an answer, if nobody has begun another one.

        Args:
            cycle: whose request is refused while it is answered.
        """
        self._unset_keepalive_if_required()
        if cycle is not None:
            cycle.disconnected, cycle.waiting_for_100_continue = True, False
            cycle.message_event.set()
        if cycle is None or not cycle.response_started:
            self.transport.write(_rendered(error))
        self.transport.write_eof()
        self.flow.resume_reading()
        self._patience.expect(LINGER_S)
        self._patience.arm()


def _parser(protocol: Front) -> httptools.HttpRequestParser:
    parser = httptools.HttpRequestParser(protocol)
    parser.set_dangerous_leniencies(lenient_data_after_close=True)  # as uvicorn's
    return parser


def _meant(error: httptools.HttpParserError) -> Exception:
    """What the parser stumbled over: a refusal of ours, or what it could not read itself."""
    cause = error.__context__
    return cause if isinstance(cause, Exception) else BadRequest(f"this is no HTTP: {error}", code="invalid_http")


def _rendered(error: RequestError) -> bytes:
    headers = [
        (b"content-type", b"application/json"),
        (b"content-length", str(len(error.body)).encode()),
        (b"connection", b"close"),
        *error.headers,
    ]
    lines = b"".join(b"%b: %b\r\n" % line for line in headers)
    return STATUS_LINE[error.status] + lines + b"\r\n" + error.body
