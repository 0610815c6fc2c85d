"""The machine's time and randomness, behind the `Clock` port; nothing else asks for either."""

from __future__ import annotations

import secrets
import time

RANDOM_BYTES = 10
"""Of an id: no one guesses 80 bits."""


class SystemClock:
    """The real one."""

    def now(self) -> float:
        """Unix seconds."""
        return time.time()

    def new_id(self, prefix: str) -> str:
        """`prefix_` + 12 hex digits of milliseconds + 20 of randomness."""
        return f"{prefix}_{int(time.time() * 1000):012x}{secrets.token_hex(RANDOM_BYTES)}"
