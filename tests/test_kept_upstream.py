"""Conversations that the upstream keeps, end to end: notes stand in them once, whatever is sent of them later."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest

from gateway.testing import ScriptedUpstream
from tests.captures import PATIENT, Sent, bearer, chat, in_force, posted, send
from tests.conftest import Serve, Served

Item = dict[str, Any]

RULE = "Always answer in metric units, please."
DOG = "My dog Biscuit is allergic to chicken."
CAT = "My cat Crumpet is afraid of thunder."
LOOK_UP = {"type": "function", "name": "look_up", "parameters": {"type": "object"}}
TERSE = "You are terse."

OPENINGS: dict[str, tuple[list[Item], dict[str, str]]] = {
    "a user alone": ([], {}),
    "a developer's message": ([{"role": "developer", "content": TERSE}], {}),
    "instructions": ([], {"instructions": TERSE}),
}
"""Where a conversation has its system text. Instructions are sent with each request, and kept by none."""

LINKS = ["previous_response_id", "conversation"]


@pytest.fixture
async def served(serve: Serve, upstream: ScriptedUpstream, tmp_path: Path) -> AsyncIterator[Served]:
    in_force(tmp_path)
    upstream.respond("Very well.")  # it would say which notes it was shown
    async with serve(server=PATIENT) as gateway:
        yield gateway


async def teach(served: Served, text: str) -> None:
    """Say something in a session of its own, and have it learnt."""
    await send(served.url, chat([{"role": "user", "content": text}], bearer("k")))
    await served.learnt()


class Talk:
    """A client that sends only what is new, and leaves the rest to the upstream."""

    def __init__(self, served: Served, link: str, *opening: Item, **members: object) -> None:
        self._served = served
        self._unsent = list(opening)
        self._members = {"model": "gpt-5", "store": True, "tools": [LOOK_UP], **members}
        self._is_chained = link == "previous_response_id"
        if not self._is_chained:
            self._members["conversation"] = "conv_1"
        self.sessions: list[str] = []
        self.response: Item = {}

    async def say(self, *items: Item, **members: object) -> None:
        """Send these, and take the response."""
        asked = {**self._members, **members, "input": [*self._unsent, *items]}
        told = await send(self._served.url, posted("/v1/responses", asked, bearer("k")))
        assert told.status == 200, told.body
        self._unsent = []
        self.sessions.append(told.session)
        self.response = json.loads(told.body)
        if self._is_chained:
            self._members["previous_response_id"] = self.response["id"]

    async def kept(self) -> str:
        """What the upstream has of the conversation, as a client can list it."""
        listed = await send(self._served.url, fetch(f"/v1/responses/{self.response['id']}/input_items?order=asc"))
        return json.dumps(json.loads(listed.body)["data"])


def fetch(target: str) -> Sent:
    return Sent(method="GET", target=target, headers=[bearer("k")])


def user(text: str) -> Item:
    return {"role": "user", "content": text}


@pytest.mark.promise("P5")
@pytest.mark.parametrize("link", LINKS)
@pytest.mark.parametrize("opening", OPENINGS)
async def test_what_is_noted_in_a_kept_conversation_stands_in_it_once(
    served: Served, upstream: ScriptedUpstream, opening: str, link: str
) -> None:
    for text in (RULE, DOG):
        await teach(served, text)
    items, members = OPENINGS[opening]
    talk = Talk(served, link, *items, **members)
    await talk.say(user('What should my dog not eat? call look_up {"for":"dog"}'))
    (call,) = talk.response["output"]
    await talk.say({"type": "function_call_output", "call_id": call["call_id"], "output": "nothing with chicken"})
    await teach(served, CAT)
    await talk.say(user("What is my cat afraid of, and what is my dog allergic to?"))

    assert len(set(talk.sessions)) == 1
    kept = await talk.kept()
    assert kept.count(CAT) == 1
    asked = [json.loads(got.body) for got in upstream.requests() if got.target == "/v1/responses"]
    for lasting in (RULE, DOG):
        heads = [each["instructions"].count(lasting) for each in asked if "instructions" in each]
        assert (heads, kept.count(lasting)) == (([1, 1, 1], 0) if opening == "instructions" else ([], 1))


@pytest.mark.parametrize("link", LINKS)
async def test_what_was_said_in_a_kept_conversation_is_not_noted_in_it(served: Served, link: str) -> None:
    talk = Talk(served, link)
    await talk.say(user(DOG))
    await served.learnt()
    await talk.say(user("What is my dog Biscuit allergic to, was it chicken?"))
    assert (await talk.kept()).count(DOG) == 1


async def test_a_response_in_the_background_is_followed_as_any_other(
    served: Served, upstream: ScriptedUpstream
) -> None:
    await teach(served, RULE)
    talk = Talk(served, "previous_response_id")
    await talk.say(user("How tall is the Eiffel tower?"), background=True)
    assert talk.response["status"] == "queued"
    done = await send(served.url, fetch(f"/v1/responses/{talk.response['id']}"))
    assert json.loads(done.body)["status"] == "completed"
    await talk.say(user("And the Empire State Building?"))
    assert len(set(talk.sessions)) == 1
    assert (await talk.kept()).count(RULE) == 1
