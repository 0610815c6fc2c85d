"""The proof that memory works and that calls go on record, now."""

from __future__ import annotations

import asyncio
from pathlib import Path

import pytest
from structlog.testing import capture_logs

from gateway.clock import SystemClock
from gateway.errors import MemoryUnavailable
from gateway.memories import Found, Memory, Query
from gateway.selftest import PROOF, SelfTest, prove
from gateway.testing import ManualClock
from gateway.types import Scope
from gateway.wiring import running
from tests.test_wiring import config


class BrokenStore:
    """A store that finds nothing, or cannot even answer."""

    trouble = ""

    def __init__(self, error: Exception | None) -> None:
        self._error = error

    async def put(self, scope: Scope, memories: list[Memory]) -> None:
        if self._error is not None:
            raise self._error

    async def search(self, scope: Scope, query: Query) -> Found:
        return Found()

    async def forget(self, scope: Scope, ids: list[str]) -> int:
        return 0


class BrokenJournal:
    """A journal that cannot write until it is mended, and says so."""

    trouble = "disk gone"
    is_mended = False

    async def prove(self) -> None:
        if not self.is_mended:
            raise MemoryUnavailable(self.trouble)
        self.trouble = ""


async def test_the_self_test_finds_what_it_put_and_leaves_nothing_behind(tmp_path: Path) -> None:
    async with running(config(tmp_path)) as parts:
        assert (parts.proof.memory, parts.proof.journal) == ("on", "ok")
        store = parts.store
        assert await prove(store, SystemClock()) == "on"
        assert await store.list(PROOF, ["episode"], 10) == []


@pytest.mark.parametrize(
    ("error", "reason"), [(None, "what was put was not found"), (MemoryUnavailable("disk gone"), "disk gone")]
)
async def test_a_self_test_that_fails_says_why(error: Exception | None, reason: str) -> None:
    assert reason in await prove(BrokenStore(error), ManualClock())  # type: ignore[arg-type] # three of its methods


async def test_what_is_mended_is_found_to_be_and_only_a_change_is_logged(tmp_path: Path) -> None:
    journal = BrokenJournal()
    async with running(config(tmp_path)) as parts:
        proof = SelfTest(parts.store, journal, SystemClock())  # type: ignore[arg-type] # what of it is asked
        with capture_logs() as logs:
            await proof.look()
            await proof.look()
            assert (proof.memory, proof.journal) == ("on", "disk gone")
            journal.is_mended = True
            await proof.look()
        assert (proof.memory, proof.journal) == ("on", "ok")
    assert [(line["event"], line["log_level"]) for line in logs] == [
        ("memory_state", "error"),
        ("memory_state", "info"),
    ]


async def test_it_looks_again_until_it_is_told_to_stop(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("gateway.selftest.LOOK_S", 0.001)
    journal, stop = BrokenJournal(), asyncio.Event()
    async with running(config(tmp_path)) as parts:
        proof = SelfTest(parts.store, journal, SystemClock())  # type: ignore[arg-type] # what of it is asked
        looking = asyncio.create_task(proof.run(stop))
        async with asyncio.timeout(30):
            while proof.journal == "ok":
                await proof.look()
            journal.is_mended = True
            while proof.journal != "ok":
                await asyncio.wait({looking}, timeout=0.001)
            stop.set()
            await looking
