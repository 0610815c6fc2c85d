"""One connection to an upstream, where aiohttp's own (3.14) trusts the other side too much."""

from __future__ import annotations

from typing import Any

import aiohttp
from aiohttp.client_proto import ResponseHandler
from aiohttp.http_exceptions import HttpProcessingError

MAX_INTERIM = 1_000
"""Answers like `100 Continue` before the real one. Nobody sends more than a few, but a flood of them never ends."""

_SWITCHING_PROTOCOLS = 101


class CarefulConnection(ResponseHandler):
    """Keeps an eye on what aiohttp would wait for, or be busy with, for ever."""

    _interim = 0

    def feed_data(self, data: Any, size: int = 0) -> None:
        """Take an answer's head. Interim ones are dropped, as nobody here asked for any, and too many are the end."""
        status = data[0].code
        if not 100 <= status < 200 or status == _SWITCHING_PROTOCOLS:
            self._interim = 0
            super().feed_data(data, size)
            return
        self._interim += 1
        if self._interim == MAX_INTERIM:
            if self.transport is not None:
                self.transport.abort()
            self.set_exception(HttpProcessingError(message="interim answers without end"))

    def set_exception(self, exc: BaseException, *cause: BaseException) -> None:
        """Tell the reader of a body, too, that its framing has turned to nonsense: he would wait for ever."""
        super().set_exception(exc, *cause)
        if isinstance(exc, HttpProcessingError) and self._payload is not None and not self._payload.is_eof():
            self._payload.set_exception(aiohttp.ClientPayloadError("the framing is broken"))
