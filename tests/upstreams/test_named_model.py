"""What names a model, and that a call whose model decides goes to no provider by a guess."""

from __future__ import annotations

import asyncio
import gzip
import json
import zlib
from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import aiohttp
import pytest

from gateway.errors import BadRequest, TooLarge
from gateway.pipeline import PASSED_WHOLE_BYTES
from gateway.ports import Headers, Outgoing
from gateway.routes import Route, RouteMatch, UpstreamConfig
from gateway.sections import Server
from gateway.testing import ScriptedUpstream, Step
from gateway.upstreams.named_model import THREADED_READ_BYTES, with_model
from tests.conftest import Serve

LIMIT = 1000
JSON = (b"Content-Type", b"Application/JSON; charset=utf-8")
GZIP = (b"content-encoding", b"gzip")
NAMED = b'{"stream":true,"model":"m-1"}'
LONG = json.dumps({"input": "x" * THREADED_READ_BYTES, "model": "m-1"}).encode()


def call(body: bytes | AsyncIterator[bytes] | None, *headers: tuple[bytes, bytes], model: str = "") -> Outgoing:
    return Outgoing(method="POST", target="/embeddings", headers=[*headers], body=body, model=model)


async def pieces(body: bytes) -> AsyncIterator[bytes]:
    for place in range(0, len(body), 100):
        yield body[place : place + 100]


@pytest.mark.parametrize(("body", "headers", "model"), [
    (NAMED, [JSON], "m-1"),
    (NAMED, [], "m-1"),
    (LONG, [JSON], "m-1"),
    (gzip.compress(NAMED), [JSON, GZIP], "m-1"),
    (b'{"input":"x"}', [JSON], ""),
    (b'{"model":null}', [JSON], ""),
    (b'[{"model":"m-1"}]', [JSON], ""),
    (b"", [JSON], ""),
    (None, [JSON], ""),
    (b"--x\r\n\x00\xff", [(b"content-type", b"multipart/form-data")], ""),
    (b'{"model":1}', [], ""),
])  # fmt: skip
async def test_the_model_is_what_a_whole_body_names(body: bytes | None, headers: Headers, model: str) -> None:
    request = await with_model(call(body, *headers), LIMIT)
    assert (request.model, request.body) == (model, body)


@pytest.mark.parametrize("body", [NAMED, NAMED[:-1] + b" " * (LIMIT - len(NAMED)) + b"}"])
async def test_json_that_is_still_arriving_is_held(body: bytes) -> None:
    request = await with_model(call(pieces(body), JSON), LIMIT)
    assert (request.model, request.body) == ("m-1", body)


async def test_what_is_no_json_or_has_a_model_already_is_not_held() -> None:
    async def never() -> AsyncIterator[bytes]:
        raise AssertionError
        yield b""

    for request in (call(never(), (b"content-type", b"multipart/form-data")), call(never(), JSON, model="m-2")):
        assert await with_model(request, LIMIT) is request


@pytest.mark.parametrize(("body", "headers"), [
    (b'{"model":"m-1"', []),
    (b'{"model":"\xff"}', []),
    (b'{"model":["m-1"]}', []),
    ('{"model":"m-1"}'.encode("utf-16"), []),
    (b'{"x":' + b"[" * 100_000, []),
    (gzip.compress(NAMED)[:15], [GZIP]),
    (NAMED, [GZIP]),
    (NAMED, [(b"content-encoding", b"unheard-of")]),
])  # fmt: skip
async def test_json_that_cannot_be_read_is_refused(body: bytes, headers: Headers) -> None:
    with pytest.raises(BadRequest, match="cannot be read") as raised:
        await with_model(call(body, JSON, *headers), LIMIT)
    assert raised.value.code == "model_unknown"


