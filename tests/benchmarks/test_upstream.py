from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator

import aiohttp
import pytest

from benchmarks import load, probe
from benchmarks.upstream import WORDS, Connection, Provider


@pytest.fixture
async def port() -> AsyncIterator[int]:
    provider = Provider()
    server = await asyncio.get_running_loop().create_server(lambda: Connection(provider), "127.0.0.1", 0)
    async with server:
        yield server.sockets[0].getsockname()[1]


def plan(port: int, *, is_stream: bool, messages: int = 0) -> load.Plan:
    return load.Plan(
        port=port, headers={}, is_stream=is_stream, concurrency=2, seconds=0.05, first_question=0, messages=messages
    )


async def test_a_stream_has_a_first_event_one_for_each_word_a_last_and_an_end(port: int) -> None:
    async with (
        aiohttp.ClientSession() as http,
        http.post(f"http://127.0.0.1:{port}/v1", data=b'{"stream": true}') as got,
    ):
        events = (await got.text()).removesuffix("\n\n").split("\n\n")
    assert len(events) == WORDS + 3 == 20
    assert all(event.startswith("data: {") for event in events[:-1])
    assert events[-1] == "data: [DONE]"


async def test_two_answers_differ(port: int) -> None:
    said = []
    async with aiohttp.ClientSession() as http:
        for _ in range(2):
            async with http.post(f"http://127.0.0.1:{port}/v1/chat/completions", data=b"{}") as got:
                said.append((await got.json())["choices"][0]["message"]["content"])
    assert [len(each.split()) for each in said] == [WORDS, WORDS]
    assert said[0] != said[1]


async def test_a_load_of_streams_has_gaps_and_one_of_whole_answers_has_none(port: int) -> None:
    async with aiohttp.ClientSession() as http, http.post(f"http://127.0.0.1:{port}/pace/2") as got:
        assert got.status == 200
    streams = await load.measure(plan(port, is_stream=True))
    whole = await load.measure(plan(port, is_stream=False, messages=6))
    assert streams.statuses == {200: streams.answers}
    assert streams.gap_p99_ms > 0
    assert whole.statuses == {200: whole.answers}
    assert (whole.gap_p99_ms, whole.memory) == (0.0, {})


async def test_a_probe_asks_until_its_time_is_over(port: int) -> None:
    found = await probe.probed(probe.Plan(port=port, path="/livez", seconds=0.02))
    assert 0 < found.p50_ms <= found.p99_ms <= found.most_ms
