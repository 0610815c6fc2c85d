"""gateway/sse.py"""

from __future__ import annotations

import itertools

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from gateway.sse import EndMark, events

LINE_ENDS = (b"\n", b"\r\n", b"\r")

data_lines = st.binary(max_size=12).map(lambda raw: raw.replace(b"\r", b"").replace(b"\n", b""))
event_data = st.lists(data_lines, min_size=1, max_size=3)
noise = st.sampled_from([b": keep-alive", b"event: message", b"id: 7", b"retry: 10", b"dat: x", b"datax: y", b":"])


@st.composite
def framed(draw: st.DrawFn) -> tuple[list[bytes], bytes]:
    """Data of events, and one of the many streams that say them."""
    wanted: list[bytes] = []
    stream = b"\xef\xbb\xbf" if draw(st.booleans()) else b""
    for lines in draw(st.lists(event_data, max_size=5)):
        wanted.append(b"\n".join(lines))
        written = [b"data: " + line for line in lines]
        for extra in draw(st.lists(noise, max_size=2)):
            written.insert(draw(st.integers(0, len(written))), extra)
        # A lone CR before a line end of LF would be one line end, so a stream keeps to one kind per event.
        end = draw(st.sampled_from(LINE_ENDS))
        stream += end.join(written) + end + end
        if end == b"\r":
            stream += b": so that no LF follows this CR" + end
    return wanted, stream


@pytest.mark.promise("P3")
@settings(deadline=None, max_examples=200)
@given(framed())
def test_every_framing_of_the_same_events_says_the_same(case: tuple[list[bytes], bytes]) -> None:
    wanted, stream = case
    assert list(events(stream)) == wanted


@pytest.mark.promise("P3")
@settings(deadline=None, max_examples=200)
@given(framed(), st.data())
def test_a_stream_cut_anywhere_gives_the_events_before_the_cut(
    case: tuple[list[bytes], bytes], data: st.DataObject
) -> None:
    wanted, stream = case
    got = list(events(stream[: data.draw(st.integers(0, len(stream)))]))
    assert got == wanted[: len(got)]


@settings(deadline=None, max_examples=200)
@given(st.binary(max_size=80))
def test_any_bytes_at_all_are_read(stream: bytes) -> None:
    for data in events(stream):
        assert b"\r" not in data


def test_the_space_after_the_colon_is_taken_off_once() -> None:
    assert list(events(b"data:  a\n\ndata:b\n\n")) == [b" a", b"b"]


def test_a_data_field_without_a_colon_is_an_empty_line() -> None:
    assert list(events(b"data\ndata: x\n\n")) == [b"\nx"]


def test_an_event_without_data_says_nothing() -> None:
    assert list(events(b"event: ping\n\n: comment\n\n\n\n")) == []


def test_stray_bytes_stay_in_their_line() -> None:
    assert list(events(b"\x80\n\ndata: \x80\x00\x85\x0b\n\n")) == [b"\x80\x00\x85\x0b"]


@pytest.mark.parametrize("end", [b"", b"\n", b"\r\n", b"\r", b"\n\n"])
def test_the_end_mark_counts_without_its_blank_line(end: bytes) -> None:
    assert list(events(b'data: {"a": 1}\n\ndata: [DONE]' + end)) == [b'{"a": 1}', b"[DONE]"]


@pytest.mark.parametrize("end", [b"", b"\n"])
def test_any_other_unfinished_event_is_dropped(end: bytes) -> None:
    assert list(events(b'data: {"a": 1}\n\ndata: {"b": 2}' + end)) == [b'{"a": 1}']


def fires(chunks: list[bytes]) -> list[int]:
    """Offsets in the stream at the ends of the chunks in which the mark was completed."""
    mark = EndMark()
    ends = itertools.accumulate(map(len, chunks))
    return [end for end, chunk in zip(ends, chunks, strict=True) if mark.feed(chunk)]


