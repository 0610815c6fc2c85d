"""Whether one dependency of memory is asked: not while it fails, until it has answered a probe (promise P4).

Pure over a clock, and safe between threads. What failing is, what a probe is and who sends it is known to those who
ask: gateway/dependency.py on the event loop, gateway/embedders/slow.py on threads. No caller is ever the probe.
"""

from __future__ import annotations

import threading
import zlib
from collections import deque
from collections.abc import Callable
from typing import Literal

import structlog

from gateway.errors import MemoryUnavailable
from gateway.ports import Clock

FAILURES = 5
"""Open it, when half of what was asked lately failed: each may cost a call its whole deadline."""

LATELY = 20
"""Answers that are looked back on, if they are no older than `LATELY_S`."""

LATELY_S = 10.0

FIRST_S = 0.05
"""Until the first probe. Each later one waits twice as long, up to a limit."""

LONGEST_S = 1.0
"""Between two probes: with the time that a probe is given, it is known within 2 s that a dependency is back."""

CALM_S = 10.0
"""A dependency that fails again sooner is not probed as often as one that fails for once."""

log = structlog.get_logger()


class KeptAway(MemoryUnavailable):
    """A dependency was not asked: it is failing, or there are as many waiting for it as there may be."""

    def __init__(self, dependency: str, cause: Literal["breaker", "overload"]) -> None:
        super().__init__(f"{dependency}: {cause}")
        self.dependency = dependency
        self.cause = cause


OnChange = Callable[[str, bool], None]
"""Is told the dependency, and whether its breaker is open from now on."""


def unheard(dependency: str, is_open: bool) -> None:
    """Nobody counts."""


class Breaker:
    """Closed while a dependency is to be asked, open while it is to be left alone."""

    def __init__(
        self,
        dependency: str,
        clock: Clock,
        *,
        longest_s: float = LONGEST_S,
        on_change: OnChange = unheard,
    ) -> None:
        """Begin closed.

        Args:
            clock: the machine's; one that stands still keeps old failures in mind.
            longest_s: between two probes.
        """
        self.dependency = dependency
        self._clock = clock
        self._longest_s = longest_s
        self._on_change = on_change
        self._lock = threading.Lock()
        self._asked: deque[tuple[float, bool]] = deque(maxlen=LATELY)
        """When it answered or failed, and whether it failed."""
        self._changed = -CALM_S
        self._probes = 0
        self.is_open = False

    def check(self) -> None:
        """Raise `KeptAway` while the dependency is not to be asked."""
        if self.is_open:
            raise KeptAway(self.dependency, "breaker")

    def answered(self) -> None:
        """Count an answer."""
        with self._lock:
            self._asked.append((self._clock.now(), False))

    def failed(self, cause: str) -> bool:
        """Count a failure; True when it was the one that opened the breaker: then somebody has to probe."""
        with self._lock:
            now = self._clock.now()
            self._asked.append((now, True))
            lately = [is_failure for at, is_failure in self._asked if at > now - LATELY_S]
        failures = sum(lately)
        return failures >= FAILURES and 2 * failures >= len(lately) and self.open(cause)

    def open(self, cause: str) -> bool:
        """Leave the dependency alone from now on; False when it was left alone before."""
        with self._lock:
            if self.is_open:
                return False
            if self._clock.now() - self._changed >= CALM_S:
                self._probes = 0
            self._change(is_open=True)
        log.warning("breaker_opened", dependency=self.dependency, cause=cause)
        self._on_change(self.dependency, True)
        return True

    def close(self) -> None:
        """The dependency has answered a probe: it may be asked again."""
        with self._lock:
            if not self.is_open:
                return
            since = self._changed
            self._change(is_open=False)
            away_s = self._changed - since
        log.info("breaker_closed", dependency=self.dependency, away_s=round(away_s, 3))
        self._on_change(self.dependency, False)

    def pause_s(self) -> float:
        """Seconds until the next probe: ever longer, and not the same for all who have lost the same dependency."""
        chance = zlib.crc32(self._clock.new_id("probe").encode()) / 2**32
        longest = min(self._longest_s, FIRST_S * 2.0**self._probes)
        self._probes = min(self._probes + 1, 32)
        return longest * (1 + chance) / 2

    def _change(self, *, is_open: bool) -> None:
        self.is_open = is_open
        self._changed = self._clock.now()
        self._asked.clear()
