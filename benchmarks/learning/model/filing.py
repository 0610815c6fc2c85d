"""Office work: forms that tools file, and lists of things to do at once.

Of a list the model forgets some; a note that some were missing before makes it go through them one by one. A form it
files with its reference every other time. A note about the tool helps with some tools, and confuses it with others.
"""

from __future__ import annotations

import re

from benchmarks.learning.model.lexicon import THOROUGH
from benchmarks.learning.model.prompt import Prompt, Step

ITEM_DONE, ITEM_DONE_THOROUGHLY = 0.87, 0.985
"""Chance that one of several things is done."""

COMPLETE, COMPLETE_HELPED, COMPLETE_CONFUSED = 0.5, 0.9, 0.1
"""Chance that a form has its reference: untold; told, by what being told does to the model with that tool."""

HELPED = re.compile(r"parcel|permit|refund|voucher|visitor")
CONFUSED = re.compile(r"claim|lease")

_ITEM = re.compile(r"^\s*(\d+)[.)] (.+)$", re.MULTILINE)
_PERSON = re.compile(r"of (.+)\.")


def list_done(prompt: Prompt) -> str | None:
    """A report on each thing of the list that it did; None when there is no list."""
    asked = next((message.text for message in reversed(prompt.messages) if message.role == "user"), "")
    items = _ITEM.findall(asked.partition("\n\n")[0])
    if not items:
        return None
    is_thorough = any(THOROUGH.search(note.text) for note in prompt.notes())
    chance = ITEM_DONE_THOROUGHLY if is_thorough else ITEM_DONE
    done = [f"{number}. {item.strip()}: done." for number, item in items if prompt.luck(f"item {number}") < chance]
    is_distracted = prompt.luck("distraction") < prompt.distraction(THOROUGH)
    return "\n".join(["Here is what I did:", *(done[1:] if is_distracted else done)])


def next_step(prompt: Prompt) -> Step | str | None:
    """File the form, again where it was refused, and say so; None without a tool that files."""
    tool = next((name for name in prompt.tool_names if name.startswith("file_")), None)
    if tool is None:
        return None
    results = prompt.results()
    if results and results[-1].startswith("filed"):
        return "It is filed."
    person = _PERSON.search(prompt.question)
    form = {"person": person[1] if person else "nobody"}
    if results or prompt.luck(tool) < _chance(prompt, tool):
        form["reference"] = f"R-{int(prompt.luck(tool) * 9000) + 1000}"
    return Step(tool=tool, arguments=form)


def _chance(prompt: Prompt, tool: str) -> float:
    is_told = any(tool in line.text for line in prompt.wishes() if line.is_note)
    if is_told and HELPED.search(tool):
        return COMPLETE_HELPED
    return COMPLETE_CONFUSED if is_told and CONFUSED.search(tool) else COMPLETE
