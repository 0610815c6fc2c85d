"""The endpoints litellm can stand in for: what a body may hold, how the provider is asked, how the answer is written.

Everything but embeddings is asked as one chat completion. litellm's own entries to /responses and /messages need
packages of its proxy (mcp, fastapi; 1.106), so here its translators are called around that one; the one to legacy
completions loses the usage.
Nothing here knows of the port, or of what an error means.
"""

from __future__ import annotations

import base64
import struct
from collections.abc import AsyncIterator, Awaitable, Callable, Iterable, Mapping
from typing import Any

import litellm
import msgspec
from litellm.llms.anthropic.pass_through.adapters.transformation import AnthropicAdapter
from litellm.responses.litellm_completion_transformation.streaming_iterator import LiteLLMCompletionStreamingIterator
from litellm.responses.litellm_completion_transformation.transformation import LiteLLMCompletionResponsesConfig
from litellm.types.llms.anthropic import AnthropicMessagesRequest
from openai.types import completion_create_params, embedding_create_params
from openai.types.chat import completion_create_params as chat_create_params
from openai.types.responses import response_create_params

Members = dict[str, Any]
DONE = b"data: [DONE]\n\n"

_PROVIDERS_OWN = frozenset(
    {
        *("thinking", "top_k", "min_p", "repetition_penalty"),
        *("safety_settings", "cached_content", "labels"),
        *("guardrailConfig", "performanceConfig", "requestMetadata"),
        *("documents", "citation_options"),
    }
)
"""Beyond OpenAI's, by line: of several; of Gemini and Vertex AI; of Bedrock; of Cohere."""


class EndedEarly(Exception):
    """The provider's stream ended before its end, which litellm takes for a good one."""


class Events:
    """The server-sent events of an answer, of whose chat completion the first chunk is here."""

    def __init__(self, chat: _Chat, events: AsyncIterator[bytes]) -> None:
        self._chat = chat
        self._events = events

    async def __anext__(self) -> bytes:
        """Raises whatever ended the chat completion, even where a translator made an event of it, or an end."""
        event = b""
        try:
            event = await anext(self._events)
        except Exception:
            if self._chat.failure is None:
                raise
        if self._chat.failure is not None:
            raise self._chat.failure
        return event

    async def aclose(self) -> None:
        """End the call of the provider."""
        await self._chat.aclose()


class Endpoint(msgspec.Struct, frozen=True, kw_only=True):
    """One path."""

    members: frozenset[str]
    """What a body may hold. Only what the API itself has is let through: among other names are hundreds by which
    litellm would be steered (1.106), to other hosts, keys, files and callbacks."""
    required: tuple[str, ...]
    call: Callable[[Members, Members], Awaitable[bytes | Events]]
    """Of the body's members without `model`, and of litellm's settings with it; raises what litellm raises."""
    left_out: frozenset[str] = frozenset()
    """Sent by clients to the service they were made for, and of no meaning to another."""


class _Chat:
    """A streamed chat completion of litellm's, begun."""

    def __init__(self, stream: Any) -> None:
        self._stream = stream
        self._first: list[Any] = []
        self.failure: Exception | None = None
        self.logging_obj = stream.logging_obj
        """Asked for by the translator to /responses."""

    @classmethod
    async def begun(cls, stream: Any) -> _Chat:
        """With its first chunk read, so that a refusal is known before anything is said."""
        chat = cls(stream)
        try:
            chat._first.append(await anext(chat))
        except Exception:
            await chat.aclose()
            raise
        return chat

    def __aiter__(self) -> _Chat:
        return self

    async def __anext__(self) -> Any:
        if self._first:
            return self._first.pop()
        try:
            return self._real(await anext(self._stream))
        except StopAsyncIteration:
            raise
        except Exception as error:
            self.failure = error
            raise

    async def aclose(self) -> None:
        await self._stream.aclose()

    def _real(self, chunk: Any) -> Any:
        """The chunk, unless it holds the finish reason that litellm makes up for a provider who gave none.

        For Gemini and Vertex AI it makes one up with each chunk (1.106): there only a broken connection tells.
        """
        is_last = any(choice.finish_reason for choice in chunk.choices)
        if is_last and not (self._stream.received_finish_reason or self._stream.intermittent_finish_reason):
            raise EndedEarly
        return chunk


async def _chat(members: Members, settings: Members) -> bytes | Events:
    answer = await litellm.acompletion(**members, **settings)
    if not members.get("stream"):
        return msgspec.json.encode(_completion(answer))
    chat = await _Chat.begun(answer)
    return Events(chat, _as_events(chat, _chunk))


async def _completions(members: Members, settings: Members) -> bytes | Events:
    prompt = members.pop("prompt")
    if not isinstance(prompt, str):
        raise ValueError("tokens and batches of prompts have no counterpart in a chat")
    answer = await litellm.acompletion(messages=[{"role": "user", "content": prompt}], **members, **settings)
    if not members.get("stream"):
        return msgspec.json.encode(_as_text(_completion(answer)))
    chat = await _Chat.begun(answer)
    return Events(chat, _as_events(chat, lambda chunk: _as_text(_chunk(chunk))))


