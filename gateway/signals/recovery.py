"""A tool that failed succeeds with other arguments: what was changed is what was wrong.

Only where the two calls are about the same thing, and little was changed between them. The same arguments that fail
once and pass later say nothing: that was the environment.
"""

from __future__ import annotations

import difflib
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

ALIKE = 0.6
"""Share of characters that two texts have in common, from which they are versions of one (difflib's own example)."""

MAX_COMPARED_CHARS = 500
"""Of two texts are compared: it takes the square of their length."""

MAX_NAME_CHARS = 40
"""A value without spaces up to here is a name, an id or a date, and may be replaced by a quite different one."""


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
    version = 1
    grade: Grade = "A"

    def find(self, seen: Seen) -> Sequence[Signal]:
        """One for each error that is mended, with the key of that error."""
        now = list(answered(seen))
        calls = [*answered_before(seen), *now]
        tools = dict.fromkeys(one.call.name for one in now)
        mended = [each for tool in tools for each in _mended([one for one in calls if one.call.name == tool])]
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


def _mended(calls: Sequence[Answered]) -> Iterator[_Mended]:
    """Errors of one tool that a later call of it mends: of the same error the last, which is nearest to the success."""
    failed: list[_Failed] = []
    for place, one in enumerate(calls):
        error = failure(one.call, one.result.text)
        failed = [each for each in failed if place - each.place <= NEXT_CALLS]
        if error is not None:
            failed += [] if error.is_environment else [_Failed(place=place, one=one, error=error)]
            continue
        signatures: set[str] = set()
        for each in reversed(failed):
            changed = _changed(each.one.call.arguments, one.call.arguments)
            if changed is None or (changed and not _is_mend(changed, each, one)):
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


def _is_mend(changed: Mapping[str, tuple[str, str]], failed: _Failed, one: Answered) -> bool:
    """Whether a call is the one that failed, with something put right in it."""
    said = failed.error.line.lower()
    if len(changed) > MAX_FIELDS or not all(_is_replaced(old, new, said) for old, new in changed.values()):
        return False
    kept = set((_members(failed.one.call.arguments) or {}).items()) & set((_members(one.call.arguments) or {}).items())
    if any(value[:1] in ('"', "[", "{") for _, value in kept):
        return True
    return all(
        _is_named(old, said) or field.lower() in said or _is_alike(old, new) for field, (old, new) in changed.items()
    )


def _is_replaced(before: str, after: str, said: str) -> bool:
    """Whether one value may stand where the other stood: texts and commands only where they are alike."""
    if not before.startswith('"') or not after.startswith('"') or _is_named(before, said):
        return True
    is_name = all(len(text) <= MAX_NAME_CHARS and " " not in text for text in (before, after))
    return is_name or _is_alike(before, after)


def _is_named(value: str, said: str) -> bool:
    """Whether an error names the value that it is about."""
    return bool(value) and value.strip('"').lower() in said


def _is_alike(before: str, after: str) -> bool:
    if not before.startswith('"') or not after.startswith('"'):
        return False
    match = difflib.SequenceMatcher(None, before[:MAX_COMPARED_CHARS], after[:MAX_COMPARED_CHARS], autojunk=False)
    return match.ratio() >= ALIKE
