"""Questions about a past with what must and what must not come along with them, and how that went.

What is looked for is looked for word for word, in what the provider got beside the client's own words. Knows nothing
of where questions are from, nor of how they are asked.
"""

from __future__ import annotations

import statistics
from collections.abc import Iterable, Sequence

import msgspec

from benchmarks.client import MODEL, Chat, Question, Told
from gateway.ports import TokenCounter


class Trial(msgspec.Struct, frozen=True, kw_only=True):
    """A question, and what is looked for in its notes."""

    question: Question
    present: tuple[str, ...]
    absent: tuple[str, ...] = ()
    half: str = ""
    """Of the set, where it has halves."""
    group: str
    language: str = "en"


class Trials(msgspec.Struct, frozen=True, kw_only=True):
    """A set: what is told, and the questions that are asked when all of it has been told."""

    chats: tuple[Chat, ...]
    trials: tuple[Trial, ...]

    def without_session_names(self) -> Trials:
        """The same from a client that does not say which chat a call belongs to."""
        nameless = {"session": ""}
        asked = [(trial, msgspec.structs.replace(trial.question, **nameless)) for trial in self.trials]
        return Trials(
            chats=tuple(msgspec.structs.replace(chat, **nameless) for chat in self.chats),
            trials=tuple(msgspec.structs.replace(trial, question=question) for trial, question in asked),
        )


class Result(msgspec.Struct, frozen=True, kw_only=True):
    """How a trial went."""

    trial: Trial
    missing: tuple[str, ...]
    """Of what must be present."""
    stale: tuple[str, ...]
    """Of what must be absent, and is there."""
    notes: int
    """Memories in the notes."""
    tokens: int
    """Of the notes, all that is around them included."""


class Figures(msgspec.Struct, frozen=True, kw_only=True):
    """What a number of results come to; shares are of the questions to which they apply, None where that is none."""

    questions: int
    found: float | None
    """Of what must be present, the share that is: the mean over the questions."""
    complete: float | None
    """Share of the questions with all that must be present."""
    clean: float | None
    """Share of the questions with nothing that must be absent."""
    notes: float
    tokens: float
    tokens_p99: int


def judge(trial: Trial, told: Told, counter: TokenCounter) -> Result:
    """Look for what must and must not be there."""
    notes = _flat(told.notes)
    return Result(
        trial=trial,
        missing=tuple(text for text in trial.present if _flat(text) not in notes),
        stale=tuple(text for text in trial.absent if _flat(text) in notes),
        notes=told.count,
        tokens=counter.count(told.notes, MODEL),
    )


def figures(results: Sequence[Result]) -> Figures:
    """The figures of at least one result."""
    found = [1 - len(result.missing) / len(result.trial.present) for result in results if result.trial.present]
    tokens = sorted(result.tokens for result in results)
    return Figures(
        questions=len(results),
        found=_mean(found),
        complete=_mean(share == 1 for share in found),
        clean=_mean(not result.stale for result in results if result.trial.absent),
        notes=statistics.mean(result.notes for result in results),
        tokens=statistics.mean(tokens),
        tokens_p99=tokens[len(tokens) * 99 // 100],
    )


def _flat(text: str) -> str:
    """A text on one line: how far a note indents the later lines of a text is of no account."""
    return " ".join(text.split())


def _mean(values: Iterable[float]) -> float | None:
    known = list(values)
    return statistics.mean(known) if known else None
