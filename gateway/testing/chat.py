"""`/v1/chat/completions` as the scripted upstream speaks it. What is said is decided in gateway/testing/model.py."""

from __future__ import annotations

from typing import Annotated, Any, Literal

import msgspec

from gateway.testing.model import Line, Model, Prompt, Said, text_of
from gateway.testing.scripted import Step
from gateway.testing.wire import Refused, as_data_stream, as_json

_LINE_ROLES: dict[str, Literal["system", "user", "assistant", "tool"]] = {
    "system": "system",
    "developer": "system",
    "user": "user",
    "assistant": "assistant",
    "tool": "tool",
    "function": "tool",
}


class _Call(msgspec.Struct):
    id: str


class _Message(msgspec.Struct):
    role: Literal["system", "developer", "user", "assistant", "tool", "function"]
    content: str | list[dict[str, Any]] | None = None
    tool_calls: list[_Call] | None = None
    tool_call_id: str | None = None


class _Prediction(msgspec.Struct):
    content: str | list[dict[str, Any]] | None = None


class _Chat(msgspec.Struct):
    messages: Annotated[list[_Message], msgspec.Meta(min_length=1)]
    model: str = ""
    stream: bool | None = False
    stream_options: dict[str, bool] | None = None
    tools: list[dict[str, Any]] | None = None
    tool_choice: str | dict[str, Any] | None = None
    response_format: dict[str, Any] | None = None
    prediction: _Prediction | None = None


def reply(body: bytes, model: Model) -> Step:
    """Answer a chat. Raises `Refused` or `msgspec.MsgspecError` for what the API would refuse."""
    chat = msgspec.json.decode(body, type=_Chat)
    _judge(chat.messages)
    said = model.answer(_prompt(chat))
    head = {"id": model.new_id("chatcmpl-"), "created": model.now(), "model": chat.model}
    prompt_tokens = len(body) // 4
    total_tokens = prompt_tokens + said.tokens
    usage = {"prompt_tokens": prompt_tokens, "completion_tokens": said.tokens, "total_tokens": total_tokens}
    calls = [_call(model, call.name, call.arguments) for call in said.calls]
    finish_reason = "tool_calls" if calls else "stop"
    if not chat.stream:
        message: dict[str, Any] = {"role": "assistant", "content": said.text or None, "refusal": None}
        if calls:
            message["tool_calls"] = calls
        choice = {"index": 0, "message": message, "logprobs": None, "finish_reason": finish_reason}
        return as_json({**head, "object": "chat.completion", "choices": [choice], "usage": usage})
    deltas = [*(_call_deltas(said, calls) if calls else _word_deltas(said)), {}]
    choices = [{"index": 0, "delta": delta, "finish_reason": None if delta else finish_reason} for delta in deltas]
    chunk = {**head, "object": "chat.completion.chunk"}
    events: list[dict[str, Any]] = [{**chunk, "choices": [choice]} for choice in choices]
    if (chat.stream_options or {}).get("include_usage"):
        events = [*({**event, "usage": None} for event in events), {**chunk, "choices": [], "usage": usage}]
    return as_data_stream(events)


def _prompt(chat: _Chat) -> Prompt:
    functions = [tool["function"]["name"] for tool in chat.tools or () if tool.get("type") == "function"]
    match chat.tool_choice:
        case {"function": {"name": str(name)}} | str(name):
            choice = name
        case _:
            choice = "auto"
    return Prompt(
        lines=tuple(Line(role=_LINE_ROLES[turn.role], text=text_of(turn.content)) for turn in chat.messages),
        tools=tuple(functions),
        choice=choice,
        is_json=(chat.response_format or {}).get("type") in ("json_schema", "json_object"),
        predicted=text_of(chat.prediction.content) if chat.prediction else "",
    )


def _judge(messages: list[_Message]) -> None:
    """Refuse tool calls that are not followed at once by all their results, and results of no call."""
    owed: dict[str, None] = {}
    known: set[str] = set()
    for place, message in enumerate(messages):
        if message.role == "tool":
            if not known:
                problem = "messages with role 'tool' must be a response to a preceeding message with 'tool_calls'."
                raise Refused(f"Invalid parameter: {problem}", param=f"messages.[{place}].role")
            if message.tool_call_id not in known:
                problem = f"'tool_call_id' of '{message.tool_call_id}' not found in 'tool_calls' of previous message."
                raise Refused(f"Invalid parameter: {problem}", param=f"messages.[{place}].tool_call_id")
            owed.pop(message.tool_call_id, None)
            continue
        _judge_owed(owed, place)
        owed = dict.fromkeys(call.id for call in message.tool_calls or ())
        known = set(owed)
    _judge_owed(owed, len(messages))


def _judge_owed(owed: dict[str, None], place: int) -> None:
    if owed:
        rule = "An assistant message with 'tool_calls' must be followed by tool messages responding to each"
        missing = f"The following tool_call_ids did not have response messages: {', '.join(owed)}"
        raise Refused(f"{rule} 'tool_call_id'. {missing}", param=f"messages.[{place}].role")


def _call(model: Model, name: str, arguments: str) -> dict[str, Any]:
    function = {"name": name, "arguments": arguments}
    return {"id": model.new_id("call_"), "type": "function", "function": function}


def _word_deltas(said: Said) -> list[dict[str, Any]]:
    return [{"role": "assistant", "content": ""}, *({"content": word} for word in said.words)]


def _call_deltas(said: Said, calls: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """Each call begins with its id and name; its arguments follow in fragments."""
    deltas: list[dict[str, Any]] = []
    for index, (call, spoken) in enumerate(zip(calls, said.calls, strict=True)):
        opening = {"index": index, **call, "function": {"name": spoken.name, "arguments": ""}}
        deltas.append({"tool_calls": [opening]})
        deltas += [{"tool_calls": [{"index": index, "function": {"arguments": part}}]} for part in spoken.fragments]
    deltas[0] = {"role": "assistant", "content": None, **deltas[0]}
    return deltas
