"""gateway/enforce.py: answers that break rules, what the client gets in their place, and when nothing is touched."""

from __future__ import annotations

import json
from collections.abc import AsyncGenerator, Sequence
from typing import Any, Literal

import msgspec
import pytest

from gateway.enforce import HEADER, MAX_HELD_BYTES, Held, enforced, reminding
from gateway.errors import UpstreamUnreachable
from gateway.fence import Fence
from gateway.guard import verdicts
from gateway.memories import Memory
from gateway.ports import Headers, Incoming
from gateway.shapes.chat import SHAPE
from gateway.types import Note
from tests.exchanges import ANN
from tests.test_guard import rule

FENCE = Fence(b"k" * 32)
JSON: Headers = [(b"content-type", b"application/json")]
EMOJI, SHORT = rule("Never use emojis.", "m_1"), rule("Keep answers under 5 words.", "m_2")
MESSAGES = [{"role": "system", "content": "You help."}, {"role": "user", "content": "When does it leave?"}]


def held(enforce: Literal["off", "annotate", "retry"], *rules: Memory, messages: Any = MESSAGES, **more: Any) -> Held:
    call = SHAPE.read(json.dumps({"model": "m", "messages": messages, **more}).encode())
    assert call is not None
    notes = tuple(Note(where=slot.where, text="(a note)") for slot in call.slots if slot.is_head)
    return Held(enforce=enforce, shape=SHAPE, call=call, scope=ANN, rules=rules or (EMOJI, SHORT), notes=notes)


def body(*texts: str) -> bytes:
    choices = [
        {"index": number, "message": {"role": "assistant", "content": text}, "finish_reason": "stop"}
        for number, text in enumerate(texts)
    ]
    return json.dumps({"id": "a", "choices": choices}).encode()


def answer(content: bytes | Exception, *, status: int = 200, headers: Headers = JSON) -> Incoming:
    async def chunks() -> AsyncGenerator[bytes, None]:
        if isinstance(content, Exception):
            raise content
        yield content[:3]
        yield content[3:]

    return Incoming(status=status, headers=headers, chunks=chunks())


class Model:
    """Gives its answers one after the other, and keeps what it is asked."""

    def __init__(self, *answers: Incoming | UpstreamUnreachable) -> None:
        self._answers = list(answers)
        self.asked: list[bytes] = []

    async def ask(self, body: bytes) -> Incoming:
        self.asked.append(body)
        given = self._answers.pop(0)
        if isinstance(given, UpstreamUnreachable):
            raise given
        return given


async def content(incoming: Incoming) -> bytes:
    return b"".join([chunk async for chunk in incoming.chunks])


def told(incoming: Incoming) -> list[bytes]:
    """What the header says of violations."""
    return [value for name, value in incoming.headers if name == HEADER]


BAD = body("It leaves at nine in the morning 🚆")
BETTER = body("It leaves at nine in the morning")
GOOD = body("At nine.")


@pytest.mark.promise("P3")
@pytest.mark.parametrize(
    ("stake", "incoming"),
    [
        (held("off"), answer(BAD)),
        (held("retry", stream=True), answer(BAD)),
        (held("retry"), answer(BAD, headers=[(b"content-type", b"text/event-stream")])),
        (held("retry"), answer(BAD, status=500)),
        (held("retry", rule("Be kind.")), answer(BAD)),
    ],
)
async def test_what_is_not_to_be_enforced_is_not_even_read(stake: Held, incoming: Incoming) -> None:
    assert await enforced(stake, FENCE, incoming, Model().ask) is incoming
    assert await content(incoming) == BAD


@pytest.mark.promise("P3")
async def test_an_answer_that_keeps_the_rules_passes_as_it_came() -> None:
    passed = await enforced(held("retry"), FENCE, answer(GOOD), Model().ask)
    assert passed.headers == JSON
    assert [chunk async for chunk in passed.chunks] == [GOOD[:3], GOOD[3:]]


