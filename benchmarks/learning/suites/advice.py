"""G: credit. A person has ten forms filed, each by a tool of its own that refuses a form without its reference. What is
learnt from that helps the model with half of the tools, changes nothing with three, and confuses it with two: only what
comes of it tells them apart.
"""

from __future__ import annotations

import asyncio
import random
from collections.abc import Sequence
from typing import Any

import msgspec

from benchmarks.learning.life import SYSTEM, Answer, Ask, Goal, Life, Message, Point, Suite, Talk, user_says

SESSIONS = 80
LAST = 40
"""Sessions by which it is judged: the credit of a lesson has to be earned first."""
LOST_AFTER = 8
"""Sessions at the end in none of which a good lesson was told: then it is lost. One that is told every other time stays
away so long once in 250."""
MAX_CALLS = 4
"""Of one session; it takes two or three."""

HELPED = ("file_parcel", "file_permit", "file_refund", "file_voucher", "file_visitor")
"""Tools that the model uses better when it is warned."""
UNMOVED = ("file_invoice", "file_receipt", "file_badge")
CONFUSED = ("file_claim", "file_lease")
"""Tools that it uses worse."""

_PEOPLE = ("Ms Berger", "Mr Okafor", "Mrs Lindqvist", "Mr Tanaka", "Ms Duarte", "Mr Novak")
RIGHT = "{}: the form needs its reference."


class _Clerk:
    """Somebody who has the same ten forms filed again and again."""

    def __init__(self, seed: int) -> None:
        self.user = f"advice-{seed}"
        self._pick = random.Random(self.user)
        self._told: dict[str, int] = {}
        """When a lesson about a tool was told last."""

    async def step(self, number: int, talk: Talk) -> Sequence[Point]:
        tools = (*HELPED, *UNMOVED, *CONFUSED)
        wishes = [f"Please {tool.replace('_', ' the ')} of {self._pick.choice(_PEOPLE)}." for tool in tools]
        filed = await asyncio.gather(
            *(self._file(tool, wish, number, talk) for tool, wish in zip(tools, wishes, strict=True))
        )
        points = [Point(metric="right", value=is_right, at=number) for is_right in filed]
        if number == SESSIONS:
            lost = [self._told.get(tool, 0) <= SESSIONS - LOST_AFTER for tool in HELPED]
            points += [Point(metric="good lost", value=is_lost) for is_lost in lost]
        return points

    async def _file(self, tool: str, wish: str, number: int, talk: Talk) -> bool:
        """Whether the form was taken the first time."""
        messages: list[Message] = [SYSTEM, user_says(wish)]
        right = (RIGHT.format(tool),) if tool in HELPED else ()
        results: list[str] = []
        for turn in range(1, MAX_CALLS + 1):
            ask = Ask(
                session=f"{tool}-{number}", turn=turn, messages=tuple(messages), right=right, tools=(_tool(tool),)
            )
            answer = await talk.ask(ask)
            self._note(tool, number, answer)
            messages.append(answer.message)
            calls: list[dict[str, Any]] = answer.message.get("tool_calls") or []
            if not calls:
                break
            for call in calls:
                results.append(_result(msgspec.json.decode(call["function"]["arguments"])))
                messages.append({"role": "tool", "tool_call_id": call["id"], "content": results[-1]})
        return bool(results) and results[0].startswith("filed")

    def _note(self, tool: str, number: int, answer: Answer) -> None:
        lines = answer.all_added.splitlines()
        if any(line.startswith("- ") and tool in line and "assistant:" not in line for line in lines):
            self._told[tool] = number


def _tool(name: str) -> dict[str, Any]:
    properties = {"person": {"type": "string"}, "reference": {"type": "string"}}
    parameters = {"type": "object", "properties": properties, "required": ["person"]}
    return {"type": "function", "function": {"name": name, "description": "File a form.", "parameters": parameters}}


def _result(arguments: dict[str, str]) -> str:
    if "reference" in arguments:
        return f"filed for {arguments['person']}"
    return "Error: the form was refused because it has no reference"


def _lives(seed: int) -> Sequence[Life]:
    return [_Clerk(seed)]


SUITE = Suite(
    name="G",
    title="lessons that help and lessons that confuse",
    steps=SESSIONS,
    along="session",
    metrics=("right", "good lost"),
    lives=_lives,
    goals=(
        Goal(
            text="share of the attainable lift ≥ 0.80, in the second half",
            figure=lambda mean: (
                (mean("full", "right", slice(-LAST, None)) - mean("off", "right", slice(-LAST, None)))
                / (mean("oracle", "right", slice(-LAST, None)) - mean("off", "right", slice(-LAST, None)))
            ),
            is_reached=lambda value: value >= 0.80,
        ),
        Goal(
            text="good lessons lost ≤ 0.02",
            figure=lambda mean: mean("full", "good lost"),
            is_reached=lambda value: value <= 0.02,
        ),
    ),
)
