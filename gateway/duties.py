"""What runs beside calls from the start to the end: learning, and whatever else has to be looked after."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Callable, Coroutine, Iterable
from contextlib import AsyncExitStack

import structlog

from gateway.learn import Learner

CATCH_UP_S = 0.5
"""Of the start may go into getting ready to learn, and into what a killed process had recorded; what is left of it is
learnt while serving."""

END_S = 10.0
"""Of the end may go into learning; the rest waits in the journal."""

log = structlog.get_logger()


async def begun(
    stack: AsyncExitStack, learner: Learner, duties: Iterable[Callable[[asyncio.Event], Coroutine[None, None, None]]]
) -> None:
    """Start learning and the other duties; all end before what they use is closed."""
    stop = asyncio.Event()
    tasks = {asyncio.create_task(duty(stop)) for duty in duties}

    async def end() -> None:
        stop.set()
        _, late = await asyncio.wait(tasks, timeout=END_S)
        for task in late:
            task.cancel()

    stack.push_async_callback(end)
    rehearsed = asyncio.create_task(asyncio.to_thread(learner.rehearse))
    with contextlib.suppress(TimeoutError):  # what an earlier process left unlearnt, if that is quickly done
        async with asyncio.timeout(CATCH_UP_S):
            await learner.idle.wait()
    await rehearsed  # beside calls it would take as long, and make them late


def reloaded(complaint: str | None) -> None:
    """Say what came of a change of the policies."""
    if complaint is None:
        log.info("policies_loaded")
    else:
        log.error("policies_kept", complaint=complaint)
