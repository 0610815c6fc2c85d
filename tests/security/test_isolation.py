"""Tenant isolation: five tenants do all that can be done, at once and breaking off; nobody ever sees another's word.

Each tenant says words that only it says (sentinels). Whatever leaves the gateway, up or down, is searched for those of
others: bodies and headers of requests to the upstream, answers, reports, explanations. Exchange ids are sentinels too.
"""

from __future__ import annotations

import asyncio
import itertools
import json
import re
from collections.abc import Awaitable, Callable, Coroutine, Iterator, Mapping, Sequence
from contextlib import AsyncExitStack, closing, suppress
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any
from urllib.parse import urlencode

import aiohttp
import msgspec
import pytest
from hypothesis import HealthCheck, Phase, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, rule, run_state_machine_as_test
from starlette.routing import Route
from websockets.asyncio.client import connect
from websockets.exceptions import WebSocketException

from gateway import credentials, explain, retries, serve
from gateway.admin import openapi
from gateway.admin.dashboard.signin import SIGN_IN, SIGN_OUT
from gateway.clock import SystemClock
from gateway.config import Config
from gateway.datadir import DataDir
from gateway.keys import Key, KeyFile
from gateway.operating import Office
from gateway.routes import UpstreamConfig
from gateway.sections import Auth, Server
from gateway.testing import ScriptedUpstream
from gateway.types import Scope
from gateway.wiring import running
from tests.faults.scale import scaled

OPERATIONS = scaled(300, 100_000)

TENANTS = "abcde"
USERS = ("ann", "bob", None)
"""Names that all tenants have, as they have those of sessions."""
SESSIONS = ("s1", "s2", None)
ADMIN = "o" * 32

SENTINEL = re.compile(rb"zork([a-e])\d+q", re.IGNORECASE)
MARK = re.compile(rb"mark-([a-e])")
"""Says whose request it is, in places that we do not touch."""

SAID = (
    "My favourite drink is {word}.",
    "Always answer in {word}.",
    "Remember that the door code is {word}.",
    "No, I said {word}, not water!",
    "My cat {word} is allergic to fish.",
)
ASKED = ("What is my favourite drink?", "What is the door code?", "What is my cat allergic to?", "hello", "Go on.")
"""The same bytes of everybody, so that nothing but the credential tells them apart."""

ANYBODYS = (openapi.PATH, SIGN_IN, SIGN_OUT, "/accrue/ui/static/{name}")
"""Of our own paths; what they say knows of nobody."""

REFUSED = (0, 303, 401)
"""No answer came, an operator may sign in, and none is known."""

LOOK_EACH = 10
"""Batches after which is looked at what went upstream; asking it takes longer than a call."""

FAILURES = (aiohttp.ClientError, TimeoutError, OSError, WebSocketException)


class Leak(AssertionError):
    """A word of one tenant where another can see it."""


class Operation(msgspec.Struct, frozen=True, kw_only=True):
    """One thing that a tenant does."""

    kind: str
    tenant: str
    user: str | None
    session: str | None
    text: int
    is_telling: bool
    is_stream: bool
    is_aborted: bool
    is_retry: bool
    mode: str


