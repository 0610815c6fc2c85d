"""A gateway's dashboard on a real socket, behind the gateway's own front, over real parts with a made-up past."""

from __future__ import annotations

import asyncio
import functools
import socket
import threading
from collections.abc import Callable, Coroutine
from concurrent.futures import Future
from pathlib import Path
from typing import Any, TypeVar

import msgspec
import uvicorn
from starlette.applications import Starlette

from gateway.accounts import Counters
from gateway.admin.dashboard import routes
from gateway.console import Health
from gateway.front import Front
from gateway.gate import Gate
from gateway.period import Facts
from gateway.sections import Server
from gateway.telemetry import Telemetry
from tests.admin.console import Desk, opened_desk
from tests.admin.dashboard import schooling, showcase
from tests.admin.dashboard.browsing import KEY, reached
from tests.browser.past import lessons, live

START_S = 60.0

T = TypeVar("T")


class House:
    """Serves from a thread of its own, so that a browser can be driven beside it."""

    def __init__(self, folder: Path) -> None:
        self.letters = showcase.Letters()
        self.facts: Callable[[float | None, float], Facts] = showcase.facts
        self._folder = folder
        self._listening = socket.create_server(("127.0.0.1", 0))
        self._thread = threading.Thread(target=lambda: asyncio.run(self._serve()), name="house")
        self._opened: Future[tuple[asyncio.AbstractEventLoop, asyncio.Event, Desk]] = Future()

    def __enter__(self) -> House:
        self._thread.start()
        self._loop, self._stop, self.desk = self._opened.result(START_S)
        return self

    def __exit__(self, *_: object) -> None:
        self._loop.call_soon_threadsafe(self._stop.set)
        self._thread.join(START_S)

    @property
    def origin(self) -> str:
        """Where it is, as a browser says it."""
        return f"http://127.0.0.1:{self._listening.getsockname()[1]}"

    def do(self, work: Coroutine[Any, Any, T]) -> T:
        """Have something done where it is served."""
        return asyncio.run_coroutine_threadsafe(work, self._loop).result(START_S)

    async def _read(self, tenant: str | None, since: float | None) -> Facts:
        found = self.facts(since, self.desk.clock.now())
        return msgspec.structs.replace(found, lessons=found.lessons or lessons())

    def _made_up(self) -> dict[str, Any]:
        """Members of the console that are not the real ones."""
        shown = {"health": _health, "rehearse": schooling.rehearse, "matches": lambda: {"default": 412, "support": 87}}
        return {"facts": self._read, "letters": self.letters, **shown}

    async def _serve(self) -> None:
        try:
            async with opened_desk(self._folder, **self._made_up()) as desk:
                await live(desk)
                server = uvicorn.Server(_uvicorn(desk))
                task = asyncio.create_task(server.serve(sockets=[self._listening]))
                stop = asyncio.Event()
                self._opened.set_result((asyncio.get_running_loop(), stop, desk))
                await stop.wait()
                server.should_exit = True
                await task
        except BaseException as error:
            if not self._opened.done():
                self._opened.set_exception(error)
            raise


def _uvicorn(desk: Desk) -> uvicorn.Config:
    counters: Counters = Telemetry()
    gate = Gate(limits=Server(), counters=counters, is_local_only=True)
    return uvicorn.Config(
        Starlette(routes=list(routes(reached(desk.console), KEY, desk.clock))),
        http=functools.partial(Front, gate),  # type: ignore[arg-type] # as gateway/serve.py has it
        lifespan="off",
        log_config=None,
        access_log=False,
    )


async def _health() -> Health:
    return showcase.HEALTH
