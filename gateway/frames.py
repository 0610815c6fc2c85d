"""Messages of the Responses API over a WebSocket, as far as their outside goes; what is in a call, its shape knows."""

from __future__ import annotations

import msgspec

from gateway.errors import CONTEXT_OVERFLOW, RequestError
from gateway.shapes.splice import offsets, understood
from gateway.shapes.wire import ABSENT, STRING, lenient

CREATE, CREATED, FAILED, ERROR = "response.create", "response.created", "response.failed", "error"
"""What a client sends to get a response; its first event; one of its last; a refusal, of a call or of anything else."""

STEER = "response.steer"
"""What a client sends to add to a response under way."""


class Frame(msgspec.Struct, frozen=True, kw_only=True):
    """A message of either side. Whatever its members are, its type is seen."""

    type: str
    stream_id: msgspec.Raw = ABSENT
    response: msgspec.Raw = ABSENT
    """Of a client: the body of the call, where the message is only its envelope. Of the upstream: the response."""
    status: msgspec.Raw = ABSENT

    @property
    def lane(self) -> str | None:
        """Responses of one lane are answered one after the other, lanes at the same time."""
        return lenient(STRING, self.stream_id)

    @property
    def http_status(self) -> int | None:
        """Of an error: what HTTP would have said."""
        return lenient(_INTEGER, self.status)

    @property
    def response_id(self) -> str:
        """The response that an event is about, where it says so."""
        return self._response.id or ""

    @property
    def is_overflow(self) -> bool:
        """Whether a response failed because the prompt is too long for the model."""
        error = self._response.error
        return self.type == FAILED and error is not None and error.code == CONTEXT_OVERFLOW

    @property
    def _response(self) -> _Response:
        return understood(bytes(self.response), _RESPONSE.decode) or _Response()


class _Error(msgspec.Struct, frozen=True, kw_only=True):
    code: str | None = None


class _Response(msgspec.Struct, frozen=True, kw_only=True):
    id: str | None = None
    error: _Error | None = None


_FRAME = msgspec.json.Decoder(Frame)
_RESPONSE = msgspec.json.Decoder(_Response)
_INTEGER = msgspec.json.Decoder(int)


def frame_of(message: str | bytes) -> Frame | None:
    """A text message as the API words them; None when it is something else."""
    return None if isinstance(message, bytes) else understood(message.encode(), _FRAME.decode)


def parts(sent: bytes) -> tuple[bytes, bytes, bytes]:
    """The body of a call as it lies in a message, with what is before and after it; mostly it is the whole message."""

    def place(legible: bytes) -> tuple[int, int]:
        body = _FRAME.decode(legible).response
        if not bytes(body).startswith(b"{"):
            return 0, len(sent)
        (begin,) = offsets(legible, [body])
        return begin, begin + len(body)

    begin, end = understood(sent, place) or (0, len(sent))
    return sent[:begin], sent[begin:end], sent[end:]


def as_event(message: str, frame: Frame) -> bytes:
    """The message as a server-sent event, in which the same JSON would travel over HTTP."""
    data = b" ".join(message.encode().splitlines())
    return b"event: " + frame.type.encode() + b"\ndata: " + data + b"\n\n"


def last_event(error: RequestError, lane: str | None) -> str:
    """What a client is told when the upstream left in the middle of a response."""
    named = {} if lane is None else {"stream_id": lane}
    return msgspec.json.encode({**msgspec.json.decode(error.body), "status": error.status, **named}).decode()
