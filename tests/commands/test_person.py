"""`accrue erase` and `accrue export`, as they are typed: beside a running gateway, and where none is running."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Iterator
from contextlib import aclosing
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from gateway.commands.person import erase, export
from gateway.datadir import DataDir
from gateway.journals.sqlite import SqliteJournal
from gateway.testing import GatewayProcess, ScriptedUpstream
from tests.captures import bearer, chat, send
from tests.journals.samples import exchange, scope
from tests.test_telemetry import logging_kept

DATA = Path(".accrue")
SAID = [{"role": "user", "content": "I am allergic to quinces."}]


@pytest.fixture(autouse=True)
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """A directory in which two tenants know Ann, and one knows Bob and a session of nobody's."""
    monkeypatch.chdir(tmp_path)
    DATA.mkdir()

    async def record() -> None:
        async with aclosing(SqliteJournal(DATA / "journal.db")) as journal:
            whose = (scope("s1"), scope("s1", tenant="other"), scope("s1", user="bob"), scope("s9", user=None))
            for number, one in enumerate(whose):
                await journal.commit(exchange(f"e{number}", one, text="the parrot is called Zog"))

    asyncio.run(record())
    with logging_kept():
        yield


def typed(command: object, *arguments: str, answer: str = "") -> Result:
    return CliRunner().invoke(command, arguments, input=answer)  # type: ignore[arg-type] # a click command


def exported(*arguments: str) -> list[str]:
    """The exchanges of an export."""
    lines = [json.loads(line) for line in typed(export, *arguments).stdout.splitlines()]
    return [line["record"]["id"] for line in lines if line["kind"] == "exchange"]


@pytest.mark.promise("P11")
def test_a_person_is_read_out_and_erased_where_no_gateway_runs() -> None:
    assert exported("--user", "bob") == ["e2"]
    assert exported("--session", "s9") == ["e3"]
    done = typed(erase, "--user", "bob", "--yes")
    assert (done.exit_code, done.stdout.startswith("removed 0 memories and ")) == (0, True)
    assert typed(erase, "--session", "s9", answer="y\n").exit_code == 0
    for gone in (("--user", "bob"), ("--session", "s9")):
        assert typed(export, *gone).stderr == "accrue: nothing is known of such a person\n"
    assert exported("--user", "ann", "--tenant", "acme") == ["e0"]


def test_one_of_several_tenants_is_to_be_named_and_nobody_is_erased_unasked() -> None:
    several = typed(erase, "--user", "ann", "--yes")
    assert (several.exit_code, "acme, other" in several.stderr) == (1, True)
    assert typed(erase, "--user", "bob", answer="n\n").exit_code == 1
    assert "say by --user or by --session who is meant" in typed(erase, "--yes").stderr
    assert exported("--user", "bob") == ["e2"]


def test_a_directory_that_another_holds_or_that_is_none_is_said_to_be() -> None:
    held = DataDir(DATA)
    held.hold()
    assert "in use by another gateway" in typed(export, "--user", "bob").stderr
    held.release()
    assert (
        "nothing is recorded in elsewhere" in typed(erase, "--user", "bob", "--yes", "--data-dir", "elsewhere").stderr
    )


@pytest.mark.parametrize("url", ["127.0.0.1:8080", "ftp://127.0.0.1", "http://"])
def test_an_address_that_is_none_is_refused(url: str) -> None:
    assert "is no address of a gateway" in typed(export, "--user", "bob", "--url", url).stderr


@pytest.mark.promise("P11")
async def test_a_running_gateway_is_asked_with_the_key_of_its_directory(upstream: ScriptedUpstream) -> None:
    with GatewayProcess(upstream.url, DATA) as gateway:
        await send(gateway.url, chat(SAID, bearer("sk-test"), ("x-accrue-user", "cy")))
        url = gateway.url.removesuffix("/v1")

        async def asked(command: object, *arguments: str) -> Result:
            return await asyncio.to_thread(typed, command, "--user", "cy", "--url", url, *arguments)

        assert "quinces" in (await asked(export)).stdout
        Path("config.yaml").write_text("auth: {admin_key: another-key-that-is-long-enough-for-it}")
        assert "this needs the admin key" in (await asked(erase, "--yes")).stderr
        Path("config.yaml").unlink()
        done = await asked(erase, "--yes", "--opt-out")
        assert (done.exit_code, done.stdout[:8]) == (0, "removed ")
        assert (await asked(export)).stderr == "accrue: nothing is known of such a person\n"
    assert "does not answer" in (await asked(export)).stderr
