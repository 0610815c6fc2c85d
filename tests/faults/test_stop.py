"""SIGTERM at any moment: what is under way is finished within the grace, and what was acknowledged is on record."""

from __future__ import annotations

import asyncio
import contextlib
from pathlib import Path

import aiohttp
import pytest

from gateway.testing import GatewayProcess, ScriptedUpstream, Step
from tests.faults.killing import Losses, Onslaught, read_exchanges
from tests.faults.nursery import Nursery
from tests.faults.scale import scaled
from tests.test_record import DONE, SPOKEN

STOPS = scaled(4, 40)
SEED = 20_261_123
GRACE_S = 1
FEW_S = scaled(30, 5)
"""Beyond the grace: for learning the last and closing, with room for a busy machine."""

STREAM = (("content-type", "text/event-stream"),)
CALL = {"model": "gpt-4o", "messages": [{"role": "user", "content": "When?"}], "stream": True}
HEADERS = {"authorization": "Bearer sk-stop", "x-accrue-user": "ana"}


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A working directory with a short grace."""
    (tmp_path / "config.yaml").write_text(f"server: {{grace_s: {GRACE_S}}}\n")
    return tmp_path


@pytest.mark.promise("P6")
async def test_a_gateway_stopped_at_random_ends_in_order_and_loses_nothing(
    upstream: ScriptedUpstream, folder: Path
) -> None:
    async with Nursery(folder, upstream.url) as nursery:
        onslaught = Onslaught(nursery, upstream, SEED)
        async with asyncio.timeout(STOPS * (GRACE_S + FEW_S)):
            assert [await onslaught.round(nursery.terminate) for _ in range(STOPS)] == [0] * STOPS
    assert onslaught.seen.answers
    assert onslaught.losses() == Losses()


async def stopped_in_a_stream(gateway: GatewayProcess, upstream: ScriptedUpstream, *, is_released: bool) -> bytes:
    """What a client gets of a stream in whose middle its gateway is told to stop."""
    upstream.script([Step(headers=STREAM, chunks=[*SPOKEN, DONE], framing="chunked", hold=[1])])
    got = b""
    async with (
        aiohttp.ClientSession() as session,
        session.post(f"{gateway.url}/chat/completions", json=CALL, headers=HEADERS) as response,
    ):
        got += await response.content.readany()
        gateway.process.terminate()
        if is_released:
            upstream.release()
        with contextlib.suppress(aiohttp.ClientError):
            got += await response.content.read()
    return got


def on_record(data: Path) -> tuple[str, list[str]]:
    """How the one exchange ended, and what was answered."""
    (exchange,) = read_exchanges(data / "journal.db").values()
    return exchange.state, [turn.text for turn in exchange.reply.turns] if exchange.reply is not None else []


@pytest.mark.promise("P6")
async def test_a_stream_that_ends_within_the_grace_is_passed_on_and_recorded_whole(
    upstream: ScriptedUpstream, folder: Path
) -> None:
    with GatewayProcess(upstream.url, folder / "data", cwd=folder) as gateway:
        assert await stopped_in_a_stream(gateway, upstream, is_released=True) == b"".join([*SPOKEN, DONE])
        assert await asyncio.to_thread(gateway.process.wait, GRACE_S + FEW_S) == 0
    assert on_record(folder / "data") == ("done", ["The train to Bern leaves at nine o'clock in the morning."])


@pytest.mark.promise("P6")
async def test_a_stream_that_does_not_end_is_broken_off_after_the_grace_and_its_words_are_kept(
    upstream: ScriptedUpstream, folder: Path
) -> None:
    with GatewayProcess(upstream.url, folder / "data", cwd=folder) as gateway:
        assert DONE not in await stopped_in_a_stream(gateway, upstream, is_released=False)
        assert await asyncio.to_thread(gateway.process.wait, GRACE_S + FEW_S) == 0
    upstream.release()
    assert on_record(folder / "data") == ("interrupted", ["The train to Bern leaves "])