class World:
    """A gateway and all who use it."""

    def __init__(self, upstream: ScriptedUpstream, mode: str, count: Callable[[int], None]) -> None:
        self._upstream = upstream
        self._mode = mode
        self._count = count
        self._stack = AsyncExitStack()
        self._words = itertools.count()
        self._batches = itertools.count(1)
        self._owner: dict[str, str] = {}
        """Whose an exchange or a feedback is, by its id."""

    async def start(self) -> None:
        """Start a gateway that knows nothing yet."""
        self._upstream.clear()
        folder = Path(self._stack.enter_context(TemporaryDirectory()))
        (folder / "data").mkdir(mode=0o700)
        self._data = DataDir(folder / "data")
        self._keys = dict(self._issued())
        own = None if self._mode == "passthrough" else "sk-the-gateways-own"
        config = Config(
            server=Server(port=0),
            auth=Auth(mode=self._mode, admin_key=ADMIN),  # type: ignore[arg-type] # one of the two
            upstreams={"default": UpstreamConfig(url=self._upstream.url, api_key=own)},
            data_dir=str(self._data.path),
            policies=str(folder / "policies"),
        )
        self.parts = await self._stack.enter_async_context(running(config))
        port = await self._stack.enter_async_context(serve.serving(config, self.parts))
        self._http = await self._stack.enter_async_context(aiohttp.ClientSession())
        self._url = f"http://127.0.0.1:{port}"
        own_routes = [
            route
            for route in serve.own_routes(config, self.parts, Office(config, self.parts, self._stack))
            if isinstance(route, Route)
        ]
        self._own = [(method, route.path) for route in own_routes for method in sorted(route.methods or ())]

    def _issued(self) -> Iterator[tuple[str, str]]:
        """A credential of each tenant; they begin alike."""
        if self._mode == "passthrough":
            yield from ((tenant, f"sk-proj-0123456789-{tenant}") for tenant in TENANTS)
            return
        with closing(KeyFile(self._data.path, self._data.secret(), SystemClock())) as file:
            for tenant in TENANTS:
                yield tenant, file.create(Key(name=tenant, tenant=f"team-{tenant}"))[1]

    async def act(self, operations: Sequence[Operation]) -> None:
        """Do all of these at the same time."""
        self._count(len(operations))
        async with asyncio.timeout(60):
            await asyncio.gather(*(ACTS[one.kind](self, one) for one in operations))
        if next(self._batches) % LOOK_EACH == 0:
            await self._look_upstream()

    async def look(self) -> None:
        """What is on record of everybody."""
        await self._settled(10)
        await self._look_upstream()
        for tenant in TENANTS:
            await self._report(tenant)
        for exchange, tenant in [(id, whose) for id, whose in self._owner.items() if id.startswith("ex_")][:20]:
            text = await asyncio.to_thread(explain.text, Config(data_dir=str(self._data.path)), exchange)
            self._look(text.encode(), tenant, "explain")

    async def end(self) -> None:
        """Stop."""
        await self._stack.aclose()

    async def _settled(self, patience_s: float) -> None:
        with suppress(TimeoutError):
            async with asyncio.timeout(patience_s):
                await self.parts.settle.wait()

    # What tenants do

    async def complete(self, one: Operation) -> None:
        """A call to an endpoint that has a memory."""
        path, body = BODIES[one.kind](self._text(one), one)
        await self._ask(one, "POST", path, body)

    async def pass_through(self, one: Operation) -> None:
        """A call to one that has none."""
        await self._ask(one, "POST", f"/v1/embeddings?user={one.user}", {"model": "e", "input": self._text(one)})

    async def give(self, one: Operation) -> None:
        """Feedback: on an exchange of one's own, or of somebody else."""
        about, whose = self._any(one, "ex_")
        said = self._text(one)
        given = {"exchange": about, "comment": said, "correction": said, "value": one.is_telling}
        status, answer = await self._ask(one, "POST", "/v1/feedback", given)
        if status == 202 and whose != one.tenant:
            raise Leak(f"{one.tenant} judged {about} of {whose}")
        if status == 202 and not one.is_aborted:
            self._own_id(json.loads(answer)["id"], one.tenant)

    async def follow(self, one: Operation) -> None:
        """What became of feedback: one's own, or somebody else's."""
        about, whose = self._any(one, "fb_")
        status, _ = await self._ask(one, "GET", f"/v1/feedback/{about}")
        if status == 200 and whose != one.tenant:
            raise Leak(f"{one.tenant} was told of {about} of {whose}")

    async def look_around(self, one: Operation) -> None:
        """Every path of ours, with the key of a client: none answers but what anybody may see."""
        method, path = self._own[next(self._words) % len(self._own)]
        meant = {"tenant": f"team-{TENANTS[one.text]}", "user": one.user or ""}
        status, _ = await self._ask(one, method, f"{path}?{urlencode(meant)}", meant)
        if path.startswith("/accrue") and path not in ANYBODYS and status not in REFUSED:
            raise Leak(f"{one.tenant} got {path}: {status}")

    async def converse(self, one: Operation) -> None:
        """The Responses API over a WebSocket."""
        headers, events = self._headers(one), list[bytes]()
        asked = {"type": "response.create", "model": "gpt-5", "input": [{"role": "user", "content": self._text(one)}]}
        url = f"ws{self._url[4:]}/v1/responses"
        with suppress(*FAILURES):
            async with asyncio.timeout(20), connect(url, additional_headers=headers, proxy=None) as socket:
                await socket.send(json.dumps({**asked, "metadata": {"mark": f"mark-{one.tenant}"}}))
                while not events or b'"response.completed"' not in events[-1]:
                    events.append(await socket.recv(decode=False))
                    if one.is_aborted:
                        socket.transport.abort()
        self._look(b"".join(events), one.tenant, "websocket")

    async def learn(self, one: Operation) -> None:
        """Wait until what was said is known."""
        await self._settled(5)

    # What is looked at

    async def _ask(self, one: Operation, method: str, path: str, body: object = None) -> tuple[int, bytes]:
        """Status and body of an answer, as far as it is waited for; all that came is searched."""
        seen, content, status = b"", b"", 0
        with suppress(*FAILURES):
            asked = self._http.request(
                method, self._url + path, json=body, headers=self._headers(one), allow_redirects=False
            )
            async with asked as answer:
                status = answer.status
                seen = b"\n".join(name + b": " + value for name, value in answer.raw_headers)
                if exchange := answer.headers.get("x-accrue-exchange"):
                    self._own_id(exchange, one.tenant)
                content = await (answer.content.readany() if one.is_aborted else answer.read())
                if one.is_aborted:
                    answer.close()
        self._look(seen + content, one.tenant, f"{method} {path}")
        return status, content

    async def _look_upstream(self) -> None:
        """Whose words went up with whose requests since this was last looked at."""
        for received in await asyncio.to_thread(self._upstream.requests):
            lines = b"\n".join(name + b": " + value for name, value in received.headers)
            whole = lines + received.target.encode() + received.body
            if marks := set(MARK.findall(whole)):
                self._look(whole, marks.pop().decode(), f"upstream: {received.method} {received.target}")
        await asyncio.to_thread(self._upstream.clear)

    async def _report(self, tenant: str) -> None:
        """An operator's, narrowed to one tenant."""
        name = credentials.tenant(credentials.credential([self._bearer(tenant)]), self._data.secret())
        whose = name if self._mode == "passthrough" else f"team-{tenant}"
        headers = {"authorization": f"Bearer {ADMIN}"}
        async with self._http.get(f"{self._url}/accrue/report?tenant={whose}", headers=headers) as answer:
            assert answer.status == 200, await answer.text()
            self._look(await answer.read(), tenant, "report")

    def _look(self, seen: bytes, tenant: str, where: str) -> None:
        for found in SENTINEL.finditer(seen):
            if found[1].decode().lower() != tenant:
                raise Leak(f"{where} of tenant {tenant} holds {found[0].decode()}")

    def _own_id(self, id: str, tenant: str) -> None:
        if self._owner.setdefault(id, tenant) != tenant:
            raise Leak(f"{id} of tenant {self._owner[id]} was told to {tenant}")

    def _any(self, one: Operation, beginning: str) -> tuple[str, str]:
        known = [(id, whose) for id, whose in self._owner.items() if id.startswith(beginning)]
        return known[-1 - one.text % len(known)] if known else (f"{beginning}none", one.tenant)

    def _text(self, one: Operation) -> str:
        if one.is_telling:
            return SAID[one.text].format(word=f"zork{one.tenant}{next(self._words)}q")
        return ASKED[one.text]

    def _bearer(self, tenant: str) -> tuple[bytes, bytes]:
        return b"authorization", f"Bearer {self._keys[tenant]}".encode()

    def _headers(self, one: Operation) -> dict[str, str]:
        name, value = self._bearer(one.tenant)
        named = {"x-accrue-user": one.user, "x-accrue-session": one.session, "x-accrue-memory": one.mode}
        named["x-stainless-retry-count"] = "1" if one.is_retry else None
        sent = {header: text for header, text in named.items() if text}
        return {name.decode(): value.decode(), "x-mark": f"mark-{one.tenant}", **sent}


