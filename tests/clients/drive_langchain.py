"""LangChain and LangGraph: an agent whose thread is kept by a checkpointer, invoked and streamed."""

from __future__ import annotations

import sys
from typing import Any

from langchain.agents import create_agent
from langchain_core.messages import AIMessage
from langchain_openai import ChatOpenAI
from langgraph.checkpoint.memory import InMemorySaver
from observed import MODEL, SYSTEM, drive, get_weather, see
from pydantic import BaseModel

THREAD = {"configurable": {"thread_id": "one"}}


class Place(BaseModel):
    """What the structured way asks for."""

    city: str


def chat(said: list[str]) -> None:
    """Chat completions, each turn invoked whole."""
    _invoke(ChatOpenAI(model=MODEL), said)


def responses(said: list[str]) -> None:
    """The same over responses."""
    _invoke(ChatOpenAI(model=MODEL, use_responses_api=True), said)


def stream(said: list[str]) -> None:
    """Chat completions, token by token as LangGraph gives them."""
    agent = create_agent(
        ChatOpenAI(model=MODEL, stream_usage=True), [get_weather], system_prompt=SYSTEM, checkpointer=InMemorySaver()
    )
    for text in said:
        pieces = [
            [piece.content, [(call["name"], call["args"]) for call in piece.tool_call_chunks]]
            for piece, _ in agent.stream(_user(text), THREAD, stream_mode="messages")
            if piece.type == "AIMessageChunk"
        ]
        see(pieces=pieces)


def structured(said: list[str]) -> None:
    """An answer with a type, without an agent."""
    model = ChatOpenAI(model=MODEL).with_structured_output(Place)
    for text in said:
        see(parsed=model.invoke(text).model_dump())


def _invoke(model: ChatOpenAI, said: list[str]) -> None:
    agent = create_agent(model, [get_weather], system_prompt=SYSTEM, checkpointer=InMemorySaver())
    for text in said:
        _see(agent.invoke(_user(text), THREAD)["messages"][-1])


def _see(message: AIMessage) -> None:
    usage = message.usage_metadata or {}
    see(text=message.text, tokens=usage.get("output_tokens"), finish=message.response_metadata.get("finish_reason"))


def _user(text: str) -> dict[str, Any]:
    return {"messages": [{"role": "user", "content": text}]}


if __name__ == "__main__":
    drive(globals()[sys.argv[1]])
