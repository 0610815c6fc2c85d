"""Gateways that are broken on purpose, so that a proof can be seen to fail."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from pathlib import Path

from gateway.testing import GatewayProcess

_BEFORE = "import sys; sys.argv[0] = 'accrue'\n"
_AFTER = "\nfrom gateway.__main__ import main; main()\n"


class Mutant(GatewayProcess):
    """`accrue serve` after a few lines of Python that break it."""

    def __init__(
        self, breaking: str, upstream: str, data_dir: Path, *, flags: Sequence[str] = (), cwd: Path | None = None
    ) -> None:
        super().__init__(upstream, data_dir, flags=flags, cwd=cwd)
        self._command = [sys.executable, "-c", _BEFORE + breaking + _AFTER, *self._command[3:]]
