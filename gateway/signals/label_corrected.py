"""A label that was put right, or confirmed: by feedback, or by the user's next message ("no, it's card_lost").

Only an answer that is nothing but a label is taken for one: a line of few words, with or without "Label:" before it, or
JSON with one short text; where feedback says which label is right, also an answer that ends with such a line.
Details: item (what was classified, `gateway.signals.items`), wrong (empty when it was right), right; all verbatim.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence

import msgspec

from gateway.experience import Feedback, Grade, Signal
from gateway.signals.base import Seen, signal
from gateway.signals.items import item_of
from gateway.signals.talk import answer_of, before, first_line, question_of, said, typed
from gateway.signals.words import found

GOOD_FROM = 0.5
"""Of a value from 0 to 1."""

MAX_LABEL_CHARS = 60
MAX_LABEL_WORDS = 6
MAX_JSON_CHARS = 300
MAX_CORRECTION_CHARS = 160
"""Nobody puts a label right at greater length."""

NO_LABELS = frozenset(
    {"fine", "ok", "okay", "good", "wrong", "right", "correct", "incorrect", "great", "that", "this", "it"}
    | {"not", "me", "you", "mine", "done", "thanks", "worse", "better", "enough"}
)
"""What may stand in a label's place in talk: "no, it's fine"."""

_PREFIX = re.compile(
    r"\A\s*(?:the )?(?:predicted |final )?(?:label|category|class|intent|topic|sentiment|tag|answer|output|result)"
    r"\s*(?::|=| is\b)\s*",
    re.IGNORECASE,
)
_APART = re.compile(r"[\W_]+")
_ENDS = " \t\r\n\"'“”`*.#"


class _Told(msgspec.Struct, frozen=True, kw_only=True):
    """Which label is right, and which was given in its place."""

    is_good: bool
    right: str
    wrong: str = ""
    """Empty when that is the right one, or the answer was no label."""
    evidence: str
    about: str


class LabelCorrected:
    """See the module."""

    name = "label_corrected"
    version = 1
    grade: Grade = "S"

    def find(self, seen: Seen) -> Sequence[Signal]:
        """What the feedback says of the label; without feedback, what the user's message says of the one before."""
        if seen.feedback:
            item = item_of(typed(question_of(seen.exchange)))
            answer = answer_of(seen.exchange).strip()
            given = label_of(answer) or label_of(answer.rpartition("\n")[2])
            is_sure = given != answer.strip(_ENDS) or not _is_talk(given)
            told = [_told(feedback, given, is_sure=is_sure) for feedback in seen.feedback]
            return [self._signal(seen, one, item) for one in told if one is not None and item]
        return self._answered(seen)

    def _answered(self, seen: Seen) -> Sequence[Signal]:
        text, earlier = said(seen), before(seen)
        if not text or earlier is None or len(text) > MAX_CORRECTION_CHARS:
            return ()
        given, item = label_of(earlier.answer), item_of(earlier.question)
        named = found("instead", text) or found("right", text)
        if not (given and item and named):
            return ()
        right = named.named["right"].strip(_ENDS)
        is_about_it = is_alike(named.named.get("wrong", given), given)
        if not (is_about_it and _is_label(right)) or is_alike(right, given) or right.casefold() in NO_LABELS:
            return ()
        told = _Told(is_good=False, right=right, wrong=given, evidence=first_line(text), about=earlier.exchange)
        return [self._signal(seen, told, item, grade="B")]

    def _signal(self, seen: Seen, told: _Told, item: str, grade: Grade = "S") -> Signal:
        return signal(
            self,
            seen,
            told.evidence,
            is_good=told.is_good,
            grade=grade,
            key=f"label|{told.right.strip().casefold()}",
            about=told.about or seen.exchange.id,
            details={"item": item, "wrong": told.wrong, "right": told.right},
        )


def label_of(answer: str) -> str:
    """The label that an answer consists of, verbatim; empty when it is no label."""
    text = answer.strip()
    if text.startswith(("{", "[", '"')):
        return _in_json(text) if len(text) <= MAX_JSON_CHARS else ""
    label = _PREFIX.sub("", text).strip(_ENDS)
    return label if _is_label(label) and not text.endswith(("?", "!")) else ""


def is_alike(label: str, other: str) -> bool:
    """Whether two texts are the same but for case, spacing and punctuation: `card_lost` and "Card lost."."""
    return _plain(label) == _plain(other) != ""


def _told(given: Feedback, label: str, *, is_sure: bool) -> _Told | None:
    """What feedback says of the label that was given ("" for none); None when it says nothing of it.

    Args:
        is_sure: whether it is a label even if the feedback names none: praise may be for "You're welcome".
    """
    is_good = given.value is not None and given.value >= GOOD_FROM
    right = given.label or (given.correction if label and _is_label(given.correction) else "")
    if right:
        is_right = is_alike(right, label) or (is_good and bool(given.label))
        wrong = "" if is_right else label
        return _Told(is_good=is_right, right=right, wrong=wrong, evidence=right, about=given.exchange)
    if label and is_good and is_sure:
        return _Told(is_good=True, right=label, evidence=label, about=given.exchange)
    return None


def _is_talk(label: str) -> bool:
    """Whether it may as well be a short sentence."""
    return len(label.split()) > 1 or label.casefold() in NO_LABELS


def _is_label(text: str) -> bool:
    is_short = 0 < len(text) <= MAX_LABEL_CHARS and len(text.split()) <= MAX_LABEL_WORDS
    return is_short and "\n" not in text and _plain(text) != ""


def _in_json(text: str) -> str:
    """The one text in a JSON value, a number beside it aside (a confidence)."""
    try:
        value = msgspec.json.decode(text)
    except msgspec.DecodeError:
        return ""
    members: Iterable[object] = (
        value.values() if isinstance(value, dict) else value if isinstance(value, list) else [value]
    )
    texts = [member for member in members if not isinstance(member, int | float)]
    return texts[0] if len(texts) == 1 and isinstance(texts[0], str) and _is_label(texts[0]) else ""


def _plain(text: str) -> str:
    return _APART.sub(" ", text).strip().casefold()


DETECTOR = LabelCorrected()
