"""Issued keys on disk."""

from __future__ import annotations

import re
import sqlite3
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest

from gateway.credentials import fingerprint
from gateway.errors import ConfigError, DataDirError
from gateway.keys import Key, KeyFile
from gateway.testing import ManualClock

SECRET = b"s" * 32


@pytest.fixture
def clock() -> ManualClock:
    return ManualClock(1_000.0)


@pytest.fixture
def file(tmp_path: Path, clock: ManualClock) -> Iterator[KeyFile]:
    with closing(KeyFile(tmp_path, SECRET, clock)) as opened:
        yield opened


def test_a_key_is_issued_once_and_known_by_its_fingerprint(file: KeyFile) -> None:
    key, plain = file.create(Key(name="ci", tenant="team", rights=("call",), tokens_per_day=5))
    assert re.fullmatch(r"sk-accrue-[\w-]{43}", plain)
    assert file.standing() == {fingerprint(plain, SECRET): key}
    assert file.all() == [key]
    assert (key.tenant, key.rights, key.created, key.is_limited) == ("team", ("call",), 1_000.0, True)


def test_a_key_of_no_tenant_has_one_of_its_own(file: KeyFile) -> None:
    keys = [file.create(Key(name=name))[0] for name in ("a", "b")]
    assert [key.tenant for key in keys] == [key.id for key in keys]
    assert len({key.id for key in keys}) == 2
    assert not keys[0].is_limited


@pytest.mark.promise("P7")
def test_the_key_itself_is_nowhere_on_disk(file: KeyFile, tmp_path: Path) -> None:
    _, plain = file.create(Key(name="ci"))
    content = b"".join(path.read_bytes() for path in tmp_path.iterdir())
    assert plain.encode() not in content
    assert plain.removeprefix("sk-accrue-").encode() not in content


def test_a_name_is_given_once_until_its_key_is_revoked(file: KeyFile) -> None:
    key, _ = file.create(Key(name="ci"))
    with pytest.raises(ConfigError, match="there is a key named 'ci' already"):
        file.create(Key(name="ci"))
    file.revoke(key.id)
    file.create(Key(name="ci"))


def test_a_revoked_key_stands_no_more_and_is_not_forgotten(file: KeyFile, clock: ManualClock) -> None:
    key, _ = file.create(Key(name="ci"))
    clock.advance(5)
    file.revoke(key.id)
    assert file.standing() == {}
    assert [(known.id, known.revoked) for known in file.all()] == [(key.id, 1_005.0)]
    for change in (file.revoke, file.rotate):
        with pytest.raises(ConfigError, match="is revoked"):
            change(key.id)


def test_a_rotated_key_is_the_same_in_all_but_the_key(file: KeyFile) -> None:
    key, old = file.create(Key(name="ci", tenant="team"))
    rotated, new = file.rotate(key.id)
    assert (rotated, file.standing()) == (key, {fingerprint(new, SECRET): key})
    assert old != new


def test_a_key_that_is_none_is_told_of(file: KeyFile) -> None:
    with pytest.raises(ConfigError, match="accrue keys list"):
        file.rotate("key_none")


def test_another_who_writes_is_seen_and_oneself_is_not(file: KeyFile, tmp_path: Path, clock: ManualClock) -> None:
    assert file.has_changed()
    file.create(Key(name="mine"))
    assert not file.has_changed()
    with closing(KeyFile(tmp_path, SECRET, clock)) as other:
        other.create(Key(name="theirs"))
    assert file.has_changed()
    assert not file.has_changed()
    assert len(file.standing()) == 2


def test_what_is_spent_adds_up(file: KeyFile) -> None:
    file.spend({("key_1", "2026-11"): 3, ("key_1", "2026-11-22"): 3})
    file.spend({("key_1", "2026-11"): 4})
    assert file.spent(["2026-11"]) == {("key_1", "2026-11"): 7}
    assert file.spent(["2026-11-22", "2026-11-23"]) == {("key_1", "2026-11-22"): 3}


def test_a_file_that_is_damaged_says_so(tmp_path: Path, clock: ManualClock) -> None:
    with closing(KeyFile(tmp_path, SECRET, clock)) as file, closing(sqlite3.connect(tmp_path / "keys.db")) as other:
        other.execute("INSERT INTO keys VALUES ('key_1', x'00', x'00')")
        other.commit()
        with pytest.raises(DataDirError, match=r"keys\.db"):
            file.standing()
        other.execute("DROP TABLE keys")
        with pytest.raises(DataDirError, match="no such table"):
            file.all()
