"""The scripted upstream as a test holds it: start and end the process, tell it what to say, ask what it heard."""

from __future__ import annotations

import http.client
import subprocess
import sys
from collections.abc import Sequence
from typing import Literal

import msgspec

CONTROL = "/_accrue/"
"""Path under which the server takes its orders."""


class Received(msgspec.Struct, frozen=True, kw_only=True):
    """A request as it came off the wire."""

    method: str
    target: str
    headers: list[tuple[bytes, bytes]]
    """In order, names as they were spelt."""
    body: bytes


class Step(msgspec.Struct, frozen=True, kw_only=True):
    """One scripted answer."""

    status: int = 200
    headers: Sequence[tuple[str, str]] = (("content-type", "application/json"),)
    chunks: Sequence[bytes] = ()
    """The body in pieces, each written on its own. Pieces may still meet on the way: only a hold keeps them apart."""
    framing: Literal["length", "chunked", "close", "raw"] = "length"
    """`close`: the end of the connection ends the body. `raw`: the pieces are the whole answer, head included."""
    hold: Sequence[int] = ()
    """Numbers of the pieces before which to wait for `release`; their count stands for the end of the answer."""
    cut: int | None = None
    """Abort the connection after this many bytes of the pieces."""


class ScriptedUpstream:
    """The server, started on entering and ended on leaving. Its methods block, for a moment: it is another process."""

    def __enter__(self) -> ScriptedUpstream:
        command = [sys.executable, "-m", "gateway.testing", "--port", "0"]
        self._process = subprocess.Popen(command, stdout=subprocess.PIPE, text=True)
        assert self._process.stdout is not None
        self.port = int(self._process.stdout.readline())
        return self

    def __exit__(self, *_: object) -> None:
        self._process.terminate()
        self._process.communicate(timeout=10)

    @property
    def url(self) -> str:
        """Its base URL, ending in `/v1`."""
        return f"http://127.0.0.1:{self.port}/v1"

    def script(self, steps: Sequence[Step]) -> None:
        """Answer the next requests with these steps, one each, whatever they ask."""
        self._control("script", msgspec.json.encode(steps))

    def respond(self, template: str) -> None:
        """Let completions say this when nothing is scripted; it may name `{said}`, `{count}` and `{notes}`."""
        self._control("respond", template.encode())

    def release(self) -> None:
        """Let one hold go on, now or when it is reached."""
        self._control("release")

    def requests(self) -> list[Received]:
        """What was received since the start or the last `clear`, in order."""
        return msgspec.json.decode(self._control("requests"), type=list[Received])

    def clear(self) -> None:
        """Forget requests, script, template and releases."""
        self._control("clear")

    def _control(self, order: str, body: bytes = b"") -> bytes:
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=10)
        try:
            connection.request("POST", CONTROL + order, body)
            answer = connection.getresponse()
            content = answer.read()
        finally:
            connection.close()
        if answer.status != 200:
            raise ValueError(content.decode())
        return content
