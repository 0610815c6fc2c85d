"""Gateways that are there in no time: a process that is ready to be one forks a real one whenever it is asked to.

A gateway takes two seconds to start, nearly all of them for imports, and a third one for the rules it reads when it
first learns; a proof that kills hundreds would spend its time on them.
"""

from __future__ import annotations

import asyncio
import os
import re
import signal
import sys
from asyncio.subprocess import PIPE, Process
from pathlib import Path

import msgspec

_SOURCE = """
import json, os, sys
{breaking}
from gateway import parts, wiring
from gateway.__main__ import main
from gateway.derive import derive
from tests.exchanges import exchange, user
parts.token_counter()
derive(exchange(user("The parcel stands in the hall.")), wiring.KINDS, 0.0)
print("ready", flush=True)
for line in sys.stdin:
    folder, arguments = json.loads(line)
    child = os.fork()
    if child == 0:
        os.chdir(folder)
        main(arguments)
    print(child, flush=True)
    print("ended", os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]), flush=True)
"""

_LISTENS = re.compile(rb"Accrue listens on +(http://\S+)")

BORN_S = 30.0


class Nursery:
    """Makes gateways, one at a time, all over the same data directory."""

    def __init__(self, folder: Path, upstream: str, *, breaking: str = "") -> None:
        """Prepare to make gateways.

        Args:
            folder: in which they run and keep their data.
            breaking: Python that is run before anything of the gateway is imported.
        """
        self._folder = folder
        self._source = _SOURCE.format(breaking=breaking)
        self._order = msgspec.json.encode([str(folder), ["serve", "--port", "0", "--upstream", upstream]]) + b"\n"
        self.journal = folder / ".accrue" / "journal.db"
        self.memories = folder / ".accrue" / "memories.db"

    async def __aenter__(self) -> Nursery:
        with (self._folder / "log").open("wb") as log:
            self._process: Process = await asyncio.create_subprocess_exec(
                sys.executable, "-c", self._source, stdin=PIPE, stdout=PIPE, stderr=log
            )
        await self._line(b"ready")
        return self

    async def __aexit__(self, *_: object) -> None:
        self._process.terminate()
        await self._process.communicate()

    async def start(self) -> str:
        """Start a gateway, and return its URL, ending in `/v1`, when it listens."""
        assert self._process.stdin is not None
        self._process.stdin.write(self._order)
        said = [await self._line(b"")]
        while b"OPENAI_BASE_URL" not in said[-1]:
            said.append(await self._line(b""))
        self._child = next(int(line) for line in said if line.strip().isdigit())
        listens = _LISTENS.search(b"".join(said))
        assert listens is not None, said
        return f"{listens[1].decode()}/v1"

    def kill(self) -> None:
        """End the gateway as a power cut would, here and now."""
        os.kill(self._child, signal.SIGKILL)

    def terminate(self) -> None:
        """Ask the gateway to stop."""
        os.kill(self._child, signal.SIGTERM)

    async def ended(self) -> int:
        """The gateway's exit status, when it has ended."""
        return int((await self._line(b"ended")).split()[1])

    async def _line(self, beginning: bytes) -> bytes:
        """The next line that begins like this."""
        assert self._process.stdout is not None
        async with asyncio.timeout(BORN_S):
            while line := await self._process.stdout.readline():
                if line.startswith(beginning):
                    return line
        raise RuntimeError(f"the gateway did not start: {(self._folder / 'log').read_text()}")
