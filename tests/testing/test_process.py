"""A gateway in a process of its own."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

from gateway.testing import GatewayProcess, ScriptedUpstream
from gateway.testing.process import ServerProcess


class Waiting(ServerProcess):
    """Says that it is ready, and waits for the end."""

    ready = b"ready"
    command = (sys.executable, "-c", "import signal; print('ready', flush=True); signal.pause()")


class Failing(Waiting):
    command = (sys.executable, "-c", "raise SystemExit('no such folder')")


def test_a_server_is_stopped_on_leaving_also_while_it_is_frozen() -> None:
    with Waiting() as server:
        server.freeze()
        process = server.process
    assert process is not None
    assert process.returncode == -15


def test_a_server_that_was_killed_is_started_again_on_the_same_port() -> None:
    with Waiting() as server:
        port = server.port
        server.kill()
        server.kill()  # there is nothing left to kill
        server.start()
        assert server.port == port
        assert server.process is not None
        assert server.process.poll() is None


def test_a_server_that_does_not_start_says_what_it_said() -> None:
    with pytest.raises(RuntimeError, match="no such folder"):
        Failing().start()


def test_a_server_that_nobody_described_cannot_be_started() -> None:
    with pytest.raises(NotImplementedError):
        ServerProcess().start()


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
