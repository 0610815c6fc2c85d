"""Traces, as a collector on a real socket gets them."""

from __future__ import annotations

import asyncio
import itertools
import logging
import socket
import threading
from collections import Counter
from collections.abc import AsyncIterator, Iterator, Sequence
from contextlib import asynccontextmanager

import aiohttp
import pytest
from openai import AsyncOpenAI
from prometheus_client import CollectorRegistry
from structlog.testing import capture_logs

from gateway import tracing
from gateway.errors import MemoryUnavailable
from gateway.memories import Memory
from gateway.sections import Telemetry
from gateway.stages import Stages
from gateway.testing import ManualClock, ScriptedUpstream
from gateway.tracing import Traces
from gateway.types import Outcome, Scope
from tests.collector import PATIENCE_S, Collector, Seen, collecting, messages
from tests.conftest import Serve, Served
from tests.exchanges import ANN, NOW, exchange, user
from tests.periods import memory

TRACE = "0af7651916cd43dd8448eb211c80319c"
PARENT = "b7ad6b7169203331"
TRACEPARENT = f"00-{TRACE}-{PARENT}-01"
INTERNAL, SERVER = 1, 2
DOG = "My dog Biscuit is allergic to chicken."


@pytest.fixture(autouse=True)
def library_as_loud_as_it_was() -> Iterator[None]:
    library = logging.getLogger("opentelemetry")
    level = library.level
    yield
    library.setLevel(level)


@pytest.fixture
def collector() -> Iterator[Collector]:
    with collecting() as started:
        yield started


class Counts:
    """What was counted, and a bounded wait for it."""

    def __init__(self) -> None:
        self.counted: Counter[str] = Counter()
        self._changed = threading.Condition()

    def __call__(self, outcome: str, count: int) -> None:
        with self._changed:
            self.counted[outcome] += count
            self._changed.notify_all()

    def wait(self, outcome: str, count: int) -> None:
        with self._changed:
            assert self._changed.wait_for(lambda: self.counted[outcome] >= count, PATIENCE_S)


@asynccontextmanager
async def telling(url: str, counts: Counts, **settings: object) -> AsyncIterator[Traces]:
    times = (NOW + number / 10 for number in itertools.count())
    configured = Telemetry(traces="otlp", endpoint=url, **settings)  # type: ignore[arg-type] # a test's own choice
    traces = Traces(configured, "1.2.3", now=lambda: next(times), counted=counts)
    try:
        yield traces
    finally:
        await traces.aclose()


class Shelf:
    """A store that takes what it is given, or nothing; what is read of it is not the matter here."""

    def __init__(self, *, is_away: bool = False) -> None:
        self.is_away = is_away
        self.trouble = "away" if is_away else ""
        self.asked: list[str] = []

    async def put(self, scope: Scope, memories: Sequence[Memory]) -> None:
        if self.is_away:
            raise MemoryUnavailable("away")

    async def search(self, *_: object) -> str:
        return "found"

    async def get(self, *_: object, reach: int = 0) -> list[int]:
        return [reach]

    async def list(self, *_: object) -> list[Memory]:
        return []

    async def forget(self, *_: object) -> int:
        return 7

    async def aclose(self) -> None:
        self.asked.append("aclose")


async def test_a_call_is_a_server_span_in_the_trace_of_its_client(collector: Collector) -> None:
    async with telling(collector.url, Counts()) as traces:
        settled = traces.follow([(b"host", b"here"), (b"traceparent", TRACEPARENT.encode()), (b"tracestate", b"a=1")])
        settled("recorded", exchange(model="gpt-4o"))
        span = await asyncio.to_thread(collector.span, "chat gpt-4o")
    assert (span.trace, span.parent, span.kind) == (TRACE, PARENT, SERVER)
    assert (span.began, round(span.took_s, 3)) == (NOW, 0.1)
    assert span.resource == {"service.name": "accrue", "service.version": "1.2.3"}
    assert span.schema == "https://opentelemetry.io/schemas/gen-ai-dev/1.42.0-dev"
    assert (span.attributes["gen_ai.conversation.id"], span.is_error) == ("s1", False)


