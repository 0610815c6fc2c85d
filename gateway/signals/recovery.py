"""A tool that failed succeeds with other arguments: what was changed is what was wrong.

Only where the two calls are about the same thing, and little was changed between them: another customer, path or flight
is another call. Nor do calls mend one another whose results came together: they were made without knowing of each
other. The same arguments that fail once and pass later say nothing: that was the environment.
"""

from __future__ import annotations

import difflib
import re
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence

import msgspec

from gateway.experience import Grade, Signal
from gateway.signals.base import MAX_EVIDENCE_CHARS, Answered, Detector, Seen, answered, answered_before, signal
from gateway.signals.calls import canonical
from gateway.signals.errors import Failure, failure

NEXT_CALLS = 6
"""Of the tool that failed, among which one that succeeds mends the error."""

MAX_FIELDS = 3
"""That a mended call differs in; more of them, and it is another call."""

ALIKE = 0.75
"""Share of characters that words have in common, from which one is a slip of the other: two letters of four changed
places."""

MAX_COMPARED_CHARS = 500
"""Of two texts are compared: it takes the square of their length."""

MAX_ITEMS = 50
"""Of a list, for the same reason."""

MIN_TELLING_DIGITS = 5
"""Of a number that names one thing by itself."""

_PART = re.compile(r"\d+|[^\W\d_]+")
_WORD = re.compile(r"(?<!\w)[^\W\d]+(?:-[^\W\d]+)*(?!\w)")
_OPTION = re.compile(r"(?<=\s)--?[a-z][\w-]*", re.IGNORECASE)
"""Of a command: which one is set names nothing."""

_DATE = re.compile(r"\d{4}-\d\d-\d\d(?!\d)")
_NAMING = re.compile(
    r"(?:^|[^a-z])(?:account|customer|ids?|issue|item|key|no|number|order|user|uuid)$|(?-i:[a-z]I[dD]s?$)",
    re.IGNORECASE,
)
"""Arguments whose numbers are names and no amounts."""

_LISTED = re.compile(r'"enum"\s*:\s*\[([^\]]*)\]')
_TEXT = re.compile(r'"([^"\\]*)"')

_REMARKS = frozenset(("description", "explanation", "reason", "thought"))
"""Arguments in which a model says what it is about: worded anew each time, and read by nobody."""


class _Failed(msgspec.Struct, frozen=True, kw_only=True):
    """A call that has failed, and was not mended yet."""

    place: int
    """Among the calls of its tool."""
    one: Answered
    error: Failure


class _Mended(msgspec.Struct, frozen=True, kw_only=True):
    failed: _Failed
    one: Answered
    changed: Mapping[str, tuple[str, str]]
    """JSON before and after by field; empty where there was none."""


class Recovery:
    """See the module."""

    name = "recovery"
    version = 2
    grade: Grade = "A"

    def find(self, seen: Seen) -> Sequence[Signal]:
        """One for each error that is mended, with the key of that error."""
        now = list(answered(seen))
        calls: dict[str, list[Answered]] = {one.call.name: [] for one in now}
        for one in (*answered_before(seen), *now):
            if one.call.name in calls:
                calls[one.call.name].append(one)
        mended = [each for tool, of_tool in calls.items() for each in _mended(of_tool, _choices(seen, tool))]
        return [self._signal(seen, each) for each in mended if each.one.exchange is seen.exchange]

    def _signal(self, seen: Seen, mended: _Mended) -> Signal:
        tool, error = mended.one.call.name, mended.failed.error
        before, after = (", ".join(values) for values in zip(*mended.changed.values(), strict=True))
        return signal(
            self,
            seen,
            mended.one.call.arguments,
            is_good=True,
            key=f"{tool}|{error.signature}",
            tool=tool,
            about=mended.failed.one.exchange.id,
            details={
                "tool": tool,
                "field": ", ".join(mended.changed),
                "before": before[:MAX_EVIDENCE_CHARS],
                "after": after[:MAX_EVIDENCE_CHARS],
                "error": error.line,
            },
        )


DETECTOR: Detector = Recovery()


def _mended(calls: Sequence[Answered], choices: frozenset[str]) -> Iterator[_Mended]:
    """Errors of one tool that a later call of it mends: of the same error the last, which is nearest to the success."""
    failed: list[_Failed] = []
    for place, one in enumerate(calls):
        error = failure(one.call, one.result.text, is_marked=one.result.is_error)
        failed = [each for each in failed if place - each.place <= NEXT_CALLS]
        if error is not None:
            failed += [] if error.is_environment else [_Failed(place=place, one=one, error=error)]
            continue
        signatures: set[str] = set()
        for each in reversed(failed):
            changed = _changed(each.one.call.arguments, one.call.arguments)
            if changed is None or (changed and not _is_mend(changed, each, one, choices)):
                continue
            failed = [other for other in failed if other is not each]
            if changed and each.error.signature not in signatures:
                yield _Mended(failed=each, one=one, changed=changed)
            signatures.add(each.error.signature)