def _chat(text: str, one: Operation) -> tuple[str, dict[str, Any]]:
    said = [{"role": "user", "content": text}]
    return "/v1/chat/completions", {"model": "gpt-4o", "messages": said, "stream": one.is_stream}


def _responses(text: str, one: Operation) -> tuple[str, dict[str, Any]]:
    return "/v1/responses", {"model": "gpt-5", "input": text, "stream": one.is_stream, "user": one.user or ""}


def _messages(text: str, one: Operation) -> tuple[str, dict[str, Any]]:
    said = [{"role": "user", "content": text}]
    return "/v1/messages", {"model": "claude", "max_tokens": 50, "messages": said, "stream": one.is_stream}


def _completions(text: str, one: Operation) -> tuple[str, dict[str, Any]]:
    return f"/a/bot/u/{one.user or 'eve'}/v1/completions", {"model": "m", "prompt": text, "stream": one.is_stream}


BODIES: Mapping[str, Callable[[str, Operation], tuple[str, dict[str, Any]]]] = {
    "chat": _chat,
    "responses": _responses,
    "messages": _messages,
    "completions": _completions,
}

ACTS: Mapping[str, Callable[[World, Operation], Awaitable[None]]] = {
    **dict.fromkeys(BODIES, World.complete),
    "embeddings": World.pass_through,
    "feedback": World.give,
    "followed": World.follow,
    "own": World.look_around,
    "websocket": World.converse,
    "learn": World.learn,
}

