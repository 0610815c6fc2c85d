"""`accrue dashboard` as it is typed, and what its link opens."""

from __future__ import annotations

from pathlib import Path

import httpx
import pytest
from click.testing import CliRunner

from gateway.commands.dashboard import dashboard
from gateway.testing import GatewayProcess, ScriptedUpstream


@pytest.fixture(autouse=True)
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    return tmp_path


def test_the_link_signs_in_once(upstream: ScriptedUpstream, folder: Path) -> None:
    with GatewayProcess(upstream.url, Path(".accrue"), cwd=folder) as gateway:
        done = CliRunner().invoke(dashboard, [])
        assert done.output.startswith(gateway.url.removesuffix("v1") + "accrue/")
        with httpx.Client(follow_redirects=True) as browser:
            assert browser.get(done.output.strip()).status_code == 200
            page = browser.get(gateway.url.removesuffix("v1") + "accrue/")
        assert "Sign out" in page.text
        with httpx.Client(follow_redirects=True) as another:
            another.get(done.output.strip())
            page = another.get(gateway.url.removesuffix("v1") + "accrue/")
        assert "Sign out" not in page.text


def test_without_a_gateway_there_is_no_link() -> None:
    done = CliRunner().invoke(dashboard, [])
    assert done.exit_code == 1
    assert "no gateway is running on .accrue" in done.output


def test_a_gateway_elsewhere_can_be_named() -> None:
    Path("config.yaml").write_text("auth: {admin_key: an-admin-key-that-is-long-enough-for-a-test}")
    done = CliRunner().invoke(dashboard, ["--url", "https://accrue.example/"])
    assert done.output.startswith("https://accrue.example/accrue/ui/signin?ticket=")
