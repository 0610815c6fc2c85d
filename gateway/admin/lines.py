"""Lines that were sent, on disk where they are many: read through once, and then one by one.

What stands in them is not known here. On disk they are in a file without a name, which ends with whoever holds it.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterable, Iterator
from contextlib import suppress
from tempfile import SpooledTemporaryFile

from gateway.errors import NotNow, TooLarge

IN_MEMORY_BYTES = 4 << 20
"""Fewer stay in memory; what more costs is a file in the folder for temporary files."""

MAX_BYTES = 4 << 30
"""Three million memories (measured: one takes 1.35 kB)."""

MAX_LINE_BYTES = 16 << 20
"""What is longer is cut, and so no line any more: a memory is some kilobytes."""


class Lines:
    """Lines in the order in which they came; not to be read from two threads at once."""

    def __init__(self) -> None:
        self._file = SpooledTemporaryFile(max_size=IN_MEMORY_BYTES)  # noqa: SIM115 - closed by whoever holds this

    async def fill(self, chunks: AsyncIterable[bytes]) -> None:
        """Take what is sent. Raises `TooLarge`, and `NotNow` where there is no room for it."""
        size = 0
        try:
            async for chunk in chunks:
                size += len(chunk)
                if size > MAX_BYTES:
                    raise TooLarge(f"this takes at most {MAX_BYTES >> 20} MB", code="request_too_large")
                await asyncio.to_thread(self._file.write, chunk)
            await asyncio.to_thread(self._file.flush)
        except OSError as error:
            raise NotNow(f"there is no room for what is sent: {error.strerror}", code="no_room") from error

    def each(self) -> Iterator[tuple[int, bytes]]:
        """Every line with its end, and where it begins. Blocks for the disk, as does `at`."""
        place = 0
        self._file.seek(place)
        while line := self._file.readline(MAX_LINE_BYTES):
            yield place, line
            place += len(line)

    def at(self, place: int) -> bytes:
        """The line that begins there; empty behind the last."""
        self._file.seek(place)
        return self._file.readline(MAX_LINE_BYTES)

    def close(self) -> None:
        """Forget them."""
        with suppress(OSError):  # what there was no room for is tried to be written once more
            self._file.close()
