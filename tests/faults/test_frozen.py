"""A dependency of memory that is frozen, killed or black-holed costs a few calls their deadline, and none its answer.

Calls are made one after the other, each beside one with memory off: until the breaker has opened, while it is open, and
until it has closed once the dependency is back. `--long` makes more of them and holds the times against the promise;
in CI only counts decide.
"""

from __future__ import annotations

import asyncio
import signal
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator, MutableMapping
from contextlib import ExitStack
from types import SimpleNamespace
from typing import Any

import aiohttp
import msgspec
import pytest
import structlog

from gateway import augment
from gateway.breaker import FAILURES, Breaker
from gateway.dependency import Dependency
from gateway.journals.sqlite import SqliteJournal
from gateway.sections import EmbedderConfig
from gateway.stores.local import LocalStore
from gateway.stores.local.store import READERS
from tests.conftest import Serve, Served
from tests.faults.scale import scaled

BEFORE_MS, AFTER_MS, CLOSED_S = 60.0, 5.0, 2.0
"""What is promised: added first-token time (p99) before the breaker opens and after, and how soon it closes."""

WHILE_OPEN = scaled(20, 300)
"""Calls."""

MOST_BEFORE = 2 * FAILURES
"""Calls that may have waited until the breaker opens; one may ask for more than one thing."""

CALL_S = 2.0
"""After which a call has failed."""

CLOSE_S = 20.0
"""After which a breaker is taken to stay open."""


class Report(msgspec.Struct, kw_only=True):
    """What happened to the calls."""

    before_ms: list[float] = []
    after_ms: list[float] = []
    off_ms: list[float] = []
    headers: list[str] = []
    """Of calls while it was open."""
    failed: int = 0
    changes: list[tuple[str, str]] = []
    """Event and dependency of each line in the log."""
    closed_s: float | None = None

    def faults(self, dependency: str) -> list[str]:
        """What is not as promised, but for times."""
        expected = [("breaker_opened", dependency), ("breaker_closed", dependency)]
        found = {
            f"{self.failed} calls failed": self.failed,
            f"{len(self.before_ms)} calls waited": len(self.before_ms) > MOST_BEFORE,
            f"changes of state: {self.changes}": self.changes != expected,
            f"while it was open: {set(self.headers)}": dependency != "embedder"
            and any(not header.startswith("breaker") or dependency not in header for header in self.headers),
        }
        return [fault for fault, is_there in found.items() if is_there]

    def added_ms(self, share: float) -> tuple[float, float]:
        """First-token time, at a share of the calls, over that of calls without memory: before it opened, and after."""
        usual = _quantile(self.off_ms, share)
        return _quantile(self.before_ms, share) - usual, _quantile(self.after_ms, share) - usual


def _quantile(values: list[float], share: float) -> float:
    """Of what was found away before a call had to, there are none."""
    return sorted(values)[int(len(values) * share)] if values else 0.0


class EmbedderProcess:
    """An embeddings server on a port of its own, that can be replaced by something that only looks like one."""

    def __init__(self) -> None:
        self._stack = ExitStack()
        self.port = 0
        self._start()

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}/v1"

    def stop(self) -> None:
        self._process.send_signal(signal.SIGSTOP)

    def go_on(self) -> None:
        self._process.send_signal(signal.SIGCONT)

    def kill(self) -> None:
        self._process.kill()
        self._process.communicate()

    def accept_and_say_nothing(self) -> None:
        """A server in place of this one that takes every connection, and whatever comes over it."""
        self._put_in_place(backlog=1000)

    def let_connections_hang(self) -> None:
        """A server in place of this one whose backlog is full, so that the kernel drops whoever wants to connect."""
        self._put_in_place(backlog=0)
        for _ in range(3):
            client = self._stack.enter_context(socket.socket())
            client.setblocking(False)
            client.connect_ex(("127.0.0.1", self.port))

    def back(self) -> None:
        """The true server again, once it listens."""
        self._stack.close()
        self._start()

    def close(self) -> None:
        self._stack.close()
        self.go_on()
        self.kill()

    def _put_in_place(self, *, backlog: int) -> None:
        self.kill()
        listener = self._stack.enter_context(socket.socket())
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        listener.bind(("127.0.0.1", self.port))
        listener.listen(backlog)

    def _start(self) -> None:
        command = [sys.executable, "-m", "gateway.testing", "--port", str(self.port)]
        self._process = subprocess.Popen(command, stdout=subprocess.PIPE, text=True)
        assert self._process.stdout is not None
        self.port = int(self._process.stdout.readline())