async def test_a_violation_is_told_in_a_header_and_the_answer_stays() -> None:
    passed = await enforced(held("annotate"), FENCE, answer(BAD), Model().ask)
    assert told(passed) == [b"2; emoji,length"]
    assert await content(passed) == BAD


async def test_a_second_answer_that_breaks_none_takes_the_place_of_the_first() -> None:
    model = Model(answer(GOOD))
    passed = await enforced(held("retry"), FENCE, answer(BAD), model.ask)
    assert (told(passed), await content(passed)) == ([], GOOD)
    assert len(model.asked) == 1


async def test_a_second_answer_that_breaks_fewer_is_passed_on_with_what_is_left() -> None:
    passed = await enforced(held("retry"), FENCE, answer(BAD), Model(answer(BETTER)).ask)
    assert (told(passed), await content(passed)) == ([b"1; length"], BETTER)


@pytest.mark.promise("P2")
async def test_the_second_request_says_the_broken_rules_once_more_after_the_newest_message() -> None:
    model = Model(answer(GOOD))
    await enforced(held("retry", EMOJI, rule("No bullet points.", "m_3")), FENCE, answer(BAD), model.ask)
    (asked,) = (json.loads(sent)["messages"] for sent in model.asked)
    assert asked[0]["content"] == "You help.\n\n(a note)"
    assert asked[1]["content"].startswith("When does it leave?\n\n<accrue-rules ")
    assert "Never use emojis." in asked[1]["content"]
    assert "No bullet points." not in asked[1]["content"]
    assert FENCE.strip(asked[1]["content"]) == "When does it leave?"


SECOND: Sequence[tuple[str, Incoming | UpstreamUnreachable]] = [
    ("is no better", answer(body("It goes at nine in the morning 🚆"))),
    ("fails", answer(GOOD, status=429)),
    ("has no words", answer(body())),
    ("has several choices", answer(body("Nine.", "Ten."))),
    ("breaks off", answer(UpstreamUnreachable("gone"))),
    ("is too long", answer(body("n" * MAX_HELD_BYTES))),
    ("cannot be had", UpstreamUnreachable("gone")),
]


@pytest.mark.promise("P4")
@pytest.mark.parametrize("second", [one for _, one in SECOND], ids=[name for name, _ in SECOND])
async def test_the_first_answer_stands_where_the_second(second: Incoming | UpstreamUnreachable) -> None:
    passed = await enforced(held("retry"), FENCE, answer(BAD), Model(second).ask)
    assert (told(passed), await content(passed)) == ([b"2; emoji,length"], BAD)


@pytest.mark.parametrize(
    "given",
    [body("At nine 🚆", "At ten 🚆"), b"not JSON", b'{"choices": []}', body("🚆" + " " * MAX_HELD_BYTES)],
    ids=["several choices", "no JSON", "no choice", "too long"],
)
async def test_what_is_no_single_answer_in_words_passes_unjudged(given: bytes) -> None:
    passed = await enforced(held("retry"), FENCE, answer(given), Model().ask)
    assert (told(passed), await content(passed)) == ([], given)


async def test_an_answer_that_breaks_off_breaks_off_for_the_client_as_well() -> None:
    passed = await enforced(held("retry"), FENCE, answer(UpstreamUnreachable("gone")), Model().ask)
    with pytest.raises(UpstreamUnreachable):
        await content(passed)


async def test_what_the_message_itself_asks_for_is_no_violation() -> None:
    asked = [{"role": "user", "content": "Which emoji is a train?"}]
    passed = await enforced(held("annotate", EMOJI, messages=asked), FENCE, answer(body("🚆")), Model().ask)
    assert told(passed) == []


async def test_without_a_place_for_the_rules_nobody_is_asked_again() -> None:
    stake = held("retry", EMOJI)
    placeless = msgspec.structs.replace(stake, call=msgspec.structs.replace(stake.call, slots=()))
    assert reminding(placeless, FENCE, verdicts([EMOJI], "🚆")) is None
    passed = await enforced(placeless, FENCE, answer(BAD), Model().ask)
    assert told(passed) == [b"1; emoji"]
