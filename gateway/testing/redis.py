"""A Redis server in a process of its own, as it is really run: for tests and for benchmarks."""

from __future__ import annotations

import shutil
from collections.abc import Sequence
from pathlib import Path

from gateway.testing.process import ServerProcess

BINARY = "redis-server"


class RedisProcess(ServerProcess):
    """`redis-server` on a free loopback port, started on entering and stopped on leaving.

    What it holds outlives it in its folder: started again it has the same port, and everything it had acknowledged.
    """

    ready = b"Ready to accept connections"

    def __init__(self, folder: Path, *, flags: Sequence[str] = ("--appendonly", "yes")) -> None:
        """Prepare to serve.

        Args:
            flags: more of its command line.
        """
        super().__init__()
        self._folder = folder
        self._flags = tuple(flags)

    @staticmethod
    def is_installed() -> bool:
        """Whether there is such a server on this machine."""
        return shutil.which(BINARY) is not None

    @property
    def url(self) -> str:
        """For `journal.url`."""
        return f"redis://127.0.0.1:{self.port}/0"

    @property
    def command(self) -> Sequence[str]:
        """What to run; makes its folder."""
        self._folder.mkdir(parents=True, exist_ok=True)
        command = [BINARY, "--port", str(self.port), "--bind", "127.0.0.1", "--dir", str(self._folder), "--save", ""]
        return [*command, "--daemonize", "no", *self._flags]
