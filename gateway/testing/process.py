"""A gateway in a process of its own, as it is really run: for the demo, for tests, for benchmarks."""

from __future__ import annotations

import re
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path

_LISTENS = re.compile(r"Accrue listens on +(http://\S+)")

STOP_S = 30.0
"""Longer than a gateway takes to finish what is under way."""


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
