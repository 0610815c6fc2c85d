"""Issued keys, by real clients against a real gateway: who gets in, to what, how often; and what goes upstream."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import AbstractAsyncContextManager, asynccontextmanager, closing
from pathlib import Path
from typing import Literal

import aiohttp
import openai
import pytest
from openai import AsyncOpenAI
from websockets.asyncio.client import connect
from websockets.exceptions import InvalidStatus
from websockets.typing import Subprotocol

from gateway.clock import SystemClock
from gateway.config import Config, check_bind, load_config
from gateway.datadir import DataDir
from gateway.errors import ConfigError
from gateway.keys import BEGINNING, Key, KeyFile
from gateway.routes import UpstreamConfig
from gateway.sections import Auth, Server
from gateway.testing import ScriptedUpstream
from tests.conftest import Serve, Served

OWN = "sk-the-gateways-own"
ADMIN = "a" * 32
DOG = "My dog Biscuit is allergic to chicken."
QUESTION = "What should my dog not eat?"

Issue = Callable[..., str]
Keyed = Callable[[], AbstractAsyncContextManager[Served]]


@pytest.fixture
def issue(tmp_path: Path) -> Issue:
    """Issues a key as the command line does."""
    folder = tmp_path / "data"
    folder.mkdir(mode=0o700)

    def create(name: str = "ci", **settings: object) -> str:
        with closing(KeyFile(folder, DataDir(folder).secret(), SystemClock())) as file:
            return file.create(Key(name=name, **settings))[1]  # type: ignore[arg-type] # a test's own choice of members

    return create


@pytest.fixture
def keyed(serve: Serve, upstream: ScriptedUpstream) -> Keyed:
    """Starts gateways that ask for keys."""

    @asynccontextmanager
    async def started() -> AsyncIterator[Served]:
        upstreams = {"default": UpstreamConfig(url=upstream.url, api_key=OWN)}
        async with serve(auth=Auth(mode="keys", admin_key=ADMIN), upstreams=upstreams) as served:
            yield served

    return started


@asynccontextmanager
async def sdk(served: Served, key: str, **headers: str) -> AsyncIterator[AsyncOpenAI]:
    async with AsyncOpenAI(base_url=served.url, api_key=key, max_retries=0, default_headers=headers) as client:
        yield client


async def say(served: Served, key: str, text: str, **headers: str) -> str:
    async with sdk(served, key, **headers) as client:
        answer = await client.chat.completions.create(model="gpt-4o", messages=[{"role": "user", "content": text}])
    return answer.choices[0].message.content or ""


async def stream(served: Served, key: str, text: str, **headers: str) -> None:
    async with sdk(served, key, **headers) as client:
        events = await client.chat.completions.create(
            model="gpt-4o", messages=[{"role": "user", "content": text}], stream=True
        )
        assert [event async for event in events]


async def status(served: Served, method: str, path: str, **headers: str) -> tuple[int, bytes]:
    async with (
        aiohttp.ClientSession() as session,
        session.request(method, served.url.removesuffix("/v1") + path, headers=headers) as answer,
    ):
        return answer.status, await answer.read()


@pytest.mark.promise("P4")
@pytest.mark.promise("P7")
async def test_without_a_key_nothing_goes_upstream(keyed: Keyed, upstream: ScriptedUpstream) -> None:
    async with keyed() as served:
        for key in ("sk-of-somebody", OWN, ADMIN, BEGINNING):
            with pytest.raises(openai.AuthenticationError) as refused:
                await say(served, key, "hello")
            assert refused.value.code == "invalid_api_key"
        for method, path in (("GET", "/v1/models"), ("POST", "/v1/files"), ("POST", "/v1/feedback"), ("DELETE", "/x")):
            assert (await status(served, method, path))[0] == 401
    assert upstream.requests() == []


@pytest.mark.promise("P7")
async def test_the_clients_key_stays_here_wherever_it_is_put(
    keyed: Keyed, issue: Issue, upstream: ScriptedUpstream
) -> None:
    key = issue()
    async with keyed() as served:
        await say(served, key, "hello")
        await stream(served, key, "hello")
        async with sdk(served, key) as client:
            await client.responses.create(model="gpt-5", input="hello")
            await client.models.list()
            await client.embeddings.create(model="e", input="hello")
        for name in ("x-api-key", "api-key", "x-goog-api-key", "ocp-apim-subscription-key", "x-litellm-api-key"):
            assert (await status(served, "GET", "/v1/models", **{name: key}))[0] == 200
        assert (await status(served, "GET", f"/v1/models?key={key}&limit=2", authorization=f"Bearer {key}"))[0] == 200
        protocols = [Subprotocol("realtime"), Subprotocol(f"openai-insecure-api-key.{key}")]
        async with connect(f"ws{served.url[4:]}/responses", subprotocols=protocols, proxy=None):
            pass
    received = [request for request in upstream.requests() if request.headers]  # frames of a WebSocket have none
    assert len(received) == 12
    for request in received:
        assert BEGINNING.encode() not in b"".join((request.target.encode(), request.body, *sum(request.headers, ())))
        assert OWN.encode() in b"".join(value for _, value in request.headers)


@pytest.mark.promise("P7")
async def test_keys_of_a_tenant_share_a_memory_and_others_do_not(keyed: Keyed, issue: Issue) -> None:
    ann, bob, eve = issue("ann", tenant="team"), issue("bob", tenant="team"), issue("eve", tenant="tea")
    async with keyed() as served:
        await say(served, ann, DOG)
        await served.learnt()
        assert "allergic to chicken" in await say(served, bob, QUESTION)
        assert "chicken" not in await say(served, eve, QUESTION)


async def test_a_key_is_for_what_it_was_issued_for(keyed: Keyed, issue: Issue) -> None:
    caller, judge = issue("a", tenant="t", rights=("call",)), issue("b", tenant="t", rights=("feedback",))
    async with keyed() as served:
        with pytest.raises(openai.PermissionDeniedError) as refused:
            await say(served, judge, "hello")
        assert refused.value.code == "insufficient_scope"
        async with sdk(served, caller) as client:
            raw = await client.chat.completions.with_raw_response.create(
                model="gpt-4o", messages=[{"role": "user", "content": DOG}]
            )
            given = {"exchange": raw.headers["x-accrue-exchange"], "value": True}
            with pytest.raises(openai.PermissionDeniedError):
                await client.post("/feedback", cast_to=object, body=given)
        async with sdk(served, judge) as client:
            await client.post("/feedback", cast_to=object, body=given)


async def test_who_asks_too_often_is_told_when_to_come_again(
    keyed: Keyed, issue: Issue, upstream: ScriptedUpstream
) -> None:
    key = issue(calls_per_minute=2)
    async with keyed() as served:
        for _ in range(2):
            await say(served, key, "hello")
        with pytest.raises(openai.RateLimitError) as refused:
            await say(served, key, "hello")
    assert refused.value.code == "rate_limit_exceeded"
    assert 1 <= int(refused.value.response.headers["retry-after"]) <= 61
    assert len(upstream.requests()) == 2


@pytest.mark.parametrize("memory", ["on", "read", "off"])
async def test_a_budget_is_spent_with_memory_and_without(keyed: Keyed, issue: Issue, memory: str) -> None:
    chatting, streaming = issue("a", tokens_per_day=20), issue("b", tokens_per_month=20)
    async with keyed() as served:
        for ask, key in ((say, chatting), (stream, streaming)):
            refused = await _refused(ask, served, key, DOG, **{"x-accrue-memory": memory})
            assert refused.code == "insufficient_quota"
            assert refused.response.headers["x-should-retry"] == "false"
    async with keyed() as served:
        with pytest.raises(openai.RateLimitError):
            await say(served, chatting, DOG)


async def test_what_an_aborted_answer_cost_is_counted_too(keyed: Keyed, issue: Issue) -> None:
    key = issue(tokens_per_day=1)
    async with keyed() as served:
        async with sdk(served, key) as client:
            events = await client.chat.completions.create(
                model="gpt-4o", messages=[{"role": "user", "content": DOG}], stream=True
            )
            await anext(aiter(events))
            await events.close()
        await _refused(say, served, key, DOG)


async def _refused(ask: Callable[..., Awaitable[object]], *arguments: object, **headers: str) -> openai.RateLimitError:
    """The refusal that ends a row of calls; what each cost is counted once it has ended."""
    for _ in range(21):
        try:
            await ask(*arguments, **headers)
        except openai.RateLimitError as error:
            return error
    raise AssertionError("nobody was refused")


async def test_a_key_with_limits_falls_back_from_websocket_to_http(keyed: Keyed, issue: Issue) -> None:
    key = issue(tokens_per_day=1_000)
    async with keyed() as served:
        for sent, expected in ((key, 426), ("sk-none", 401)):
            headers = {"authorization": f"Bearer {sent}"}
            with pytest.raises(InvalidStatus) as refused:
                await connect(f"ws{served.url[4:]}/responses", additional_headers=headers, proxy=None)
            assert refused.value.response.status_code == expected


async def test_what_is_changed_beside_a_running_gateway_holds_at_once(
    keyed: Keyed, issue: Issue, tmp_path: Path
) -> None:
    async with keyed() as served:
        key = issue()
        await _until(served, key, is_in=True)
        folder = tmp_path / "data"
        with closing(KeyFile(folder, DataDir(folder).secret(), SystemClock())) as file:
            file.revoke(file.all()[0].id)
        await _until(served, key, is_in=False)


async def _until(served: Served, key: str, *, is_in: bool) -> None:
    async with asyncio.timeout(10):
        while ((await status(served, "GET", "/v1/models", authorization=f"Bearer {key}"))[0] == 200) is not is_in:
            pass


@pytest.mark.promise("P7")
@pytest.mark.parametrize("mode", ["passthrough", "keys"])
async def test_two_different_credentials_are_refused_and_one_in_two_places_is_not(
    serve: Serve, issue: Issue, upstream: ScriptedUpstream, mode: Literal["passthrough", "keys"]
) -> None:
    one, other = issue("a"), issue("b")
    auth, upstreams = Auth(mode=mode), {"default": UpstreamConfig(url=upstream.url, api_key=OWN)}
    async with serve(auth=auth, upstreams=upstreams) as served:
        with pytest.raises(openai.BadRequestError) as refused:
            await say(served, one, "hello", **{"x-api-key": other})
        assert refused.value.code == "ambiguous_credentials"
        assert upstream.requests() == []
        assert await say(served, one, "hello", **{"x-api-key": one})


ADMIN_PATHS = [
    "/accrue/report",
    "/accrue//report",
    "/accrue/report/",
    "//accrue/report",
    "/ACCRUE/report",
    "/accrue/REPORT",
    "/v1/accrue/report",
    "/a/x/accrue/report",
    "/v1/a/x/accrue/report",
    "/u/x/s/y/v1/accrue/report",
    "/%2faccrue/report",
    "/%61ccrue/report",
    "/%2561ccrue/report",
    "/accrue%2freport",
    "/accrue/./report",
    "/x/../accrue/report",
    "/accrue;x/report",
    "/accrue\\report",
    "/accrue/report?key=" + ADMIN,
    "/accrue/report?tenant=team",
]


@pytest.mark.promise("P7")
@pytest.mark.parametrize("mode", ["passthrough", "keys"])
async def test_no_path_leads_to_administration_without_its_key_nor_upstream(
    serve: Serve, issue: Issue, upstream: ScriptedUpstream, mode: Literal["passthrough", "keys"]
) -> None:
    key = issue(tenant="team")
    auth, upstreams = Auth(mode=mode, admin_key=ADMIN), {"default": UpstreamConfig(url=upstream.url, api_key=OWN)}
    async with serve(auth=auth, upstreams=upstreams) as served:
        port = int(served.url.rsplit(":", 1)[1].removesuffix("/v1"))
        for path in ADMIN_PATHS:
            for method in ("GET", "POST", "HEAD", "DELETE"):
                for lines in ([f"Authorization: Bearer {key}"], [], ["X-Forwarded-For: 127.0.0.1", "Host: localhost"]):
                    assert await _raw(port, method, path, lines) in (400, 401, 404, 405), (method, path, lines)
        assert await _raw(port, "GET", "/accrue/report", [f"Authorization: Bearer {ADMIN}"]) == 200
    assert upstream.requests() == []


async def _raw(port: int, method: str, path: str, lines: list[str]) -> int:
    """The status of a request that no client library has tidied up."""
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    try:
        host = [] if any(line.startswith("Host") for line in lines) else ["Host: localhost"]
        head = [f"{method} {path} HTTP/1.1", *host, *lines, "Content-Length: 0", "Connection: close", "", ""]
        writer.write("\r\n".join(head).encode())
        return int((await reader.readline()).split()[1])
    finally:
        writer.close()


@pytest.mark.promise("P7")
async def test_an_operators_key_is_made_at_the_first_start_and_calls_nobody(
    serve: Serve, upstream: ScriptedUpstream, tmp_path: Path
) -> None:
    upstreams = {"default": UpstreamConfig(url=upstream.url, api_key=OWN)}
    async with serve(auth=Auth(mode="keys"), upstreams=upstreams) as served:
        key = (tmp_path / "data" / "admin.key").read_text()
        assert (await status(served, "GET", "/accrue/report", authorization=f"Bearer {key}"))[0] == 200
        with pytest.raises(openai.AuthenticationError):
            await say(served, key, "hello")


def test_only_who_asks_for_keys_may_be_reached_by_others() -> None:
    for mode in ("passthrough", "keys"):
        config = Config(server=Server(host="0.0.0.0"), auth=Auth(mode=mode))
        if mode == "keys":
            check_bind(config)
        else:
            with pytest.raises(ConfigError, match=r"auth\.mode: keys"):
                check_bind(config)


@pytest.mark.promise("P7")
def test_an_upstream_that_would_get_the_clients_key_is_a_mistake(tmp_path: Path) -> None:
    file = tmp_path / "config.yaml"
    file.write_text("auth: {mode: keys}\nupstreams: {default: {url: 'http://127.0.0.1:1/v1'}}\n")
    with pytest.raises(ConfigError, match=r"\$\.upstreams\.default: .*api_key"):
        load_config(file, {})
    assert load_config(file, {"ACCRUE_UPSTREAMS__DEFAULT__API_KEY": OWN}).auth.mode == "keys"
