"""A request body that is read whole when someone wants to understand it, and passed on as it comes when not."""

from __future__ import annotations

from collections.abc import AsyncIterator


class Body:
    """The body of one request; its chunks are taken from `source` once, and never lost."""

    def __init__(self, source: AsyncIterator[bytes], *, length: int | None) -> None:
        """Wrap a source of chunks.

        Args:
            length: bytes announced by the client; None when it announced none (chunked), 0 when there is no body.
        """
        self._source = source
        self._taken: list[bytes] = []
        self._is_whole = length == 0
        self.length = length

    async def read(self, limit: int) -> bytes | None:
        """The whole body, or None when it is larger than `limit` bytes; then `rest` still has all of it."""
        if self.length is not None and self.length > limit:
            return None
        size = sum(map(len, self._taken))
        while not self._is_whole and size <= limit:
            try:
                chunk = await anext(self._source)
            except StopAsyncIteration:
                self._is_whole = True
                break
            self._taken.append(chunk)
            size += len(chunk)
        if size > limit:
            return None
        self._taken = [b"".join(self._taken)]
        return self._taken[0]

    async def rest(self) -> AsyncIterator[bytes]:
        """Everything, from the first byte on."""
        for chunk in self._taken:
            yield chunk
        if not self._is_whole:
            async for chunk in self._source:
                yield chunk
