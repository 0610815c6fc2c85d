"""What an OpenAI-compatible server says when nobody scripted it. Pure: a request in, an answer out."""

from __future__ import annotations

import base64
import math
import re
import struct
import zlib
from typing import Any

import msgspec

from gateway.fence import NOTES, RULES
from gateway.ports import Clock
from gateway.testing.scripted import Received, Step

REPLY = "You said: {said}\nI can see {count} notes.{notes}"
"""What a completion says: the last words of the user, and the notes found anywhere in the messages."""

EMBEDDING_SIZE = 64

_BLOCK = re.compile(rf"<({NOTES}|{RULES}) ([0-9a-f]+)>\n(.*?)\n</\1 \2>", re.DOTALL)


class _Message(msgspec.Struct):
    role: str = ""
    content: str | list[dict[str, Any]] | None = None


class _Chat(msgspec.Struct):
    messages: list[_Message]
    model: str = ""
    stream: bool | None = False
    stream_options: dict[str, bool] | None = None


class _Embed(msgspec.Struct):
    input: str | list[Any]
    model: str = ""
    encoding_format: str = "float"
    dimensions: int = EMBEDDING_SIZE


def reply(request: Received, template: str, clock: Clock) -> Step:
    """Completions, embeddings and models; any other request gets its own body back.

    Raises `msgspec.MsgspecError` for a body that the API would refuse.
    """
    match request.target.partition("?")[0]:
        case "/v1/chat/completions":
            chat = msgspec.json.decode(request.body, type=_Chat)
            return _completion(chat, _said(chat, template), len(request.body) // 4, clock)
        case "/v1/embeddings":
            return _embeddings(msgspec.json.decode(request.body, type=_Embed))
        case "/v1/models":
            model = {"id": "scripted", "object": "model", "created": 0, "owned_by": "accrue"}
            return as_json({"object": "list", "data": [model]})
        case _:
            kinds = [value.decode("latin-1") for name, value in request.headers if name.lower() == b"content-type"]
            headers = [("x-scripted-upstream", "echo"), *(("content-type", kind) for kind in kinds)]
            return Step(headers=headers, chunks=[request.body])


def as_json(value: Any, status: int = 200) -> Step:
    """A JSON answer."""
    return Step(status=status, chunks=[msgspec.json.encode(value)])


def _completion(chat: _Chat, text: str, prompt_tokens: int, clock: Clock) -> Step:
    words = re.findall(r"\s*\S+", text)
    total_tokens = prompt_tokens + len(words)
    usage = {"prompt_tokens": prompt_tokens, "completion_tokens": len(words), "total_tokens": total_tokens}
    head = {"id": clock.new_id("chatcmpl"), "created": int(clock.now()), "model": chat.model}
    if not chat.stream:
        message = {"role": "assistant", "content": text, "refusal": None}
        choice = {"index": 0, "message": message, "logprobs": None, "finish_reason": "stop"}
        return as_json({**head, "object": "chat.completion", "choices": [choice], "usage": usage})
    deltas = [{"role": "assistant", "content": ""}, *({"content": word} for word in words), {}]
    choices = [{"index": 0, "delta": delta, "finish_reason": None if delta else "stop"} for delta in deltas]
    chunk = {**head, "object": "chat.completion.chunk"}
    events: list[dict[str, Any]] = [{**chunk, "choices": [choice]} for choice in choices]
    if (chat.stream_options or {}).get("include_usage"):
        events = [*({**event, "usage": None} for event in events), {**chunk, "choices": [], "usage": usage}]
    data = [*(msgspec.json.encode(event) for event in events), b"[DONE]"]
    headers = [("content-type", "text/event-stream; charset=utf-8")]
    return Step(headers=headers, chunks=[b"data: " + event + b"\n\n" for event in data], framing="chunked")


def _said(chat: _Chat, template: str) -> str:
    texts = [(message.role, _text(message.content)) for message in chat.messages]
    blocks = [block for _, text in texts for block in _BLOCK.finditer(text)]
    notes = [line for block in blocks for line in block[3].split("\n") if line.startswith("- ")]
    said = next((_BLOCK.sub("", text).strip() for role, text in reversed(texts) if role == "user"), "")
    return template.format(said=said, count=len(notes), notes="".join(f"\n{note}" for note in notes))


def _text(content: str | list[dict[str, Any]] | None) -> str:
    if isinstance(content, list):
        return "\n".join(part.get("text", "") for part in content)
    return content or ""


def _embeddings(call: _Embed) -> Step:
    texts = [call.input] if isinstance(call.input, str) else [str(item) for item in call.input]
    vectors: list[Any] = [_embedding(text, call.dimensions) for text in texts]
    if call.encoding_format == "base64":
        vectors = [base64.b64encode(struct.pack(f"<{len(vector)}f", *vector)).decode() for vector in vectors]
    data = [{"object": "embedding", "index": index, "embedding": vector} for index, vector in enumerate(vectors)]
    usage = {"prompt_tokens": len(texts), "total_tokens": len(texts)}
    return as_json({"object": "list", "data": data, "model": call.model, "usage": usage})


def _embedding(text: str, size: int) -> list[float]:
    """Words hashed into a bag: texts that share words are near each other."""
    vector = [0.0] * size
    for word in re.findall(r"\w+", text.lower()):
        vector[zlib.crc32(word.encode()) % size] += 1.0
    length = math.hypot(*vector) or 1.0
    return [value / length for value in vector]
