"""Configuration to a running gateway."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from gateway.config import Config
from gateway.embedders.wordllama import WordLlamaEmbedder
from gateway.errors import DataDirError
from gateway.parts import _former
from gateway.routes import Route, RouteMatch, UpstreamConfig
from gateway.sections import EmbedderConfig
from gateway.testing import ScriptedUpstream
from gateway.wiring import KINDS, SHAPES, running
from tests.conftest import Serve
from tests.test_pipeline import DOG, QUESTION, say


def config(tmp_path: Path) -> Config:
    return Config(data_dir=str(tmp_path / "data"), policies=str(tmp_path / "policies"))


async def test_a_second_gateway_on_the_same_directory_is_told_who_has_it(tmp_path: Path) -> None:
    async with running(config(tmp_path)):
        with pytest.raises(DataDirError, match=r"in use by another gateway \(process \d+\)"):
            async with running(config(tmp_path)):
                pass


async def test_after_a_gateway_has_ended_another_may_start(tmp_path: Path) -> None:
    for _ in range(2):
        async with running(config(tmp_path)) as parts:
            assert parts.proof.memory == "on"


def test_every_file_of_a_family_is_a_member_under_its_own_name() -> None:
    assert set(KINDS) == {"constraint", "correction", "episode", "fact", "lesson", "preference"}
    assert all(kind.name == name for name, kind in KINDS.items())
    assert set(SHAPES) == {"/chat/completions", "/completions", "/messages", "/responses"}


async def test_policies_are_read_again_while_serving_and_a_broken_one_is_not_taken(
    serve: Serve, tmp_path: Path
) -> None:
    folder = tmp_path / "policies"
    folder.mkdir()
    async with serve() as served:
        await say(served, DOG)
        await served.learnt()
        book = served.parts.gateway.visits.policies
        (folder / "default.yaml").write_text('memory: "offf"\n')
        complaint = book.reload()
        assert complaint is not None
        assert "default.yaml:1" in complaint
        assert "allergic" in await say(served, QUESTION)
        (folder / "default.yaml").write_text('memory: "off"\n')
        assert book.reload() is None
        assert "allergic" not in await say(served, QUESTION)


async def test_a_route_leads_to_its_upstream(serve: Serve, upstream: ScriptedUpstream) -> None:
    upstreams = {"default": UpstreamConfig(url="http://127.0.0.1:1/v1"), "here": UpstreamConfig(url=upstream.url)}
    routes = (Route(match=RouteMatch(path=("/chat/*",)), upstreams=("here",)),)
    async with serve(upstreams=upstreams, routes=routes) as served:
        assert "You said: hi" in await say(served, "hi")


async def test_what_is_said_and_asked_goes_to_the_embedder_that_is_configured(
    serve: Serve, upstream: ScriptedUpstream
) -> None:
    embedder = EmbedderConfig(
        kind="http", url=upstream.url, model="bag", query_prefix="q: ", passage_prefix="p: ", patience_ms=10_000
    )
    async with serve(embedder=embedder) as served:
        await say(served, DOG)
        await served.learnt()
        assert "allergic" in await say(served, QUESTION)
    embedded = [request.body.decode() for request in upstream.requests() if request.target == "/v1/embeddings"]
    assert any(f"p: {DOG}" in body for body in embedded)
    assert any(f"q: {QUESTION}" in body for body in embedded)


@pytest.mark.promise("P4")
@pytest.mark.parametrize("dimensions", [None, 64])
async def test_an_embedder_that_is_away_leaves_memory_to_words(serve: Serve, dimensions: int | None) -> None:
    away = EmbedderConfig(kind="http", url="http://127.0.0.1:1/v1", model="bag", dimensions=dimensions)
    async with serve(embedder=away) as served:
        assert served.parts.proof.memory == "on"
        await say(served, DOG)
        await served.learnt()
        assert "allergic" in await say(served, QUESTION)


def test_an_index_that_the_embedded_embedder_made_can_always_be_searched() -> None:
    assert isinstance(_former(WordLlamaEmbedder.name), WordLlamaEmbedder)
    assert _former("http/bag") is None


TRANSLATES = """
import asyncio, sys
from gateway.config import Config, environment
from gateway.routes import UpstreamConfig
from gateway.ports import Outgoing
from gateway.routes import Route, RouteMatch
from gateway.upstreams.configured import configured_upstream

other = UpstreamConfig(kind="litellm", provider="hosted_vllm", url=sys.argv[1], api_key="k")
upstreams = {"default": UpstreamConfig(url=sys.argv[1]), "other": other}
configured_upstream(Config(upstreams=upstreams))
assert "litellm" not in sys.modules
routes = (Route(match=RouteMatch(model=("v*",)), upstreams=("other",)),)
routed = configured_upstream(Config(upstreams=upstreams, routes=routes))
assert environment()["LITELLM_LOCAL_MODEL_COST_MAP"] == "True"


async def main():
    body = b'{"model":"v1","messages":[{"role":"user","content":"hi"}]}'
    call = Outgoing(method="POST", target="/chat/completions", headers=[], body=body, model="v1")
    answer = await routed.send(call)
    print(answer.status, b"".join([chunk async for chunk in answer.chunks]).decode())
    await routed.aclose()


asyncio.run(main())
"""


def test_litellm_is_loaded_for_a_route_to_it_and_else_not(upstream: ScriptedUpstream) -> None:
    command = [sys.executable, "-c", TRANSLATES, upstream.url]
    ended = subprocess.run(command, capture_output=True, text=True, timeout=120, check=False)
    assert ended.returncode == 0, ended.stderr
    assert ended.stdout.startswith("200 ")
    assert "You said: hi" in ended.stdout
    (received,) = upstream.requests()
    assert dict(received.headers)[b"authorization"] == b"Bearer k"
