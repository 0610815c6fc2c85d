"""Prefix stability end to end, where a client sends the whole conversation each time (promise P5).

For chat completions see tests/test_pipeline.py; here are the endpoints whose conversations hold more than messages.
"""

from __future__ import annotations

import itertools
import json
from collections.abc import AsyncIterator, Callable
from pathlib import Path
from typing import Any

import msgspec
import pytest

from gateway.testing import ScriptedUpstream
from tests.captures import PATIENT, Sent, bearer, chat, in_force, posted, send
from tests.conftest import Serve, Served

Item = dict[str, Any]

RULE = "Always answer in metric units, please."
LESSONS = ["My dog Biscuit is allergic to chicken.", "My cat Crumpet is afraid of thunder.", "Always answer in French."]
QUESTIONS = [
    'How far is it to the sea? call look_up {"for":"sea"}',
    "What should my dog not eat?",
    'What is my cat afraid of? call look_up {"for":"cat"}',
    "yes",
    "yes",
]
"""What is said; behind each something is learnt in another session, while there is something left."""

MARK = {"cache_control": {"type": "ephemeral"}}
WRITTEN_MARK = b',"cache_control":{"type":"ephemeral"}'

RESULT = "forty"
LOOK_UP: Item = {"name": "look_up", "description": "Looks something up."}


class Client(msgspec.Struct, frozen=True, kw_only=True):
    """An agent that keeps the conversation itself; the list of what was said ends the body."""

    request: Callable[[list[Item]], Sent]
    follow: Callable[[Item], tuple[list[Item], list[Item]]]
    """What an answer adds to the conversation, and what the agent adds when it has carried out the calls in it."""


def through_responses(**head: object) -> Client:
    tool = {"type": "function", **LOOK_UP, "parameters": {"type": "object"}}

    def request(said: list[Item]) -> Sent:
        opening = head.get("developer")
        items = [{"role": "developer", "content": opening}, *said] if opening else said
        rest = {name: value for name, value in head.items() if name != "developer"}
        body = {"model": "gpt-5", "store": False, "tools": [tool], **rest, "input": items}
        return posted("/v1/responses", body, bearer("k"))

    def follow(answer: Item) -> tuple[list[Item], list[Item]]:
        called = [item["call_id"] for item in answer["output"] if item["type"] == "function_call"]
        return answer["output"], [{"type": "function_call_output", "call_id": id, "output": RESULT} for id in called]

    return Client(request=request, follow=follow)


def through_messages(system: str | list[Item] | None) -> Client:
    """As Claude Code does it: the last block of the last message has a cache mark, which moves on with each request."""
    tool = {**LOOK_UP, "input_schema": {"type": "object"}}

    def request(said: list[Item]) -> Sent:
        *before, last = said
        *blocks, newest = last["content"] if isinstance(last["content"], list) else [text(last["content"])]
        marked = {**last, "content": [*blocks, {**newest, **MARK}]}
        head = {} if system is None else {"system": system}
        whole = [{**each, "content": as_blocks(each["content"])} for each in before]
        body = {"model": "claude-sonnet-4-5", "max_tokens": 64, "tools": [tool], **head, "messages": [*whole, marked]}
        return posted("/v1/messages?beta=true", body, bearer("k"))

    def follow(answer: Item) -> tuple[list[Item], list[Item]]:
        called = [block["id"] for block in answer["content"] if block["type"] == "tool_use"]
        results = [{"type": "tool_result", "tool_use_id": id, "content": RESULT} for id in called]
        carried_out = [{"role": "user", "content": results}] if results else []
        return [{"role": "assistant", "content": answer["content"]}], carried_out

    return Client(request=request, follow=follow)


def text(words: str) -> Item:
    return {"type": "text", "text": words}


def as_blocks(content: str | list[Item]) -> list[Item]:
    return [text(content)] if isinstance(content, str) else content


CLIENTS = {
    "responses": through_responses(),
    "responses with instructions": through_responses(instructions="You are terse."),
    "responses with a developer's message": through_responses(developer="You are terse."),
    "messages": through_messages(None),
    "messages with a system text": through_messages("You are terse."),
    "messages with marked system blocks": through_messages([text("You are terse."), {**text("Be kind."), **MARK}]),
}


@pytest.fixture
async def served(serve: Serve, upstream: ScriptedUpstream, tmp_path: Path) -> AsyncIterator[Served]:
    in_force(tmp_path)
    upstream.respond("Very well, I shall bear in mind all that I have been told of it up to now.")
    async with serve(server=PATIENT) as gateway:
        yield gateway


async def teach(served: Served, lesson: str) -> None:
    """Say something in a session of its own, and have it learnt."""
    await send(served.url, chat([{"role": "user", "content": lesson}], bearer("k")))
    await served.learnt()


@pytest.mark.promise("P5")
@pytest.mark.parametrize("name", CLIENTS)
async def test_each_request_is_a_prefix_of_the_next_while_new_things_are_learnt(
    served: Served, upstream: ScriptedUpstream, name: str
) -> None:
    client, said, sessions, arrived = CLIENTS[name], [], set(), []
    await teach(served, RULE)
    for question, lesson in itertools.zip_longest(QUESTIONS, LESSONS):
        new: list[Item] = [{"role": "user", "content": question}]
        while new:
            said += new
            told = await send(served.url, client.request(said))
            assert told.status == 200, told.body
            sessions.add(told.session)
            arrived.append(upstream.requests()[-1].body.replace(WRITTEN_MARK, b""))
            answered, new = client.follow(json.loads(told.body))
            said += answered
        if lesson:
            await teach(served, lesson)
    assert len(sessions) == 1
    assert len(arrived) == 7
    for earlier, later in itertools.pairwise(arrived):
        assert later.startswith(earlier.removesuffix(b"]}"))
    dog, cat, french = (arrived[-1].count(lesson.encode()) for lesson in LESSONS)
    assert (dog, cat) == (1, 1)
    assert {french, arrived[-1].count(RULE.encode())} <= {1, 2}  # rules are said once more when they slip
