"""The Responses API over a WebSocket: each `response.create` is a call like one over HTTP, and so is what answers it.

It reads along in a tunnel (gateway/tunnel.py) and adds notes to what goes up; everything else passes as it is. What a
call is and how it goes on record is known by gateway/pipeline.py and gateway/record.py.

Responses of one lane (`stream_id`) are answered one after the other, lanes at the same time, and each begins by telling
its id: so it is known which events belong to which call. Where that is in doubt, listening ends: a call may be missing
from the record, but no answer is ever put down to somebody else.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator
from functools import partial

import msgspec

from gateway import forward, identify
from gateway.accounts import Receipt
from gateway.errors import RequestError
from gateway.frames import CREATE, CREATED, ERROR, STEER, Frame, as_event, frame_of, last_event, parts
from gateway.paths import target_of
from gateway.pipeline import Begun, Gateway, Request, admitted, begin, outgoing_of
from gateway.ports import Connection, Headers, Incoming, Opened
from gateway.record import Recorder
from gateway.tunnel import Listener, Nobody, Unasked, Watched
from gateway.types import Call, Outcome, Scope
from gateway.visits import THREADED_READ_BYTES, Visit

PATH = "/responses"

MAX_OPEN = 64
"""Responses of one connection that are listened to at a time; OpenAI allows fewer. Any more pass unread."""

OK, BAD_REQUEST = 200, 400
NO_ANSWER = 502
"""Status on record for a call of which nothing was heard."""

_EVENT_STREAM = [(b"content-type", b"text/event-stream")]


class Joined(msgspec.Struct, frozen=True, kw_only=True):
    """A WebSocket to the upstream, and who listens to it."""

    opened: Opened
    listener: Listener


async def connect(gateway: Gateway, request: Request) -> Joined | Incoming:
    """Connect to the upstream; or its answer, where it refused the caller.

    Raises `RequestError`: `UpgradeRequired` above all, on which clients fall back to HTTP.
    """
    gateway, claimed = admitted(gateway, request, "call")
    target = target_of(request.method, claimed.path)
    answer = await gateway.upstream.connect(outgoing_of(request, target, None))
    if isinstance(answer, Incoming):
        return answer
    if PATH not in gateway.shapes or target != PATH or claimed.mode == "off":
        gateway.telemetry.passed()
        listener: Listener = Nobody()
    else:
        listener = Conversation(gateway, request.headers, claimed, answer.connection)
    leave = partial(gateway.admission.admit, claimed, "call")
    return Joined(opened=answer, listener=Watched(listener, leave, lambda error: last_event(error, None)))


class Conversation:
    """A listener with a memory."""

    def __init__(self, gateway: Gateway, headers: Headers, claimed: identify.Claims, upstream: Connection) -> None:
        """Listen to a connection.

        Args:
            headers: of its handshake; they speak for every call.
            upstream: where a call is sent once more when it was too long with its notes.
        """
        self._gateway = gateway
        self._headers = headers
        self._claimed = claimed
        self._upstream = upstream
        self._shape = gateway.shapes[PATH]
        self._open: list[_Response] = []
        """In the order in which they were asked for."""
        self._is_deaf = False
        """True once it cannot be told any more which answer belongs to which call; what comes then passes unread."""

    @property
    def is_waiting(self) -> bool:
        """Whether a response is under way that goes on record."""
        return any(response.recording for response in self._open)

    async def ask(self, message: str | bytes) -> str | bytes:
        """The client's message, with notes where it asks for a response."""
        if self._is_deaf or isinstance(message, bytes):
            return message
        if len(message) > self._gateway.visits.max_augmented_bytes or len(self._open) >= MAX_OPEN:
            await self._stop_listening()
            return message
        frame = await _frame(message)
        if frame is None or frame.type not in (CREATE, STEER):
            return message
        if frame.type == STEER:  # it may lead to a response that nobody asked for
            await self._stop_listening()
            return message
        return await self._asked(message, frame)

    async def hear(self, message: str | bytes) -> str | bytes | None:
        """The upstream's message; the last one of a response as soon as that is on record."""
        if not self._open or isinstance(message, bytes):
            return message
        frame = await _frame(message)
        response = None if frame is None else await self._answered_by(frame)
        if frame is None or response is None:
            return message
        recording = response.recording
        if recording is not None:
            if recording.is_refused_for_its_notes(message, frame):
                self._gateway.augmenter.give_up(recording.drop_notes())
                if response is self._open[-1]:  # else its answer would come after that of a later call
                    await self._upstream.send(response.message)
                    return None
            if frame.is_overflow and recording.has_notes:
                self._gateway.augmenter.give_up(recording.scope)
            await recording.hear(message, frame)
        if frame.type in self._shape.last_events:
            await self._end(response)
        return message

    async def end(self, error: RequestError | None) -> list[str]:
        """Put on record what was interrupted; one last event per lane where the upstream left without a word."""
        lanes = dict.fromkeys(response.lane for response in self._open)
        for response in tuple(self._open):
            await self._end(response)
        return [] if error is None else [last_event(error, lane) for lane in lanes]

    async def _asked(self, message: str, frame: Frame) -> str:
        """The call as it goes up. Raises `Unasked` for one that we refuse."""
        sent = message.encode()
        before, body, after = parts(sent)
        receipt = self._gateway.accounts.received(self._headers)
        try:
            recording = await self._recording(body, sent, receipt)
        except RequestError as error:
            receipt.refused(error.status)
            raise Unasked(last_event(error, frame.lane)) from error
        except BaseException:
            self._gateway.accounts.failed(receipt)
            raise
        if self._is_deaf and recording is not None:  # since a moment ago
            await recording.end()
            return message
        has_notes = recording is not None and recording.has_notes
        self._open.append(_Response(lane=frame.lane, message=message if has_notes else "", recording=recording))
        if recording is None:
            self._gateway.telemetry.passed()
        if recording is None or not has_notes:
            return message
        return (before + recording.body + after).decode()

    async def _answered_by(self, frame: Frame) -> _Response | None:
        """The response that an event belongs to, beyond doubt; where there is doubt, nobody's words are put down.

        A lane's responses begin in the order in which they were asked for, each with an event that names it.
        """
        begun = next((each for each in self._open if each.id and each.lane == frame.lane), None)
        asked = [each for each in self._open if not each.id and each.lane == frame.lane]
        if frame.type == CREATED:
            if begun is not None or not asked:
                await self._stop_listening()
                return None
            asked[0].id = frame.response_id or "unnamed"
            return asked[0]
        if frame.type == ERROR and begun is None:
            waiting = asked or [each for each in self._open if not each.id]
            if len(waiting) != 1 or (not asked and len(self._open) > 1):
                await self._stop_listening()
                return None
            return waiting[0]
        is_anothers = begun is not None and frame.response_id not in ("", begun.id) and begun.id != "unnamed"
        return None if is_anothers else begun

    async def _stop_listening(self) -> None:
        """Read nothing more; only responses that have begun are heard to their end, because they are known by name."""
        self._is_deaf = True
        for response in [each for each in self._open if not each.id]:
            await self._end(response)

    async def _end(self, response: _Response) -> None:
        self._open.remove(response)
        if response.recording is not None:
            await response.recording.end()

    async def _call(self, body: bytes) -> Call | None:
        """What is asked for; None when that is not understood."""
        is_large = len(body) > THREADED_READ_BYTES
        return await asyncio.to_thread(self._shape.read, body) if is_large else self._shape.read(body)

    async def _recording(self, body: bytes, sent: bytes, receipt: Receipt) -> _Recording | None:
        """The call as it goes on record; None when it is to pass as it is."""
        visit = await self._visit(body, sent)
        if isinstance(visit, Visit):
            begun = await begin(self._gateway, visit, PATH, receipt)
            if isinstance(begun, Begun):
                return _Recording(self._gateway.recorder, visit, begun)
            visit = begun
        receipt.unrecorded(visit.reason or visit.status)
        return None

    async def _visit(self, body: bytes, sent: bytes) -> Visit | Outcome:
        """The call as it may be dealt with; or why it is to pass as it is."""
        call = await self._call(body)
        if call is None:
            return Outcome(status="error", reason="unread")
        visit = self._gateway.visits.judge(self._shape, self._headers, self._claimed, PATH, call, sent)
        # What the handshake says of itself, no frame says.
        return visit if isinstance(visit, Outcome) else msgspec.structs.replace(visit, is_retry=False)


