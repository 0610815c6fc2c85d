"""`/v1/responses` as the scripted upstream speaks it. What it remembers between requests is in `chains`."""

from __future__ import annotations

from typing import Any, Literal
from urllib.parse import parse_qs

import msgspec

from gateway.testing.chains import Chains, Item, Stored, judge
from gateway.testing.events import begun, events
from gateway.testing.model import Line, Model, Prompt, Said, text_of
from gateway.testing.scripted import Received, Step
from gateway.testing.wire import as_event_stream, as_json

_LINE_ROLES: dict[str, Literal["system", "user", "assistant"]] = {
    "system": "system",
    "developer": "system",
    "user": "user",
    "assistant": "assistant",
}


class _Conversation(msgspec.Struct):
    id: str


class _Request(msgspec.Struct):
    input: str | list[Item] = ""
    model: str = ""
    instructions: str | None = None
    previous_response_id: str | None = None
    conversation: str | _Conversation | None = None
    store: bool | None = True
    background: bool | None = False
    stream: bool | None = False
    generate: bool | None = True
    """False makes a response without output that can be continued."""
    tools: list[dict[str, Any]] | None = None
    tool_choice: str | dict[str, Any] | None = None
    text: dict[str, Any] | None = None
    metadata: dict[str, str] | None = None
    parallel_tool_calls: bool | None = True

    @property
    def conversation_id(self) -> str | None:
        """The conversation's name, however it was given."""
        return self.conversation.id if isinstance(self.conversation, _Conversation) else self.conversation

    @property
    def format(self) -> dict[str, Any]:
        """What the text must look like."""
        return (self.text or {}).get("format") or {"type": "text"}


class Responses:
    """The endpoint and the paths below it."""

    def __init__(self, model: Model) -> None:
        self._model = model
        self._chains = Chains(model)

    def reply(self, received: Received) -> Step | None:
        """Answer; None for a path that is unknown here.

        Raises `Refused` or `msgspec.MsgspecError` for what the API would refuse.
        """
        path, _, query = received.target.partition("?")
        match received.method, path.removeprefix("/v1/responses").split("/")[1:]:
            case "POST", []:
                return self._create(received.body)
            case "GET", [response_id]:
                return as_json(self._chains.get(response_id).response)
            case "DELETE", [response_id]:
                self._chains.delete(response_id)
                return as_json({"id": response_id, "object": "response", "deleted": True})
            case "POST", [response_id, "cancel"]:
                return self._cancel(response_id)
            case "GET", [response_id, "input_items"]:
                return self._input_items(response_id, parse_qs(query).get("order", ["desc"])[0])
        return None

    def _create(self, body: bytes) -> Step:
        request = msgspec.json.decode(body, type=_Request)
        before = self._chains.before(request.previous_response_id, request.conversation_id)
        sent = self._chains.items(request.input)
        judge([*before, *sent])
        said = self._model.answer(_prompt(request, [*before, *sent]))
        response = self._response(request, said, len(body) // 4)
        if request.store is not False:
            self._chains.put(Stored(response=response, input=[*before, *sent]))
        if request.conversation_id is not None:
            self._chains.append(request.conversation_id, [*sent, *response["output"]])
        if request.stream:
            return as_event_stream(events(response, said))
        return as_json(begun(response, "queued") if request.background else response)

    def _response(self, request: _Request, said: Said, input_tokens: int) -> dict[str, Any]:
        conversation = request.conversation_id
        usage = {
            "input_tokens": input_tokens,
            "input_tokens_details": {"cached_tokens": 0, "cache_write_tokens": 0},
            "output_tokens": said.tokens,
            "output_tokens_details": {"reasoning_tokens": 0},
            "total_tokens": input_tokens + said.tokens,
        }
        return {
            "id": self._model.new_id("resp_"),
            "object": "response",
            "created_at": self._model.now(),
            "status": "completed",
            "background": bool(request.background),
            "completed_at": self._model.now(),
            "error": None,
            "incomplete_details": None,
            "instructions": request.instructions,
            "max_output_tokens": None,
            "max_tool_calls": None,
            "model": request.model,
            "output": [] if request.generate is False else self._output(said),
            "parallel_tool_calls": request.parallel_tool_calls is not False,
            "previous_response_id": request.previous_response_id,
            "prompt_cache_key": None,
            "reasoning": {"effort": None, "summary": None},
            "safety_identifier": None,
            "service_tier": "default",
            "store": request.store is not False,
            "temperature": 1.0,
            "text": {"format": request.format, "verbosity": "medium"},
            "tool_choice": request.tool_choice or "auto",
            "tools": request.tools or [],
            "top_logprobs": 0,
            "top_p": 1.0,
            "truncation": "disabled",
            "usage": usage,
            "user": None,
            "metadata": request.metadata or {},
            **({"conversation": {"id": conversation}} if conversation is not None else {}),
        }

    def _output(self, said: Said) -> list[Item]:
        if not said.calls:
            part = {"type": "output_text", "annotations": [], "logprobs": [], "text": said.text}
            message = {"id": self._model.new_id("msg_"), "type": "message", "status": "completed"}
            return [{**message, "role": "assistant", "content": [part]}]
        return [
            {
                "id": self._model.new_id("fc_"),
                "type": "function_call",
                "status": "completed",
                "arguments": call.arguments,
                "call_id": self._model.new_id("call_"),
                "name": call.name,
            }
            for call in said.calls
        ]

    def _cancel(self, response_id: str) -> Step:
        stored = self._chains.get(response_id)
        cancelled = {**stored.response, "status": "cancelled"}
        self._chains.put(Stored(response=cancelled, input=stored.input))
        return as_json(cancelled)

    def _input_items(self, response_id: str, order: str) -> Step:
        """The whole chain in one page, newest first unless asked otherwise."""
        items = self._chains.get(response_id).input[:: 1 if order == "asc" else -1]
        ends = {"first_id": items[0]["id"], "last_id": items[-1]["id"]} if items else {"first_id": "", "last_id": ""}
        return as_json({"object": "list", "data": items, **ends, "has_more": False})


def _prompt(request: _Request, items: list[Item]) -> Prompt:
    match request.tool_choice:
        case {"type": "function", "name": str(choice)} | str(choice):
            pass
        case _:
            choice = "auto"
    lines = [Line(role="system", text=request.instructions or "")]
    for item in items:
        if item["type"] == "message":
            lines.append(Line(role=_LINE_ROLES[item["role"]], text=text_of(item["content"])))
        elif item["type"].endswith("_output"):
            lines.append(Line(role="tool", text=text_of(item.get("output"))))
    return Prompt(
        lines=tuple(lines),
        tools=tuple(tool["name"] for tool in request.tools or () if tool["type"] == "function"),
        choice=choice,
        is_json=request.format["type"] in ("json_schema", "json_object"),
    )
