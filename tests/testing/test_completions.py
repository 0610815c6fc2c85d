"""Completions without roles, judged by the models of OpenAI's own client."""

from __future__ import annotations

from typing import Any

import msgspec
import pytest
from openai.types import Completion

from gateway.testing import ManualClock, Step
from gateway.testing.completions import reply
from gateway.testing.model import Model


def ask(prompt: Any, **members: Any) -> Step:
    return reply(msgspec.json.encode({"model": "m", "prompt": prompt, **members}), Model(ManualClock(), "said {said}"))


def texts(answer: Step) -> list[str]:
    (body,) = answer.chunks
    completion = Completion.model_validate_json(body)
    assert [choice.index for choice in completion.choices] == list(range(len(completion.choices)))
    return [choice.text for choice in completion.choices]


@pytest.mark.parametrize(
    ("prompt", "said"),
    [
        ("a", ["said a"]),
        (["a", "b"], ["said a", "said b"]),
        ([1, 2], ["said [1, 2]"]),
        ([[1], [2]], ["said [1]", "said [2]"]),
        ([], []),
    ],
)
def test_each_prompt_gets_a_choice(prompt: Any, said: list[str]) -> None:
    assert texts(ask(prompt)) == said


def test_a_prompt_can_be_echoed() -> None:
    assert texts(ask("a ", echo=True)) == ["a said a"]


def test_a_stream_gives_the_words_of_each_choice_and_its_end() -> None:
    answer = ask(["a", "b"], stream=True, echo=True, stream_options={"include_usage": True})
    assert answer.chunks[-1] == b"data: [DONE]\n\n"
    *events, last = [msgspec.json.decode(chunk.removeprefix(b"data: ")) for chunk in answer.chunks[:-1]]
    choices = [choice for event in events for choice in event["choices"]]
    assert [(choice["index"], choice["text"], choice["finish_reason"]) for choice in choices] == [
        *((0, text, None) for text in ("a", "said", " a")),
        (0, "", "stop"),
        *((1, text, None) for text in ("b", "said", " b")),
        (1, "", "stop"),
    ]
    assert last["choices"] == []
    assert last["usage"]["completion_tokens"] == 4
    assert b"usage" not in b"".join(ask("a", stream=True).chunks)


def test_what_is_no_prompt_is_refused() -> None:
    with pytest.raises(msgspec.ValidationError):
        ask(1)
