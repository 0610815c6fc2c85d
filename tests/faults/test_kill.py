"""kill -9 at random moments: nothing lost that was acknowledged, nothing remembered twice, and soon there again."""

from __future__ import annotations

import asyncio
import signal
import sys
from asyncio.subprocess import DEVNULL, PIPE
from contextlib import closing
from pathlib import Path

import msgspec
import pytest

from gateway.config import Config
from gateway.database import connect
from gateway.journals.sqlite import rows
from gateway.journals.sqlite.records import pack
from gateway.journals.sqlite.schema import MIGRATIONS
from gateway.routes import UpstreamConfig
from gateway.testing import ScriptedUpstream
from gateway.wiring import running
from tests.exchanges import exchange, user
from tests.faults.killing import Losses, Onslaught
from tests.faults.nursery import Nursery
from tests.faults.scale import scaled

KILLS = scaled(12, 200)
MUTANT_KILLS = 4
SEED = 20_261_122
BACKLOG = scaled(10_000, 100_000)

READY_S = scaled(60.0, 3.0)
"""From the command to the line to paste. On a machine that is busy otherwise, processor time has to tell."""

READY_CPU_S = scaled(12, 6)


async def learnt(upstream: ScriptedUpstream, folder: Path) -> None:
    """Learn all that is on record, in this process."""
    config = Config(
        upstreams={"default": UpstreamConfig(url=upstream.url)},
        data_dir=str(folder / ".accrue"),
        policies=str(folder / "policies"),
    )
    async with running(config) as parts, asyncio.timeout(120):
        await parts.settle.wait()


async def besieged(upstream: ScriptedUpstream, folder: Path, kills: int, breaking: str = "") -> Losses:
    """What is lost by a gateway that is killed so often."""
    async with Nursery(folder, upstream.url, breaking=breaking) as nursery:
        onslaught = Onslaught(nursery, upstream, SEED)
        for _ in range(kills):
            assert await onslaught.round(nursery.kill) == -signal.SIGKILL
    await learnt(upstream, folder)
    assert onslaught.seen.answers
    assert onslaught.seen.feedback
    return msgspec.structs.replace(onslaught.losses(), unlearnt=onslaught.unlearnt())


@pytest.mark.promise("P6")
async def test_a_gateway_killed_at_random_loses_nothing_and_remembers_nothing_twice(
    upstream: ScriptedUpstream, tmp_path: Path
) -> None:
    assert await besieged(upstream, tmp_path, KILLS) == Losses()


HASTY = """
from gateway.journals.sqlite import history, writer
from gateway.record import Recorder
async def at_once(self, commit, end): pass
async def accepted(self, scope, feedback):
    self._writer.submit(lambda connection: history.learning.write_feedback(connection, scope, *history.pack(feedback)))
    return "new"
Recorder._wait_for, history.SqliteHistory.give = at_once, accepted
writer.PATIENCE_S, submit = 5.0, writer.Writer.submit
writer.Writer.submit = lambda self, operation, is_patient=False: submit(self, operation, is_patient=True)
"""
"""Acknowledges first, and writes seconds later."""

UNTRACED = """
from gateway.record import Recorder
async def nothing(self, exchange): pass
Recorder.intend = nothing
"""
"""Leaves no trace of a call before it goes upstream."""

FORGETFUL = """
import itertools, os
from gateway import ids
from gateway.journals.sqlite import SqliteJournal
async def nothing(self, exchanges): pass
SqliteJournal.done = nothing
name, numbers = ids.memory_id, itertools.count()
ids.memory_id = lambda *parts: name(*parts, f"{os.getpid()} {next(numbers)}")
"""
"""Learns again what it has learnt, and gives it another name each time."""


@pytest.mark.parametrize(
    ("breaking", "lost"),
    [(HASTY, {"turns", "feedback"}), (UNTRACED, {"intents"}), (FORGETFUL, {"twice"})],
    ids=["hasty", "untraced", "forgetful"],
)
async def test_a_gateway_that_breaks_the_promise_is_found_out(
    upstream: ScriptedUpstream, tmp_path: Path, breaking: str, lost: set[str]
) -> None:
    losses = await besieged(upstream, tmp_path, MUTANT_KILLS, breaking)
    assert lost <= {name for name, found in msgspec.structs.asdict(losses).items() if found}


# Restart


def left_behind(folder: Path, count: int) -> None:
    """A data directory with so many exchanges that nobody learnt, and as many calls that never ended."""
    folder.mkdir()
    with closing(connect(folder / "journal.db", MIGRATIONS)) as connection, connection:
        connection.execute("BEGIN IMMEDIATE")
        for number in range(count):
            said = user(f"The parcel item{number}x stands in the hall behind the green door.")
            rows.write_finished(connection, *pack(exchange(said, id=f"ex_done{number:06}")))
            rows.write_intent(connection, *pack(exchange(said, id=f"ex_open{number:06}", state="intent", status=None)))


async def is_ready_in_time(upstream: ScriptedUpstream, data: Path, breaking: str = "") -> bool:
    """Whether a gateway over this directory listens soon enough."""
    limited = f"import resource; resource.setrlimit(resource.RLIMIT_CPU, ({READY_CPU_S}, {READY_CPU_S}))"
    started = f"{limited}\n{breaking}\nfrom gateway.__main__ import main; main()"
    flags = ["serve", "--port", "0", "--upstream", upstream.url, "--data-dir", str(data)]
    process = await asyncio.create_subprocess_exec(
        sys.executable, "-c", started, *flags, cwd=data, stdout=PIPE, stderr=DEVNULL
    )
    assert process.stdout is not None
    try:
        async with asyncio.timeout(READY_S):
            await process.stdout.readuntil(b"OPENAI_BASE_URL")
    except (TimeoutError, asyncio.IncompleteReadError):
        return False
    finally:
        if process.returncode is None:
            process.kill()
        await process.communicate()
    return True


@pytest.mark.promise("P6")
async def test_a_gateway_that_finds_a_large_backlog_is_there_soon(upstream: ScriptedUpstream, tmp_path: Path) -> None:
    left_behind(tmp_path / "data", BACKLOG)
    assert await is_ready_in_time(upstream, tmp_path / "data")
    assert not await is_ready_in_time(
        upstream, tmp_path / "data", "from gateway import duties; duties.CATCH_UP_S = 600"
    )
