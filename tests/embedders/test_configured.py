from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import msgspec
import pytest

from gateway.embedders.configured import configured_embedder
from gateway.errors import ConfigError, MemoryUnavailable
from gateway.sections import EmbedderConfig
from gateway.testing import ScriptedUpstream, Step


def test_a_server_gets_what_is_configured(upstream: ScriptedUpstream, tmp_path: Path) -> None:
    settings = EmbedderConfig(
        kind="http", url=upstream.url, model="bag", api_key="k", dimensions=8, query_prefix="q: ", passage_prefix="p: ",
        batch=2, patience_ms=10_000,
    )  # fmt: skip
    embedder = configured_embedder(settings, tmp_path)
    assert embedder.embed(["tea"]) != [embedder.query("tea")]
    embedder.embed(["tea"] * 3)
    embedder.close()
    inputs = [msgspec.json.decode(request.body)["input"] for request in upstream.requests()]
    assert inputs == [["q: memory"], ["p: tea"], ["q: tea"], ["p: tea", "p: tea"], ["p: tea"]]
    assert {dict(request.headers)[b"authorization"] for request in upstream.requests()} == {b"Bearer k"}
    assert (embedder.name, embedder.size) == ("http/bag/8 'p: '", 8)


def test_a_server_that_is_away_is_no_reason_not_to_start(tmp_path: Path) -> None:
    embedder = configured_embedder(EmbedderConfig(kind="http", url="http://127.0.0.1:1/v1", model="bag"), tmp_path)
    assert embedder.name == "http/bag"
    with pytest.raises(MemoryUnavailable, match="cannot be reached"):
        embedder.query("tea")
    with pytest.raises(MemoryUnavailable, match="dimensions are not known"):
        _ = embedder.size
    embedder.close()


def test_a_server_that_is_silent_is_one_that_is_away(upstream: ScriptedUpstream, tmp_path: Path) -> None:
    upstream.script([Step(chunks=[b"{}"], hold=[0])])
    settings = EmbedderConfig(kind="http", url=upstream.url, model="bag", timeout_ms=50)
    embedder = configured_embedder(settings, tmp_path)
    with pytest.raises(MemoryUnavailable, match="did not answer within 50 ms"):
        embedder.embed(["tea"])
    upstream.release()
    embedder.close()


def test_fastembed_is_loaded_where_it_is_configured_and_a_model_it_does_not_have_is_a_mistake(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match=r"fastembed has no BAAI/bge-small \(did you mean BAAI/bge-small-en\?\)"):
        configured_embedder(EmbedderConfig(kind="fastembed", model="BAAI/bge-small"), tmp_path)
    program = "import sys, gateway.wiring; sys.exit('fastembed' in sys.modules or 'onnxruntime' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", program], check=False).returncode == 0


def test_without_the_extra_it_is_said_what_to_install(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delitem(sys.modules, "gateway.embedders.fastembed", raising=False)
    monkeypatch.setitem(sys.modules, "fastembed", None)
    with pytest.raises(ConfigError, match=r"needs pip install 'accrue\[fastembed\]'"):
        configured_embedder(EmbedderConfig(kind="fastembed", model="BAAI/bge-small-en"), tmp_path)
