"""Servers in processes of their own, as they are really run: for the demo, for tests, for benchmarks."""

from __future__ import annotations

import re
import signal
import socket
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Self

_LISTENS = re.compile(r"Accrue listens on +(http://\S+)")

STOP_S = 30.0
"""Longer than a gateway takes to finish what is under way."""


class ServerProcess:
    """A server on a free loopback port, started on entering and stopped on leaving; started again it has the same port.

    Which command starts it, and what it says once it takes connections, is for the class of each server to say.
    """

    ready: bytes

    def __init__(self) -> None:
        with socket.create_server(("127.0.0.1", 0)) as listening:
            self.port = int(listening.getsockname()[1])
        self.process: subprocess.Popen[bytes] | None = None

    @property
    def command(self) -> Sequence[str]:
        """What to run."""
        raise NotImplementedError

    def __enter__(self) -> Self:
        self.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.stop()

    def start(self) -> None:
        """Start it, or start it again; returns when it takes connections. Raises `RuntimeError` with what it said."""
        self.process = subprocess.Popen(self.command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT)
        assert self.process.stdout is not None
        said = []
        for line in self.process.stdout:
            said.append(line)
            if self.ready in line:
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
            self.thaw()
            self._signal(how)
            self.process.communicate(timeout=STOP_S)

    def _signal(self, how: signal.Signals) -> None:
        assert self.process is not None
        self.process.send_signal(how)


class GatewayProcess:
    """`accrue serve` on a free loopback port, started on entering and stopped on leaving."""

    def __init__(self, upstream: str, data_dir: Path, *, flags: Sequence[str] = (), cwd: Path | None = None) -> None:
        """Prepare to serve.

        Args:
            upstream: base URL of the provider, ending in `/v1`.
            flags: more of `accrue serve`.
            cwd: working directory, where config.yaml and policies/ are looked for; the data directory by default.
        """
        self._command = [sys.executable, "-m", "gateway", "serve", "--port", "0"]
        self._command += ["--upstream", upstream, "--data-dir", str(data_dir.absolute()), *flags]
        self._cwd = cwd or data_dir

    def __enter__(self) -> GatewayProcess:
        self._cwd.mkdir(parents=True, exist_ok=True)
        self.process = subprocess.Popen(self._command, cwd=self._cwd, stdout=subprocess.PIPE, text=True)
        self.banner = self._read_banner()
        return self

    def __exit__(self, *_: object) -> None:
        if self.process.poll() is None:
            self.process.terminate()
        self.process.communicate(timeout=STOP_S)  # closes the pipe as well

    def kill(self) -> None:
        """End it as a power cut would."""
        self.process.kill()
        self.process.wait(timeout=STOP_S)

    @property
    def url(self) -> str:
        """What a client is pointed at, ending in `/v1`."""
        listens = _LISTENS.search(self.banner)
        assert listens is not None, self.banner
        return f"{listens[1]}/v1"

    def _read_banner(self) -> str:
        """Everything up to the line to paste, which is printed last."""
        assert self.process.stdout is not None
        lines: list[str] = []
        for line in self.process.stdout:
            lines.append(line)
            if "OPENAI_BASE_URL" in line:
                return "".join(lines)
        self.__exit__()
        raise RuntimeError(f"the gateway did not start:\n{''.join(lines)}")
