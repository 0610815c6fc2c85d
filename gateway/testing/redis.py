"""A Redis server in a process of its own, as it is really run: for tests and for benchmarks."""

from __future__ import annotations

import shutil
import signal
import socket
import subprocess
from collections.abc import Sequence
from pathlib import Path

BINARY = "redis-server"
STOP_S = 10.0


class RedisProcess:
    """`redis-server` on a free loopback port, started on entering and stopped on leaving.

    What it holds outlives it in its folder: started again it has the same port, and everything it had acknowledged.
    """

    def __init__(self, folder: Path, *, flags: Sequence[str] = ("--appendonly", "yes")) -> None:
        """Prepare to serve.

        Args:
            flags: more of its command line.
        """
        self._folder = folder
        self._flags = tuple(flags)
        self.port = _free_port()
        self.process: subprocess.Popen[bytes] | None = None

    @staticmethod
    def is_installed() -> bool:
        """Whether there is such a server on this machine."""
        return shutil.which(BINARY) is not None

    def __enter__(self) -> RedisProcess:
        self.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.stop()

    @property
    def url(self) -> str:
        """For `journal.url`."""
        return f"redis://127.0.0.1:{self.port}/0"

    def start(self) -> None:
        """Start it, or start it again; returns when it takes connections."""
        self._folder.mkdir(parents=True, exist_ok=True)
        command = [BINARY, "--port", str(self.port), "--bind", "127.0.0.1", "--dir", str(self._folder), "--save", ""]
        self.process = subprocess.Popen(
            [*command, "--daemonize", "no", *self._flags], stdout=subprocess.PIPE, stderr=subprocess.STDOUT
        )
        assert self.process.stdout is not None
        said = []
        for line in self.process.stdout:
            said.append(line)
            if b"Ready to accept connections" in line:
                return
        self.process.communicate(timeout=STOP_S)
        raise RuntimeError(b"".join(said).decode())

    def stop(self) -> None:
        """End it in order."""
        self._end(signal.SIGTERM)

    def kill(self) -> None:
        """End it as a power cut would."""
        self._end(signal.SIGKILL)

    def freeze(self) -> None:
        """Let it keep its connections and answer nothing."""
        self._signal(signal.SIGSTOP)

    def thaw(self) -> None:
        """Let it go on."""
        self._signal(signal.SIGCONT)

    def _end(self, how: signal.Signals) -> None:
        if self.process is not None and self.process.poll() is None:
            self._signal(signal.SIGCONT)
            self._signal(how)
            self.process.communicate(timeout=STOP_S)

    def _signal(self, how: signal.Signals) -> None:
        assert self.process is not None
        self.process.send_signal(how)


def _free_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as listening:
        return int(listening.getsockname()[1])
