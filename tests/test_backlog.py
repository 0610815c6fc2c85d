"""gateway/backlog.py: who waits to be distilled, and what today has cost, also after a restart."""

from __future__ import annotations

import stat
from pathlib import Path
from typing import Any

import pytest

from gateway import backlog
from gateway.backlog import Backlog, Waiting
from gateway.types import Exchange, Scope

ANN = Scope(tenant="acme", user="ann", session="s1")


def exchange(id: str, **changes: Any) -> Exchange:
    return Exchange(**{"id": id, "scope": ANN, "at": 5.0, "path": "/chat/completions", "policy": "default", **changes})


def waiting(held: Backlog) -> list[tuple[str, ...]]:
    return [one.exchanges for one in held]


@pytest.fixture
def held(tmp_path: Path) -> Backlog:
    return Backlog(tmp_path / "distil.json")


def test_exchanges_of_a_session_wait_together_and_each_but_once(held: Backlog) -> None:
    for identifier in ("ex_1", "ex_2", "ex_1"):
        assert held.add(exchange(identifier, at=7.0), 2) is None
    assert list(held) == [Waiting(scope=ANN, policy="default", exchanges=("ex_1", "ex_2"), turns=4, at=7.0)]


def test_sessions_users_and_policies_wait_apart(held: Backlog) -> None:
    held.add(exchange("ex_1"), 1)
    held.add(exchange("ex_2", policy="other"), 1)
    held.add(exchange("ex_3", scope=Scope(tenant="acme", user="ann", session="s2")), 1)
    held.add(exchange("ex_4", scope=Scope(tenant="acme", user=None, session="s1")), 1)
    assert waiting(held) == [("ex_1",), ("ex_2",), ("ex_3",), ("ex_4",)]


@pytest.mark.promise("P11")
async def test_all_that_waits_of_one_person_can_be_taken_out(held: Backlog, tmp_path: Path) -> None:
    for identifier, scope in (("ex_1", ANN), ("ex_2", Scope(tenant="acme", user="ann", session="s2"))):
        held.add(exchange(identifier, scope=scope), 1)
    held.add(exchange("ex_3", scope=Scope(tenant="other", user="ann", session="s1")), 1)
    held.remove(ANN)
    assert waiting(held) == [("ex_3",)]
    await held.save()
    assert waiting(Backlog(tmp_path / "distil.json")) == [("ex_3",)]


def test_what_comes_while_a_session_is_distilled_goes_on_waiting(held: Backlog) -> None:
    held.add(exchange("ex_1"), 3)
    (begun,) = held
    held.add(exchange("ex_2"), 2)
    held.done(begun)
    assert [(one.exchanges, one.turns) for one in held] == [(("ex_2",), 2)]
    held.done(next(iter(held)))
    assert len(held) == 0
    held.done(begun)
    assert len(held) == 0


def test_a_session_that_is_put_off_waits_behind_the_others(held: Backlog) -> None:
    held.add(exchange("ex_1"), 1)
    held.add(exchange("ex_2", policy="other"), 1)
    first, _ = held
    held.defer(first)
    assert waiting(held) == [("ex_2",), ("ex_1",)]
    held.done(first)
    held.defer(first)
    assert waiting(held) == [("ex_2",)]


def test_no_more_wait_than_there_is_room_for(held: Backlog, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(backlog, "MAX_SESSIONS", 2)
    monkeypatch.setattr(backlog, "MAX_EXCHANGES", 2)
    for name in ("a", "b"):
        assert held.add(exchange(f"ex_{name}", policy=name), 1) is None
    displaced = held.add(exchange("ex_c", policy="c"), 1)
    assert displaced is not None
    assert displaced.policy == "a"
    for number in (1, 2):
        held.add(exchange(f"ex_{number}", policy="b"), 1)
    assert waiting(held) == [("ex_1", "ex_2"), ("ex_c",)]


def test_a_day_begins_with_nothing_spent(held: Backlog) -> None:
    held.spend("default", "2026-11-22", 30)
    held.spend("default", "2026-11-22", 12)
    held.spend("other", "2026-11-22", 5)
    assert (held.spent("default", "2026-11-22"), held.spent("other", "2026-11-22")) == (42, 5)
    assert held.spent("default", "2026-11-23") == 0
    held.spend("default", "2026-11-23", 1)
    assert (held.spent("default", "2026-11-23"), held.spent("other", "2026-11-23")) == (1, 0)


async def test_a_restart_changes_nothing(tmp_path: Path) -> None:
    file = tmp_path / "distil.json"
    held = Backlog(file)
    held.add(exchange("ex_1"), 3)
    held.add(exchange("ex_2", scope=Scope(tenant="acme", user=None, session="s1")), 3)
    held.spend("default", "2026-11-22", 42)
    await held.save()
    again = Backlog(file)
    assert list(again) == list(held)
    assert again.spent("default", "2026-11-22") == 42
    assert stat.S_IMODE(file.stat().st_mode) == 0o600


async def test_the_file_is_written_when_something_has_changed_and_only_then(tmp_path: Path) -> None:
    file = tmp_path / "distil.json"
    held = Backlog(file)
    await held.save()
    assert not file.exists()
    held.add(exchange("ex_1"), 1)
    await held.save()
    file.unlink()
    await held.save()
    assert not file.exists()


async def test_a_disk_that_is_full_is_tried_again(tmp_path: Path) -> None:
    folder = tmp_path / "not-yet"
    held = Backlog(folder / "distil.json")
    held.add(exchange("ex_1"), 1)
    await held.save()
    folder.mkdir()
    await held.save()
    assert waiting(Backlog(folder / "distil.json")) == [("ex_1",)]


@pytest.mark.parametrize("content", [b"", b"{", b'{"waiting": [{}]}', b'{"day": 5}'])
def test_a_file_that_cannot_be_read_is_as_none(tmp_path: Path, content: bytes) -> None:
    (tmp_path / "distil.json").write_bytes(content)
    held = Backlog(tmp_path / "distil.json")
    assert len(held) == 0
    assert held.spent("default", "2026-11-22") == 0


def test_a_file_that_names_nobody_is_as_none(tmp_path: Path) -> None:
    nobody = (
        b'{"waiting": [{"scope": {"tenant": "", "user": null}, "policy": "p", "exchanges": [], "turns": 1, "at": 1}]}'
    )
    (tmp_path / "distil.json").write_bytes(nobody)
    assert len(Backlog(tmp_path / "distil.json")) == 0
