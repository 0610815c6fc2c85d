"""`accrue migrate`, as it is typed."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from contextlib import aclosing
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from gateway.commands.migrate import command
from gateway.datadir import DataDir
from gateway.memories import Memory
from gateway.migrate import digest_of
from gateway.stores.local import LocalStore
from gateway.testing.qdrant import QdrantProcess
from gateway.types import Scope
from tests.stores.samples import ANN, BOB, WordsEmbedder, memory
from tests.test_telemetry import logging_kept

SECRET = "the same on every gateway of this fleet"
THERE = ("--from", "local", "--to", "qdrant")
BACK = ("--from", "qdrant", "--to", "local")


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[QdrantProcess]:
    with QdrantProcess(tmp_path_factory.mktemp("points")) as process:
        yield process


@pytest.fixture(autouse=True)
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, server: QdrantProcess) -> Iterator[None]:
    """A data directory of a fleet in which three owners have memories, and nothing on the server."""
    monkeypatch.chdir(tmp_path)
    store = f"{{kind: qdrant, url: '{server.url}', collection: {tmp_path.name}}}"
    Path("config.yaml").write_text(f"auth: {{shared_secret: {SECRET}}}\nstore: {store}\n")
    data = DataDir(Path(".accrue"), SECRET)
    data.hold()
    data.secret()
    data.release()
    put(ANN, memory("m1", "tea"), memory("m2", "coffee", ended_at=9.0))
    put(ANN.common, memory("m3", "Check the date.", kind="lesson"))
    put(BOB, memory("m1", "his"))
    with logging_kept():
        yield


def put(scope: Scope, *memories: Memory) -> None:
    """Write into the data directory."""

    async def put() -> None:
        async with aclosing(LocalStore(Path(".accrue/memories.db"), Path(".accrue/index"), WordsEmbedder())) as store:
            await store.put(scope, memories)

    asyncio.run(put())


def migrate(*arguments: str) -> Result:
    return CliRunner().invoke(command, arguments)


def test_memories_go_to_the_server_and_come_back_and_both_sides_are_proved_to_be_the_same() -> None:
    there = migrate(*THERE)
    assert (there.exit_code, there.stderr) == (0, "comparing memories\nmoving memories\ncomparing memories\n")
    moved, proved = there.stdout.splitlines()
    assert moved.startswith("moved 4 memories from local to qdrant http://127.0.0.1:")
    assert moved.endswith("; passed over 0 that were there already")
    assert proved.startswith("both hold 4 memories (checksum ")
    again = migrate(*THERE)
    assert (again.stdout.split()[1], "passed over 4" in again.stdout) == ("0", True)
    assert migrate(*THERE, "--verify").stdout == f"{proved}\n"
    back = migrate(*BACK, "--data-dir", "elsewhere")
    assert [back.stdout.split()[1], back.stdout.splitlines()[1]] == ["4", proved]
    assert not Path(".accrue/migrating.json").exists()


def test_a_difference_ends_it_with_1_and_names_an_owner_to_those_only_who_ask() -> None:
    migrate(*THERE)
    put(ANN, memory("m4", "since then"))
    told = migrate(*THERE, "--verify")
    assert (told.exit_code, told.stdout) == (1, "")
    assert "local holds 5 memories (checksum " in told.stderr
    assert f"first of owner {digest_of(ANN.owner):016x}: 3 memories (checksum " in told.stderr
    assert "ann" not in told.stderr
    assert f"first of owner {ANN.owner}: 3 memories" in migrate(*THERE, "--verify", "--verbose").stderr
    back = migrate(*BACK)
    assert (back.exit_code, back.stdout.splitlines()[0][:17]) == (1, "moved 2 memories ")
    assert "what local alone holds stays there" in back.stderr
    assert migrate(*THERE).exit_code == 0


def test_now_and_then_it_says_how_far_it_is(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("gateway.commands.migrate.SAID_EVERY", 4)
    assert "moving memories\nmoving: 4\n" in migrate(*THERE).stderr


def test_what_cannot_be_moved_is_said_to_be_so_before_anything_is() -> None:
    assert "--from and --to are the same" in migrate("--from", "local", "--to", "local").stderr
    assert "there are no memories in elsewhere" in migrate(*THERE, "--data-dir", "elsewhere").stderr
    held = DataDir(Path(".accrue"))
    held.hold()
    assert "in use by another gateway" in migrate(*THERE).stderr
    held.release()
    Path("config.yaml").write_text("store: {kind: local}")
    assert "set store.kind to qdrant" in migrate(*THERE).stderr


def test_memories_of_another_fleet_are_not_moved_where_nobody_would_find_them(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("ACCRUE_AUTH__SHARED_SECRET", "of other gateways, which know others")
    refused = migrate(*THERE)
    assert (refused.exit_code, "began with another secret" in refused.stderr) == (1, True)
