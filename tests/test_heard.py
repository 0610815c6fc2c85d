"""gateway/heard.py, but for what tests/test_record.py shows: there each answer is heard to its end."""

from __future__ import annotations

from collections.abc import AsyncGenerator

import pytest

from gateway import heard
from gateway.heard import EndMark, Heard
from gateway.ports import Headers, Incoming
from gateway.shapes.chat import SHAPE

STREAM, JSON = (b"content-type", b"text/event-stream"), (b"content-type", b"application/json")
BEGUN = b'data: {"choices":[{"index":0,"delta":{"content":"The train"}}]}\n\ndata: {"choices":[{"index":0,"del'


async def nothing() -> AsyncGenerator[bytes, None]:
    for chunk in list[bytes]():
        yield chunk


def answer(*headers: tuple[bytes, bytes]) -> Incoming:
    return Incoming(status=200, headers=list(headers), chunks=nothing())


async def test_of_a_stream_under_way_is_read_what_has_come() -> None:
    reply = await heard.read(SHAPE, answer(STREAM), BEGUN)
    assert reply is not None
    assert (reply.turns[0].text, reply.is_complete) == ("The train", False)


async def test_what_is_not_encoded_as_it_says_is_not_read() -> None:
    assert await heard.read(SHAPE, answer(STREAM, (b"content-encoding", b"gzip")), BEGUN) is None


def test_more_than_fits_is_not_kept_at_all(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(heard, "MAX_LISTENED_BYTES", 4)
    listened = Heard()
    listened.hear(b"abcd")
    assert (listened.body(), listened.is_too_long) == (b"abcd", False)
    listened.hear(b"e")
    assert (listened.body(), listened.is_too_long) == (b"", True)


@pytest.mark.parametrize(
    ("headers", "is_readable", "is_missing"),
    [
        ([STREAM], True, True),
        ([STREAM, (b"transfer-encoding", b"chunked")], True, False),
        ([STREAM, (b"content-encoding", b"gzip")], False, True),
        ([JSON], False, False),
    ],
    ids=["bare stream", "framed stream", "encoded stream", "json"],
)
def test_what_can_be_read_before_its_end_and_which_ends_have_to_be_seen(
    headers: Headers, is_readable: bool, is_missing: bool
) -> None:
    end = EndMark(answer(*headers), SHAPE.last_events)
    assert (end.is_readable, end.is_missing) == (is_readable, is_missing)
    assert not end.is_in(BEGUN)
    assert end.is_in(b"\n\ndata: [DONE]\n\n") == is_readable
