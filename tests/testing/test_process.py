"""A gateway in a process of its own."""

from __future__ import annotations

from pathlib import Path

import pytest

from gateway.testing import GatewayProcess, ScriptedUpstream


def test_leaving_after_a_kill_is_fine(upstream: ScriptedUpstream, tmp_path: Path) -> None:
    with GatewayProcess(upstream.url, tmp_path / "data") as gateway:
        gateway.kill()
    assert gateway.process.returncode != 0


def test_a_gateway_that_does_not_start_says_what_it_printed(upstream: ScriptedUpstream, tmp_path: Path) -> None:
    with (
        pytest.raises(RuntimeError, match="did not start"),
        GatewayProcess(upstream.url, tmp_path, flags=["--nonsense"]),
    ):
        pass


def test_policies_are_looked_for_in_the_working_directory(upstream: ScriptedUpstream, tmp_path: Path) -> None:
    (tmp_path / "policies").mkdir()
    (tmp_path / "policies" / "tiny.yaml").write_text("match: {model: [tiny]}\n")
    with GatewayProcess(upstream.url, tmp_path / "data", cwd=tmp_path) as gateway:
        assert "policies         tiny, default" in gateway.banner
