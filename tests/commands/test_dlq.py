"""`accrue dlq`, as it is typed."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Iterator
from contextlib import aclosing
from pathlib import Path

import msgspec
import pytest
from click.testing import CliRunner, Result

from gateway.commands.dlq import group
from gateway.deadletters import DeadLetter
from gateway.journals.sqlite import SqliteDeadLetters, SqliteJournal
from gateway.testing import GatewayProcess, ScriptedUpstream
from tests.journals.samples import exchange, scope

LETTERS = [
    DeadLetter(exchange="e1", stage="unlearnt", reason="KeyError in gateway.derive, line 7", at=1.0),
    DeadLetter(exchange="e2", stage="unreadable", reason="the record is damaged", at=2.0),
]


def dlq(*arguments: str) -> Result:
    return CliRunner().invoke(group, arguments)


@pytest.fixture(autouse=True)
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Two letters in the default data directory."""
    monkeypatch.chdir(tmp_path)
    Path(".accrue").mkdir()

    async def bury() -> None:
        async with aclosing(SqliteJournal(Path(".accrue/journal.db"))) as journal:
            for letter in LETTERS:
                await journal.commit(exchange(letter.exchange, scope("s1")))
                await SqliteDeadLetters(journal.writer).bury(letter)

    asyncio.run(bury())


def test_letters_are_listed_line_by_line_or_as_json() -> None:
    assert [line.split()[0] for line in dlq("list").output.splitlines()] == ["e1", "e2"]
    assert msgspec.json.decode(dlq("list", "--json").output, type=list[DeadLetter]) == LETTERS


def test_one_is_shown_with_what_it_is_about_as_far_as_that_can_be_read() -> None:
    first, *about = dlq("show", "e1").output.splitlines()
    assert first == "e1  1970-01-01 00:00:01 UTC  unlearnt  KeyError in gateway.derive, line 7"
    assert about[1].startswith("exchange  e1")
    assert dlq("show", "e2").output == "e2  1970-01-01 00:00:02 UTC  unreadable  the record is damaged\n"
    as_json = [json.loads(dlq("show", name, "--json").output) for name in ("e1", "e2")]
    assert [one["letter"]["exchange"] for one in as_json] == ["e1", "e2"]
    assert (as_json[0]["explanation"]["call"]["id"], as_json[1]["explanation"]) == ("e1", None)


def test_what_was_done_is_told_as_json_too() -> None:
    assert json.loads(dlq("replay", "e1", "--json").output) == {"count": 1}
    assert json.loads(dlq("drop", "--all", "--json").output) == {"count": 1}


def test_one_is_shown_replayed_and_dropped_by_its_exchange() -> None:
    assert "exchange  e1" in dlq("show", "e1").output
    assert dlq("replay", "e1").output == "1 to be learnt once more\n"
    assert dlq("drop", "--all").output == "1 dropped\n"
    assert dlq("list").output == ""


@pytest.mark.parametrize("command", ["replay", "drop"])
def test_exchanges_are_named_or_all_are_meant(command: str) -> None:
    for arguments in ([], ["e1", "--all"]):
        result = dlq(command, *arguments)
        assert (result.exit_code, "name exchanges, or say --all" in result.output) == (2, True)
    assert len(dlq("list").output.splitlines()) == 2


def test_what_is_not_there_is_one_clear_line() -> None:
    for command in (["show", "e9"], ["replay", "e1", "e9"], ["drop", "e1", "e9"]):
        result = dlq(*command)
        assert (result.exit_code, result.stderr) == (1, "accrue: there is no dead letter e9\n")
    assert len(dlq("list").output.splitlines()) == 2
    assert "nothing is recorded" in dlq("list", "--data-dir", "elsewhere").stderr
    assert not Path("elsewhere").exists()


@pytest.fixture
def url(upstream: ScriptedUpstream, tmp_path: Path) -> Iterator[str]:
    """A gateway on that directory, asked from elsewhere."""
    with GatewayProcess(upstream.url, Path(".accrue"), cwd=tmp_path) as gateway:
        yield gateway.url.removesuffix("/v1")


def test_a_gateway_elsewhere_does_the_same(url: str) -> None:
    def there(*arguments: str) -> Result:
        return dlq(*arguments, "--url", url)

    assert msgspec.json.decode(there("list", "--json").output, type=list[DeadLetter]) == LETTERS
    assert "exchange  e1" in there("show", "e1").output
    assert "there is no dead letter e9" in there("show", "e9").output
    assert there("replay", "e1").output == "1 to be learnt once more\n"
    assert there("drop", "--all").output == "1 dropped\n"
    assert there("list").output == ""
