"""Which upstream gets a call, over real sockets, and with doubles where an upstream must be watched."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, AsyncIterator, Iterator, Sequence
from contextlib import AsyncExitStack, aclosing
from typing import Any

import openai
import pytest
from openai import AsyncOpenAI

from gateway.errors import BadRequest, NotFound, RequestError, UpgradeRequired, UpstreamTimeout, UpstreamUnreachable
from gateway.ports import Headers, Incoming, Opened, Outgoing
from gateway.routes import Route, RouteMatch, UpstreamConfig
from gateway.testing import ScriptedUpstream, Step
from gateway.upstreams.http import HttpUpstream
from gateway.upstreams.routed import FAILED, PAUSE_S, Provider, RoutedUpstream, _wait
from tests.conftest import Serve

NOWHERE = "http://127.0.0.1:1/v1"
HELD = 1000
BUSY = Step(status=503, chunks=[b'{"error":{"message":"busy"}}'])


@pytest.fixture(scope="module")
def spare_process() -> Iterator[ScriptedUpstream]:
    with ScriptedUpstream() as process:
        yield process


@pytest.fixture
def spare(spare_process: ScriptedUpstream) -> ScriptedUpstream:
    """A second provider."""
    spare_process.clear()
    return spare_process


class Chain:
    """A router over one route to `main`, then `spare`; calls to `/elsewhere` go to its default instead."""

    def __init__(self, *urls: str, retries: int = 0) -> None:
        names = ("main", "spare", "default")
        *self.chain, default = [
            Provider(name=name, upstream=HttpUpstream(url), retries=retries)
            for name, url in zip(names, urls, strict=True)
        ]
        self.pauses: list[float] = []
        match = RouteMatch(path=("/chat*", "/models"))
        self.router = RoutedUpstream([(match, self.chain)], default, max_held_bytes=HELD, wait=self._wait)

    async def _wait(self, seconds: float) -> None:
        self.pauses.append(seconds)

    async def send(self, **changes: Any) -> Incoming:
        return await self.router.send(call(**changes))

    async def __aenter__(self) -> Chain:
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.router.aclose()


def call(**changes: Any) -> Outgoing:
    members: dict[str, Any] = {"method": "POST", "target": "/chat/echo", "headers": [], "body": b"hello"}
    return Outgoing(**{**members, **changes})


async def read(answer: Incoming) -> bytes:
    return b"".join([chunk async for chunk in answer.chunks])


def counts(*upstreams: ScriptedUpstream) -> tuple[int, ...]:
    return tuple(len(upstream.requests()) for upstream in upstreams)


@pytest.mark.parametrize(("model", "target", "answering"), [
    ("claude-sonnet-4-5", "/messages?beta=true", "claude"),
    ("claude-sonnet-4-5", "/chat/completions", "rest"),
    ("gpt-5", "/messages", "messages"),
    ("gpt-5", "/messages/count_tokens", "messages"),
    ("", "/messages", "messages"),
    ("", "//messages", "messages"),
    ("", "/%6Dessages", "messages"),
    ("gpt-5", "/responses", "rest"),
    ("", "/models?path=/messages", "rest"),
])  # fmt: skip
async def test_the_first_route_that_matches_takes_the_call(model: str, target: str, answering: str) -> None:
    doubles = {name: Double() for name in ("claude", "messages", "rest")}
    providers = {name: Provider(name=name, upstream=double) for name, double in doubles.items()}
    routes = [
        (RouteMatch(model=("claude-*",), path=("/messages",)), [providers["claude"]]),
        (RouteMatch(path=("/messages*",)), [providers["messages"]]),
    ]
    router = RoutedUpstream(routes, providers["rest"], max_held_bytes=HELD)
    answer = await router.send(call(model=model, target=target))
    assert [name for name, double in doubles.items() if double.sent] == [answering]
    assert doubles[answering].sent[0].target == target
    assert answer.headers == []


@pytest.mark.parametrize("status", sorted(FAILED))
async def test_an_overloaded_or_broken_upstream_is_followed_by_the_next(
    upstream: ScriptedUpstream, spare: ScriptedUpstream, status: int
) -> None:
    upstream.script([Step(status=status, headers=[("retry-after", "1")], chunks=[b"no"])])
    async with Chain(upstream.url, spare.url, NOWHERE) as chain:
        answer = await chain.send()
        assert (answer.status, await read(answer)) == (200, b"hello")
    assert (b"x-accrue-upstream", b"spare") in answer.headers
    assert b"x-should-retry" not in dict(answer.headers)
    assert spare.requests()[0].body == b"hello"
    assert counts(upstream, spare) == (1, 1)
    assert chain.pauses == []


@pytest.mark.parametrize("status", [200, 302, 400, 401, 403, 404, 409, 422, 501])
async def test_any_other_answer_is_the_answer(upstream: ScriptedUpstream, spare: ScriptedUpstream, status: int) -> None:
    upstream.script([Step(status=status, headers=[("x-of", "main")], chunks=[b"said"])])
    async with Chain(upstream.url, spare.url, NOWHERE, retries=3) as chain:
        answer = await chain.send()
        assert (answer.status, await read(answer)) == (status, b"said")
    assert not {b"x-accrue-upstream", b"x-should-retry"} & {name for name, _ in answer.headers}
    assert counts(upstream, spare) == (1, 0)


async def test_an_upstream_that_is_not_there_is_followed_by_the_next(spare: ScriptedUpstream) -> None:
    async with Chain(NOWHERE, spare.url, NOWHERE) as chain:
        assert await read(await chain.send()) == b"hello"


async def test_an_upstream_that_does_not_answer_in_time_is_followed_by_the_next(
    upstream: ScriptedUpstream, spare: ScriptedUpstream
) -> None:
    upstream.script([Step(chunks=[b"late"], hold=[0], framing="raw")])
    main = Provider(name="main", upstream=HttpUpstream(upstream.url, read_timeout_s=0.1))
    other = Provider(name="spare", upstream=HttpUpstream(spare.url))
    async with aclosing(RoutedUpstream([(RouteMatch(), [main, other])], other, max_held_bytes=HELD)) as router:
        assert await read(await router.send(call())) == b"hello"
    assert counts(upstream, spare) == (1, 1)


@pytest.mark.promise("P3")
async def test_nothing_is_sent_again_once_a_good_answer_has_begun(
    upstream: ScriptedUpstream, spare: ScriptedUpstream
) -> None:
    upstream.script([Step(chunks=[b"0123456789"], cut=4)])
    async with Chain(upstream.url, spare.url, NOWHERE, retries=3) as chain:
        answer = await chain.send()
        assert await anext(answer.chunks) == b"0123"
        with pytest.raises(UpstreamUnreachable):
            await anext(answer.chunks)
    assert counts(upstream, spare) == (1, 0)


async def test_the_last_failure_is_the_answer_and_tells_the_sdk_not_to_begin_all_over(
    upstream: ScriptedUpstream, spare: ScriptedUpstream
) -> None:
    upstream.script([BUSY])
    spare.script([Step(status=429, headers=[("X-Should-Retry", "true"), ("retry-after", "7")], chunks=[b"slow"])])
    async with Chain(upstream.url, spare.url, NOWHERE) as chain:
        answer = await chain.send()
        assert (answer.status, await read(answer)) == (429, b"slow")
    assert [value for name, value in answer.headers if name.lower() == b"x-should-retry"] == [b"false"]
    assert dict(answer.headers)[b"retry-after"] == b"7"
    assert dict(answer.headers)[b"x-accrue-upstream"] == b"spare"


async def test_an_error_that_is_left_tells_the_sdk_as_well(upstream: ScriptedUpstream) -> None:
    upstream.script([BUSY])
    async with Chain(upstream.url, NOWHERE, NOWHERE) as chain:
        with pytest.raises(UpstreamUnreachable) as raised:
            await chain.send()
    assert raised.value.headers == [(b"x-accrue-upstream", b"spare"), (b"x-should-retry", b"false")]


async def test_a_failure_after_a_single_try_is_left_as_it_is(upstream: ScriptedUpstream) -> None:
    upstream.script([BUSY])
    async with Chain(NOWHERE, NOWHERE, upstream.url) as chain:
        answer = await chain.send(target="/elsewhere")
        assert (answer.status, await read(answer)) == (503, BUSY.chunks[0])
    assert b"x-should-retry" not in dict(answer.headers)


@pytest.mark.parametrize(("retries", "failing", "status", "asked"), [
    (0, 1, 503, 1), (1, 1, 200, 2), (2, 2, 200, 3), (2, 3, 503, 3), (3, 1, 200, 2),
])  # fmt: skip
async def test_an_upstream_is_asked_again_as_often_as_configured(
    upstream: ScriptedUpstream, retries: int, failing: int, status: int, asked: int
) -> None:
    upstream.script([BUSY] * failing)
    async with Chain(NOWHERE, NOWHERE, upstream.url, retries=retries) as chain:
        answer = await chain.send(target="/elsewhere")
        assert answer.status == status
        await read(answer)
    assert counts(upstream) == (asked,)
    assert chain.pauses == [PAUSE_S] * (asked - 1)
    assert (b"x-should-retry" in dict(answer.headers)) is (status == 503 and asked > 1)
    assert b"x-accrue-upstream" not in dict(answer.headers)


async def test_every_upstream_of_a_chain_is_asked_as_often_as_it_allows(
    upstream: ScriptedUpstream, spare: ScriptedUpstream
) -> None:
    upstream.script([BUSY, BUSY])
    spare.script([BUSY])
    async with Chain(upstream.url, spare.url, NOWHERE, retries=1) as chain:
        assert await read(await chain.send()) == b"hello"
    assert counts(upstream, spare) == (2, 2)


async def test_an_upstream_that_is_not_there_is_tried_again_after_a_moment() -> None:
    async with Chain(NOWHERE, NOWHERE, NOWHERE, retries=2) as chain:
        with pytest.raises(UpstreamUnreachable) as raised:
            await chain.send(target="/elsewhere")
    assert chain.pauses == [PAUSE_S, PAUSE_S]
    assert raised.value.headers == [(b"x-should-retry", b"false")]


@pytest.mark.parametrize(("headers", "pauses"), [
    ([], [PAUSE_S]),
    ([("retry-after", "2")], [2.0]),
    ([("Retry-After", "1.5")], [1.5]),
    ([("retry-after-ms", "30"), ("retry-after", "9")], [0.03]),
    ([("retry-after", "2.1")], []),
    ([("retry-after", "60")], []),
    ([("retry-after", "-1")], []),
    ([("retry-after", "nan")], []),
    ([("retry-after", "Wed, 21 Oct 2026 07:28:00 GMT")], []),
])  # fmt: skip
async def test_what_an_upstream_says_of_when_is_done_or_the_next_one_asked(
    upstream: ScriptedUpstream, spare: ScriptedUpstream, headers: list[tuple[str, str]], pauses: list[float]
) -> None:
    upstream.script([Step(status=429, headers=headers)])
    async with Chain(upstream.url, spare.url, NOWHERE, retries=1) as chain:
        assert await read(await chain.send()) == b"hello"
    assert chain.pauses == pauses
    assert counts(upstream, spare) == ((2, 0) if pauses else (1, 1))


async def test_a_moment_passes() -> None:
    await _wait(0.001)


async def test_retries_of_the_client_are_not_multiplied_but_fall_back(
    upstream: ScriptedUpstream, spare: ScriptedUpstream
) -> None:
    upstream.script([BUSY, BUSY])
    async with Chain(upstream.url, spare.url, NOWHERE, retries=3) as chain:
        assert await read(await chain.send(is_retry=True)) == b"hello"
    assert counts(upstream, spare) == (1, 1)


async def test_a_body_that_is_still_arriving_is_sent_once(upstream: ScriptedUpstream, spare: ScriptedUpstream) -> None:
    async def pieces() -> AsyncIterator[bytes]:
        yield b"only "
        yield b"once"

    upstream.script([BUSY])
    async with Chain(upstream.url, spare.url, NOWHERE, retries=3) as chain:
        answer = await chain.send(body=pieces())
        assert (answer.status, await read(answer)) == (503, BUSY.chunks[0])
    assert upstream.requests()[0].body == b"only once"
    assert counts(upstream, spare) == (1, 0)


async def test_a_call_without_a_body_falls_back(upstream: ScriptedUpstream, spare: ScriptedUpstream) -> None:
    upstream.script([BUSY])
    async with Chain(upstream.url, spare.url, NOWHERE) as chain:
        answer = await chain.send(method="GET", target="/models", body=None)
        assert b"scripted" in await read(answer)


class Double:
    """An upstream that gives what it is told to, in turn, and remembers what became of its answers."""

    def __init__(self, *answers: int | BaseException) -> None:
        self._answers = list(answers)
        self.sent: list[Outgoing] = []
        self.open = 0
        self.closed = 0

    async def send(self, request: Outgoing) -> Incoming:
        self.sent.append(request)
        answer = self._answers.pop(0) if self._answers else 200
        if isinstance(answer, BaseException):
            raise answer
        self.open += 1
        headers: Headers = []
        return Incoming(status=answer, headers=headers, chunks=Chunks(self))

    async def connect(self, request: Outgoing) -> Opened | Incoming:
        self.sent.append(request)
        raise UpgradeRequired("only HTTP")

    async def aclose(self) -> None:
        self.closed += 1


class Chunks(AsyncGenerator[bytes, None]):
    """A body that counts as open until it is closed; a generator that never ran would not notice."""

    def __init__(self, double: Double) -> None:
        self._double = double

    async def asend(self, value: None) -> bytes:
        raise StopAsyncIteration

    async def athrow(self, typ: Any, val: Any = None, tb: Any = None) -> bytes:
        raise typ

    async def aclose(self) -> None:
        self._double.open -= 1


def router_over(doubles: Sequence[Double], *, retries: int = 0) -> RoutedUpstream:
    async def wait(seconds: float) -> None:
        assert sum(double.open for double in doubles) <= 1  # the one there is while another provider is asked

    chain = [Provider(name=f"n{place}", upstream=double, retries=retries) for place, double in enumerate(doubles)]
    return RoutedUpstream([(RouteMatch(), chain)], chain[0], max_held_bytes=HELD, wait=wait)


async def test_answers_that_are_not_passed_on_are_closed() -> None:
    first, second = Double(503, 503), Double(500, 500)
    answer = await router_over([first, second], retries=1).send(call())
    assert (first.open, second.open) == (0, 1)
    await answer.chunks.aclose()
    assert second.open == 0


async def test_a_request_that_is_at_fault_is_not_tried_elsewhere() -> None:
    first, second = Double(BadRequest("no such parameter")), Double()
    with pytest.raises(BadRequest, match="no such parameter"):
        await router_over([first, second], retries=2).send(call())
    assert (len(first.sent), len(second.sent)) == (1, 0)


@pytest.mark.parametrize("refusal", [BadRequest("no such parameter"), NotFound("no such path")])
async def test_a_fallback_that_cannot_take_the_call_does_not_hide_the_answer_there_is(refusal: RequestError) -> None:
    first, second = Double(429), Double(refusal)
    answer = await router_over([first, second]).send(call())
    assert (answer.status, answer.headers, first.open) == (429, [], 1)
    with pytest.raises(UpstreamTimeout, match="late"):
        await router_over([Double(UpstreamTimeout("late")), Double(refusal)]).send(call())


async def test_a_fallback_that_cannot_take_the_call_is_followed_by_the_next() -> None:
    doubles = [Double(429), Double(BadRequest("no such parameter")), Double()]
    answer = await router_over(doubles).send(call())
    assert (answer.status, answer.headers) == (200, [(b"x-accrue-upstream", b"n2")])
    assert [double.open for double in doubles] == [0, 0, 1]


async def test_a_client_that_leaves_while_a_fallback_is_asked_leaves_no_answer_open() -> None:
    first, second = Double(503), Double(asyncio.CancelledError())
    with pytest.raises(asyncio.CancelledError):
        await router_over([first, second]).send(call())
    assert first.open == 0


async def test_lateness_counts_as_a_failure() -> None:
    first, second = Double(UpstreamTimeout("late")), Double()
    assert (await router_over([first, second]).send(call())).status == 200
    assert dict((await router_over([Double(503), Double()]).send(call())).headers) == {b"x-accrue-upstream": b"n1"}


async def test_a_conversation_is_with_the_first_of_the_route_alone() -> None:
    doubles = [Double(), Double()]
    with pytest.raises(UpgradeRequired):
        await router_over(doubles).connect(call(method="GET", body=None))
    assert [len(double.sent) for double in doubles] == [1, 0]


async def test_every_upstream_is_closed_once() -> None:
    doubles = [Double(), Double()]
    await router_over(doubles).aclose()
    assert [double.closed for double in doubles] == [1, 1]


# Behind a gateway, with OpenAI's SDK in front


MESSAGES: Any = [{"role": "user", "content": "hello"}]


async def test_a_call_reaches_the_provider_of_its_model_with_the_key_that_is_its_own(
    serve: Serve, upstream: ScriptedUpstream, spare: ScriptedUpstream
) -> None:
    upstreams = {
        "default": UpstreamConfig(url=upstream.url),
        "spare": UpstreamConfig(url=spare.url, api_key="spare-key"),
    }
    upstream.script([BUSY])
    routes = (Route(match=RouteMatch(path=("/chat/*",)), upstreams=("default", "spare")),)
    async with AsyncExitStack() as stack:
        served = await stack.enter_async_context(serve(upstreams=upstreams, routes=routes))
        sdk = await stack.enter_async_context(AsyncOpenAI(base_url=served.url, api_key="mine", max_retries=0))
        answer = await sdk.chat.completions.with_raw_response.create(model="gpt-5", messages=MESSAGES)
        await sdk.models.list()
    assert answer.headers["x-accrue-upstream"] == "spare"
    assert [dict(request.headers)[b"authorization"] for request in upstream.requests()] == [b"Bearer mine"] * 2
    assert [dict(request.headers)[b"authorization"] for request in spare.requests()] == [b"Bearer spare-key"]


async def test_the_sdk_does_not_repeat_what_was_repeated_here(serve: Serve, upstream: ScriptedUpstream) -> None:
    upstream.script([BUSY] * 20)
    upstreams = {"default": UpstreamConfig(url=upstream.url, retries=1)}
    async with (
        serve(upstreams=upstreams) as served,
        AsyncOpenAI(base_url=served.url, api_key="k", max_retries=4) as sdk,
    ):
        with pytest.raises(openai.InternalServerError, match="busy"):
            await sdk.chat.completions.create(model="gpt-5", messages=MESSAGES)
    assert counts(upstream) == (2,)
