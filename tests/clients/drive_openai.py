"""openai-python, 2.x (httpx) and 3.x (httpx2) alike: chat completions and responses by the client's own methods."""

from __future__ import annotations

import json
import sys
from collections.abc import Callable, Iterable, Iterator
from typing import Any

from observed import MODEL, SYSTEM, drive, get_weather, see, see_error
from openai import OpenAI, OpenAIError
from pydantic import BaseModel

DESCRIPTION = "The weather in a city, now."
PARAMETERS = {
    "type": "object",
    "properties": {"city": {"type": "string"}},
    "required": ["city"],
    "additionalProperties": False,
}
FUNCTION = {"name": "get_weather", "description": DESCRIPTION, "parameters": PARAMETERS}
CHAT_TOOLS = [{"type": "function", "function": FUNCTION}]
TOOLS = [{"type": "function", **FUNCTION}]


class Place(BaseModel):
    """What the structured ways ask for."""

    city: str


def chat(client: OpenAI, said: list[str]) -> None:
    """A tool loop, each answer whole."""
    messages: list[Any] = [{"role": "system", "content": SYSTEM}]
    for text in said:
        messages.append({"role": "user", "content": text})
        while True:
            answer = client.chat.completions.create(model=MODEL, messages=messages, tools=CHAT_TOOLS)
            choice = answer.choices[0]
            messages.append(choice.message)
            see(text=choice.message.content, finish=choice.finish_reason, tokens=answer.usage.completion_tokens)
            if not choice.message.tool_calls:
                break
            messages += [_chat_result(call) for call in choice.message.tool_calls]


def chat_stream(client: OpenAI, said: list[str]) -> None:
    """The same by the client's own stream helper."""
    messages: list[Any] = [{"role": "system", "content": SYSTEM}]
    for text in said:
        messages.append({"role": "user", "content": text})
        while True:
            options = {"include_usage": True}
            with client.chat.completions.stream(
                model=MODEL, messages=messages, tools=CHAT_TOOLS, stream_options=options
            ) as stream:
                events = [(event.type, getattr(event, "delta", None)) for event in stream if event.type != "chunk"]
            answer = stream.get_final_completion()
            choice = answer.choices[0]
            see(events=events, finish=choice.finish_reason, tokens=answer.usage.completion_tokens)
            messages.append({"role": "assistant", **_chat_message(choice.message)})
            if not choice.message.tool_calls:
                break
            messages += [_chat_result(call) for call in choice.message.tool_calls]


def chat_parse(client: OpenAI, said: list[str]) -> None:
    """Answers with a type."""
    messages: list[Any] = []
    for text in said:
        messages.append({"role": "user", "content": text})
        answer = client.chat.completions.parse(model=MODEL, messages=messages, response_format=Place)
        message = answer.choices[0].message
        see(parsed=message.parsed.model_dump())
        messages.append({"role": "assistant", "content": message.content})


def chat_faults(client: OpenAI, said: list[str]) -> None:
    """Each text asked whole, then streamed; what goes wrong is told."""

    def whole(text: str) -> str | None:
        return client.chat.completions.create(model=MODEL, messages=[_user(text)]).choices[0].message.content

    def stream(text: str) -> Iterator[str]:
        for chunk in client.chat.completions.create(model=MODEL, messages=[_user(text)], stream=True):
            yield chunk.choices[0].delta.content or ""

    _attempt(said, whole, stream)


def responses(client: OpenAI, said: list[str]) -> None:
    """A tool loop, the whole conversation sent each time."""
    items: list[Any] = []
    for text in said:
        items.append(_user(text))
        while True:
            answer = client.responses.create(model=MODEL, instructions=SYSTEM, input=items, tools=TOOLS)
            see(text=answer.output_text, status=answer.status, tokens=answer.usage.output_tokens)
            items += answer.output
            results = [_result(item) for item in answer.output if item.type == "function_call"]
            items += results
            if not results:
                break


