"""What the Responses API remembers for its clients: responses, the items before them, conversations.

Items are kept as they were sent, but for what the API itself adds: an id, a type, and content as parts.
"""

from __future__ import annotations

from typing import Any

import msgspec

from gateway.testing.model import Model
from gateway.testing.wire import Refused

Item = dict[str, Any]

_OUTPUTS = {"function_call_output": "function_call", "custom_tool_call_output": "custom_tool_call"}
"""Types of results, and of the calls they answer."""

_PREFIXES = {"message": "msg_", "function_call": "fc_", "function_call_output": "fc_", "reasoning": "rs_"}


class Stored(msgspec.Struct, frozen=True, kw_only=True):
    """A response that can be fetched and continued."""

    response: dict[str, Any]
    input: list[Item]
    """Everything the model saw as items: the chain before it and its own input."""


class Chains:
    """Responses and conversations by id."""

    def __init__(self, model: Model) -> None:
        self._model = model
        self._responses: dict[str, Stored] = {}
        self._conversations: dict[str, list[Item]] = {}

    def get(self, response_id: str) -> Stored:
        """Raises `Refused` for an id that is not stored."""
        if response_id not in self._responses:
            raise Refused(f"Response with id '{response_id}' not found.", status=404)
        return self._responses[response_id]

    def before(self, previous: str | None, conversation: str | None) -> list[Item]:
        """Items a new response begins after. A conversation is made by naming it: a concession to short tests."""
        if previous and conversation:
            names = "'previous_response_id', 'conversation'"
            raise Refused(f"Mutually exclusive parameters: [{names}].", code="mutually_exclusive_parameters")
        if previous and previous not in self._responses:
            raise Refused(
                f"Previous response with id '{previous}' not found.",
                param="previous_response_id",
                code="previous_response_not_found",
            )
        if previous:
            stored = self._responses[previous]
            return [*stored.input, *stored.response["output"]]
        return list(self._conversations.get(conversation or "", ()))

    def items(self, sent: str | list[Item]) -> list[Item]:
        """A request's input as the API keeps it. Raises `Refused` for a reference to an item that is not stored."""
        if isinstance(sent, str):
            sent = [{"role": "user", "content": sent}]
        return [self._item(item) for item in sent]

    def put(self, stored: Stored) -> None:
        """Keep a response; the same id replaces."""
        self._responses[stored.response["id"]] = stored

    def append(self, conversation: str, items: list[Item]) -> None:
        """Let a conversation go on with these."""
        self._conversations.setdefault(conversation, []).extend(items)

    def delete(self, response_id: str) -> None:
        """Raises `Refused` for an id that is not stored."""
        self.get(response_id)
        del self._responses[response_id]

    def _item(self, item: Item) -> Item:
        kind: str = item.get("type") or ("message" if "role" in item else "item_reference")
        if kind == "item_reference":
            return self._referred(item["id"])
        item = {**item, "type": kind, "id": item.get("id") or self._model.new_id(_PREFIXES.get(kind, "item_"))}
        if isinstance(item.get("content"), str):
            part = "output_text" if item.get("role") == "assistant" else "input_text"
            item["content"] = [{"type": part, "text": item["content"]}]
        return item

    def _referred(self, item_id: str) -> Item:
        kept: list[Item] = [
            item for stored in self._responses.values() for item in (*stored.input, *stored.response["output"])
        ]
        kept += [item for items in self._conversations.values() for item in items]
        found = next((item for item in kept if item["id"] == item_id), None)
        if found is None:
            raise Refused(f"Item with id '{item_id}' not found.", param="input", status=404)
        return found


def judge(items: list[Item]) -> None:
    """Refuse calls without a later result, results without an earlier call, and reasoning that leads to nothing."""
    owed: dict[tuple[str, str], None] = {}
    called: set[tuple[str, str]] = set()
    for item, following in zip(items, [*items[1:], None], strict=False):
        kind = item["type"]
        if kind in _OUTPUTS.values():
            called.add((kind, item["call_id"]))
            owed[kind, item["call_id"]] = None
        elif kind in _OUTPUTS:
            call = (_OUTPUTS[kind], item["call_id"])
            if call not in called:
                problem = f"No tool call found for {kind.replace('_', ' ')} with call_id {item['call_id']}."
                raise Refused(problem, param="input")
            owed.pop(call, None)
        elif kind == "reasoning" and (following is None or not _is_by_model(following)):
            problem = f"Item '{item['id']}' of type 'reasoning' was provided without its required following item."
            raise Refused(problem, param="input")
    for kind, call_id in owed:
        raise Refused(f"No tool output found for {kind.replace('_', ' ')} {call_id}.", param="input")


def _is_by_model(item: Item) -> bool:
    return item.get("role", "assistant") == "assistant" and item["type"] not in _OUTPUTS
