"""The suite of our own: what people told an assistant over several chats, and what of it a later question needs.

Knows the files in benchmarks/data/, whose form their README tells, and draws the ordinary chats that lie between the
chats of a case. Knows nothing of gateways or of how a question is asked of one.
"""

from __future__ import annotations

import random
from collections.abc import Iterator
from pathlib import Path
from typing import Annotated, Literal, TypeVar

import msgspec

from gateway.documents import Reader
from gateway.errors import ConfigError

DATA = Path(__file__).parent / "data"

Half = Literal["dev", "heldout"]
"""`dev` is there to be looked at while the product is improved, `heldout` only to be measured by."""

Group = Literal[
    "standing",
    "preference",
    "fact",
    "update",
    "contradiction",
    "revocation",
    "paraphrase",
    "distractor",
    "session",
    "temporal",
    "code",
    "negative",
]
Language = Literal["en", "de", "es", "fr", "zh"]

Messages = tuple[str, ...]
"""Of one chat, in order: user, assistant, user, assistant, …"""

Pool = dict[Language, tuple[Messages, ...]]
"""Ordinary chats, by language."""

S = TypeVar("S", bound=msgspec.Struct)


class Probe(msgspec.Struct, frozen=True, kw_only=True):
    """A question, and what must and must not be in the notes that a model is given with it."""

    ask: str
    session: Annotated[int, msgspec.Meta(ge=0)] = 0
    """The chat whose next turn it is (`Chat.session`); 0 for a chat of its own."""
    present: tuple[str, ...] = ()
    """Verbatim pieces of what was said, each within one sentence; case counts."""
    absent: tuple[str, ...] = ()


class Chat(msgspec.Struct, frozen=True, kw_only=True):
    """A conversation of the user from its start."""

    messages: Messages
    session: int = 0
    """Its number among those that were written for the case, from 1; 0 for an ordinary one from the pool."""


class Case(msgspec.Struct, frozen=True, kw_only=True):
    """A user with a past; all of it is told before the first probe is asked."""

    id: str
    group: Group
    language: Language
    chats: tuple[Chat, ...]
    """In the order in which they took place."""
    others: tuple[Messages, ...]
    """One chat each of other users of the same tenant."""
    probes: tuple[Probe, ...]


class _Entry(msgspec.Struct, frozen=True, kw_only=True):
    """A case as it is written."""

    id: str
    group: Group
    language: Language
    sessions: tuple[Messages, ...]
    others: tuple[Messages, ...] = ()
    fillers: Annotated[int, msgspec.Meta(ge=0)] = 0
    """Ordinary chats to draw from the pool of its language."""
    probes: tuple[Probe, ...]


class _File(msgspec.Struct, frozen=True, kw_only=True):
    cases: tuple[_Entry, ...] = ()


class _Pool(msgspec.Struct, frozen=True, kw_only=True):
    chats: Pool = {}


def read(half: Half, folder: Path = DATA) -> tuple[Case, ...]:
    """The cases of one half, in the order of their files' names.

    Raises `ConfigError`: with file and line for what is not as a case is written, with file and case for what cannot
    be played.
    """
    pool = read_fillers(folder)
    cases: list[Case] = []
    mistakes: list[str] = []
    for path in sorted((folder / half).glob("*.yaml")):
        for entry in _file(path, _File).cases:
            ordinary = pool.get(entry.language, ())
            wrong = [f"{path}: {entry.id}: {mistake}" for mistake in _mistakes(entry, len(ordinary))]
            mistakes += wrong
            if not wrong:
                cases.append(_case(entry, ordinary))
    if mistakes:
        raise ConfigError("\n".join(mistakes))
    if not cases:
        raise ConfigError(f"{folder / half}: no cases")
    return tuple(cases)


def read_fillers(folder: Path = DATA) -> Pool:
    """Ordinary chats, which tell nothing about who had them. Raises `ConfigError`."""
    return _file(folder / "fillers.yaml", _Pool).chats


def _file(path: Path, kind: type[S]) -> S:
    reader = Reader(words={})
    members = reader.document(path, kind)
    reader.finish()
    try:
        return msgspec.convert(members, kind)
    except msgspec.ValidationError as error:
        what, _, where = str(error).partition(" - at ")
        raise ConfigError(f"{reader.place(where.strip('`'))}: {what}") from error


def _mistakes(entry: _Entry, ordinary: int) -> Iterator[str]:
    """Why a case cannot be played, given how many ordinary chats there are in its language."""
    for chat in (*entry.sessions, *entry.others):
        if len(chat) % 2 or not chat:
            yield f"a chat ends with the assistant's words, not like {chat[-1:]}"
    for probe in entry.probes:
        if probe.session > len(entry.sessions):
            yield f"{probe.ask!r} goes on with session {probe.session}, there are {len(entry.sessions)}"
    gone_on = [probe.session for probe in entry.probes if probe.session]
    if len(gone_on) > len(set(gone_on)):
        yield "two probes go on with one session: the notes of the one would be those of the other"
    if entry.fillers > ordinary:
        yield f"{entry.fillers} fillers, there are {ordinary} in {entry.language}"
    if not entry.probes:
        yield "nothing is asked"


def _case(entry: _Entry, ordinary: tuple[Messages, ...]) -> Case:
    """The case with its fillers drawn: the id alone decides which ones, and where they lie."""
    draw = random.Random(entry.id)
    chats = [Chat(messages=messages, session=number) for number, messages in enumerate(entry.sessions, 1)]
    for messages in draw.sample(ordinary, entry.fillers):
        chats.insert(draw.randint(0, len(chats)), Chat(messages=messages))
    return Case(
        id=entry.id,
        group=entry.group,
        language=entry.language,
        chats=tuple(chats),
        others=entry.others,
        probes=entry.probes,
    )
