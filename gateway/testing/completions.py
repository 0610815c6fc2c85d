"""`/v1/completions`, the endpoint without roles, as the scripted upstream speaks it."""

from __future__ import annotations

import itertools
from typing import Any

import msgspec

from gateway.testing.model import Line, Model, Prompt
from gateway.testing.scripted import Step
from gateway.testing.wire import as_data_stream, as_json


class _Completion(msgspec.Struct):
    prompt: str | list[str | int | list[int]]
    model: str = ""
    echo: bool | None = False
    stream: bool | None = False
    stream_options: dict[str, bool] | None = None


def reply(body: bytes, model: Model) -> Step:
    """Answer each prompt with a choice of its own. Raises `msgspec.MsgspecError` for what the API would refuse."""
    call = msgspec.json.decode(body, type=_Completion)
    prompts = _prompts(call.prompt)
    answers = [model.answer(Prompt(lines=(Line(role="user", text=prompt),))) for prompt in prompts]
    prompt_tokens, completion_tokens = len(body) // 4, sum(answer.tokens for answer in answers)
    usage = {
        "prompt_tokens": prompt_tokens,
        "completion_tokens": completion_tokens,
        "total_tokens": prompt_tokens + completion_tokens,
    }
    head = {"id": model.new_id("cmpl-"), "object": "text_completion", "created": model.now(), "model": call.model}
    pieces = [[prompt] * bool(call.echo) + answer.words for prompt, answer in zip(prompts, answers, strict=True)]
    if not call.stream:
        choices = [_choice("".join(texts), index, "stop") for index, texts in enumerate(pieces)]
        return as_json({**head, "choices": choices, "usage": usage})
    rounds = itertools.chain.from_iterable(
        [*(_choice(text, index, None) for text in texts), _choice("", index, "stop")]
        for index, texts in enumerate(pieces)
    )
    events: list[dict[str, Any]] = [{**head, "choices": [choice]} for choice in rounds]
    if (call.stream_options or {}).get("include_usage"):
        events = [*({**event, "usage": None} for event in events), {**head, "choices": [], "usage": usage}]
    return as_data_stream(events)


def _prompts(prompt: str | list[Any]) -> list[str]:
    """One or many texts; tokens are not decoded, only told apart from each other."""
    if isinstance(prompt, str):
        return [prompt]
    return [str(prompt)] if prompt and isinstance(prompt[0], int) else [str(one) for one in prompt]


def _choice(text: str, index: int, finish_reason: str | None) -> dict[str, Any]:
    return {"text": text, "index": index, "logprobs": None, "finish_reason": finish_reason}
