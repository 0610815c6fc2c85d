"""The proof at the start that memory works."""

from __future__ import annotations

from pathlib import Path

import pytest

from gateway.clock import SystemClock
from gateway.errors import MemoryUnavailable
from gateway.memories import Found, Memory, Query
from gateway.selftest import PROOF, prove
from gateway.testing import ManualClock
from gateway.types import Scope
from gateway.wiring import running
from tests.test_wiring import config


class BrokenStore:
    """A store that finds nothing, or cannot even answer."""

    def __init__(self, error: Exception | None) -> None:
        self._error = error

    async def put(self, scope: Scope, memories: list[Memory]) -> None:
        if self._error is not None:
            raise self._error

    async def search(self, scope: Scope, query: Query) -> Found:
        return Found()

    async def forget(self, scope: Scope, ids: list[str]) -> int:
        return 0


async def test_the_self_test_finds_what_it_put_and_leaves_nothing_behind(tmp_path: Path) -> None:
    async with running(config(tmp_path)) as parts:
        assert parts.memory == "on"
        store = parts.store
        assert await prove(store, SystemClock()) == "on"
        assert await store.list(PROOF, ["episode"], 10) == []


@pytest.mark.parametrize(
    ("error", "reason"), [(None, "what was put was not found"), (MemoryUnavailable("disk gone"), "disk gone")]
)
async def test_a_self_test_that_fails_says_why(error: Exception | None, reason: str) -> None:
    assert reason in await prove(BrokenStore(error), ManualClock())  # type: ignore[arg-type] # three of its methods
