"""gateway/pause.py: a wait has an end, and another one when somebody says so."""

from __future__ import annotations

import asyncio

from gateway.pause import pause


async def test_it_ends_by_itself() -> None:
    stop = asyncio.Event()
    await pause(stop, 0.001)
    assert not stop.is_set()


async def test_it_ends_when_told_to() -> None:
    stop = asyncio.Event()
    asyncio.get_running_loop().call_soon(stop.set)
    async with asyncio.timeout(10):
        await pause(stop, 3_600.0)
