from __future__ import annotations

import pytest

from benchmarks import all as everything
from benchmarks.all import STEPS, Step, commands


def test_where_others_lie_is_for_overhead_alone_and_what_is_to_be_written_for_all() -> None:
    found = [command[2:] for _, command in commands(["--write", "--litellm", "python3"])]
    assert found[0] == ["benchmarks.overhead", "--write", "--litellm", "python3"]
    assert ["benchmarks.cost", "--write"] in found
    assert ["benchmarks.soak", "--minutes", "5"] in found
    assert not any("--litellm" in command for command in found[1:])


def test_in_a_hurry_each_is_short() -> None:
    found = [command[2:] for _, command in commands(["--quick"])]
    assert found[0] == ["benchmarks.overhead", "--quick"]
    assert [command[0] for command in found] == [f"benchmarks.{step.name}" for step in STEPS]


def test_one_that_fails_does_not_keep_the_others_from_running(
    monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    missing = (Step(name="no_such_thing"), Step(name="too_short", is_judged=False), Step(name="nor_this"))
    monkeypatch.setattr(everything, "STEPS", missing)
    monkeypatch.setattr("sys.argv", ["bench"])
    with pytest.raises(SystemExit, match=r"failed: no_such_thing, nor_this"):
        everything.main()
    assert "== benchmarks.nor_this" in capfd.readouterr().out
