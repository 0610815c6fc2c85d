"""Who holds something of people in memory, so that all of them forget when somebody is erased (promise P11).

What each of them holds, and for how long, is its own business.
"""

from __future__ import annotations

from typing import Protocol

from gateway.types import Scope


class Cache(Protocol):
    """Holds something of people."""

    def forget(self, scope: Scope) -> None:
        """Hold nothing of a scope any more."""
        ...

    def forget_all(self) -> None:
        """Hold nothing of anybody any more."""
        ...


class Caches:
    """All of them as one."""

    def __init__(self, *caches: Cache) -> None:
        self._caches = list(caches)

    def join(self, cache: Cache) -> None:
        """Have one told from now on, too; once is enough."""
        if cache not in self._caches:
            self._caches.append(cache)

    def forget(self, scope: Scope) -> None:
        """Hold nothing of a scope any more."""
        for cache in self._caches:
            cache.forget(scope)

    def forget_all(self) -> None:
        """Hold nothing of anybody any more."""
        for cache in self._caches:
            cache.forget_all()