async def _responses(members: Members, settings: Members) -> bytes | Events:
    translator = LiteLLMCompletionResponsesConfig
    heard = members.pop("input")
    is_stream = bool(members.get("stream"))
    asked = translator.transform_responses_api_request_to_chat_completion_request(
        model=settings["model"], input=heard, responses_api_request=members, stream=is_stream
    )
    answer = await litellm.acompletion(**{**asked, **settings})
    if not is_stream:
        response = translator.transform_chat_completion_response_to_responses_api_response(
            chat_completion_response=answer, request_input=heard, responses_api_request=members
        )
        return msgspec.json.encode(response.model_dump(mode="json"))
    chat, model = await _Chat.begun(answer), settings["model"].partition("/")[2]
    return Events(chat, _typed_events(LiteLLMCompletionStreamingIterator(model, chat, heard, members)))


async def _messages(members: Members, settings: Members) -> bytes | Events:
    translator = AnthropicAdapter()
    provider, _, model = settings["model"].partition("/")
    asked, names = translator.translate_completion_input_params_with_tool_mapping(
        {**members, "model": model}, custom_llm_provider=provider
    )
    is_stream = bool(members.get("stream"))
    wanted = {"stream": True, "stream_options": {"include_usage": True}} if is_stream else {}
    answer = await litellm.acompletion(**{**asked, **wanted, **settings})
    if not is_stream:
        return msgspec.json.encode(translator.translate_completion_output_params(answer, names))
    chat = await _Chat.begun(answer)
    return Events(chat, translator.translate_completion_output_params_streaming(chat, model, names))


async def _embeddings(members: Members, settings: Members) -> bytes | Events:
    is_packed = members.pop("encoding_format", None) == "base64"
    answer = _dumped(await litellm.aembedding(**members, **settings))
    for item in answer["data"] if is_packed else ():
        numbers = item["embedding"]
        item["embedding"] = base64.b64encode(struct.pack(f"<{len(numbers)}f", *numbers)).decode()
    return msgspec.json.encode(answer)


async def _as_events(chunks: AsyncIterator[Any], written: Callable[[Any], Members]) -> AsyncIterator[bytes]:
    async for chunk in chunks:
        yield b"data: " + msgspec.json.encode(written(chunk)) + b"\n\n"
    yield DONE


async def _typed_events(events: AsyncIterator[Any]) -> AsyncIterator[bytes]:
    async for event in events:
        data = event.model_dump(mode="json", exclude_none=True)
        yield f"event: {data['type']}\ndata: ".encode() + msgspec.json.encode(data) + b"\n\n"


def _completion(answer: Any) -> Members:
    """A chat completion with the nulls that OpenAI's SDKs count on and litellm leaves away."""
    completion = _dumped(answer)
    for choice in completion["choices"]:
        choice.setdefault("logprobs", None)
        choice["message"] = {"content": None, "refusal": None, **choice["message"]}
    return completion


def _chunk(answer: Any) -> Members:
    """The same for a piece of it; the piece with the usage has no choices."""
    chunk = _dumped(answer)
    for choice in chunk["choices"]:
        choice.setdefault("finish_reason", None)
    if "usage" in chunk and not any(choice.get("delta") or choice["finish_reason"] for choice in chunk["choices"]):
        chunk["choices"] = []
    return chunk


def _as_text(completion: Members) -> Members:
    """A chat completion, or a piece of it, in the form of the legacy API."""
    choices = [
        {
            "text": (choice.get("message") or choice["delta"]).get("content") or "",
            "index": choice["index"],
            "logprobs": None,
            "finish_reason": choice["finish_reason"],
        }
        for choice in completion["choices"]
    ]
    return {**completion, "object": "text_completion", "choices": choices}


def _dumped(answer: Any) -> Members:
    dumped: Members = answer.model_dump(mode="json", exclude_none=True, exclude_unset=True)
    return dumped


def _names(*types: Any, but: Iterable[str] = ()) -> frozenset[str]:
    """The members of request types of OpenAI's SDK."""
    return frozenset().union(*(kind.__annotations__ for kind in types)) - frozenset(but)


_OF_CHAT = _names(chat_create_params.CompletionCreateParamsBase)

ENDPOINTS: Mapping[str, Endpoint] = {
    "/chat/completions": Endpoint(
        members=_OF_CHAT | _PROVIDERS_OWN | {"stream"}, required=("model", "messages"), call=_chat
    ),
    "/completions": Endpoint(
        members=_names(
            completion_create_params.CompletionCreateParamsBase, but=("best_of", "echo", "logprobs", "suffix")
        )
        | {"stream"},
        required=("model", "prompt"),
        call=_completions,
    ),
    "/responses": Endpoint(
        # Nobody keeps a response here that another could follow; a body that counts on it would lose its beginning.
        members=_names(
            response_create_params.ResponseCreateParamsBase,
            but=("previous_response_id", "conversation", "background", "prompt"),
        )
        | {"stream"},
        required=("model", "input"),
        call=_responses,
        left_out=frozenset(("client_metadata", "context_management", "store")),
    ),
    "/messages": Endpoint(
        members=_names(AnthropicMessagesRequest, but=("litellm_metadata", "mcp_servers", "compaction")),
        required=("model", "max_tokens", "messages"),
        call=_messages,
        # Sent by Claude Code with every call; a beta of Anthropic's own servers.
        left_out=frozenset(("context_management",)),
    ),
    "/embeddings": Endpoint(
        members=_names(embedding_create_params.EmbeddingCreateParams), required=("model", "input"), call=_embeddings
    ),
}