operations = st.builds(
    Operation,
    kind=st.sampled_from(sorted([*ACTS, "chat", "chat"])),
    tenant=st.sampled_from(TENANTS),
    user=st.sampled_from(USERS),
    session=st.sampled_from(SESSIONS),
    text=st.integers(0, 4),
    is_telling=st.booleans(),
    is_stream=st.booleans(),
    is_aborted=st.sampled_from([False, False, False, True]),
    is_retry=st.booleans(),
    mode=st.sampled_from(["on", "on", "on", "read", "write", "off"]),
)


def prove(upstream: ScriptedUpstream, mode: str, size: int) -> int:
    """Do so many operations in random order, over one new gateway after another; how many. Raises `Leak`."""
    counted, leaks = [0], list[Leak]()

    def count(more: int) -> None:
        counted[0] += more

    class Tenants(RuleBasedStateMachine):
        """Batches of operations. A leak is kept: the same words cannot be counted on to leak a second time."""

        def __init__(self) -> None:
            super().__init__()
            self.runner = asyncio.Runner()
            self.world = World(upstream, mode, count)
            self._run(self.world.start)

        @rule(batch=st.lists(operations, min_size=1, max_size=12))
        def act(self, batch: list[Operation]) -> None:
            self._run(lambda: self.world.act(batch))

        def teardown(self) -> None:
            try:
                self._run(self.world.look)
            finally:
                self.runner.run(self.world.end())
                self.runner.close()

        def _run(self, work: Callable[[], Coroutine[None, None, None]]) -> None:
            try:
                if not leaks:
                    self.runner.run(work())
            except Leak as leak:
                leaks.append(leak)

    while not leaks and counted[0] < size:
        run_state_machine_as_test(
            Tenants,
            settings=settings(
                max_examples=scaled(5, 20),  # the first of which is always the simplest there is
                stateful_step_count=scaled(15, 200),
                phases=[Phase.generate],
                deadline=None,
                database=None,
                print_blob=False,
                suppress_health_check=list(HealthCheck),
            ),
        )
    if leaks:
        raise leaks[0]
    return counted[0]


@pytest.mark.promise("P7")
@pytest.mark.parametrize("mode", ["passthrough", "keys"])
def test_no_tenant_ever_sees_a_word_of_another(upstream: ScriptedUpstream, mode: str) -> None:
    assert prove(upstream, mode, OPERATIONS // 2) >= OPERATIONS // 2


def by_prefix(sent: credentials.Credential | None, secret: bytes) -> str:
    """A tenant by the beginning of its key, which many keys share."""
    return sent.key[:8] if sent else ""


def without_tenant(scope: Scope) -> str:
    """A key of memories that leaves out whose they are."""
    return f"u{scope.user or scope.session}"


def by_bytes(person: Scope, sent: bytes) -> bytes:
    """A key of calls under way that leaves out whose they are."""
    return sent


BROKEN = {
    "the tenant is a prefix of the key": (credentials, "tenant", by_prefix),
    "memories are kept without their tenant": (Scope, "owner", property(without_tenant)),
    "calls are known by their bytes alone": (retries, "_key", by_bytes),
}


@pytest.mark.parametrize("broken", BROKEN.values(), ids=BROKEN.keys())
def test_a_gateway_that_mixes_tenants_up_is_caught(
    upstream: ScriptedUpstream, monkeypatch: pytest.MonkeyPatch, broken: tuple[object, str, object]
) -> None:
    monkeypatch.setattr(*broken)
    with pytest.raises(Leak):
        prove(upstream, "passthrough", 1_000)
