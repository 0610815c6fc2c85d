"""Two WebSockets as one: messages are carried both ways, in order, and either side's close is passed on.

What the messages say, a `Listener` may know; this file does not. A message is taken only when the one before it has
been delivered, so that a slow side slows the other down and nothing piles up here.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Protocol

from gateway.errors import AccrueError, ClientGone, RequestError, UpstreamUnreachable
from gateway.ports import INTERNAL_ERROR, NORMAL_CLOSURE, Closing, Connection
from gateway.sections import PostDisconnect


class Unasked(AccrueError):
    """A message does not go up; its text is what the client is told instead."""


class Listener(Protocol):
    """Who reads along."""

    @property
    def is_waiting(self) -> bool:
        """Whether an answer is under way that is to be read to its end even if the client leaves."""
        ...

    async def ask(self, message: str | bytes) -> str | bytes:
        """The client's message as it is to go up. Raises `Unasked` for one that is not to."""
        ...

    async def hear(self, message: str | bytes) -> str | bytes | None:
        """The upstream's message as it is to go down; None when it is not to."""
        ...

    async def end(self, error: RequestError | None) -> list[str]:
        """Nothing more will be heard.

        Args:
            error: what happened, when the upstream did not close in order. What is returned is told to the client.
        """
        ...


class Watched:
    """A listener to whom nobody speaks who has lost the leave to, since the handshake."""

    def __init__(self, listener: Listener, leave: Callable[[], object], told: Callable[[RequestError], str]) -> None:
        """Watch over a listener.

        Args:
            leave: asked before each message; raises `RequestError` for who may not ask any more.
            told: what the client is told then.
        """
        self.listener = listener
        self._leave = leave
        self._told = told
        self.hear, self.end = listener.hear, listener.end

    @property
    def is_waiting(self) -> bool:
        """As the listener."""
        return self.listener.is_waiting

    async def ask(self, message: str | bytes) -> str | bytes:
        """As the listener."""
        try:
            self._leave()
        except RequestError as error:
            raise Unasked(self._told(error)) from error
        return await self.listener.ask(message)


class Nobody:
    """A listener to whom the messages mean nothing."""

    is_waiting = False

    async def ask(self, message: str | bytes) -> str | bytes:
        """The same."""
        return message

    async def hear(self, message: str | bytes) -> str | bytes:
        """The same."""
        return message

    async def end(self, error: RequestError | None) -> list[str]:
        """Nothing to say."""
        return []


async def carry(client: Connection, upstream: Connection, listener: Listener, limits: PostDisconnect) -> None:
    """Carry messages until one side closes; then both are closed.

    Args:
        limits: of what is heard when the client has left and the listener still waits.
    """
    tunnel = _Tunnel(client, upstream, listener, limits.bytes)
    up, down = asyncio.create_task(tunnel.up()), asyncio.create_task(tunnel.down())
    closing = Closing(code=INTERNAL_ERROR)
    error: RequestError | None = None
    try:
        await asyncio.wait({up, down}, return_when=asyncio.FIRST_COMPLETED)
        if up.done() and not isinstance(up.exception(), UpstreamUnreachable):
            closing, tunnel.is_left = up.result(), True
            if listener.is_waiting:
                await asyncio.wait({down}, timeout=limits.seconds)
        else:  # what could not be sent up has its reason in what comes down
            closing = await down
    except UpstreamUnreachable as died:
        error = died
    finally:
        await _stopped(up, down)
        try:
            for message in await listener.end(error):
                await tunnel.tell(message)
        finally:
            try:
                await client.close(closing)
            finally:
                await upstream.close(closing)


async def _stopped(*tasks: asyncio.Task[Closing]) -> None:
    for task in tasks:
        task.cancel()
    await asyncio.gather(*tasks, return_exceptions=True)


class _Tunnel:
    """Its two ways."""

    def __init__(self, client: Connection, upstream: Connection, listener: Listener, max_left_bytes: int) -> None:
        self._client = client
        self._upstream = upstream
        self.listener = listener
        self._left_bytes = max_left_bytes
        """What may still be heard once the client has gone."""
        self.is_left = False
        """True once the client has gone: what still comes is for the listener alone."""

    async def up(self) -> Closing:
        """The client's messages, until it closes."""
        while not isinstance(message := await self._client.receive(), Closing):
            try:
                asked = await self.listener.ask(message)
            except Unasked as refused:
                await self.tell(str(refused))
            else:
                await self._upstream.send(asked)
        return message

    async def down(self) -> Closing:
        """The upstream's messages, until it closes or nobody is interested any more."""
        while not isinstance(message := await self._upstream.receive(), Closing):
            heard = await self.listener.hear(message)
            if heard is not None:
                await self.tell(heard)
            if self.is_left:
                self._left_bytes -= len(message)
                if self._left_bytes < 0 or not self.listener.is_waiting:
                    return Closing(code=NORMAL_CLOSURE)
        return message

    async def tell(self, message: str | bytes) -> None:
        """Send to the client, if it is still there."""
        if self.is_left:
            return
        try:
            await self._client.send(message)
        except ClientGone:
            self.is_left = True