@pytest.mark.parametrize("header", [b"", b"00-xyz", b"00-" + b"0" * 32 + b"-" + b"0" * 16 + b"-01"])
async def test_a_trace_that_is_none_is_begun_anew(collector: Collector, header: bytes) -> None:
    async with telling(collector.url, Counts()) as traces:
        traces.follow([(b"traceparent", header)])("off", None)
        span = await asyncio.to_thread(collector.span, "call")
    assert span.parent == ""
    assert span.trace != "0" * 32


async def test_its_stages_stand_below_it_and_recall_is_a_search_of_memory(collector: Collector) -> None:
    async with telling(collector.url, Counts()) as traces:
        settled, clock = traces.follow([]), ManualClock(NOW)
        stages = Stages(CollectorRegistry(), clock.now)
        with stages.time("identify"):
            pass
        with stages.time("recall"):
            clock.advance(0.05)
        settled("recorded", exchange(outcome=Outcome(status="timeout"), ended_at=NOW + 0.05))
        seen = await asyncio.to_thread(collector.spans, "chat", "identify", "search_memory", "record")
    root, *below = sorted(seen, key=lambda span: span.kind != SERVER)
    assert {span.parent for span in below} == {root.id}
    assert {span.kind for span in below} == {INTERNAL}
    search = collector.span("search_memory")
    assert round(search.took_s, 3) == 0.05
    assert search.attributes["gen_ai.operation.name"] == "search_memory"
    assert (search.attributes["error.type"], search.is_error, root.is_error) == ("timeout", True, False)


async def test_what_is_learnt_of_a_call_is_written_in_the_same_trace(collector: Collector) -> None:
    async with telling(collector.url, Counts()) as traces:
        traces.follow([(b"traceparent", TRACEPARENT.encode())])("recorded", exchange(id="ex_7"))
        store = traces.watched(Shelf())  # type: ignore[arg-type] # a double
        await store.put(ANN, [memory("m_1", "Answer in French.", exchange="ex_7")])
        await store.put(ANN, [memory("m_2", "Be brief.", exchange="ex_of_another_process")])
        seen = await asyncio.to_thread(collector.spans, "chat", "upsert_memory")
    call = collector.span("chat")
    known, unknown = [span for span in seen if span.name == "upsert_memory"]
    assert (known.trace, known.parent) == (TRACE, call.id)
    assert unknown.trace != TRACE
    assert known.attributes == {
        "gen_ai.operation.name": "upsert_memory",
        "gen_ai.memory.record.count": 1,
        "gen_ai.memory.record.id": "m_1",
    }


async def test_a_write_that_did_not_come_about_is_told_and_raised(collector: Collector) -> None:
    async with telling(collector.url, Counts()) as traces:
        with pytest.raises(MemoryUnavailable):
            await traces.watched(Shelf(is_away=True)).put(ANN, [memory("m_1", "…")])  # type: ignore[arg-type] # a double
        span = await asyncio.to_thread(collector.span, "upsert_memory")
    assert (span.attributes["error.type"], span.is_error) == ("MemoryUnavailable", True)


async def test_all_else_is_asked_of_the_store_itself(collector: Collector) -> None:
    shelf = Shelf(is_away=True)
    async with telling(collector.url, Counts()) as traces:
        store = traces.watched(shelf)  # type: ignore[arg-type] # a double
        answers: tuple[object, ...] = (
            await store.search(ANN, None),  # type: ignore[arg-type] # passed on as it is
            await store.get(ANN, ["m_1"], reach=3),
            await store.list(ANN, (), 1),
            await store.forget(ANN, []),
            store.trouble,
        )
        await store.aclose()
    assert answers == ("found", [3], [], 7, "away")
    assert shelf.asked == ["aclose"]


