"""The scripted model: what is said to a prompt, whichever endpoint brings it. It knows no wire format.

It says which notes it can see; what a client predicts, it says word for word. Told `call NAME {json}` it calls that
tool; obliged to call one, or to answer in JSON, it takes the first JSON object it finds in the user's words.
"""

from __future__ import annotations

import hashlib
import itertools
import json
import re
from collections.abc import Iterator
from typing import Any, Literal

import msgspec

from gateway.fence import NOTES, RULES
from gateway.ports import Clock
from gateway.testing.distiller import facts_in

_NOTE = re.compile(r"- |  (?:user|assistant): ")
"""A bullet, or what was said next in the same session."""

REPLY = "You said: {said}\nI can see {count} notes.{notes}"
"""What is said: the last words of the user or what the tools answered them, and the notes found anywhere."""

FRAGMENT_CHARS = 8
"""Of a call's arguments in one event of a stream."""

_BLOCK = re.compile(rf"<({NOTES}|{RULES}) ([0-9a-f]+)>\n(.*?)\n</\1 \2>", re.DOTALL)
_CALL = re.compile(r"\bcall ([\w.-]+) (?=\{)")
_JSON = json.JSONDecoder()


class Line(msgspec.Struct, frozen=True, kw_only=True):
    """Something said to the model, or by it."""

    role: Literal["system", "user", "assistant", "tool"]
    text: str


class Prompt(msgspec.Struct, frozen=True, kw_only=True):
    """Everything the model sees of a request."""

    lines: tuple[Line, ...]
    tools: tuple[str, ...] = ()
    """Names of the functions on offer."""
    choice: str = "auto"
    """`auto`, `none`, `required`, or the name of the tool that must be called."""
    is_json: bool = False
    """True when the answer must be a JSON object."""
    predicted: str = ""
    """What the client expects to be told, as the API's `prediction` has it: it is right about that."""


class ToolCall(msgspec.Struct, frozen=True, kw_only=True):
    """A call the model makes."""

    name: str
    arguments: str
    """A JSON object, as text."""

    @property
    def fragments(self) -> list[str]:
        """The arguments as they are streamed."""
        starts = range(0, len(self.arguments), FRAGMENT_CHARS)
        return [self.arguments[start : start + FRAGMENT_CHARS] for start in starts]


class Said(msgspec.Struct, frozen=True, kw_only=True):
    """What the model answers: words or calls."""

    text: str = ""
    calls: tuple[ToolCall, ...] = ()

    @property
    def words(self) -> list[str]:
        """The text as it is streamed."""
        return re.findall(r"\s*\S+|\s+", self.text)

    @property
    def tokens(self) -> int:
        """As many as there are pieces to stream."""
        return len(self.words) + sum(len(call.fragments) for call in self.calls)


class Model:
    """Answers prompts, and makes the ids of the answers."""

    def __init__(self, clock: Clock, template: str = REPLY) -> None:
        self.template = template
        """May name `{said}`, `{count}` and `{notes}`."""
        self._clock = clock

    def now(self) -> int:
        """Unix seconds."""
        return int(self._clock.now())

    def new_id(self, prefix: str) -> str:
        """The prefix and 24 hex digits: never the same twice, the same in every process, and nothing to guess by."""
        return prefix + hashlib.blake2b(self._clock.new_id(prefix).encode(), digest_size=12).hexdigest()

    def answer(self, prompt: Prompt) -> Said:
        """What the client predicts; else calls if they are asked for and have not been answered, else words."""
        if prompt.predicted:
            return Said(text=prompt.predicted)
        asked, results = _since_the_user(prompt.lines)
        calls = _calls(prompt, asked, is_answered=bool(results))
        if calls:
            return Said(calls=calls)
        if prompt.is_json:
            task = prompt.lines[0].text if prompt.lines else ""
            return Said(text=facts_in(task, asked) or _json_object(asked))
        said = f"the tool said: {', '.join(results)}" if results else asked
        notes = [note for line in prompt.lines for note in _notes(line.text)]
        shown = "".join(f"\n{note}" for note in notes)
        return Said(text=self.template.format(said=said, count=len(notes), notes=shown))


def _since_the_user(lines: tuple[Line, ...]) -> tuple[str, list[str]]:
    """The last words of the user, and the tool results since. A message of notes alone is not the user's."""
    bare = [(line.role, _BLOCK.sub("", line.text).strip()) for line in lines]
    later = list(itertools.takewhile(lambda line: line[0] != "user" or not line[1], reversed(bare)))
    asked = bare[-len(later) - 1][1] if len(later) < len(bare) else ""
    return asked, [text for role, text in reversed(later) if role == "tool"]


def _calls(prompt: Prompt, asked: str, *, is_answered: bool) -> tuple[ToolCall, ...]:
    """Calls the user asked for; else the one the client insists on, the last tool where it leaves the choice to us."""
    if prompt.choice == "none" or not prompt.tools:
        return ()
    if prompt.choice in prompt.tools:
        return (ToolCall(name=prompt.choice, arguments=_json_object(asked)),)
    wanted = () if is_answered else tuple(call for call in _spelt_calls(asked) if call.name in prompt.tools)
    if not wanted and prompt.choice == "required":
        return (ToolCall(name=prompt.tools[-1], arguments=_json_object(asked)),)
    return wanted


def _spelt_calls(text: str) -> Iterator[ToolCall]:
    for call in _CALL.finditer(text):
        if arguments := _object_at(text, call.end()):
            yield ToolCall(name=call[1], arguments=arguments)


def _json_object(text: str) -> str:
    """The first JSON object in a text, `{}` if there is none."""
    objects = (_object_at(text, brace.start()) for brace in re.finditer(r"\{", text))
    return next((found for found in objects if found), "{}")


def _object_at(text: str, start: int) -> str:
    try:
        _, end = _JSON.raw_decode(text, start)
    except json.JSONDecodeError:
        return ""
    return text[start:end]


def _notes(text: str) -> list[str]:
    blocks = _BLOCK.finditer(text)
    return [line for block in blocks for line in block[3].split("\n") if _NOTE.match(line)]


def text_of(content: str | list[dict[str, Any]] | None) -> str:
    """The words of a message's content, its parts joined by line ends."""
    if isinstance(content, list):
        return "\n".join(part["text"] for part in content if isinstance(part.get("text"), str))
    return content or ""
