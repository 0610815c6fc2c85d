"""The provider in benchmarks of speed: it answers each chat in the same few words, at once or event by event at a pace.

`python -m benchmarks.upstream PORT`; `POST /pace/MS` keeps that many milliseconds between the events of a stream from
then on. It reads of a request no more than whether a stream is asked for and remembers none, so that it takes little
of the cores that it shares with what is measured. What it says is about many things: a memory of much that is nearly
the same would have more to compare than people give it.
"""

from __future__ import annotations

import asyncio
import re
import signal
import sys
from itertools import count
from typing import Any

import httptools
import msgspec

from benchmarks.corpus import memory_text

WORDS = 17
"""Of each answer: with a first, a last and an end event, a stream of 20 events."""

ANSWERS = 5_000
"""Before the first comes again; they are made beforehand."""

_IS_STREAM = re.compile(rb'"stream":\s*true')
_PACE = b"/pace/"


class Provider:
    """What all connections share."""

    def __init__(self) -> None:
        self.pace_s = 0.0
        self._numbers = count(1)
        self._said = [" ".join(memory_text(ANSWERS + number).split()[:WORDS]) for number in range(ANSWERS)]

    def events(self) -> list[bytes]:
        """The pieces of a stream, as they are written."""
        head, words = self._begun("chat.completion.chunk")
        deltas = [{"role": "assistant", "content": ""}, *({"content": f"{word} "} for word in words.split()), {}]
        events = [
            msgspec.json.encode({**head, "choices": [_choice("delta", delta, is_last=not delta)]}) for delta in deltas
        ]
        return [_chunk(b"data: " + event + b"\n\n") for event in (*events, b"[DONE]")]

    def whole(self) -> bytes:
        """An answer in one piece, with its head."""
        head, words = self._begun("chat.completion")
        message = {"role": "assistant", "content": words, "refusal": None}
        usage = {"prompt_tokens": 600, "completion_tokens": 17, "total_tokens": 617}
        body = msgspec.json.encode({**head, "choices": [_choice("message", message, is_last=True)], "usage": usage})
        return b"%bcontent-length: %d\r\n\r\n%b" % (_head("application/json"), len(body), body)

    def _begun(self, kind: str) -> tuple[dict[str, object], str]:
        number = next(self._numbers)
        head = {"id": f"chatcmpl-{number:012d}", "object": kind, "created": 1_700_000_000, "model": "gpt-4o"}
        return head, self._said[number % ANSWERS]


class Connection(asyncio.Protocol):
    """A keep-alive connection, on which one request is under way at a time."""

    def __init__(self, provider: Provider) -> None:
        self._provider = provider
        self._parser = httptools.HttpRequestParser(self)
        self._loop = asyncio.get_running_loop()
        self._url = b""
        self._body: list[bytes] = []

    def connection_made(self, transport: Any) -> None:
        """Called by the event loop."""
        self._transport = transport

    def data_received(self, data: bytes) -> None:
        """Called by the event loop."""
        self._parser.feed_data(data)

    def on_url(self, url: bytes) -> None:
        """Called by the parser."""
        self._url += url

    def on_body(self, body: bytes) -> None:
        """Called by the parser."""
        self._body.append(body)

    def on_message_complete(self) -> None:
        """Called by the parser."""
        url, body = self._url, b"".join(self._body)
        self._url, self._body = b"", []
        if url.startswith(_PACE):
            self._provider.pace_s = float(url.removeprefix(_PACE)) / 1e3
            body = b""
        if _IS_STREAM.search(body):
            self._transport.write(_head("text/event-stream; charset=utf-8") + b"transfer-encoding: chunked\r\n\r\n")
            self._play(self._provider.events())
        else:
            self._transport.write(self._provider.whole())

    def _play(self, events: list[bytes]) -> None:
        """Each event is a write of its own; the pace is kept from the first on, so that lateness does not add up."""
        begun = self._loop.time()
        for number, event in enumerate((*events[:-1], events[-1] + b"0\r\n\r\n")):
            if self._provider.pace_s and number:
                self._loop.call_at(begun + number * self._provider.pace_s, self._transport.write, event)
            else:
                self._transport.write(event)


def _choice(name: str, value: object, *, is_last: bool) -> dict[str, object]:
    return {"index": 0, name: value, "logprobs": None, "finish_reason": "stop" if is_last else None}


def _head(content_type: str) -> bytes:
    return f"HTTP/1.1 200 OK\r\ncontent-type: {content_type}\r\n".encode()


def _chunk(event: bytes) -> bytes:
    return b"%x\r\n%b\r\n" % (len(event), event)


async def serve(port: int) -> None:
    """Answer until told to stop."""
    loop = asyncio.get_running_loop()
    provider = Provider()
    await loop.create_server(lambda: Connection(provider), "127.0.0.1", port)
    is_told = asyncio.Event()
    loop.add_signal_handler(signal.SIGTERM, is_told.set)
    await is_told.wait()


if __name__ == "__main__":
    asyncio.run(serve(int(sys.argv[1])))