class HeldThreads:
    """The reading threads of the store or of the journal, which can be made to wait for something else."""

    def __init__(self, served: Served, dependency: str) -> None:
        guarded, journal = served.parts.store, served.parts.journal
        store = getattr(guarded, "_store", guarded)
        assert isinstance(store, LocalStore)
        assert isinstance(journal, SqliteJournal)
        self._pools = [store._reads] * READERS if dependency == "store" else [journal._reader._thread]
        self._free = threading.Event()

    def hold(self) -> None:
        for pool in self._pools:
            pool.submit(self._free.wait, 60)

    def release(self) -> None:
        self._free.set()


class Lines:
    """The breakers' lines in the log, as they are written, by whatever thread."""

    def __init__(self) -> None:
        self.written: list[tuple[float, str, str]] = []
        self._loop = asyncio.get_running_loop()
        self._news = asyncio.Event()
        structlog.configure(processors=[self._take])

    def have(self, event: str) -> bool:
        return any(name == event for _, name, _ in self.written)

    async def wait_for(self, event: str, within_s: float) -> bool:
        try:
            async with asyncio.timeout(within_s):
                while not self.have(event):
                    self._news.clear()
                    await self._news.wait()
        except TimeoutError:
            return False
        return True

    def _take(self, logger: object, method: str, entry: MutableMapping[str, Any]) -> str:
        if entry["event"].startswith("breaker_"):
            self.written.append((time.monotonic(), entry["event"], entry["dependency"]))
            self._loop.call_soon_threadsafe(self._news.set)
        raise structlog.DropEvent


class Calls:
    """Streamed calls of one user, each in a session of its own and with a question that nobody has asked before.

    A session that is named is looked up in the journal, and one that is not is not.
    """

    def __init__(self, client: aiohttp.ClientSession, url: str, report: Report, *, is_named: bool) -> None:
        self._client = client
        self._is_named = is_named
        self._url = f"{url}/chat/completions"
        self._report = report
        self._made = 0

    async def pair(self, times_ms: list[float]) -> str:
        """One with memory and one without; what the header of the first says."""
        self._made += 1
        took_ms, header = await self._call({})
        times_ms.append(took_ms)
        took_ms, _ = await self._call({"x-accrue-memory": "off"})
        self._report.off_ms.append(took_ms)
        return header

    async def _call(self, headers: dict[str, str]) -> tuple[float, str]:
        named = {"authorization": "Bearer sk-1", "x-accrue-user": "ann"}
        if self._is_named:
            named["x-accrue-session"] = f"s{self._made}"
        question = f"What may my dog Biscuit eat at {self._made} o'clock?"
        body = {"model": "gpt-4o", "stream": True, "messages": [{"role": "user", "content": question}]}
        began = time.perf_counter()
        try:
            async with asyncio.timeout(CALL_S):
                async with self._client.post(self._url, json=body, headers=named | headers) as answer:
                    first = await answer.content.readany()
                    took_ms = (time.perf_counter() - began) * 1000
                    whole = first + await answer.content.read()
        except (TimeoutError, aiohttp.ClientError):
            self._report.failed += 1
            return CALL_S * 1000, ""
        self._report.failed += answer.status != 200 or b"data: [DONE]" not in whole
        return took_ms, answer.headers.get("x-accrue-memory", "")


async def frozen(
    served: Served,
    freeze: Callable[[], None],
    thaw: Callable[[], None],
    *,
    is_named: bool = False,
    close_s: float = CLOSE_S,
) -> Report:
    """Call while a dependency freezes, stays frozen and thaws."""
    report, lines = Report(), Lines()
    async with aiohttp.ClientSession() as client:
        calls = Calls(client, served.url, report, is_named=is_named)
        for _ in range(3):
            await calls.pair([])
        await asyncio.to_thread(freeze)
        while not lines.have("breaker_opened") and len(report.before_ms) <= MOST_BEFORE and not report.failed:
            await calls.pair(report.before_ms)
        for _ in range(WHILE_OPEN if lines.have("breaker_opened") else 0):
            report.headers.append(await calls.pair(report.after_ms))
        await asyncio.to_thread(thaw)
        thawed = time.monotonic()
        if await lines.wait_for("breaker_closed", close_s):
            report.closed_s = max(0.0, lines.written[-1][0] - thawed)
            for _ in range(FAILURES):
                await calls.pair([])
    report.changes = [(event, dependency) for _, event, dependency in lines.written]
    return report


