"""What traces say of a call and of a write of memories, in the words of OpenTelemetry's conventions for generative AI.

Values in, names and attributes out; how spans are made is known to gateway/tracing.py. The conventions are those of
github.com/open-telemetry/semantic-conventions-genai, 1.42.0-dev, whose status is Development: names may still change.
What was said is told only where that is asked for, and then as it is on record: without what is redacted.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence

import msgspec

from gateway.memories import Memory
from gateway.stages import Mark
from gateway.types import Exchange, Turn

SCHEMA_URL = "https://opentelemetry.io/schemas/gen-ai-dev/1.42.0-dev"

SEARCH, UPSERT = "search_memory", "upsert_memory"
"""A store may replace, join or add what it is given, so that no write is merely a create or an update."""

MAX_CHARS = 256
"""Of a name that a client chose."""

Attributes = dict[str, str | int | list[str]]


class Call(msgspec.Struct, frozen=True, kw_only=True):
    """A call that is settled."""

    began: float
    """Unix seconds, as `ended`."""
    ended: float
    carrier: Mapping[str, str]
    """The headers by which its client names the trace."""
    marks: Sequence[Mark]
    word: str
    """See `accounts.Settled`."""
    exchange: Exchange | None

    @property
    def is_clean(self) -> bool:
        """Whether what was said in it may be told; what did not get on record was perhaps never cleaned."""
        return self.word == "recorded"


class Write(msgspec.Struct, frozen=True, kw_only=True):
    """Memories that were given to the store."""

    began: float
    """Unix seconds, as `ended`."""
    ended: float
    memories: Sequence[Memory]
    error: str = ""
    """The class of what went wrong."""

    @property
    def exchanges(self) -> Iterator[str]:
        """Those in which they were said, the latest mention first."""
        for memory in self.memories:
            yield from filter(None, (memory.last, memory.exchange))


Told = Call | Write


def name_of(call: Call) -> str:
    """What the span of a call is called: the operation and the model; `call` where neither was read."""
    exchange = call.exchange
    return "call" if exchange is None else plain(f"{_operation(exchange)} {exchange.model}".strip())


def of_call(call: Call, *, has_content: bool) -> Attributes:
    """What is said of a call as a whole."""
    exchange = call.exchange
    if exchange is None:
        return {"accrue.settled": call.word}
    told: Attributes = {
        "accrue.settled": call.word,
        "accrue.exchange": exchange.id,
        "accrue.policy": exchange.policy,
        "accrue.memory": exchange.outcome.status,
        "accrue.memory.reason": exchange.outcome.reason,
        "accrue.memory.notes": exchange.outcome.notes,
        "accrue.memory.tokens": exchange.outcome.tokens,
        "gen_ai.operation.name": _operation(exchange),
        "gen_ai.provider.name": "anthropic" if exchange.path.startswith("/messages") else "openai",
        "gen_ai.request.model": plain(exchange.model),
        "gen_ai.conversation.id": plain(exchange.scope.session),
        "gen_ai.agent.name": plain(exchange.scope.agent),
    }
    if exchange.status is not None:
        told["http.response.status_code"] = exchange.status
    told |= _of_reply(exchange)
    return told | _content(exchange) if has_content and call.is_clean else told


def _of_reply(exchange: Exchange) -> Attributes:
    reply = exchange.reply
    if reply is None:
        return {}
    told: Attributes = {}
    for name, value in (("gen_ai.response.id", reply.id), ("gen_ai.response.model", reply.model)):
        if value:
            told[name] = plain(value)
    if reply.finish_reason:
        told["gen_ai.response.finish_reasons"] = [plain(reply.finish_reason)]
    if reply.usage is not None:
        told["gen_ai.usage.input_tokens"] = reply.usage.prompt_tokens
        told["gen_ai.usage.output_tokens"] = reply.usage.completion_tokens
        told["gen_ai.usage.cache_read.input_tokens"] = reply.usage.cached_tokens
    return told


def _content(exchange: Exchange) -> Attributes:
    replied = () if exchange.reply is None else exchange.reply.turns
    return {"gen_ai.input.messages": _messages(exchange.turns), "gen_ai.output.messages": _messages(replied)}


def _messages(turns: Sequence[Turn]) -> str:
    return _json([{"role": turn.role, "parts": [*_parts(turn)]} for turn in turns])


def _parts(turn: Turn) -> Iterator[Mapping[str, str]]:
    if turn.answers is not None:
        yield {"type": "tool_call_response", "id": turn.answers, "response": turn.text}
    elif turn.text:
        yield {"type": "text", "content": turn.text}
    for call in turn.calls:
        yield {"type": "tool_call", "id": call.id, "name": call.name, "arguments": call.arguments}


def of_search(call: Call, *, has_content: bool) -> Attributes:
    """What is said of the recall of a call."""
    told: Attributes = {"gen_ai.operation.name": SEARCH}
    if call.exchange is None:
        return told
    found = call.exchange.considered
    told["gen_ai.memory.record.count"] = len(found)
    if has_content and call.is_clean:
        asked = next((turn.text for turn in reversed(call.exchange.turns) if turn.role == "user"), "")
        told["gen_ai.memory.query.text"] = asked
        told["gen_ai.memory.records"] = _json(
            [{"id": one.memory, "content": one.text, "score": one.score} for one in found if one.decision == "injected"]
        )
    return told


def of_write(write: Write, *, has_content: bool) -> Attributes:
    """What is said of a write of memories."""
    told: Attributes = {"gen_ai.operation.name": UPSERT, "gen_ai.memory.record.count": len(write.memories)}
    if len(write.memories) == 1:
        told["gen_ai.memory.record.id"] = write.memories[0].id
    if has_content:
        told["gen_ai.memory.records"] = _json([{"id": one.id, "content": one.text} for one in write.memories])
    return told


def error_of(call: Call) -> str:
    """Why a call failed, in one word; empty when it did not."""
    exchange = call.exchange
    if exchange is None:
        return call.word if call.word.isdigit() or call.word == "error" else ""
    if exchange.is_refused:
        return str(exchange.status)
    return "interrupted" if exchange.state == "interrupted" else ""


def trouble_of(call: Call) -> str:
    """Why recall did not come about, in one word; empty when it did."""
    status = "" if call.exchange is None else call.exchange.outcome.status
    return status if status in ("timeout", "breaker", "error") else ""


def stages(call: Call) -> Iterator[Mark]:
    """The stages of a call; it goes on record from the end of its answer on."""
    yield from call.marks
    if call.exchange is not None and call.exchange.ended_at is not None:
        yield "record", call.exchange.ended_at, call.ended


def plain(name: str) -> str:
    """A name that a client chose, as one that can be sent: half of a pair of surrogates cannot."""
    return name[:MAX_CHARS].encode("utf-8", "replace").decode()


def _operation(exchange: Exchange) -> str:
    return "text_completion" if exchange.path.startswith("/completions") else "chat"


def _json(value: object) -> str:
    return msgspec.json.encode(value).decode()
