"""LlamaIndex: a function agent with a chat memory, and structured prediction."""

from __future__ import annotations

import asyncio
import sys

from llama_index.core.agent.workflow import FunctionAgent
from llama_index.core.memory import ChatMemoryBuffer
from llama_index.llms.openai import OpenAI
from observed import MODEL, SYSTEM, drive, get_weather, see
from pydantic import BaseModel


class Place(BaseModel):
    """What the structured way asks for."""

    city: str


async def agent(said: list[str]) -> None:
    """An agent of one tool; it streams, as function agents do."""
    weather = FunctionAgent(llm=OpenAI(model=MODEL), system_prompt=SYSTEM, tools=[get_weather])
    memory = ChatMemoryBuffer.from_defaults(token_limit=8_000)
    for text in said:
        result = await weather.run(text, memory=memory)
        see(text=result.response.content, calls=[(call.tool_name, call.tool_kwargs) for call in result.tool_calls])


async def structured(said: list[str]) -> None:
    """An answer with a type."""
    model = OpenAI(model=MODEL).as_structured_llm(Place)
    for text in said:
        see(parsed=(await model.acomplete(text)).raw.model_dump())


if __name__ == "__main__":
    with asyncio.Runner() as runner:
        drive(lambda said: runner.run(globals()[sys.argv[1]](said)))
