"""Sessions of real clients as they were captured, interleaved, through a gateway on a real socket: none is confused.

tests/test_anchors.py asks the same of the pieces; here the answers are heard on the wire, whole or streamed, and memory
takes part.
"""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import Sequence
from itertools import chain, zip_longest
from pathlib import Path
from typing import Any

import pytest

from gateway.testing import ScriptedUpstream, Step
from gateway.testing.wire import as_data_stream, as_json
from tests.captures import PATIENT, Sent, captured, in_force, send
from tests.conftest import Serve, Served

Sessions = dict[str, list[Sent]]

LINKED = {
    "crewai": {"ok": 4},
    "openai-raw": {"ok": 10},
    "t-langgraph": {"ok": 20},
    "t-llamaindex": {"ok": 12, "split": 8},
    "t-openai-agents": {"ok": 20},
    "t-openai-agents-prev": {"ok": 20},
    "t-pydantic-ai": {"ok": 20},
}
"""Requests by client that were put where they belong, and those that wrongly began a session. LlamaIndex's eight echo
nothing that could be found."""

UNNAMED = {**LINKED, "crewai": {"ok": 2, "split": 2}}
"""Where nobody is named, a quotation is no proof: one agent's result in the task of the next."""

each_caller = pytest.mark.parametrize(
    ("policy", "expected"),
    [("", LINKED), ('identify: {anonymous: "session"}', UNNAMED)],
    ids=["one user", "unnamed callers"],
)


def sessions() -> Sessions:
    """Requests by client and session, in their order."""
    found: Sessions = {}
    for request in captured("sessions"):
        found.setdefault(request.name.partition(".")[0], []).append(request)
    return found


def client_of(session: str) -> str:
    return session.rpartition("-")[0]


@each_caller
async def test_each_clients_sessions_are_told_apart(
    serve: Serve, upstream: ScriptedUpstream, tmp_path: Path, policy: str, expected: dict[str, dict[str, int]]
) -> None:
    in_force(tmp_path, policy)
    found: dict[str, Counter[str]] = {}
    everything = sessions()
    for client in sorted({client_of(name) for name in everything}):
        alone = {name: requests for name, requests in everything.items() if client_of(name) == client}
        async with serve(server=PATIENT, data_dir=str(tmp_path / client)) as served:
            found |= await linked(served, upstream, alone)
    assert found == expected


@each_caller
async def test_all_clients_of_one_credential_at_once_are_told_apart(
    serve: Serve, upstream: ScriptedUpstream, tmp_path: Path, policy: str, expected: dict[str, dict[str, int]]
) -> None:
    in_force(tmp_path, policy)
    async with serve(server=PATIENT) as served:
        assert await linked(served, upstream, sessions()) == expected


@each_caller
async def test_sessions_that_speak_at_the_same_moment_are_told_apart(
    serve: Serve, upstream: ScriptedUpstream, tmp_path: Path, policy: str, expected: dict[str, dict[str, int]]
) -> None:
    """Each client's first requests are all the same; here they are under way together."""
    in_force(tmp_path, policy)
    openings = [requests[0] for requests in sessions().values()]
    async with serve(server=PATIENT) as served:
        told = await asyncio.gather(*(send(served.url, opening) for opening in openings))
    assert len({answer.session for answer in told}) == len(openings)


async def linked(served: Served, upstream: ScriptedUpstream, held: Sessions) -> dict[str, Counter[str]]:
    """How often a request was put right, to a session of its own, or to somebody else's; by client."""
    tally: dict[str, Counter[str]] = {}
    truth: dict[str, str] = {}
    by_turns = zip_longest(*([(name, place) for place in range(len(requests))] for name, requests in held.items()))
    for name, place in filter(None, chain.from_iterable(by_turns)):
        request = held[name][place]
        upstream.script([answer_to(request, held[name][place + 1 :])])
        told = await send(served.url, request)
        assert told.status == 200
        is_new = told.session not in truth
        is_right = place == 0 if is_new else truth[told.session] == name
        verdict = "ok" if is_right else "split" if is_new else "merged"
        tally.setdefault(client_of(name), Counter())[verdict] += 1
        truth.setdefault(told.session, name)
    return tally


# The answers that were given


def answer_to(request: Sent, later: Sequence[Sent]) -> Step:
    """Call or words: the client got what it echoes from then on."""
    *ids, text = request.reply
    (call,) = (name for name in ids if name.startswith("call_"))
    is_call = any(call.encode() in after.body for after in later)
    if request.path == "/v1/responses":
        return responses_answer(ids, text, is_call=is_call)
    return chat_answer(call if is_call else None, text, is_stream=bool(request.said.get("stream")))


def chat_answer(call: str | None, text: str, *, is_stream: bool) -> Step:
    function = {"id": call, "type": "function", "function": {"name": "get_weather", "arguments": '{"city": "x"}'}}
    message: dict[str, Any] = {"role": "assistant", "content": None if call else text}
    if call:
        message["tool_calls"] = [{"index": 0, **function}]
    ended = {"index": 0, "finish_reason": "tool_calls" if call else "stop"}
    if not is_stream:
        return as_json({"id": "chatcmpl-1", "model": "gpt-4o", "choices": [{**ended, "message": message}]})
    begun = {"index": 0, "finish_reason": None}
    choices: list[dict[str, Any]] = [{**begun, "delta": message}, {**ended, "delta": {}}]
    return as_data_stream({"id": "chatcmpl-1", "choices": [choice]} for choice in choices)


def responses_answer(ids: Sequence[str], text: str, *, is_call: bool) -> Step:
    """Whole: no captured session has a stream of it."""
    minted = {name.partition("_")[0]: name for name in ids}
    item: dict[str, Any] = {
        "id": minted["msg"],
        "type": "message",
        "role": "assistant",
        "content": [{"type": "output_text", "text": text, "annotations": []}],
    }
    if is_call:
        item = {"id": minted["fc"], "type": "function_call", "call_id": minted["call"], "name": "get_weather"}
        item["arguments"] = '{"city": "x"}'
    return as_json({"id": minted["resp"], "object": "response", "status": "completed", "output": [item]})
