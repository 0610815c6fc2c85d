"""Code: changes to a file that has tests. The model makes the same mistake again every other time, unless a note names
a test of the file or says that the file broke.
"""

from __future__ import annotations

import re

from benchmarks.learning.model.lexicon import BROKEN
from benchmarks.learning.model.prompt import Prompt, Step

MISTAKE, MISTAKE_WARNED = 0.5, 0.03
"""Chance that a change breaks what was mended before."""

_PATH = re.compile(r"[\w/]+/(\w+)\.py")
_TEST = re.compile(r"tests/[\w/]+\.py(?:::\w+)?")


def next_step(prompt: Prompt) -> Step | str | None:
    """The next step of changing a file: test, change, test, mend what broke, say so; None without the tools for it."""
    if "edit_file" not in prompt.tool_names:
        return None
    path = _PATH.search(prompt.question)
    if path is None:
        return "Which file is it?"
    results = prompt.results()
    last = results[-1] if results else ""
    if not results or last.startswith("saved"):
        return Step(tool="run_tests", arguments={"path": "tests"})
    if "FAILED" in last:
        return Step(tool="edit_file", arguments={"path": path[0], "change": "repair what the failing test checks"})
    if len(results) == 1:
        is_broken = prompt.luck(path[0]) < (MISTAKE_WARNED if _is_warned(prompt, path) else MISTAKE)
        how = "rewrite it from scratch" if is_broken else "extend it with care"
        return Step(tool="edit_file", arguments={"path": path[0], "change": how})
    return f"{path[0]} is changed, and the tests pass."


def _is_warned(prompt: Prompt, path: re.Match[str]) -> bool:
    """Whether a note names a test of the file, or says that the file broke."""
    said = [note.text for note in prompt.notes()]
    return any(
        (path[0] in text and BROKEN.search(text)) or any(path[1] in test for test in _TEST.findall(text))
        for text in said
    )
