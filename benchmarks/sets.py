"""The sets that recall is judged by, made ready to be told and asked: LoCoMo, and the suite of our own."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path

from benchmarks import locomo, suite
from benchmarks.client import Chat, Question
from benchmarks.suite import Case, Probe
from benchmarks.trials import Trial, Trials

HALVES: Sequence[suite.Half] = ("dev", "heldout")


def of_locomo(path: Path, limit: int | None = None) -> Trials:
    """Each conversation a user, who is its first speaker and has the second for an assistant.

    Args:
        limit: conversations to take, from the first; None takes all.
    """
    conversations = locomo.read(path)[:limit]
    chats = (
        Chat(user=conversation.id, session=f"{conversation.id}/{number}", messages=messages)
        for conversation in conversations
        for number, messages in enumerate(conversation.sessions, 1)
    )
    trials = (
        Trial(
            question=Question(user=conversation.id, session=f"{conversation.id}/question-{number}", ask=asked.ask),
            present=asked.evidence,
            group=asked.category,
        )
        for conversation in conversations
        for number, asked in enumerate(conversation.questions, 1)
    )
    return Trials(chats=tuple(chats), trials=tuple(trials))


def of_suite(folder: Path = suite.DATA) -> Trials:
    """Each case a user, all of them of one tenant. Raises `ConfigError` for cases that cannot be read."""
    cases = [(half, case) for half in HALVES for case in suite.read(half, folder)]
    return Trials(
        chats=tuple(chat for _, case in cases for chat in _told(case)),
        trials=tuple(
            Trial(
                question=_asked(case, number, probe),
                present=probe.present,
                absent=probe.absent,
                half=half,
                group=case.group,
                language=case.language,
            )
            for half, case in cases
            for number, probe in enumerate(case.probes, 1)
        ),
    )


def _told(case: Case) -> Iterator[Chat]:
    for place, chat in enumerate(case.chats):
        yield Chat(user=case.id, session=_session(case, place), messages=chat.messages)
    for number, messages in enumerate(case.others, 1):
        user = f"{case.id}/other-{number}"
        yield Chat(user=user, session=f"{user}/1", messages=messages)


def _asked(case: Case, number: int, probe: Probe) -> Question:
    """A probe as the next turn of its chat, or in a chat of its own."""
    for place, chat in enumerate(case.chats):
        if probe.session and chat.session == probe.session:
            return Question(user=case.id, session=_session(case, place), ask=probe.ask, before=chat.messages)
    return Question(user=case.id, session=f"{case.id}/question-{number}", ask=probe.ask)


def _session(case: Case, place: int) -> str:
    return f"{case.id}/{place + 1}"
