from __future__ import annotations

import sys
from pathlib import Path

import pytest

from benchmarks import harness, many, remote, scale


def test_parts_are_run_as_they_are_named_and_each_has_its_section(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(harness, "DOCUMENT", tmp_path / "benchmarks.md")
    monkeypatch.setattr(
        scale, "PARTS", {name: lambda folder, arguments, name=name: name.upper() for name in scale.PARTS}
    )
    monkeypatch.setattr(sys, "argv", ["scale", "--parts", "memories", "server", "--write"])
    scale.main()
    assert capsys.readouterr().out == "MEMORIES\nSERVER\n"
    written = (tmp_path / "benchmarks.md").read_text()
    assert [line.split(",")[1] for line in written.splitlines() if line.startswith("## ")] == [" server", " memories"]


def test_a_small_run_of_the_store_parts_gives_their_tables(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(remote, "MEMORIES", 50)
    monkeypatch.setattr(remote, "WARM_UP", 1)
    monkeypatch.setattr(many, "WARM_UP", 1)
    small = ["--memories", "60", "--tenants", "3", "--questions", "4", "--rounds", "1"]
    monkeypatch.setattr(sys, "argv", ["scale", "--parts", "server", "memories", *small])
    scale.main()
    printed = capsys.readouterr().out
    assert "| local store | " in printed
    assert "60 memories of 3 tenants" in printed
    assert "4 calls of tenants by chance, 4 of them with memories" in printed
