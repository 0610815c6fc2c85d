"""OpenAI Agents SDK: an agent with one tool, run turn by turn."""

from __future__ import annotations

import asyncio
import sys
from typing import Any

from agents import (
    Agent,
    Runner,
    function_tool,
    responses_websocket_session,
    set_default_openai_api,
    set_tracing_disabled,
)
from observed import MODEL, SYSTEM, drive, get_weather, see
from pydantic import BaseModel


class Place(BaseModel):
    """What the structured way asks for."""

    city: str


def replay(said: list[str]) -> None:
    """Responses, the whole conversation sent each time: what the SDK does by default."""
    history: list[Any] = []
    for text in said:
        result = Runner.run_sync(_agent(), [*history, {"role": "user", "content": text}])
        _see(result)
        history = result.to_input_list()


def chained(said: list[str]) -> None:
    """Responses, only what is new sent, after `previous_response_id`."""
    previous: str | None = None
    for text in said:
        result = Runner.run_sync(_agent(), text, previous_response_id=previous, auto_previous_response_id=True)
        _see(result)
        previous = result.last_response_id


def socket(said: list[str]) -> None:
    """Responses over a WebSocket that is kept between the turns."""
    asyncio.run(_over_socket(said))


def chat(said: list[str]) -> None:
    """Chat completions, as for every provider but OpenAI."""
    set_default_openai_api("chat_completions")
    replay(said)


def structured(said: list[str]) -> None:
    """An answer with a type."""
    for text in said:
        result = Runner.run_sync(Agent(name="Places", model=MODEL, output_type=Place), text)
        see(parsed=result.final_output.model_dump())


async def _over_socket(said: list[str]) -> None:
    history: list[Any] = []
    async with responses_websocket_session() as session:
        for text in said:
            result = await session.run(_agent(), [*history, {"role": "user", "content": text}])
            _see(result)
            history = result.to_input_list()


def _agent() -> Agent:
    return Agent(name="Weather", instructions=SYSTEM, model=MODEL, tools=[function_tool(get_weather)])


def _see(result: Any) -> None:
    usage = result.context_wrapper.usage
    kinds = [item.type for item in result.new_items]
    see(text=result.final_output, items=kinds, requests=usage.requests, tokens=usage.output_tokens)


if __name__ == "__main__":
    set_tracing_disabled(True)  # traces go to OpenAI itself, whatever the base URL
    drive(globals()[sys.argv[1]])
