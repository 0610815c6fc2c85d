"""D: a bug that comes back. A developer's agent changes the same two modules session after session; each once had a bug
that its tests know. A third module never had one: nothing about the other two belongs there.
"""

from __future__ import annotations

import random
from collections.abc import Sequence
from typing import Any

import msgspec

from benchmarks.learning.life import Ask, Goal, Life, Message, Point, Suite, Talk, user_says

SESSIONS = 12
LIVES = 2
MAX_CALLS = 10
"""Of one session; it takes six."""

_SYSTEM: Message = {"role": "system", "content": "You are a coding agent. Use the tools to change the repository."}
_CHANGES = (
    "Add a docstring to every function in {}.", "Speed up the inner loop in {}.", "Rename the helpers in {}.",
    "Let {} take its limits from the settings.", "Split the long function in {}.", "Make {} log what it skips.",
)  # fmt: skip
_MODULES = (
    ("src/billing/invoice.py", "test_rounds_half_a_cent_up", "AssertionError: 10.01 != 10.00"),
    ("src/search/tokens.py", "test_keeps_umlauts", "AssertionError: 'Muller' != 'Müller'"),
    ("src/calendar/dates.py", "test_knows_leap_years", "ValueError: day is out of range for month"),
    ("src/mail/queue.py", "test_sends_each_letter_once", "AssertionError: 2 != 1"),
    ("src/maps/routes.py", "test_ends_at_a_dead_end", "IndexError: pop from empty list"),
    ("src/users/avatars.py", "test_accepts_a_gif", "KeyError: 'image/gif'"),
)
_PASSING = 5


def _tool(name: str, *arguments: str) -> dict[str, Any]:
    properties = {argument: {"type": "string"} for argument in arguments}
    parameters = {"type": "object", "properties": properties, "required": list(arguments)}
    return {"type": "function", "function": {"name": name, "description": name, "parameters": parameters}}


TOOLS = (_tool("run_tests", "path"), _tool("edit_file", "path", "change"))


class Module(msgspec.Struct, frozen=True, kw_only=True):
    """A file with a test that once failed."""

    path: str
    test: str
    error: str

    @property
    def test_file(self) -> str:
        """The file its test is in."""
        return f"tests/test_{self.path.rpartition('/')[2]}"


class Repository:
    """What the tools work on: one module is in hand, and its bug is in or out."""

    def __init__(self, module: Module, *, is_broken: bool) -> None:
        self._module = module
        self.is_broken = is_broken
        self.breaks = 0
        """How often the bug came in."""

    def result(self, tool: str, arguments: dict[str, str]) -> str:
        """What a tool answers."""
        if tool == "run_tests":
            return self._tested()
        change = arguments["change"]
        if "rewrite" in change and not self.is_broken:
            self.is_broken = True
            self.breaks += 1
        elif "repair" in change:
            self.is_broken = False
        return f"saved {arguments['path']}"

    def _tested(self) -> str:
        name = f"{self._module.test_file}::{self._module.test}"
        head = "============================= test session starts ============================="
        verdict = "FAILED" if self.is_broken else "PASSED"
        lines = [head, f"collected {_PASSING + 1} items", "", f"{name} {verdict}"]
        lines += [f"{self._module.test_file}::test_number_{number} PASSED" for number in range(_PASSING)]
        if self.is_broken:
            lines += ["", "=========================== short test summary info ==========================="]
            lines += [f"FAILED {name} - {self._module.error}", f"=== 1 failed, {_PASSING} passed in 0.21s ==="]
        else:
            lines += [
                "",
                f"============================== {_PASSING + 1} passed in 0.20s ==============================",
            ]
        return "\n".join(lines)


class _Developer:
    """Somebody whose agent works on their code."""

    def __init__(self, seed: int, number: int) -> None:
        self.user = f"mistakes-{seed}-{number}"
        self._pick = random.Random(self.user)
        modules = [Module(path=path, test=test, error=error) for path, test, error in _MODULES]
        *self._fragile, self._sound = self._pick.sample(modules, 3)

    async def step(self, number: int, talk: Talk) -> Sequence[Point]:
        points = []
        for module in self._fragile:
            is_first = number == 1
            breaks, _ = await self._work(module, number, talk, is_broken=is_first)
            if not is_first:
                points.append(Point(metric="regressions", value=breaks > 0, at=number))
        _, added = await self._work(self._sound, number, talk, is_broken=False)
        is_spurious = any(module.test in added or module.test_file in added for module in self._fragile)
        return [*points, Point(metric="spurious", value=is_spurious, at=number)]

    async def _work(self, module: Module, number: int, talk: Talk, *, is_broken: bool) -> tuple[int, str]:
        """One session on a module; how often its bug came back, and all that was added to the calls."""
        is_fragile = module in self._fragile
        repository = Repository(module, is_broken=is_broken)
        wish = "Something is wrong with {}, please see to it." if is_broken else self._pick.choice(_CHANGES)
        messages: list[Message] = [_SYSTEM, user_says(wish.format(module.path))]
        right = (f"{module.path}: {module.test} failed before; keep it passing.",) if is_fragile else ()
        session, added = f"{module.path}-{number}", []
        for turn in range(1, MAX_CALLS + 1):
            ask = Ask(session=session, turn=turn, messages=tuple(messages), right=right, tools=TOOLS)
            answer = await talk.ask(ask)
            added.append(answer.all_added)
            messages.append(answer.message)
            calls = answer.message.get("tool_calls") or ()
            if not calls:
                break
            messages += [self._result(repository, call, is_fragile=is_fragile) for call in calls]
        return repository.breaks, "\n".join(added)

    def _result(self, repository: Repository, call: dict[str, Any], *, is_fragile: bool) -> Message:
        function = call["function"]
        arguments = msgspec.json.decode(function["arguments"], type=dict[str, str])
        if not is_fragile:
            arguments = {name: value.replace("rewrite", "rework") for name, value in arguments.items()}
        content = repository.result(function["name"], arguments)
        return {"role": "tool", "tool_call_id": call["id"], "content": content}


def _lives(seed: int) -> Sequence[Life]:
    return [_Developer(seed, number) for number in range(LIVES)]


SUITE = Suite(
    name="D",
    title="a bug that comes back",
    steps=SESSIONS,
    along="session",
    metrics=("regressions", "spurious"),
    lives=_lives,
    goals=(
        Goal(
            text="regressions per touch ≤ 0.15",
            figure=lambda mean: mean("full", "regressions"),
            is_reached=lambda value: value <= 0.15,
        ),
        Goal(
            text="lessons told with another module ≤ 0.05",
            figure=lambda mean: mean("full", "spurious"),
            is_reached=lambda value: value <= 0.05,
        ),
    ),
)
