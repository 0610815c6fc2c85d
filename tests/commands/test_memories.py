"""`accrue memories` as it is typed: at a running gateway, and where none is running."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner, Result

from gateway.commands.memories import group
from gateway.testing import GatewayProcess, ScriptedUpstream
from tests.captures import bearer, chat, send
from tests.test_telemetry import logging_kept

DATA = Path(".accrue")
SAID = [{"role": "user", "content": "hi"}]
WHOSE = ("--user", "ana", "--tenant", "acme")


@pytest.fixture(autouse=True)
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    monkeypatch.chdir(tmp_path)
    with logging_kept():
        yield tmp_path


def typed(*arguments: str, answer: str = "") -> Result:
    return CliRunner().invoke(group, arguments, input=answer)


def told(*arguments: str) -> Any:
    """What a command says as JSON."""
    done = typed(*arguments, "--json")
    assert done.exit_code == 0, done.output
    return json.loads(done.stdout)


@pytest.fixture(params=["running", "directory"])
def place(request: pytest.FixtureRequest, upstream: ScriptedUpstream, folder: Path) -> Iterator[None]:
    """A gateway on the data directory, or the directory that one has left."""
    with GatewayProcess(upstream.url, DATA, cwd=folder) as gateway:
        asyncio.run(send(gateway.url, chat(SAID, bearer("k"), ("x-accrue-memory", "read"))))
        if request.param == "running":
            yield
            return
    yield


@pytest.mark.usefixtures("place")
def test_a_memory_is_added_found_changed_and_forgotten() -> None:
    added = told("add", "Invoices are in euros.", *WHOSE)
    id = added["memory"]["id"]
    assert [one["memory"]["id"] for one in told("list", *WHOSE)] == [id]
    assert [one["memory"]["text"] for one in told("search", "Which currency?", *WHOSE)] == ["Invoices are in euros."]
    edited = told("edit", id, "Invoices are in dollars.", *WHOSE)["memory"]["id"]
    assert told("pin", edited)["memory"]["is_pinned"] is True
    assert typed("retire", edited).stdout == f"retired {edited}\n"
    assert {one["memory"]["id"]: one["state"] for one in told("list", *WHOSE)} == {id: "ended", edited: "ended"}
    assert typed("restore", edited).exit_code == 0
    read = typed("show", id).stdout
    assert "followed by" in read
    assert "Invoices are in dollars." in read
    assert typed("forget", edited, "--yes").stdout == f"forgotten {edited}\n"
    assert told("forget", told("add", "Tea.", *WHOSE)["memory"]["id"], "--yes")["tenant"] == "acme"
    assert [one["memory"]["id"] for one in told("list", *WHOSE)] == [id]


@pytest.mark.usefixtures("place")
def test_what_is_exported_makes_the_same_state_elsewhere(
    folder: Path, upstream: ScriptedUpstream, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("gateway.commands.reaching.PIECE_BYTES", 100)
    typed("add", "Invoices are in euros.", *WHOSE)
    typed("add", "Answer in British English.", "--kind", "constraint", "--pinned", *WHOSE)
    lines = typed("export").stdout
    Path("memories.jsonl").write_text(lines)
    with GatewayProcess(upstream.url, folder / "other", cwd=folder) as other:
        url = ("--url", other.url.removesuffix("/v1"), "--data-dir", str(folder / "other"))
        assert typed("import", "memories.jsonl", *url).stdout == "2 memories, 2 of them new\n"
        assert typed("export", *url).stdout == lines
        assert told("import", "memories.jsonl", *url) == {"lines": 2, "added": 0}


def test_a_table_is_printed_and_nothing_is_said_to_be_none(upstream: ScriptedUpstream, folder: Path) -> None:
    with GatewayProcess(upstream.url, DATA, cwd=folder):
        assert typed("list").output == "none\n"
        typed("add", "a\x1b[2Jb", *WHOSE)
        heading, row = typed("list").stdout.splitlines()
    assert heading.split() == ["id", "whose", "kind", "state", "said", "text"]
    assert row.split()[1:4] == ["ana", "fact", "holding"]
    assert "\x1b" not in row


def test_what_is_remembered_moves_no_cursor_and_colours_nothing(upstream: ScriptedUpstream, folder: Path) -> None:
    with GatewayProcess(upstream.url, DATA, cwd=folder):
        hostile = "red\x1b[31m\x9b2J\u202e\x7f"
        id = told("add", hostile, *WHOSE)["memory"]["id"]
        for command in ("list", f"show {id}", "search red --user ana --tenant acme"):
            said = typed(*command.split()).output
            assert ("red" in said, set("\x1b\x9b\u202e\x7f") & set(said)) == (True, set()), command
        for command in ("list --json", f"show {id} --json", "export"):
            said = typed(*command.split()).output
            assert ("red" in said, set("\x1b\x9b\x7f") & set(said)) == (True, set()), command


def test_pages_are_gone_through_to_the_limit(upstream: ScriptedUpstream, folder: Path) -> None:
    with GatewayProcess(upstream.url, DATA, cwd=folder):
        for number in range(3):
            typed("add", f"Fact number {number}.", *WHOSE)
        assert len(told("list", "--limit", "2")) == 2
        assert len(told("list", "--limit", "400")) == 3


def test_what_is_wrong_is_said_in_one_line() -> None:
    nothing = typed("list")
    assert (nothing.exit_code, nothing.stderr) == (
        1,
        "accrue: nothing is recorded in .accrue; is this the right --data-dir?\n",
    )
    DATA.mkdir()
    (DATA / "admin.key").write_text("an-admin-key-that-is-long-enough-for-a-test")
    away = typed("list", "--url", "http://127.0.0.1:1")
    assert (away.exit_code, "http://127.0.0.1:1 does not answer" in away.stderr) == (1, True)
    odd = typed("list", "--url", "127.0.0.1")
    assert (odd.exit_code, "no address of a gateway" in odd.stderr) == (1, True)
    assert typed("list", "--limit", "0").exit_code == 2
    assert typed("forget", "m_1", answer="n\n").exit_code == 1


def test_a_memory_that_nobody_has_and_a_key_that_is_none_are_refused(upstream: ScriptedUpstream, folder: Path) -> None:
    with GatewayProcess(upstream.url, DATA, cwd=folder) as gateway:
        none = typed("show", "m_1")
        assert (none.exit_code, none.stderr) == (1, "accrue: there is no such memory\n")
        strange = typed("list", "--url", gateway.url.removesuffix("/v1"), "--data-dir", "elsewhere")
        assert (strange.exit_code, "admin key" in strange.stderr) == (1, True)