def told(case: str, report: Report) -> None:
    """Print the times; with `--long`, hold them against what is promised."""
    (before_ms, after_ms), usual = report.added_ms(0.99), report.added_ms(0.5)
    assert report.closed_s is not None
    print(f"\n{case}, added: p99 {before_ms:.1f} ms before, {after_ms:.1f} after", end="; ")
    print(f"median {usual[0]:.1f} before, {usual[1]:.1f} after; closed in {report.closed_s:.2f} s")
    if scaled(short=False, long=True):
        assert before_ms <= BEFORE_MS
        assert after_ms <= AFTER_MS
        assert report.closed_s <= CLOSED_S


@pytest.fixture
def embedder() -> Iterator[EmbedderProcess]:
    process = EmbedderProcess()
    yield process
    process.close()


def served_by(process: EmbedderProcess) -> EmbedderConfig:
    return EmbedderConfig(kind="http", url=process.url, model="bag")


WAYS: dict[str, tuple[Callable[[EmbedderProcess], None], Callable[[EmbedderProcess], None]]] = {
    "stopped": (EmbedderProcess.stop, EmbedderProcess.go_on),
    "killed": (EmbedderProcess.kill, EmbedderProcess.back),
    "silent": (EmbedderProcess.accept_and_say_nothing, EmbedderProcess.back),
    "unreachable": (EmbedderProcess.let_connections_hang, EmbedderProcess.back),
}


@pytest.mark.promise("P4")
@pytest.mark.parametrize("way", WAYS)
async def test_an_embedder_that_freezes_costs_a_few_calls_a_moment(
    serve: Serve, embedder: EmbedderProcess, way: str
) -> None:
    freeze, thaw = WAYS[way]
    async with serve(embedder=served_by(embedder)) as served:
        report = await frozen(served, lambda: freeze(embedder), lambda: thaw(embedder))
    assert report.faults("embedder") == []
    told(way, report)


@pytest.mark.promise("P4")
@pytest.mark.parametrize("dependency", ["store", "journal"])
async def test_a_disk_that_freezes_costs_a_few_calls_their_deadline(serve: Serve, dependency: str) -> None:
    async with serve() as served:
        threads = HeldThreads(served, dependency)
        report = await frozen(served, threads.hold, threads.release, is_named=dependency == "journal")
    assert report.faults(dependency) == []
    told(dependency, report)


async def test_without_a_breaker_it_is_reported(serve: Serve, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Breaker, "failed", lambda self, cause: False)
    async with serve() as served:
        threads = HeldThreads(served, "store")
        report = await frozen(served, threads.hold, threads.release, close_s=0.0)
    assert report.faults("store") == [f"{MOST_BEFORE + 1} calls waited", "changes of state: []"]


async def test_without_a_breaker_before_the_embedder_it_is_reported(
    serve: Serve, embedder: EmbedderProcess, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(Breaker, "failed", lambda self, cause: False)
    async with serve(embedder=served_by(embedder)) as served:
        report = await frozen(served, embedder.stop, embedder.go_on, close_s=0.0)
    assert report.faults("embedder") == [f"{MOST_BEFORE + 1} calls waited", "changes of state: []"]


async def test_without_a_deadline_it_is_reported(serve: Serve, monkeypatch: pytest.MonkeyPatch) -> None:
    patient = SimpleNamespace(timeout=lambda _: asyncio.timeout(None), gather=asyncio.gather)
    monkeypatch.setattr(augment, "asyncio", patient)
    async with serve() as served:
        threads = HeldThreads(served, "store")
        report = await frozen(served, threads.hold, threads.release, close_s=0.0)
    assert "1 calls failed" in report.faults("store")


async def test_without_probes_it_is_reported(serve: Serve, monkeypatch: pytest.MonkeyPatch) -> None:
    async def wait_for_ever(self: Dependency) -> None:
        """Probe nothing."""

    monkeypatch.setattr(Dependency, "_seek", wait_for_ever)
    async with serve() as served:
        threads = HeldThreads(served, "store")
        report = await frozen(served, threads.hold, threads.release, close_s=1.0)
    assert report.faults("store") == ["changes of state: [('breaker_opened', 'store')]"]