async def _frame(message: str) -> Frame | None:
    return await asyncio.to_thread(frame_of, message) if len(message) > THREADED_READ_BYTES else frame_of(message)


class _Recording:
    """A call and its answer, going on record as the events pass."""

    def __init__(self, recorder: Recorder, visit: Visit, begun: Begun) -> None:
        self._recorder = recorder
        self._visit = visit
        self._exchange = begun.exchange
        self._listening: AsyncGenerator[bytes, None] | None = None
        self._event = b""
        self.body = begun.prompt.body
        """The call with its notes."""

    @property
    def scope(self) -> Scope:
        """Whose call it is."""
        return self._exchange.scope

    @property
    def has_notes(self) -> bool:
        """Whether anything was added to it."""
        return self.body is not self._visit.call.body

    def is_refused_for_its_notes(self, message: str, frame: Frame) -> bool:
        """Whether the answer is that the call, with notes, does not fit the model."""
        is_first = self.has_notes and self._listening is None and frame.type == ERROR
        return is_first and forward.is_context_overflow(frame.http_status or BAD_REQUEST, message.encode())

    def drop_notes(self) -> Scope:
        """Go on without them; gives the scope of the session, whose conversation leaves no room for notes."""
        self.body = self._visit.call.body
        outcome = Outcome(status="error", reason="context_overflow")
        self._exchange = msgspec.structs.replace(self._exchange, outcome=outcome, told=())
        return self._exchange.scope

    async def hear(self, message: str, frame: Frame) -> None:
        """Take an event; returns when it may be passed on."""
        self._event = as_event(message, frame)
        if self._listening is None:
            status = (frame.http_status or BAD_REQUEST) if frame.type == ERROR else OK
            answer = Incoming(status=status, headers=_EVENT_STREAM, chunks=self._events())
            self._listening = self._recorder.listen(self._visit.shape, self._visit.call, self._exchange, answer)
        await anext(self._listening)

    async def end(self) -> None:
        """Take it that nothing more comes: what has not ended by now was interrupted."""
        if self._listening is None:
            self._recorder.lose(self._exchange, NO_ANSWER)
        else:
            await self._listening.aclose()

    async def _events(self) -> AsyncGenerator[bytes, None]:
        while True:
            yield self._event


class _Response(msgspec.Struct, kw_only=True, eq=False):
    """A response that was asked for, and is being waited for."""

    lane: str | None
    message: str
    """The client's own; empty where nothing was added to it."""
    recording: _Recording | None
    """None when the call passes as it is."""
    id: str = ""
    """By which the upstream calls it, once it has begun."""
