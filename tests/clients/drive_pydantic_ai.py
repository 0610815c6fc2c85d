"""Pydantic AI: an agent of one tool, over responses and chat completions, whole, streamed and with a typed answer."""

from __future__ import annotations

import asyncio
import sys
from typing import Any

from observed import MODEL, SYSTEM, drive, get_weather, see
from pydantic import BaseModel
from pydantic_ai import Agent


class Place(BaseModel):
    """What the structured way asks for."""

    city: str


async def responses(said: list[str]) -> None:
    """`openai:` means responses."""
    await _run("openai", said)


async def chat(said: list[str]) -> None:
    """`openai-chat:` means chat completions."""
    await _run("openai-chat", said)


async def stream(said: list[str]) -> None:
    """Chat completions, the text as it comes."""
    history: list[Any] = []
    for text in said:
        async with _agent("openai-chat").run_stream(text, message_history=history) as result:
            pieces = [piece async for piece in result.stream_text(delta=True, debounce_by=None)]
        history = result.all_messages()
        see(pieces=pieces)


async def structured(said: list[str]) -> None:
    """An answer with a type, which Pydantic AI asks for by a tool that must be called."""
    agent = Agent(f"openai-chat:{MODEL}", output_type=Place)
    for text in said:
        see(parsed=(await agent.run(text)).output.model_dump())


async def _run(provider: str, said: list[str]) -> None:
    history: list[Any] = []
    for text in said:
        result = await _agent(provider).run(text, message_history=history)
        history = result.all_messages()
        see(text=result.output, tokens=result.usage.output_tokens, requests=result.usage.requests)


def _agent(provider: str) -> Agent:
    return Agent(f"{provider}:{MODEL}", instructions=SYSTEM, tools=[get_weather])


if __name__ == "__main__":
    with asyncio.Runner() as runner:
        drive(lambda said: runner.run(globals()[sys.argv[1]](said)))
