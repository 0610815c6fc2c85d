"""OpenAI's chat format, which most logs and all files for fine-tuning are in.

{"messages": [...]}                          a conversation; each message of the assistant answered a call
{"messages": [...], "choices": [...]}        one call, as OpenAI stores completions
{"request": {...}, "response": {...}}        one call
"""

from __future__ import annotations

import hashlib
from collections.abc import Sequence

import msgspec

from gateway.logs.base import (
    FIELDS,
    Fields,
    Share,
    Transcript,
    Verdict,
    answer,
    decoded,
    messages,
    moment,
    name,
    request,
)
from gateway.shapes import chat

SESSION_MEMBERS = ("session", "session_id", "conversation_id", "thread_id")
"""May name the session. Of a conversation its `id` does so too; of a call that is the call's own."""

TIME_MEMBERS = ("created", "created_at", "timestamp")

NO_REQUEST_MEMBERS = frozenset((*SESSION_MEMBERS, *TIME_MEMBERS, "id", "messages", "choices", "feedback", "reward"))
"""What a log says of a conversation; all else beside its messages stood in each of its requests."""

_REWARD = msgspec.json.Decoder(bool | Share | None)
_FEEDBACK = msgspec.json.Decoder(bool | Share | str | Verdict | list[Verdict] | None)


class Chat:
    """See the module."""

    order = 3

    def is_form_of(self, fields: Fields) -> bool:
        """Whatever is of no other form."""
        return True

    def read(self, where: str, document: bytes, fields: Fields) -> Transcript:
        """See `Format.read`."""
        if "request" in fields and "response" in fields:
            made = decoded(FIELDS, fields, "request") or {}
            named = {name: fields[name] for name in ("user",) if name in fields}
            return _call(where, fields, {**made, **named}, bytes(fields["response"]))
        if "choices" in fields:
            return _call(where, fields, fields, document)
        return _conversation(where, fields)


def one_call(where: str, head: Fields, said: Sequence[msgspec.Raw], reply: bytes) -> Transcript:
    """One call without a time or a session. Raises `ValueError` for what live calls would not be read from."""
    if not chat.SHAPE.reply(reply).turns:
        raise ValueError("an answer without choices that can be read")
    if chat.SHAPE.read(request(head, said)) is None:
        raise ValueError("messages that cannot be read")
    answers = ((len(said), reply),)
    return Transcript(where=where, at=None, session="", head=head, messages=tuple(said), answers=answers)


def _call(where: str, fields: Fields, made: Fields, reply: bytes) -> Transcript:
    """One call, of which a log says this and that beside its request."""
    call = one_call(where, _head(made), messages(made), reply)
    at = moment(fields, TIME_MEMBERS)
    return msgspec.structs.replace(
        call,
        at=moment(FIELDS.decode(reply), TIME_MEMBERS) if at is None else at,
        session=name(fields, SESSION_MEMBERS),
        verdicts=_verdicts(fields),
    )


def _conversation(where: str, fields: Fields) -> Transcript:
    head, said = _head(fields), messages(fields)
    call = chat.SHAPE.read(request(head, said))
    if call is None:
        raise ValueError("messages that cannot be read")
    spoken = [place for place, turn in enumerate(call.turns) if place and turn.role == "assistant"]
    if not spoken:
        raise ValueError("no message that an assistant answered")
    return Transcript(
        where=where,
        at=moment(fields, TIME_MEMBERS),
        session=name(fields, (*SESSION_MEMBERS, "id")) or _digest(said),
        head=head,
        messages=said,
        answers=tuple((place, answer(said[place])) for place in spoken),
        verdicts=_verdicts(fields),
    )


def _head(fields: Fields) -> Fields:
    """Members of a request. A number is made a name: unread, it would make one user of all."""
    head = {name: value for name, value in fields.items() if name not in NO_REQUEST_MEMBERS}
    if "user" in head and isinstance(number := msgspec.json.decode(head["user"]), int):
        head["user"] = msgspec.Raw(msgspec.json.encode(str(number)))
    return head


def _verdicts(fields: Fields) -> tuple[Verdict, ...]:
    reward = decoded(_REWARD, fields, "reward")
    feedback = decoded(_FEEDBACK, fields, "feedback")
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


def _digest(said: Sequence[msgspec.Raw]) -> str:
    """A name for a conversation that has none: the same words are the same conversation."""
    return "se_" + hashlib.blake2b(msgspec.json.encode(said), digest_size=16).hexdigest()


FORMAT = Chat()
