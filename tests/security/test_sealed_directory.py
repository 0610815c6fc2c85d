"""Encryption at rest: with a key no word of anybody lies open in a data directory, and without it nothing starts."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path

import aiohttp
import pytest

from gateway import explain
from gateway.config import Config
from gateway.errors import DataDirError
from gateway.rebuild import rebuild
from gateway.routes import UpstreamConfig
from gateway.sections import Store
from gateway.testing import ScriptedUpstream
from tests.conftest import Serve, Served
from tests.security.test_redaction import on_disk

KEY = Store(encryption_key="a phrase that nobody would think of, with 1 number")
OTHER = Store(encryption_key="another phrase that nobody would think of, with 2")
SAID = "My dog Biscuit is allergic to chicken. Always answer in rhymes about Biscuit."


@pytest.fixture
async def http() -> AsyncIterator[aiohttp.ClientSession]:
    async with aiohttp.ClientSession() as session:
        yield session


async def say(served: Served, http: aiohttp.ClientSession, text: str) -> tuple[str, str]:
    """Say something as somebody; the exchange, and what came back."""
    headers = {"authorization": "Bearer sk-test", "x-accrue-user": "anna"}
    body = {"model": "gpt-4o", "messages": [{"role": "user", "content": text}]}
    async with http.post(f"{served.url}/chat/completions", json=body, headers=headers) as got:
        answer = await got.json()
        exchange = got.headers["x-accrue-exchange"]
    judged = {"exchange": exchange, "value": False, "comment": f"Biscuit says: {text}"}
    async with http.post(f"{served.url}/feedback", json=judged, headers=headers) as taken:
        assert taken.status == 202
    await served.learnt()
    return exchange, str(answer["choices"][0]["message"]["content"])


async def test_with_a_key_no_word_lies_open_and_all_is_remembered(
    serve: Serve, http: aiohttp.ClientSession, tmp_path: Path
) -> None:
    async with serve(store=KEY) as served:
        await say(served, http, SAID)
    assert b"Biscuit" not in on_disk(tmp_path / "data")
    async with serve(store=KEY) as served:
        exchange, answer = await say(served, http, "What should my dog Biscuit not eat?")
        assert "allergic to chicken" in answer
        config = Config(data_dir=str(tmp_path / "data"), store=KEY)
        assert "Biscuit" in await asyncio.to_thread(explain.text, config, exchange)
    assert b"Biscuit" not in on_disk(tmp_path / "data")


@pytest.mark.parametrize("store", [OTHER, Store()])
async def test_without_its_key_a_directory_is_not_opened(serve: Serve, store: Store) -> None:
    async with serve(store=KEY):
        pass
    with pytest.raises(DataDirError, match="ACCRUE_STORE__ENCRYPTION_KEY"):
        async with serve(store=store):
            pass


async def test_what_was_stored_before_there_was_a_key_is_read_and_sealed_by_a_rebuild(
    serve: Serve, http: aiohttp.ClientSession, upstream: ScriptedUpstream, tmp_path: Path
) -> None:
    async with serve() as served:
        await say(served, http, SAID)
    assert b"Biscuit" in on_disk(tmp_path / "data")
    async with serve(store=KEY) as served:
        assert "allergic to chicken" in (await say(served, http, "What should my dog Biscuit not eat?"))[1]
    upstreams = {"default": UpstreamConfig(url=upstream.url)}
    await rebuild(Config(upstreams=upstreams, data_dir=str(tmp_path / "data"), store=KEY))
    assert b"Biscuit" not in on_disk(tmp_path / "data")
    async with serve(store=KEY) as served:
        assert "allergic to chicken" in (await say(served, http, "What should my dog Biscuit not eat?"))[1]