pieces = st.sampled_from(
    [b"data: [DONE]", b"data:[DONE]", b"\n", b"\r\n", b"\r", b"data: ", b"[DONE]", b'{"a": 1}', b"d"]
)


@pytest.mark.promise("P6")
@settings(deadline=None, max_examples=400)
@given(st.lists(pieces, max_size=12).map(b"".join), st.data())
def test_the_mark_fires_in_the_chunk_that_completes_it_however_the_stream_is_cut(
    stream: bytes, data: st.DataObject
) -> None:
    by_byte = fires([stream[at : at + 1] for at in range(len(stream))])
    cuts = sorted(data.draw(st.sets(st.integers(0, len(stream)), max_size=6)) | {0, len(stream)})
    chunks = [stream[start:end] for start, end in itertools.pairwise(cuts)]
    expected = [end for start, end in itertools.pairwise(cuts) if any(start < at <= end for at in by_byte)]
    assert fires(chunks) == expected


@pytest.mark.parametrize("line_end", LINE_ENDS)
@pytest.mark.parametrize("mark", [b"data: [DONE]", b"data:[DONE]"])
def test_the_mark_fires_once_at_its_bracket(mark: bytes, line_end: bytes) -> None:
    before = b"data: {}" + line_end * 2
    stream = before + mark + line_end * 2
    assert fires([stream[at : at + 1] for at in range(len(stream))]) == [len(before + mark)]


def test_the_mark_fires_at_the_very_start_of_a_stream() -> None:
    assert fires([b"data: [DONE]"]) == [12]


@pytest.mark.parametrize(
    "stream",
    [
        b'data: {"content":"[DONE]"}\n\n',
        b'data: {"content":"data: [DONE]"}\n\n',
        b": data: [DONE]\n\n",
        b" data: [DONE]\n",
        b"data:  [DONE]\n",
        b"data: [done]\n",
    ],
)
def test_text_that_looks_like_the_mark_does_not_fire(stream: bytes) -> None:
    for size in range(1, len(stream) + 1):
        assert fires([stream[at : at + size] for at in range(0, len(stream), size)]) == []


def test_a_long_line_is_not_held() -> None:
    mark = EndMark()
    for _ in range(1000):
        mark.feed(b"data: " + b"x" * 1000)
    assert len(mark._line) < 16


LAST = ("response.completed", "message_stop")


def ends(stream: bytes, size: int) -> list[int]:
    mark = EndMark(LAST)
    chunks = [stream[at : at + size] for at in range(0, len(stream), size)]
    offsets = itertools.accumulate(map(len, chunks))
    return [end for end, chunk in zip(offsets, chunks, strict=True) if mark.feed(chunk)]


@pytest.mark.promise("P6")
@pytest.mark.parametrize("line_end", LINE_ENDS)
@pytest.mark.parametrize(
    "lines",
    [
        [b"event: response.completed", b'data: {"response":{}}'],
        [b"event:message_stop", b"data: {}"],
        [b'data: {"type":"response.completed","response":{}}'],
        [b'data: { "type": "message_stop" }'],
    ],
)
def test_a_last_event_ends_the_stream_with_its_blank_line(lines: list[bytes], line_end: bytes) -> None:
    before = b"event: response.created" + line_end + b"data: {}" + line_end * 2
    stream = before + line_end.join([*lines, b"", b""])
    for size in range(1, len(stream)):
        first = ends(stream, size)[0]
        assert first - size < len(stream) <= first or first == len(stream)


@pytest.mark.parametrize(
    "stream",
    [
        b"event: response.completed_not\ndata: {}\n\n",
        b'data: {"text":"event: message_stop"}\n\n',
        b'data: {"type":"response.output_text.delta","delta":"message_stop"}\n\n',
        b"event: response.completed\ndata: {}\n",
        b": event: message_stop\n\n",
    ],
)
def test_another_event_and_an_unfinished_last_one_do_not_end_it(stream: bytes) -> None:
    for size in range(1, len(stream) + 1):
        assert ends(stream, size) == []
