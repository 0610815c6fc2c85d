"""Messages of the Responses API over a WebSocket, as far as their outside goes; what is in a call, its shape knows."""

from __future__ import annotations

import msgspec

from gateway.errors import RequestError
from gateway.shapes.splice import offsets, understood

CREATE, STEER, CREATED = "response.create", "response.steer", "response.created"
"""What a client sends to get a response, and to add to one; and the first event of a response."""

STEERING_OVER = ("response.steer.pending", "response.steer.failed")
"""What was to be added did not lead to a response of its own."""


class _Steered(msgspec.Struct, frozen=True, kw_only=True):
    previous_response_id: str | None = None


class Frame(msgspec.Struct, frozen=True, kw_only=True):
    """A message of either side."""

    type: str
    stream_id: str | None = None
    """The lane. Responses of one lane are answered one after the other, lanes at the same time."""
    previous_response_id: str | None = None
    response: msgspec.Raw = msgspec.Raw()
    """Of a client: the body of the call, where the message is only its envelope."""
    steer: _Steered = _Steered()
    status: int | None = None
    """Of an error: what HTTP would have said."""

    @property
    def parent(self) -> str:
        """The response that an event about steering names, or that a new one follows."""
        if self.type == CREATED:
            followed = understood(bytes(self.response), _STEERED.decode) or _Steered()
            return followed.previous_response_id or ""
        return self.steer.previous_response_id or ""


_FRAME = msgspec.json.Decoder(Frame)
_STEERED = msgspec.json.Decoder(_Steered)


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
