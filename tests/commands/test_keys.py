"""`accrue keys`, as it is typed."""

from __future__ import annotations

import json
from contextlib import closing
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from gateway.clock import SystemClock
from gateway.commands.keys import group
from gateway.credentials import fingerprint
from gateway.datadir import DataDir
from gateway.keys import Key, KeyFile


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return tmp_path / "data"


def typed(folder: Path, line: str) -> Result:
    return CliRunner().invoke(group, [*line.split(), "--data-dir", str(folder)])


def standing(folder: Path) -> dict[bytes, Key]:
    with closing(KeyFile(folder, DataDir(folder).secret(), SystemClock())) as file:
        return dict(file.standing())


def test_a_key_is_printed_once_and_stands(folder: Path) -> None:
    made = typed(folder, "create --name ci --tenant team-a --scope call --calls-per-minute 6 --tokens-per-month 9")
    assert made.exit_code == 0
    plain = made.stdout.strip()
    ((mark, key),) = standing(folder).items()
    assert mark == fingerprint(plain, DataDir(folder).secret())
    assert (key.name, key.tenant, key.rights, key.calls_per_minute) == ("ci", "team-a", ("call",), 6)
    assert key.id in made.stderr
    assert plain not in made.stderr


def test_keys_are_listed_with_what_they_may_and_never_themselves(folder: Path) -> None:
    plains = [typed(folder, f"create --name {name}").stdout.strip() for name in ("a", "b")]
    plains.append(typed(folder, "create --name c --expires 90d --tokens-per-day 5").stdout.strip())
    listed = typed(folder, "list").stdout
    assert [line.split("  ")[-1] for line in listed.splitlines()] == ["a", "b", "c"]
    assert "valid" in listed.splitlines()[0]
    assert "until 2" in listed.splitlines()[2]
    assert "tokens-per-day 5" in listed.splitlines()[2]
    shown = typed(folder, "list --json").stdout
    assert [key["name"] for key in json.loads(shown)] == ["a", "b", "c"]
    assert not any(plain in listed + shown for plain in plains)


def test_a_key_is_rotated_and_revoked_by_its_id(folder: Path) -> None:
    old = typed(folder, "create --name ci").stdout.strip()
    ((_, key),) = standing(folder).items()
    new = typed(folder, f"rotate {key.id}").stdout.strip()
    secret = DataDir(folder).secret()
    assert list(standing(folder)) == [fingerprint(new, secret)] != [fingerprint(old, secret)]
    assert "is revoked" in typed(folder, f"revoke {key.id}").stdout
    assert standing(folder) == {}
    assert "revoked" in typed(folder, "list").stdout


def test_what_becomes_of_a_key_is_told_as_json_too(folder: Path) -> None:
    made = json.loads(typed(folder, "create --name ci --json").stdout)
    new = json.loads(typed(folder, f"rotate {made['issued']['id']} --json").stdout)
    assert list(standing(folder)) == [fingerprint(new["key"], DataDir(folder).secret())]
    assert (made["issued"]["name"], new["key"] == made["key"]) == ("ci", False)
    gone = json.loads(typed(folder, f"revoke {new['issued']['id']} --json").stdout)
    assert (gone["id"], gone["revoked"] > 0) == (new["issued"]["id"], True)


def test_an_expired_key_is_listed_as_such(folder: Path) -> None:
    folder.mkdir()
    with closing(KeyFile(folder, DataDir(folder).secret(), SystemClock())) as file:
        file.create(Key(name="old", expires=86_400.0))
    assert "expired 1970-01-02" in typed(folder, "list").stdout


@pytest.mark.parametrize(
    ("words", "complaint"),
    [
        ("create --name ci --tenant a/b", "$.tenant"),
        ("create --name ci --tokens-per-day 0", "$.tokens_per_day"),
        ("create --name ci --expires soon", "--expires: "),
        ("revoke key_none", "there is no key 'key_none'"),
        ("rotate key_none", "there is no key 'key_none'"),
    ],
)
def test_a_mistake_is_one_clear_line(folder: Path, words: str, complaint: str) -> None:
    assert typed(folder, "create --name first").exit_code == 0
    failed = typed(folder, words)
    assert failed.exit_code == 1
    assert failed.stderr.startswith("accrue: ")
    assert complaint in failed.stderr
    assert len(failed.stderr.splitlines()) == 1


def test_a_folder_that_cannot_be_made_is_told_of(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    failed = typed(tmp_path / "file" / "data", "create --name ci")
    assert failed.exit_code == 1
    assert "cannot be used" in failed.stderr


def test_a_folder_in_which_no_keys_are_issued_is_told_of_and_not_made(tmp_path: Path) -> None:
    failed = typed(tmp_path / "typo", "list")
    assert failed.exit_code == 1
    assert "no keys are issued" in failed.stderr
    assert not (tmp_path / "typo").exists()


def test_a_configuration_with_a_mistake_is_told_of(tmp_path: Path) -> None:
    file = tmp_path / "config.yaml"
    file.write_text("server: {porto: 1}\n")
    failed = CliRunner().invoke(group, ["list", "--config", str(file)])
    assert failed.exit_code == 1
    assert "porto" in failed.stderr
