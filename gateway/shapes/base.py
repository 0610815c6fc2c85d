"""What an endpoint must offer to be augmented and recorded; the one interface of a file in this folder.

A shape parses and splices bytes. It does no I/O, ranks nothing and never rewrites what the client said.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol

from gateway.types import Call, Note, Reply


class Tap(Protocol):
    """Reads a stream of server-sent events into a Reply."""

    def feed(self, event: bytes) -> None:
        """Take the data of one event, in order. Never raises: what is not understood is skipped."""
        ...

    def close(self) -> Reply:
        """What the events said; `is_complete` is False when the end mark never came."""
        ...


class Shape(Protocol):
    """One endpoint."""

    @property
    def path(self) -> str:
        """Path below `/v1`, without a trailing slash: `/chat/completions`."""
        ...

    @property
    def last_events(self) -> tuple[str, ...]:
        """Types of the server-sent events that end a stream; `[DONE]` always does."""
        ...

    def read(self, body: bytes) -> Call | None:
        """The request, or None when it is not one we understand: then it passes untouched. Never raises."""
        ...

    def place(self, call: Call, notes: Sequence[Note]) -> bytes:
        """The client's bytes with each note spliced in at the slot it names.

        Notes without text and notes whose slot is not in the call add nothing; without additions the very same
        bytes come back (promise P1). Removing the additions gives the client's bytes back (promise P2).
        """
        ...

    def reply(self, body: bytes) -> Reply:
        """A whole, non-streamed answer. Never raises: an unreadable answer is an incomplete Reply."""
        ...

    def tap(self) -> Tap:
        """A fresh reader for one streamed answer."""
        ...
