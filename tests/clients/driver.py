"""A driver as a test holds it: a client in a process and an environment of its own, pointed as its users point it."""

from __future__ import annotations

import asyncio
import json
import shutil
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from pathlib import Path
from urllib.parse import urlsplit

from tests.clients.table import ENVIRONMENTS, HERE, Use

LONGEST_S = 120
"""For one conversation, start of the interpreter included: several times what the slowest took on two busy cores."""

LONGEST_LINE = 2**20
"""Bytes of what one conversation showed."""

Shown = list[dict[str, object]]


class Driver:
    """A running driver."""

    def __init__(self, process: asyncio.subprocess.Process, complaints: Path) -> None:
        assert process.stdin is not None
        assert process.stdout is not None
        self._input, self._output = process.stdin, process.stdout
        self._complaints = complaints

    async def hold(self, said: Sequence[str]) -> Shown:
        """Hold one conversation; what the user of the client was shown, in order."""
        self._input.write(json.dumps(said).encode() + b"\n")
        async with asyncio.timeout(LONGEST_S):
            line = await self._output.readline()
        assert line, self._complaints.read_text()
        shown: Shown = json.loads(line)
        return shown


@asynccontextmanager
async def driving(use: Use, url: str, folder: Path) -> AsyncIterator[Driver]:
    """Run the driver of a use, its client pointed at the base URL `url`; `folder` is its home."""
    base = url if use.client.is_below_v1 else url.removesuffix("/v1")
    settings = {use.client.points: base, "OPENAI_API_KEY": "sk-clients", "ANTHROPIC_API_KEY": "sk-clients"}
    complaints = folder / f"stderr-{urlsplit(url).port}"
    with complaints.open("wb") as stderr:
        process = await asyncio.create_subprocess_exec(
            *_command(use),
            stdin=asyncio.subprocess.PIPE,
            stdout=asyncio.subprocess.PIPE,
            stderr=stderr,
            limit=LONGEST_LINE,
            env={**settings, "HOME": str(folder)},
            cwd=ENVIRONMENTS / use.client.environment,
        )
    try:
        yield Driver(process, complaints)
    finally:
        process.kill()
        await process.wait()


def _command(use: Use) -> list[str]:
    """Node is given the text of the file, so that it looks for packages where it is started, in its environment."""
    driver = HERE / use.client.driver
    if use.client.environment == "node":
        return [str(shutil.which("node")), "--input-type=module", "--eval", driver.read_text(), use.way]
    return [str(ENVIRONMENTS / use.client.environment / "bin" / "python"), str(driver), use.way]