def _changed(before: str, after: str) -> dict[str, tuple[str, str]] | None:
    """Fields in which arguments differ, a nested one by its dotted path; None where they are no objects."""
    one, other = _members(before), _members(after)
    if one is None or other is None:
        return None
    changed: dict[str, tuple[str, str]] = {}
    for name, (old, new) in _pairs(one, other):
        if name in _REMARKS:
            continue
        inner, outer = _members(old), _members(new)
        if inner is None or outer is None or (old[:1] == "[" and len(inner) != len(outer)):  # which is which is unknown
            changed[name] = (old, new)
        else:
            changed.update((f"{name}.{within}", pair) for within, pair in _pairs(inner, outer))
    return changed


def _members(text: str) -> dict[str, str] | None:
    """The members of an object or a list as they are written; None for anything else."""
    try:
        value = msgspec.json.decode(text, type=dict[str, msgspec.Raw] | list[msgspec.Raw])
    except (msgspec.MsgspecError, RecursionError):
        return None
    items = value.items() if isinstance(value, dict) else ((str(place), item) for place, item in enumerate(value))
    return {name: bytes(item).decode() for name, item in items}


def _pairs(before: Mapping[str, str], after: Mapping[str, str]) -> Iterator[tuple[str, tuple[str, str]]]:
    """Members that are not the same."""
    for name in dict.fromkeys((*before, *after)):
        pair = before.get(name, ""), after.get(name, "")
        if canonical(pair[0]) != canonical(pair[1]):
            yield name, pair


def _is_mend(changed: Mapping[str, tuple[str, str]], failed: _Failed, one: Answered, choices: frozenset[str]) -> bool:
    """Whether a call is the one that failed, with something put right in it."""
    if len(changed) > MAX_FIELDS or failed.one.exchange is one.exchange:
        return False
    said = failed.error.line.lower()
    choices |= frozenset(_WORD.findall(said))
    if not all(_is_mended(field, old, new, choices) for field, (old, new) in changed.items()):
        return False
    kept = set((_members(failed.one.call.arguments) or {}).items()) & set((_members(one.call.arguments) or {}).items())
    if any(value[:1] in ('"', "[", "{") for _, value in kept):
        return True
    return all(
        old[:1] == new[:1] == '"' or (old and old.strip('"').lower() in said) or _name(field).lower() in said
        for field, (old, new) in changed.items()
    )


def _choices(seen: Seen, tool: str) -> frozenset[str]:
    """Values that the schema of a tool lists, in lower case: who takes another of them means the same thing still."""
    schemas = (exchange.schemas.get(tool, "") for exchange in (seen.exchange, *reversed(seen.earlier)))
    listed = _LISTED.findall(next(filter(None, schemas), ""))
    return frozenset(text.lower() for values in listed for text in _TEXT.findall(values))


def _name(field: str) -> str:
    """A field's own name, without where it stands and in which place of a list."""
    return next((part for part in reversed(field.split(".")) if not part.isdecimal()), "")


def _is_mended(field: str, before: str, after: str, choices: frozenset[str]) -> bool:
    """Whether an argument was added or removed, or is the same in another form; JSON on both sides."""
    if not before or not after:
        return True
    try:
        return _is_put_right(_name(field), msgspec.json.decode(before), msgspec.json.decode(after), choices)
    except (msgspec.MsgspecError, RecursionError):
        return False


def _is_put_right(name: str, before: object, after: object, choices: frozenset[str]) -> bool:
    """Whether a value may be what another was meant to be: another type, choice, amount, or way to write it."""
    match before, after:
        case str(), str():
            return after.lower() in choices or _is_alike(before, after)
        case dict(), dict():
            return all(_is_put_right(key, before[key], after[key], choices) for key in before.keys() & after.keys())
        case list(), list():
            return _is_list_put_right(name, before, after, choices)
        case (int() | float(), int() | float()):
            return before == after or _NAMING.search(name) is None
        case _:
            return True


def _is_list_put_right(name: str, before: list[object], after: list[object], choices: frozenset[str]) -> bool:
    if max(len(before), len(after)) > MAX_ITEMS:
        return False
    fewer, more = sorted((before, after), key=len)
    is_within = all(item in more for item in fewer)
    return is_within or all(_is_put_right(name, *pair, choices) for pair in zip(before, after, strict=False))


def _is_alike(before: str, after: str) -> bool:
    """Whether a text is another one written otherwise: the same parts, one within the other, a slip, a date as such."""
    if not before.strip() or not after.strip() or bool(_DATE.match(before)) != bool(_DATE.match(after)):
        return True
    old, new = _parts(before), _parts(after)
    if "".join(old) == "".join(new):
        return True
    gone, come = Counter(old) - Counter(new), Counter(new) - Counter(old)
    if not gone or not come:
        return bool(old and new)
    if any(part.isdecimal() for part in (*gone, *come)):
        return False
    is_path = "/" in before or "\\" in before
    if not is_path and any(part.isdecimal() and len(part) >= MIN_TELLING_DIGITS for part in old):
        return True
    return difflib.SequenceMatcher(None, " ".join(gone), " ".join(come), autojunk=False).ratio() >= ALIKE


def _parts(text: str) -> list[str]:
    """Words and numbers of a text, as they are the same in all ways to write them."""
    words = _PART.findall(_OPTION.sub("", text[:MAX_COMPARED_CHARS].lower()))
    return [word.lstrip("0") or "0" if word.isdecimal() else word for word in words]
