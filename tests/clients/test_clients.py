"""Real clients, each used as its users use it: once straight at the upstream, once through Accrue with memory on.

What their users see must be the same, and what was said in a first session must reach the upstream in the second.
"""

from __future__ import annotations

import http.client
import json
from pathlib import Path

import pytest

from gateway.testing import ScriptedUpstream, Step
from tests.clients.driver import driving
from tests.clients.table import CONVERSATIONS, FAULTS, Use, absence
from tests.conftest import Served

FIRST = (
    'Please always answer in metric units. I live in {"city": "Rome"}.',
    'How warm is it in Berlin? call get_weather {"city": "Berlin"}',
    'And in Paris? call get_weather {"city": "Paris"}',
)
SECOND = (
    'What should I wear in Oslo? call get_weather {"city": "Oslo"}',
    'Thank you. And in {"city": "Rome"}?',
)
TAUGHT = b"metric units"

REPLY = "Very well. {said} That is all I know."
"""Says nothing of notes, so that the answers are the same with and without them."""

REFUSAL = {"type": "invalid_request_error", "message": "No such model.", "param": "model", "code": "model_not_found"}
BUSY = {"type": "rate_limit_error", "message": "Slow down."}
SOON = [("content-type", "application/json"), ("retry-after-ms", "1")]
EVENTS = [("content-type", "text/event-stream")]


def where_installed(uses: list[Use]) -> list[pytest.ParameterSet]:
    """Cases that are skipped, before anything is started for them, where their client is not installed."""
    reasons = [absence(use.client.environment) for use in uses]
    return [
        pytest.param(use, id=str(use), marks=pytest.mark.skipif(bool(reason), reason=reason))
        for use, reason in zip(uses, reasons, strict=True)
    ]


@pytest.mark.promise("P3")
@pytest.mark.parametrize("use", where_installed(CONVERSATIONS))
async def test_a_client_sees_no_difference_and_its_second_session_has_a_memory(
    use: Use, upstream: ScriptedUpstream, served: Served, tmp_path: Path
) -> None:
    upstream.respond(REPLY)
    async with driving(use, upstream.url, tmp_path) as direct, driving(use, served.url, tmp_path) as through:
        first, second = await direct.hold(FIRST), await direct.hold(SECOND)
        assert await through.hold(FIRST) == first
        await served.learnt()
        before = len(upstream.requests())
        assert await through.hold(SECOND) == second

    asked = [request.body for request in upstream.requests()[before:] if request.body]
    assert TAUGHT in asked[0]
    assert "Berlin" in str(first)


@pytest.mark.promise("P3")
@pytest.mark.parametrize("use", where_installed(FAULTS))
async def test_a_client_meets_the_same_faults_and_tries_again_as_often(
    use: Use, upstream: ScriptedUpstream, served: Served, tmp_path: Path
) -> None:
    script = faults(streamed(upstream, use))
    seen, counts = [], []
    for url in (upstream.url, served.url):
        upstream.clear()
        upstream.respond(REPLY)
        upstream.script(script)
        async with driving(use, url, tmp_path) as driver:
            seen.append(await driver.hold(("Hello?", "Hello again?", "Still there?")))
        counts.append(len(upstream.requests()))

    direct, through = seen
    cuts = [(direct.pop(place), through.pop(place)) for place in (3, 1)]
    assert through == direct
    assert counts == [len(script) + 1] * 2
    # What is raised differs: Accrue says in an event what a bare upstream leaves to the transport.
    assert all("error" in straight and "error" in passed for straight, passed in cuts)
    assert [passed["text"] for _, passed in cuts] == [straight["text"] for straight, _ in cuts]
    assert "broke off" in str(cuts[1])


def faults(stream: bytes) -> list[Step]:
    """What three pairs of calls meet, one whole and one streamed each, by a client that tries four times.

    A refusal, and a stream cut between two events; a refusal, and a stream cut within one; four tries in vain, and a
    third that succeeds.
    """
    refusal = Step(status=400, chunks=[json.dumps({"type": "error", "error": REFUSAL}).encode()])
    limited = Step(status=429, headers=SOON, chunks=[json.dumps({"type": "error", "error": BUSY}).encode()])
    away = Step(status=503, headers=SOON, chunks=[b"{}"])
    between = stream.index(b"\n\n", len(stream) // 2) + 2
    cuts = [refusal, broken_off(stream[:between]), refusal, broken_off(stream[: between - 20])]
    return [*cuts, limited, away, away, away, limited, away]


def broken_off(part: bytes) -> Step:
    """A stream whose connection ends after this part, whole as a chunk of HTTP."""
    return Step(headers=EVENTS, chunks=[part], framing="chunked", cut=len(b"%x\r\n%b\r\n" % (len(part), part)))


def streamed(upstream: ScriptedUpstream, use: Use) -> bytes:
    """The answer that the upstream would stream to `Hello?`, in full."""
    endpoint = {"chat_faults": "chat/completions", "responses_faults": "responses", "faults": "messages"}[use.way]
    words = {"input": "Hello?"} if endpoint == "responses" else {"messages": [{"role": "user", "content": "Hello?"}]}
    body = json.dumps({"model": "gpt-4o", "max_tokens": 64, "stream": True, **words})
    connection = http.client.HTTPConnection("127.0.0.1", upstream.port, timeout=10)
    try:
        connection.request("POST", f"/v1/{endpoint}", body, {"content-type": "application/json"})
        return connection.getresponse().read()
    finally:
        connection.close()
