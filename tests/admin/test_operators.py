"""Who may ask our own API."""

from __future__ import annotations

import stat
from pathlib import Path

import pytest
from starlette.requests import Request

from gateway.admin.operators import Operators, admin_key, known_key
from gateway.config import Config
from gateway.datadir import DataDir
from gateway.errors import DataDirError, Unauthorized
from gateway.ports import Headers
from gateway.sections import Auth
from gateway.types import Operator

KEY = "k" * 32


def sent(headers: Headers) -> Request:
    return Request({"type": "http", "headers": headers})


@pytest.mark.parametrize("value", [b"Bearer " + KEY.encode(), b"bearer  " + KEY.encode() + b" "])
def test_the_admin_key_lets_in(value: bytes) -> None:
    assert Operators(KEY).admitted(sent([(b"host", b"anywhere"), (b"authorization", value)])) == Operator()


def test_a_key_that_is_not_ascii_lets_in_too() -> None:
    key = "schlüssel" * 4
    assert Operators(key).admitted(sent([(b"authorization", b"Bearer " + key.encode())])) == Operator()


@pytest.mark.promise("P7")
@pytest.mark.parametrize(
    "headers",
    [
        [],
        [(b"authorization", b"")],
        [(b"authorization", b"Bearer ")],
        [(b"authorization", KEY.encode())],
        [(b"authorization", b"Bearer " + KEY[:-1].encode())],
        [(b"authorization", b"Basic " + KEY.encode())],
        [(b"x-api-key", KEY.encode())],
        [(b"authorization", b"Bearer wrong"), (b"authorization", b"Bearer " + KEY.encode())],
    ],
)
def test_nothing_else_does(headers: Headers) -> None:
    told = list[Request]()
    with pytest.raises(Unauthorized) as refused:
        Operators(KEY, told.append).admitted(request := sent(headers))
    assert (refused.value.code, told) == ("admin_key_required", [request])


def test_a_key_is_made_once_for_its_owner_alone(tmp_path: Path) -> None:
    key = admin_key(Config(), DataDir(tmp_path))
    assert len(key) >= 43
    assert admin_key(Config(), DataDir(tmp_path)) == key
    assert stat.S_IMODE((tmp_path / "admin.key").stat().st_mode) == 0o600


def test_a_configured_key_needs_no_file(tmp_path: Path) -> None:
    assert admin_key(Config(auth=Auth(admin_key=KEY)), DataDir(tmp_path)) == KEY
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("content", [b"", b"short", b"\xff" * 40])
def test_a_file_without_a_key_is_not_taken_for_one(tmp_path: Path, content: bytes) -> None:
    (tmp_path / "admin.key").write_bytes(content)
    with pytest.raises(DataDirError, match=r"admin\.key"):
        admin_key(Config(), DataDir(tmp_path))


def test_where_no_key_is_none_is_made_for_who_only_wants_to_know_it(tmp_path: Path) -> None:
    with pytest.raises(DataDirError, match=r"no admin key in .*: set auth\.admin_key, or name a --data-dir"):
        known_key(Config(), DataDir(tmp_path))
    assert list(tmp_path.iterdir()) == []
    assert known_key(Config(auth=Auth(admin_key=KEY)), DataDir(tmp_path)) == KEY
    assert admin_key(Config(), DataDir(tmp_path)) == known_key(Config(), DataDir(tmp_path))
