"""anthropic-sdk-python: messages, a tool loop whole and streamed, and its errors."""

from __future__ import annotations

import sys
from collections.abc import Callable
from typing import Any

from anthropic import Anthropic
from observed import SYSTEM, drive, get_weather, see, see_error

MODEL = "claude-sonnet-4-5"
TOOL = {
    "name": "get_weather",
    "description": "The weather in a city, now.",
    "input_schema": {"type": "object", "properties": {"city": {"type": "string"}}, "required": ["city"]},
}


def messages(client: Anthropic, said: list[str]) -> None:
    """Each turn whole."""
    _converse(said, lambda history: client.messages.create(**_asked(history)))


def stream(client: Anthropic, said: list[str]) -> None:
    """Each turn as it comes."""

    def ask(history: list[Any]) -> Any:
        with client.messages.stream(**_asked(history)) as events:
            see(events=[event.type for event in events])
            return events.get_final_message()

    _converse(said, ask)


def faults(client: Anthropic, said: list[str]) -> None:
    """Refusals, retries and a stream that ends too early."""
    for text in said:
        asked: Any = {"model": MODEL, "max_tokens": 512, "messages": [{"role": "user", "content": text}]}
        try:
            see(text=client.messages.create(**asked).content[0].text)
        except Exception as error:  # noqa: BLE001 - which error it is, is what is told
            see_error(error)
        heard = ""
        try:
            with client.messages.stream(**asked) as events:
                for piece in events.text_stream:
                    heard += piece
            see(streamed=heard)
        except Exception as error:  # noqa: BLE001 - a cut stream raises what the transport raises, and it is told
            see_error(error, heard)


def _converse(said: list[str], ask: Callable[[list[Any]], Any]) -> None:
    history: list[Any] = []
    for text in said:
        content: Any = text
        while content:
            history.append({"role": "user", "content": content})
            answer = ask(history)
            texts = [block.text for block in answer.content if block.type == "text"]
            see(texts=texts, stop=answer.stop_reason, tokens=answer.usage.output_tokens)
            history.append({"role": "assistant", "content": answer.content})
            content = [
                {"type": "tool_result", "tool_use_id": block.id, "content": get_weather(**block.input)}
                for block in answer.content
                if block.type == "tool_use"
            ]


def _asked(history: list[Any]) -> dict[str, Any]:
    return {"model": MODEL, "max_tokens": 512, "system": SYSTEM, "messages": history, "tools": [TOOL]}


if __name__ == "__main__":
    CLIENT = Anthropic(max_retries=3)
    drive(lambda said: globals()[sys.argv[1]](CLIENT, said))
