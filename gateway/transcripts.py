"""Logs of past calls: the forms in which people keep them, and the calls that were made by them.

    {"messages": [...]}, or the bare list        a conversation; each message of the assistant answered a call
    {"messages": [...], "choices": [...]}        one call, as OpenAI stores completions
    {"request": {...}, "response": {...}}        one call

One of them a line, or all in a JSON array. Each call is made into the bytes that a client would have sent and a
provider answered: what is said in them is read where live calls are read, in gateway/shapes. What becomes of a call,
and whose it is, is not known here.
"""

from __future__ import annotations

import gzip
import hashlib
import zlib
from collections.abc import Iterator, Mapping, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated, TypeVar

import msgspec

from gateway.errors import ConfigError
from gateway.shapes import chat
from gateway.shapes.splice import understood

T = TypeVar("T")

SESSION_MEMBERS = ("session", "session_id", "conversation_id", "thread_id")
"""May name the session. Of a conversation its `id` does so too; of a call that is the call's own."""

TIME_MEMBERS = ("created", "created_at", "timestamp")

NO_REQUEST_MEMBERS = frozenset((*SESSION_MEMBERS, *TIME_MEMBERS, "id", "messages", "choices", "feedback", "reward"))
"""What a log says of a conversation; all else beside its messages stood in each of its requests."""

MILLISECONDS_FROM = 1e11
"""A larger number counts milliseconds: as seconds it would be the year 5138."""

GZIP_MAGIC = b"\x1f\x8b"
BYTE_ORDER_MARK = b"\xef\xbb\xbf"

Share = Annotated[float, msgspec.Meta(ge=0, le=1)]
Fields = Mapping[str, msgspec.Raw]


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
    verdicts: tuple[Verdict, ...] = ()

    def call(self, number: int) -> LoggedCall:
        """The call that was answered with `answers[number]`; its request repeats all messages before it."""
        said, answer = self.answers[number]
        return LoggedCall(request=_request(self.head, self.messages[:said]), answer=answer)


class Fault(msgspec.Struct, frozen=True, kw_only=True):
    """A part of a log from which nothing can be learnt."""

    where: str
    reason: str


class Log(msgspec.Struct, frozen=True, kw_only=True):
    """A file as read, in its order."""

    transcripts: tuple[Transcript, ...] = ()
    faults: tuple[Fault, ...] = ()


_FIELDS = msgspec.json.Decoder(dict[str, msgspec.Raw])
_ITEMS = msgspec.json.Decoder(list[msgspec.Raw])
_ANYTHING = msgspec.json.Decoder(msgspec.Raw)
_TIME = msgspec.json.Decoder(float | str | None)
_NAME = msgspec.json.Decoder(str | int | None)
_REWARD = msgspec.json.Decoder(bool | Share | None)
_FEEDBACK = msgspec.json.Decoder(bool | Share | str | Verdict | list[Verdict] | None)


def read_log(path: Path) -> Log:
    """Everything in a file, gzip or not, which is held in memory. Raises `ConfigError` when it cannot be opened."""
    try:
        content = path.read_bytes()
        if content.startswith(GZIP_MAGIC):
            content = gzip.decompress(content)
    except OSError as error:
        raise ConfigError(f"{path}: {error.strerror or error}") from error
    except (EOFError, zlib.error) as error:
        raise ConfigError(f"{path}: a broken gzip file: {error}") from error
    transcripts, faults = [], []
    for where, document in _documents(content.removeprefix(BYTE_ORDER_MARK)):
        try:
            transcripts.append(_transcript(where, document))
        except (ValueError, RecursionError) as error:  # of JSON, of UTF-8, of a date, or raised here
            faults.append(Fault(where=where, reason=str(error)))
    return Log(transcripts=tuple(transcripts), faults=tuple(faults))


def _documents(content: bytes) -> Iterator[tuple[str, bytes]]:
    """Where each conversation or call stands, and its JSON."""
    lines = [(f"line {number}", line) for number, line in enumerate(content.splitlines(), 1) if line.strip()]
    if len(lines) > 1 and _legible(lines[0][1]) is None and _legible(content) is not None:
        lines = [("the file", content)]  # written over several lines
    for where, line in lines:
        document = _legible(line) or line
        items = _items(document)
        if not items or any(map(_is_message, items)):
            yield where, document
        else:
            yield from ((f"item {number}", bytes(item)) for number, item in enumerate(items, 1))


def _transcript(where: str, document: bytes) -> Transcript:
    """Raises `ValueError` with what is wrong."""
    if _items(document) is not None:
        return _conversation(where, {"messages": msgspec.Raw(document)})
    fields = _FIELDS.decode(document)
    if "request" in fields and "response" in fields:
        request = _decoded(_FIELDS, fields, "request") or {}
        named = {name: fields[name] for name in ("user",) if name in fields}
        return _call(where, fields, {**request, **named}, bytes(fields["response"]))
    if "choices" in fields:
        return _call(where, fields, fields, document)
    return _conversation(where, fields)


