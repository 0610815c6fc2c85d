"""A pass-through with nothing in it: what the server and the client that Accrue uses cost by themselves.

`python -m benchmarks.bare PORT UPSTREAM`; started by benchmarks/overhead.py as the measure for Accrue with memory off.
"""

from __future__ import annotations

import sys
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager

import aiohttp
import uvicorn
from starlette.applications import Starlette
from starlette.routing import Route
from starlette.types import Message, Receive, Scope, Send

NOT_FORWARDED = {b"host", b"content-length", b"connection", b"transfer-encoding"}


class PassThrough:
    """Sends each request on and its answer back, chunk by chunk."""

    def __init__(self, upstream: str) -> None:
        self._upstream = upstream
        self._session: aiohttp.ClientSession | None = None

    @asynccontextmanager
    async def lifespan(self, _: Starlette) -> AsyncGenerator[None, None]:
        """Hold one pool of connections for as long as the server runs."""
        connector = aiohttp.TCPConnector(limit=0)
        async with aiohttp.ClientSession(connector=connector, auto_decompress=False) as self._session:
            yield

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one request."""
        assert self._session is not None
        headers = [(name.decode(), value.decode()) for name, value in scope["headers"] if name not in NOT_FORWARDED]
        url = self._upstream + scope["path"]
        body = await _body(receive)
        async with self._session.request(scope["method"], url, data=body, headers=headers) as answer:
            raw = [(name.lower(), value) for name, value in answer.raw_headers]
            kept = [(name, value) for name, value in raw if name not in (b"connection", b"transfer-encoding")]
            start: Message = {"type": "http.response.start", "status": answer.status, "headers": kept}
            await send(start)
            async for chunk in answer.content.iter_any():
                await send({"type": "http.response.body", "body": chunk, "more_body": True})
            await send({"type": "http.response.body", "body": b"", "more_body": False})


async def _body(receive: Receive) -> bytes:
    parts = []
    while True:
        message = await receive()
        parts.append(message.get("body", b""))
        if not message.get("more_body"):
            return b"".join(parts)


def main(port: int, upstream: str) -> None:
    """Serve until told to stop."""
    through = PassThrough(upstream)
    app = Starlette(routes=[Route("/v1/{path:path}", through, methods=["POST"])], lifespan=through.lifespan)
    uvicorn.run(app, port=port, http="httptools", loop="uvloop", access_log=False, log_level="warning")


if __name__ == "__main__":
    main(int(sys.argv[1]), sys.argv[2])
