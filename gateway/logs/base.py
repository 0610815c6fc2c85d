"""What a form of log must offer, and what logs are read to: calls as they went over the wire.

A form is pure: it makes one JSON object into one transcript, and reads what was said where live calls are read, in
gateway/shapes. Files, lines and archives are known by gateway/transcripts.py.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from datetime import UTC, datetime
from typing import Annotated, Protocol, TypeVar

import msgspec

T = TypeVar("T")

MILLISECONDS_FROM = 1e11
"""A larger number counts milliseconds: as seconds it would be the year 5138."""

Share = Annotated[float, msgspec.Meta(ge=0, le=1)]
Fields = Mapping[str, msgspec.Raw]
"""A JSON object, its members undecoded."""

FIELDS = msgspec.json.Decoder(dict[str, msgspec.Raw])
_OBJECT = msgspec.json.Decoder(dict[str, msgspec.Raw] | None)
_TIME = msgspec.json.Decoder(float | str | None)
_NAME = msgspec.json.Decoder(str | int | None)
_MESSAGES = msgspec.json.Decoder(list[msgspec.Raw])


class Verdict(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What somebody said of a conversation or call; the members of `Feedback`."""

    metric: str = ""
    value: bool | Share | None = None
    label: str = ""
    comment: str = ""
    correction: str = ""
    demonstration: str = ""


class LoggedCall(msgspec.Struct, frozen=True, kw_only=True):
    """One call as it went over the wire."""

    request: bytes
    answer: bytes


class Transcript(msgspec.Struct, frozen=True, kw_only=True):
    """One conversation of a log, or one call."""

    where: str
    """In the file: `line 3`, `item 3`."""
    at: float | None
    """Unix seconds at which it began; None where the log does not say."""
    session: str
    """Empty where only what a call echoes can tell."""
    head: Fields
    """Members of its requests beside the messages."""
    messages: tuple[msgspec.Raw, ...]
    answers: tuple[tuple[int, bytes], ...]
    """What was answered, each after so many messages."""
    times: tuple[float | None, ...] = ()
    """Unix seconds at which each call was made, as far as the log says; empty where it says it of none."""
    verdicts: tuple[Verdict, ...] = ()

    def call(self, number: int) -> LoggedCall:
        """The call that was answered with `answers[number]`; its request repeats all messages before it."""
        said, answer = self.answers[number]
        return LoggedCall(request=request(self.head, self.messages[:said]), answer=answer)

    def moments(self, start: float, apart_s: float) -> Iterator[float]:
        """When each call was made: as the log says, else so long after the one before it; the first at the start."""
        moment = start - apart_s
        for said in self.times or (None,) * len(self.answers):
            moment = max(moment + apart_s, said or start)
            yield moment


class Format(Protocol):
    """One form of log."""

    @property
    def order(self) -> int:
        """Forms are asked in this order whether something is theirs."""
        ...

    def is_form_of(self, fields: Fields) -> bool:
        """Whether an object is of this form; looks at the names of its members only."""
        ...

    def read(self, where: str, document: bytes, fields: Fields) -> Transcript:
        """The transcript. Raises `ValueError` with what is wrong, or `RecursionError`."""
        ...


def request(head: Fields, messages: Sequence[msgspec.Raw]) -> bytes:
    """The body of a request."""
    return msgspec.json.encode({**head, "messages": messages})


def answer(message: object) -> bytes:
    """The body of an answer that holds only this message."""
    return msgspec.json.encode({"choices": [{"message": message}]})


def decoded(decoder: msgspec.json.Decoder[T], fields: Fields, member: str) -> T | None:
    """A member, None where it is missing. Raises `ValueError` that says which one is wrong."""
    if member not in fields:
        return None
    try:
        return decoder.decode(fields[member])
    except msgspec.DecodeError as error:
        raise ValueError(f"{member}: {error}") from error


def part(fields: Fields, member: str) -> Fields:
    """A member that is an object; an empty one where there is none. Raises `ValueError` for anything else."""
    return decoded(_OBJECT, fields, member) or {}


def messages(fields: Fields) -> tuple[msgspec.Raw, ...]:
    """The messages that an object holds. Raises `ValueError` where there are none."""
    try:
        found = _MESSAGES.decode(fields.get("messages", b"[]"))
    except msgspec.DecodeError:
        found = []
    if not found:
        raise ValueError("no list of messages")
    return tuple(found)


def name(fields: Fields, members: Sequence[str]) -> str:
    """The first of these members that holds a name."""
    found = (decoded(_NAME, fields, member) for member in members)
    return next((str(name) for name in found if name not in (None, "")), "")


def moment(fields: Fields, members: Sequence[str]) -> float | None:
    """Unix seconds, from the first of these members that holds a time. A date without a zone is in UTC."""
    found = (decoded(_TIME, fields, member) for member in members)
    written = next((time for time in found if time is not None), None)
    if isinstance(written, str):
        date = datetime.fromisoformat(written)
        written = (date if date.tzinfo else date.replace(tzinfo=UTC)).timestamp()
    if written is None or 0 <= written < MILLISECONDS_FROM:
        return written
    if written < 0:
        raise ValueError(f"{written} is no time at which a call was made")
    return written / 1000
