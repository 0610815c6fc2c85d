"""The listening process, as it is really run."""

from __future__ import annotations

import http.client
import json
import signal
import subprocess
import sys
from pathlib import Path
from urllib.parse import urlsplit

import pytest

from gateway.config import Config
from gateway.errors import ConfigError
from gateway.sections import Server
from gateway.serve import serve
from gateway.testing import GatewayProcess, ScriptedUpstream


def get(url: str) -> bytes:
    address = urlsplit(url)
    connection = http.client.HTTPConnection(str(address.hostname), address.port, timeout=10)
    connection.request("GET", address.path, headers={"connection": "close"})
    with connection.getresponse() as answer:
        return answer.read()


def test_it_says_what_a_person_needs_and_the_line_to_paste(upstream: ScriptedUpstream, tmp_path: Path) -> None:
    with GatewayProcess(upstream.url, tmp_path) as gateway:
        assert json.loads(get(gateway.url.replace("/v1", "/readyz"))) == {"memory": "on", "journal": "ok"}
        gateway.process.send_signal(signal.SIGTERM)
        assert gateway.process.wait(timeout=30) == 0
    for line in (f"upstream         {upstream.url}", f"data directory   {tmp_path}", "policies         default"):
        assert line in gateway.banner
    assert "memory           on" in gateway.banner
    assert f"export OPENAI_BASE_URL={gateway.url}" in gateway.banner


def test_an_interrupt_right_after_the_banner_ends_it_in_order_every_time(
    upstream: ScriptedUpstream, tmp_path: Path
) -> None:
    codes = []
    for _ in range(3):
        with GatewayProcess(upstream.url, tmp_path) as gateway:
            gateway.process.send_signal(signal.SIGINT)
            codes.append(gateway.process.wait(timeout=30))
    assert codes == [0] * 3


def test_what_is_not_configured_is_not_imported() -> None:
    program = "import sys, gateway.wiring, gateway.__main__; print(*sys.modules)"
    imported = set(subprocess.run([sys.executable, "-c", program], check=True, capture_output=True).stdout.split())
    assert b"gateway.wiring" in imported
    assert not {b"litellm", b"redis", b"qdrant_client"} & imported


async def test_a_port_in_use_is_a_clear_error(upstream: ScriptedUpstream, tmp_path: Path) -> None:
    config = Config(server=Server(port=upstream.port), data_dir=str(tmp_path / "data"))
    with pytest.raises(ConfigError, match=f"cannot listen on 127.0.0.1 port {upstream.port}"):
        await serve(config, lambda _: None)


async def test_a_public_address_needs_to_be_accepted(tmp_path: Path) -> None:
    config = Config(server=Server(host="0.0.0.0", port=0), data_dir=str(tmp_path / "data"))
    with pytest.raises(ConfigError, match="allow_public"):
        await serve(config, lambda _: None)