def responses_chained(client: OpenAI, said: list[str]) -> None:
    """Only what is new sent, after `previous_response_id`."""
    previous: str | None = None
    for text in said:
        items: list[Any] = [_user(text)]
        while items:
            answer = client.responses.create(model=MODEL, input=items, tools=TOOLS, previous_response_id=previous)
            see(text=answer.output_text, status=answer.status, tokens=answer.usage.output_tokens)
            previous = answer.id
            items = [_result(item) for item in answer.output if item.type == "function_call"]


def responses_stream(client: OpenAI, said: list[str]) -> None:
    """The whole conversation sent, the answers by the client's own stream helper."""
    items: list[Any] = []
    for text in said:
        items.append(_user(text))
        while True:
            with client.responses.stream(model=MODEL, instructions=SYSTEM, input=items, tools=TOOLS) as stream:
                events = [(event.type, getattr(event, "delta", None)) for event in stream]
            answer = stream.get_final_response()
            see(events=events, status=answer.status, tokens=answer.usage.output_tokens)
            items += [item.to_dict() for item in answer.output]
            results = [_result(item) for item in answer.output if item.type == "function_call"]
            items += results
            if not results:
                break


def responses_socket(client: OpenAI, said: list[str]) -> None:
    """Over one WebSocket, only what is new sent."""
    previous: str | None = None
    with client.responses.connect() as socket:
        for text in said:
            items: list[Any] = [_user(text)]
            while items:
                socket.response.create(model=MODEL, input=items, tools=TOOLS, previous_response_id=previous)
                events = list(_until_completed(socket))
                answer = events[-1].response
                see(events=[(event.type, getattr(event, "delta", None)) for event in events])
                see(text=answer.output_text, status=answer.status, tokens=answer.usage.output_tokens)
                previous = answer.id
                items = [_result(item) for item in answer.output if item.type == "function_call"]


def responses_parse(client: OpenAI, said: list[str]) -> None:
    """Answers with a type."""
    previous: str | None = None
    for text in said:
        answer = client.responses.parse(model=MODEL, input=text, text_format=Place, previous_response_id=previous)
        see(parsed=answer.output_parsed.model_dump())
        previous = answer.id


def responses_faults(client: OpenAI, said: list[str]) -> None:
    """Each text asked whole, then streamed; what goes wrong is told."""

    def whole(text: str) -> str:
        return client.responses.create(model=MODEL, input=text).output_text

    def stream(text: str) -> Iterator[str]:
        for event in client.responses.create(model=MODEL, input=text, stream=True):
            if event.type == "response.output_text.delta":
                yield event.delta

    _attempt(said, whole, stream)


def _attempt(said: list[str], whole: Callable[[str], str | None], stream: Callable[[str], Iterator[str]]) -> None:
    for text in said:
        try:
            see(text=whole(text))
        except OpenAIError as error:
            see_error(error)
        heard = ""
        try:
            for piece in stream(text):
                heard += piece
            see(streamed=heard)
        except Exception as error:  # noqa: BLE001 - a cut stream raises what the transport raises, and it is told
            see_error(error, heard)


def _until_completed(events: Iterable[Any]) -> Iterator[Any]:
    for event in events:
        yield event
        if event.type == "response.completed":
            return


def _user(text: str) -> dict[str, str]:
    return {"role": "user", "content": text}


def _chat_message(message: Any) -> dict[str, Any]:
    calls = [
        {"id": call.id, "type": "function", "function": call.function.model_dump(include={"name", "arguments"})}
        for call in message.tool_calls or ()
    ]
    return {"content": message.content, **({"tool_calls": calls} if calls else {})}


def _chat_result(call: Any) -> dict[str, str]:
    return {"role": "tool", "tool_call_id": call.id, "content": _run(call.function)}


def _result(item: Any) -> dict[str, str]:
    return {"type": "function_call_output", "call_id": item.call_id, "output": _run(item)}


def _run(function: Any) -> str:
    assert function.name == "get_weather"
    return get_weather(**json.loads(function.arguments))


if __name__ == "__main__":
    CLIENT = OpenAI(max_retries=3)
    drive(lambda said: globals()[sys.argv[1]](CLIENT, said))
