from __future__ import annotations

from argparse import ArgumentParser
from pathlib import Path

import pytest

from benchmarks.peers import Peers, add_flags, named, others


def test_those_that_are_not_there_are_named() -> None:
    assert Peers(nginx="nginx", litellm="python", portkey="start-server.js").missing == ""
    assert Peers(litellm="python").missing == "Not there, and left out: nginx, portkey."


def test_nginx_is_looked_for_in_the_path_and_the_others_are_told_of(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", "")
    parser = ArgumentParser()
    add_flags(parser)
    assert named(parser.parse_args(["--litellm", "python"])) == Peers(litellm="python")


def test_nobody_is_started_where_nobody_was_named(tmp_path: Path) -> None:
    with others(tmp_path, Peers(), 1) as found:
        assert found == {}
