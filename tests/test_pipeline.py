"""The way of one request, end to end: a real client, real sockets, an upstream in a process of its own."""

from __future__ import annotations

import json

from openai import AsyncOpenAI

from gateway.testing import ScriptedUpstream
from tests.conftest import Served

SYSTEM = {"role": "system", "content": "You are terse."}


def client(served: Served, **headers: str) -> AsyncOpenAI:
    return AsyncOpenAI(base_url=served.url, api_key="sk-test", max_retries=0, default_headers=headers)


async def say(served: Served, text: str, **headers: str) -> str:
    async with client(served, **headers) as openai:
        answer = await openai.chat.completions.create(model="gpt-4o", messages=[{"role": "user", "content": text}])
    return answer.choices[0].message.content or ""


async def test_the_second_session_is_answered_with_what_the_first_one_said(served: Served) -> None:
    await say(served, "My dog Biscuit is allergic to chicken.")
    await served.learnt()
    assert "allergic to chicken" in await say(served, "What should my dog not eat?")