async def test_json_too_large_to_be_held_is_refused() -> None:
    with pytest.raises(TooLarge, match="above 1000 bytes") as raised:
        await with_model(call(pieces(NAMED + b" " * LIMIT), JSON), LIMIT)
    assert (raised.value.status, raised.value.code) == (413, "model_unknown")


# Behind a gateway


@pytest.fixture(scope="module")
def spare_process() -> Iterator[ScriptedUpstream]:
    with ScriptedUpstream() as process:
        yield process


@pytest.fixture
def spare(spare_process: ScriptedUpstream) -> ScriptedUpstream:
    """The provider of the models that begin with `deep`."""
    spare_process.clear()
    return spare_process


def said(size: int = 2, *, model: str = "deep-1", system: str = "Be brief.") -> bytes:
    messages = [{"role": "system", "content": system}, {"role": "user", "content": "x" * size}]
    return json.dumps({"messages": messages, "model": model}).encode()


ROUTES = (
    Route(match=RouteMatch(path=("/files*",)), upstreams=("default",)),
    Route(match=RouteMatch(model=("deep*",)), upstreams=("spare",)),
)
BIG = 2 * PASSED_WHOLE_BYTES
TITLE = "You are a title generator."
BY_POLICY = {"x-team": "quiet"}
OFF = {"x-accrue-memory": "off"}
PACKED = {"content-encoding": "gzip"}
FORM = {"content-type": "multipart/form-data; boundary=x"}


@pytest.mark.parametrize(("path", "body", "headers", "status", "answering"), [
    ("/chat/completions", said(system=TITLE), {}, 207, "spare"),
    ("/chat/completions", said(BIG, system=TITLE), {}, 207, "spare"),
    ("/chat/completions", said(), BY_POLICY, 207, "spare"),
    ("/chat/completions", said(BIG), BY_POLICY, 207, "spare"),
    ("/chat/completions", said(BIG), OFF, 207, "spare"),
    ("/chat/completions", gzip.compress(said(BIG)), OFF | PACKED, 207, "spare"),
    ("/embeddings", said(BIG), {}, 207, "spare"),
    ("/embeddings", said(BIG, model="gpt-5"), {}, 207, "default"),
    ("/chat/completions", said(3 * BIG), {}, 413, ""),
    ("/chat/completions", said(BIG)[:-1], {}, 400, ""),
    ("/chat/completions", zlib.compress(said(BIG))[:99], OFF | PACKED, 400, ""),
    ("/files", said(3 * BIG), {}, 207, "default"),
    ("/audio/transcriptions", said(3 * BIG), FORM, 207, "default"),
])  # fmt: skip
async def test_a_call_that_passes_unread_goes_where_its_model_does_or_nowhere(
    serve: Serve,
    upstream: ScriptedUpstream,
    spare: ScriptedUpstream,
    tmp_path: Path,
    path: str,
    body: bytes,
    headers: dict[str, str],
    status: int,
    answering: str,
) -> None:
    (tmp_path / "policies").mkdir()
    (tmp_path / "policies" / "quiet.yaml").write_text('match: {headers: {x-team: quiet}}\nmemory: "off"\n')
    for each in (upstream, spare):
        each.script([Step(status=207)])
    upstreams = {"default": UpstreamConfig(url=upstream.url), "spare": UpstreamConfig(url=spare.url)}
    server = Server(port=0, max_augmented_bytes=2 * BIG)
    sent = {"content-type": "application/json", "authorization": "Bearer deep-key"} | headers
    async with (
        asyncio.timeout(30),
        serve(server=server, upstreams=upstreams, routes=ROUTES) as served,
        aiohttp.ClientSession() as http,
        http.post(served.url + path, data=pieces(body), headers=sent) as answer,
    ):
        assert (answer.status, b"model_unknown" in await answer.read()) == (status, not answering)
    got = {"default": upstream.requests(), "spare": spare.requests()}
    assert {name: [request.body for request in requests] for name, requests in got.items() if requests} == (
        {answering: [body]} if answering else {}
    )
