"""Configuration to a running gateway."""

from __future__ import annotations

from pathlib import Path

import pytest

from gateway.clock import SystemClock
from gateway.config import Config
from gateway.errors import DataDirError, MemoryUnavailable
from gateway.testing import ManualClock
from gateway.types import Found, Memory, Query, Scope
from gateway.wiring import KINDS, PROOF, SHAPES, prove, running
from tests.conftest import Serve
from tests.test_pipeline import DOG, QUESTION, say


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


def config(tmp_path: Path) -> Config:
    return Config(data_dir=str(tmp_path / "data"), policies=str(tmp_path / "policies"))


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


async def test_a_second_gateway_on_the_same_directory_is_told_who_has_it(tmp_path: Path) -> None:
    async with running(config(tmp_path)):
        with pytest.raises(DataDirError, match=r"in use by another gateway \(process \d+\)"):
            async with running(config(tmp_path)):
                pass


async def test_after_a_gateway_has_ended_another_may_start(tmp_path: Path) -> None:
    for _ in range(2):
        async with running(config(tmp_path)) as parts:
            assert parts.memory == "on"


def test_every_file_of_a_family_is_a_member_under_its_own_name() -> None:
    assert set(KINDS) == {"constraint", "episode", "preference"}
    assert all(kind.name == name for name, kind in KINDS.items())
    assert set(SHAPES) == {"/chat/completions"}


async def test_policies_are_read_again_while_serving_and_a_broken_one_is_not_taken(
    serve: Serve, tmp_path: Path
) -> None:
    folder = tmp_path / "policies"
    folder.mkdir()
    async with serve() as served:
        await say(served, DOG)
        await served.learnt()
        book = served.parts.gateway.policies
        (folder / "default.yaml").write_text('memory: "offf"\n')
        complaint = book.reload()
        assert complaint is not None
        assert "default.yaml:1" in complaint
        assert "allergic" in await say(served, QUESTION)
        (folder / "default.yaml").write_text('memory: "off"\n')
        assert book.reload() is None
        assert "allergic" not in await say(served, QUESTION)