@pytest.mark.promise("P11")
async def test_of_a_call_of_somebody_who_was_erased_meanwhile_only_the_time_is_told(collector: Collector) -> None:
    async with telling(collector.url, Counts(), content=True) as traces:
        traces.follow([])("erased", exchange(user(DOG)))
        span = await asyncio.to_thread(collector.span, "call")
    assert span.attributes == {"accrue.settled": "erased"}


async def test_calls_are_left_out_by_lot_unless_their_client_has_a_trace(collector: Collector) -> None:
    counts = Counts()
    async with telling(collector.url, counts, sample_percent=0.0) as traces:
        for number in range(50):
            traces.follow([])("recorded", exchange(id=f"ex_{number}"))
            await traces.watched(Shelf()).put(ANN, [memory("m_1", "…", exchange=f"ex_{number}")])  # type: ignore[arg-type] # a double
        traces.follow([(b"traceparent", TRACEPARENT.encode())])("recorded", exchange(id="ex_told"))
        counts.wait("sent", 1)
    assert [span.trace for span in collector.spans("chat")] == [TRACE]
    assert counts.counted == {"sent": 1}


async def test_no_more_calls_are_kept_in_mind_than_there_is_room_for(
    collector: Collector, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(tracing, "KNOWN", 1)
    counts = Counts()
    async with telling(collector.url, counts) as traces:
        for id in ("ex_1", "ex_2"):
            traces.follow([(b"traceparent", TRACEPARENT.encode())])("recorded", exchange(id=id))
        for id in ("ex_1", "ex_2"):
            await traces.watched(Shelf()).put(ANN, [memory(id, "…", exchange=id)])  # type: ignore[arg-type] # a double
        counts.wait("sent", 4)
    writes = {s.attributes["gen_ai.memory.record.id"]: s for s in collector.spans("chat") if s.name == "upsert_memory"}
    assert (writes["ex_1"].trace == TRACE, writes["ex_2"].trace == TRACE) == (False, True)


@pytest.mark.promise("P4")
async def test_a_collector_that_is_not_there_costs_a_count_and_one_line_and_is_told_again_when_it_is(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(tracing, "PATIENCE_S", 0.3)
    counts = Counts()
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
    with capture_logs() as logs:
        async with telling(f"http://127.0.0.1:{port}/v1/traces", counts) as traces:
            for lost in (1, 2):
                traces.follow([])("off", None)
                counts.wait("lost", lost)
            with collecting(port):
                traces.follow([])("off", None)
                counts.wait("sent", 1)
    assert counts.counted == {"lost": 2, "sent": 1}
    assert [entry["event"] for entry in logs] == ["traces_lost", "traces_heard"]


async def test_a_collector_that_refuses_takes_nothing_and_ends_nothing(collector: Collector) -> None:
    counts = Counts()
    collector.status = 401
    async with telling(collector.url, counts) as traces:
        traces.follow([])("off", None)
        counts.wait("lost", 1)
    assert counts.counted == {"lost": 1}


@pytest.mark.promise("P4")
async def test_where_more_waits_than_there_is_room_for_the_rest_is_lost_at_once(
    collector: Collector, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(tracing, "WAITING", 10)
    counts = Counts()
    async with telling(collector.url, counts) as traces:
        for _ in range(100):
            traces.follow([])("off", None)
    lost = counts.counted["lost"]
    assert 80 <= lost <= 90  # the first may have been taken out already, and those behind it while it was told
    assert counts.counted["sent"] == 100 - lost


async def test_what_waits_at_the_end_is_still_told(collector: Collector) -> None:
    counts = Counts()
    async with telling(collector.url, counts) as traces:
        for _ in range(tracing.BATCH + 10):
            traces.follow([])("off", None)
    assert counts.counted == {"sent": tracing.BATCH + 10}


async def test_one_that_cannot_be_told_of_is_passed_over(collector: Collector) -> None:
    counts = Counts()
    with capture_logs() as logs:
        async with telling(collector.url, counts) as traces:
            traces.follow([])("recorded", exchange(status="no number"))
            traces.follow([])("off", None)
            counts.wait("sent", 1)
    assert [entry["event"] for entry in logs] == ["untold"]
    assert {span.name for span in collector.spans("call")} == {"call"}


# From end to end, as configured


@pytest.fixture
async def served(serve: Serve, collector: Collector) -> AsyncIterator[Served]:
    async with serve(telemetry=Telemetry(traces="otlp", endpoint=collector.url)) as gateway:
        yield gateway


async def say(served: Served, text: str, **headers: str) -> None:
    async with AsyncOpenAI(base_url=served.url, api_key="sk-1", max_retries=0, default_headers=headers) as sdk:
        await sdk.chat.completions.create(model="gpt-4o", messages=[{"role": "user", "content": text}])


def tree(seen: Sequence[Seen], trace: str) -> dict[str, str]:
    """Each span of a trace by its name, with the name of the one above it."""
    names = {span.id: span.name for span in seen}
    return {span.name: names.get(span.parent, span.parent) for span in seen if span.trace == trace}


async def test_a_conversation_is_told_of_with_its_search_and_what_was_learnt(
    served: Served, collector: Collector, upstream: ScriptedUpstream
) -> None:
    await say(served, DOG, traceparent=TRACEPARENT)
    await served.learnt()
    await asyncio.to_thread(collector.span, "upsert_memory")
    seen = await asyncio.to_thread(collector.spans, "chat gpt-4o")
    below = dict.fromkeys(("read", "identify", "search_memory", "compose", "place", "forward", "record"), "chat gpt-4o")
    found = tree(seen, TRACE)
    assert found.items() >= {**below, "chat gpt-4o": PARENT, "upsert_memory": "chat gpt-4o"}.items()
    root = collector.span("chat gpt-4o")
    assert root.attributes["gen_ai.usage.input_tokens"] > 0
    assert root.attributes["accrue.memory"] == "empty"
    assert root.kind == SERVER
    assert "Biscuit" not in str(seen)
    sent = upstream.requests()[-1].headers
    assert [value for name, value in sent if name.lower() == b"traceparent"] == [TRACEPARENT.encode()]


@pytest.mark.promise("P1")
async def test_where_the_client_has_no_trace_the_upstream_is_sent_none(
    served: Served, collector: Collector, upstream: ScriptedUpstream
) -> None:
    await say(served, "hello")
    await asyncio.to_thread(collector.span, "chat gpt-4o")
    assert not {name.lower() for name, _ in upstream.requests()[-1].headers} & {b"traceparent", b"tracestate"}


async def test_what_was_said_is_told_where_that_is_configured_and_without_secrets(
    serve: Serve, collector: Collector
) -> None:
    async with serve(telemetry=Telemetry(traces="otlp", endpoint=collector.url, content=True)) as served:
        await say(served, "My key is sk-proj-" + "a1B2c3D4" * 6 + " and Biscuit is a dog.")
        span = await asyncio.to_thread(collector.span, "chat gpt-4o")
    (said,) = messages(span.attributes["gen_ai.input.messages"])
    assert "Biscuit is a dog" in said["parts"][0]["content"]
    assert "a1B2c3D4" not in str(span.attributes)


@pytest.mark.promise("P4")
async def test_calls_are_answered_as_ever_while_the_collector_hangs(
    serve: Serve, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(tracing, "PATIENCE_S", 2.0)
    with socket.create_server(("127.0.0.1", 0)) as deaf:  # it takes connections, and never answers
        url = f"http://127.0.0.1:{deaf.getsockname()[1]}/v1/traces"
        async with serve(telemetry=Telemetry(traces="otlp", endpoint=url)) as served:
            await say(served, "hello")
            asking, _ = await asyncio.to_thread(deaf.accept)
            await say(served, "hello again")
            async with aiohttp.ClientSession() as http, http.get(served.url.removesuffix("/v1") + "/metrics") as shown:
                assert "accrue_spans_total{" not in await shown.text()  # it is still being told of the first
            asking.close()
