"""What each signal teaches, as a sentence around verbatim spans: the only words of a lesson that are ours.

Spans of tools and of the assistant are made harmless by gateway/quotes.py. What becomes of a draft is decided in
gateway/lessons.py.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence

import msgspec

from gateway.experience import Signal
from gateway.ids import bare, memory_id
from gateway.memories import Memory, Origin
from gateway.places import defined, is_file
from gateway.quotes import inert, name, quoted
from gateway.signals.base import Seen, answered, answered_before
from gateway.signals.items import item_of
from gateway.signals.talk import question_of, typed
from gateway.types import ToolCall

MAX_ANSWER_CHARS = 500
"""Of what users say an answer should have been."""

MAX_VALUE_CHARS = 60
"""Of a value: which field was wrong says more than what stood in it."""

MAX_PHRASING_CHARS = 300
"""Of a phrasing in a line; a trigger is kept longer."""

MAX_PLACES = 12
EDITS = 20
"""Newest edits before a test passed that may have mended it."""

LABEL, ANSWER, PARTIAL, FORMAT = "label|", "answer|", "partial_task|", "format|"
"""How keys begin: of a label, an answer in words, a task of several parts, the format of an answer."""

_ARROW = '" → '
"""Before a label: no quoted phrasing holds it, for it holds no quotation mark."""

_EDITING = re.compile(r"edit|write|patch|replace|creat|insert|updat|modif|save", re.IGNORECASE)
_PATH_MEMBER = re.compile(r"path|file", re.IGNORECASE)
_PLAIN = re.compile(rf"[0-9.eE+-]{{1,{MAX_VALUE_CHARS}}}|true|false|null")
"""A value that is no more than a number or a yes or no."""

_PATCHED = re.compile(r"^\*\*\* (?:Update|Add) File: (\S+)|^\+\+\+ b/(\S+)", re.MULTILINE)


class Draft(msgspec.Struct, frozen=True, kw_only=True):
    """What a signal teaches."""

    kind: str
    key: str
    text: str
    origin: Origin
    trigger: str = ""
    """The phrasing under which it came up."""
    tools: tuple[str, ...] = ()
    places: tuple[str, ...] = ()
    signature: str = ""
    slot: str = ""
    """Names of the fields that it is about: all of it that users may share."""
    is_founding: bool = True
    """Whether it may be learnt anew; else it only adds to what is known."""
    is_better: bool = False
    """Whether its text takes the place of one that is known: it says how to go on."""


def drafts(signal: Signal, seen: Seen) -> Draft | None:
    """What a signal teaches; None when it teaches nothing, or lacks what there is to say."""
    template = _TEMPLATES.get(signal.name)
    return template(signal, seen) if template is not None else None


def labelled(items: Sequence[str], label: str) -> str:
    """Items with the label that is right for them: `"card arrived late" → card_arrival`."""
    return ", ".join(quoted(item, MAX_PHRASING_CHARS) for item in items) + _ARROW[1:] + label


def is_label(memory: Memory) -> bool:
    """Whether a memory holds which items a label is right for."""
    return memory.kind == "correction" and memory.lesson is not None and memory.lesson.key.startswith(LABEL)


def label_in(text: str) -> str:
    """The label in what `labelled` made."""
    return text.partition(_ARROW)[2]


def question_in(seen: Seen) -> str:
    """What the user asked for last, without the instructions around it; empty when that is not known."""
    asked = (question_of(exchange) for exchange in (seen.exchange, *reversed(seen.earlier)))
    return item_of(typed(next(filter(None, asked), "")))


def _recovery(signal: Signal, seen: Seen) -> Draft | None:
    tool, field, after = _tool(signal), signal.details.get("field", ""), signal.details.get("after", "")
    came, was = _value(after), _value(signal.details.get("before", ""))
    fields = ", ".join(filter(None, map(name, field.split(", "))))
    way = f"with {fields} = {came or 'another value'}" + (f" in place of {was}" if was else "")
    text = f"`{tool}` failed{_with(signal)}; it went through {way}."
    draft = _about_tool(signal, seen, text, origin="tool", slot=fields, is_better=True)
    return draft if tool and fields else None


def _tool_error(signal: Signal, seen: Seen) -> Draft | None:
    tool, arguments = _tool(signal), inert(signal.details.get("arguments", ""))
    text = f"`{tool}` failed{_with(signal)}" + (f" when it was called with {arguments}." if arguments else ".")
    return _about_tool(signal, seen, text, origin="tool") if tool else None


def _schema_violation(signal: Signal, seen: Seen) -> Draft | None:
    path = name(signal.details.get("path", "").replace("*", "[]"))
    tool, rule = _tool(signal), name(signal.details.get("rule", ""))
    value = _value(signal.details.get("value", ""))
    what = f"Arguments of `{tool}`" if tool else "An answer"
    text = f"{what} broke the schema asked for: `{path or '$'}` ({rule})" + (f" was {value}." if value else ".")
    return _about_tool(signal, seen, text, origin="assistant", slot=f"{path or '$'} {rule}") if rule else None


def _repeated_call(signal: Signal, seen: Seen) -> Draft | None:
    tool, arguments = _tool(signal), inert(signal.details.get("arguments", ""))
    shape, times = signal.details.get("shape", "repeat"), signal.details.get("times", "")
    way = "back and forth with the same arguments" if shape == "oscillation" else "with the same arguments"
    text = f"`{tool}` was called {times} times {way}, and that led nowhere" + (f": {arguments}" if arguments else ".")
    key = signal.key or f"{tool}|{shape}"
    is_told = bool(tool) and times.isdecimal()
    return _about_tool(signal, seen, text, origin="assistant", key=key) if is_told else None


def _about_tool(
    signal: Signal,
    seen: Seen,
    text: str,
    *,
    origin: Origin,
    key: str = "",
    slot: str = "",
    is_better: bool = False,
) -> Draft | None:
    is_error = signal.name in ("tool_error", "recovery")
    return Draft(
        kind="lesson",
        key=key or signal.key,
        text=text,
        origin=origin,
        trigger=question_in(seen),
        tools=(signal.tool,) if signal.tool else (),
        signature=signal.key.partition("|")[2] if is_error else "",
        slot=slot,
        is_better=is_better,
    )


def _test_change(signal: Signal, seen: Seen) -> Draft | None:
    """A test that passes again. One that fails again is evidence for what is known of it."""
    test = name(signal.details.get("test", ""))
    edited = _edited(seen, test) if signal.is_good else []
    files = [place for place in edited if is_file(place)]
    where = f" in {', '.join(f'`{name(file)}`' for file in files[:4])}" if files else ""
    text = f"`{test}` failed{_with(signal)} and was fixed{where}; check it when touching {'them' if where else 'that'}."
    at = [signal.details.get("test", ""), signal.details.get("file", ""), *edited]
    return Draft(
        kind="lesson",
        key=signal.key,
        text=text,
        origin="tool",
        places=tuple(dict.fromkeys(filter(None, at)))[:MAX_PLACES],
        is_founding=bool(signal.is_good and test),
        is_better=bool(files),
    )


def _partial_task(signal: Signal, seen: Seen) -> Draft | None:
    task, missing = signal.details.get("task", ""), signal.details.get("missing", "")
    text = f"Asked for several things ({quoted(task)}), the answer left out {quoted(missing)}; every part was wanted."
    item = item_of(task)  # of a list its last line, which says too little of it
    draft = Draft(kind="lesson", key=signal.key, text=text, origin="user", trigger=item)
    return draft if item and missing else None


def _edited_answer(signal: Signal, seen: Seen) -> Draft | None:
    was, came = signal.details.get("before", ""), signal.details.get("after", "")
    before, after = inert(was), inert(came)
    text = f"The user changed {before} in an answer to {after}."
    key = f"edit|{memory_id(bare(was), bare(came))}"
    asked = next((exchange for exchange in seen.earlier if exchange.id == signal.about), seen.exchange)
    trigger = item_of(typed(question_of(asked)))
    draft = Draft(kind="lesson", key=key, text=text, origin="assistant", trigger=trigger)
    return draft if before and after and trigger else None


def _label(signal: Signal, seen: Seen) -> Draft | None:
    item, label = signal.details.get("item", ""), " ".join(signal.details.get("right", "").split())
    draft = Draft(kind="correction", key=signal.key, text=labelled([item], label), origin="user", trigger=item)
    return draft if bare(item) and label and signal.key.startswith(LABEL) else None


def _feedback(signal: Signal, seen: Seen) -> Draft | None:
    """A right answer in words; what it says of a label is another signal."""
    details = signal.details
    item, right = details.get("item", ""), details.get("correction") or details.get("demonstration")
    if not bare(item) or not right or details.get("label"):
        return None
    text = f"Asked {quoted(item, MAX_PHRASING_CHARS)}, the right answer: {right.strip()[:MAX_ANSWER_CHARS]}"
    key = f"{ANSWER}{memory_id(bare(item), bare(right))}"
    return Draft(kind="correction", key=key, text=text, origin="user", trigger=item)


_TEMPLATES: Mapping[str, Callable[[Signal, Seen], Draft | None]] = {
    "recovery": _recovery,
    "tool_error": _tool_error,
    "schema_violation": _schema_violation,
    "repeated_call": _repeated_call,
    "test_change": _test_change,
    "partial_task": _partial_task,
    "edited_answer": _edited_answer,
    "label_corrected": _label,
    "feedback": _feedback,
}
"""By the name of the detector; what is not here says how things went, and not how they should go."""


def _tool(signal: Signal) -> str:
    return name(signal.tool or signal.details.get("tool", ""))


def _value(text: str) -> str:
    """One JSON value or several, each once in quotation marks, or without where it needs none; empty for an order."""
    try:
        values = [bytes(raw).decode() for raw in msgspec.json.decode(f"[{text}]", type=list[msgspec.Raw])]
    except msgspec.DecodeError:  # it was cut off
        values = [text]
    spans = [value if _PLAIN.fullmatch(value) else inert(_unquoted(value), MAX_VALUE_CHARS) for value in values]
    return ", ".join(spans) if inert(text) and all(spans) else ""


def _unquoted(value: str) -> str:
    return value[1:-1] if value.startswith('"') and value.endswith('"') else value


def _with(signal: Signal) -> str:
    error = inert(signal.details.get("error", ""))
    return f" with {error}" if error else ""


def _edited(seen: Seen, test: str) -> list[str]:
    """Files and symbols that were edited between a test's failing and its passing, newest first."""
    calls = [*answered_before(seen), *answered(seen)]
    failed = max((place for place, one in enumerate(calls[:-1]) if test in one.result.text), default=0)
    edits = [one.call for one in reversed(calls[failed:]) if _EDITING.search(one.call.name)]
    return list(dict.fromkeys(place for call in edits[:EDITS] for place in _touched(call)))


def _touched(call: ToolCall) -> list[str]:
    """Paths that an edit names, and what it defines."""
    try:
        arguments = msgspec.json.decode(call.arguments)
    except (msgspec.DecodeError, RecursionError):
        arguments = {"patch": call.arguments}
    members = arguments.items() if isinstance(arguments, dict) else [("patch", arguments)]
    texts = [(member, value) for member, value in members if isinstance(value, str)]
    paths = [value for member, value in texts if _PATH_MEMBER.search(member) and is_file(value)]
    patched = [found for _, value in texts for match in _PATCHED.finditer(value) for found in match.groups() if found]
    return [*paths, *patched, *(symbol for _, value in texts for symbol in defined(value))]