def _call(where: str, fields: Fields, request: Fields, answer: bytes) -> Transcript:
    """One call, of which a log says this and that beside its request."""
    if not chat.SHAPE.reply(answer).turns:
        raise ValueError("an answer without choices that can be read")
    head, messages = _head(request), _messages(request)
    if chat.SHAPE.read(_request(head, messages)) is None:
        raise ValueError("messages that cannot be read")
    at = _moment(fields)
    return Transcript(
        where=where,
        at=_moment(_FIELDS.decode(answer)) if at is None else at,
        session=_name(fields, SESSION_MEMBERS),
        head=head,
        messages=messages,
        answers=((len(messages), answer),),
        verdicts=_verdicts(fields),
    )


def _conversation(where: str, fields: Fields) -> Transcript:
    head, messages = _head(fields), _messages(fields)
    call = chat.SHAPE.read(_request(head, messages))
    if call is None:
        raise ValueError("messages that cannot be read")
    spoken = [place for place, turn in enumerate(call.turns) if place and turn.role == "assistant"]
    if not spoken:
        raise ValueError("no message that an assistant answered")
    answers = [(place, msgspec.json.encode({"choices": [{"message": messages[place]}]})) for place in spoken]
    return Transcript(
        where=where,
        at=_moment(fields),
        session=_name(fields, (*SESSION_MEMBERS, "id")) or _digest(messages),
        head=head,
        messages=messages,
        answers=tuple(answers),
        verdicts=_verdicts(fields),
    )


def _request(head: Fields, messages: Sequence[msgspec.Raw]) -> bytes:
    return msgspec.json.encode({**head, "messages": messages})


def _messages(fields: Fields) -> tuple[msgspec.Raw, ...]:
    found = _items(fields["messages"]) if "messages" in fields else None
    if not found:
        raise ValueError("no list of messages")
    return tuple(found)


def _head(fields: Fields) -> Fields:
    """Members of a request. A number is made a name: unread, it would make one user of all."""
    head = {name: value for name, value in fields.items() if name not in NO_REQUEST_MEMBERS}
    if "user" in head and isinstance(number := msgspec.json.decode(head["user"]), int):
        head["user"] = msgspec.Raw(msgspec.json.encode(str(number)))
    return head


def _verdicts(fields: Fields) -> tuple[Verdict, ...]:
    reward = _decoded(_REWARD, fields, "reward")
    feedback = _decoded(_FEEDBACK, fields, "feedback")
    found = [] if reward is None else [Verdict(value=reward)]
    if isinstance(feedback, list):
        found += feedback
    elif isinstance(feedback, Verdict):
        found.append(feedback)
    elif isinstance(feedback, str):
        found.append(Verdict(comment=feedback))
    elif feedback is not None:
        found.append(Verdict(value=feedback))
    return tuple(found)


def _name(fields: Fields, members: Sequence[str]) -> str:
    """The first of these members that holds a name."""
    found = (_decoded(_NAME, fields, member) for member in members)
    return next((str(name) for name in found if name not in (None, "")), "")


def _moment(fields: Fields) -> float | None:
    """Unix seconds. A date without a zone is in UTC."""
    found = (_decoded(_TIME, fields, member) for member in TIME_MEMBERS)
    written = next((time for time in found if time is not None), None)
    if isinstance(written, str):
        date = datetime.fromisoformat(written)
        written = (date if date.tzinfo else date.replace(tzinfo=UTC)).timestamp()
    if written is None or 0 <= written < MILLISECONDS_FROM:
        return written
    if written < 0:
        raise ValueError(f"{written} is no time at which a call was made")
    return written / 1000


def _digest(messages: Sequence[msgspec.Raw]) -> str:
    """A name for a conversation that has none: the same words are the same conversation."""
    return "se_" + hashlib.blake2b(msgspec.json.encode(messages), digest_size=16).hexdigest()


def _decoded(decoder: msgspec.json.Decoder[T], fields: Fields, member: str) -> T | None:
    """A member, None where it is missing. Raises `ValueError` that says which one is wrong."""
    if member not in fields:
        return None
    try:
        return decoder.decode(fields[member])
    except msgspec.DecodeError as error:
        raise ValueError(f"{member}: {error}") from error


def _items(document: bytes | msgspec.Raw) -> list[msgspec.Raw] | None:
    """The members of a JSON array; None when it is none."""
    try:
        return _ITEMS.decode(document)
    except (ValueError, RecursionError):
        return None


def _is_message(item: msgspec.Raw) -> bool:
    try:
        return "role" in _FIELDS.decode(item)
    except (ValueError, RecursionError):
        return False


def _legible(document: bytes) -> bytes | None:
    """The same document without lone surrogates, which decoders refuse; None when it is no JSON."""

    def checked(legible: bytes) -> bytes:
        _ANYTHING.decode(legible)
        return legible

    return understood(document, checked)
