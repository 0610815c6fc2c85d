"""A `MemoryStore` around another one, which does something more where a class made of it says so."""

from __future__ import annotations

import builtins
from collections.abc import Sequence

from gateway.memories import Found, Memory, Query
from gateway.ports import MemoryStore
from gateway.types import Scope


class Wrapped:
    """Does all as the store within."""

    def __init__(self, store: MemoryStore) -> None:
        self._store = store

    async def search(self, scope: Scope, query: Query) -> Found:
        """As the store."""
        return await self._store.search(scope, query)

    async def put(self, scope: Scope, memories: Sequence[Memory]) -> None:
        """As the store."""
        await self._store.put(scope, memories)

    async def get(self, scope: Scope, ids: Sequence[str], *, reach: int = 0) -> builtins.list[Memory]:
        """As the store."""
        return await self._store.get(scope, ids, reach=reach)

    async def list(self, scope: Scope, kinds: Sequence[str], limit: int) -> builtins.list[Memory]:
        """As the store."""
        return await self._store.list(scope, kinds, limit)

    async def forget(self, scope: Scope, ids: Sequence[str]) -> int:
        """As the store."""
        return await self._store.forget(scope, ids)

    @property
    def trouble(self) -> str:
        """Why memories cannot be relied on now; empty when all is well."""
        return self._store.trouble

    async def aclose(self) -> None:
        """As the store."""
        await self._store.aclose()
