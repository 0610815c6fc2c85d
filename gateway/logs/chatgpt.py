"""Conversations of ChatGPT as its data export holds them, in `conversations.json`.

A conversation is a tree, since messages can be edited and answers made anew; the branch that was looked at last is the
one that ends at `current_node`. On it only what was said aloud counts: words of the user and words to the user. What
was hidden, thought, or said between the model and its tools is passed over, and of pictures and files nothing is read.
The form is not published; what is read here is what exports have in common.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import msgspec

from gateway.logs.base import FIELDS, Fields, Transcript, answer, decoded, moment, name, part

SPOKEN = ("text", "multimodal_text")
"""Types of content in which words are said; the others are code, thoughts, results and settings."""

HEARD = "audio_transcription"
"""The type of a part that was spoken."""

TO_ALL = "all"
"""The recipient of words to the user; what is meant for a tool names that."""

_PARTS = msgspec.json.Decoder(list[msgspec.Raw])
_WORDS = msgspec.json.Decoder(str)
_FLAG = msgspec.json.Decoder(bool | None)


class Message(msgspec.Struct, frozen=True, kw_only=True):
    """What was said aloud."""

    role: str
    text: str
    at: float | None


class ChatGpt:
    """See the module."""

    order = 1

    def is_form_of(self, fields: Fields) -> bool:
        """By the tree, which no other log has."""
        return "mapping" in fields

    def read(self, where: str, document: bytes, fields: Fields) -> Transcript:
        """See `Format.read`."""
        nodes = part(fields, "mapping")
        said = list(_joined(_said(nodes, _branch(nodes, name(fields, ("current_node",))))))
        spoken = [place for place, message in enumerate(said) if place and message.role == "assistant"]
        if not spoken:
            raise ValueError("no message that ChatGPT answered")
        messages = [_wire({"role": message.role, "content": message.text}) for message in said]
        model = name(fields, ("default_model_slug",))
        return Transcript(
            where=where,
            at=moment(fields, ("create_time",)),
            session=name(fields, ("conversation_id", "id")),
            head={"model": _wire(model)} if model else {},
            messages=tuple(messages),
            answers=tuple((place, answer(messages[place])) for place in spoken),
            times=tuple(said[place - 1].at for place in spoken),
        )


def _branch(nodes: Fields, leaf: str) -> Sequence[Fields]:
    """The nodes from the root to a leaf. Raises `ValueError` for a tree that is none."""
    if not leaf:
        raise ValueError("no current_node, which says where the conversation ends")
    branch: dict[str, Fields] = {}
    while leaf:
        if leaf in branch:
            raise ValueError(f"mapping: {leaf} is its own ancestor")
        if leaf not in nodes:
            raise ValueError(f"mapping: there is no {leaf}")
        branch[leaf] = part(nodes, leaf)
        leaf = name(branch[leaf], ("parent",))
    return list(branch.values())[::-1]


def _said(nodes: Fields, branch: Sequence[Fields]) -> Iterator[Message]:
    for node in branch:
        message = part(node, "message")
        role = name(part(message, "author"), ("role",))
        if role not in ("user", "assistant") or _is_aside(message):
            continue
        if text := _words(part(message, "content")):
            yield Message(role=role, text=text, at=moment(message, ("create_time",)))


def _is_aside(message: Fields) -> bool:
    """Whether it was not said aloud: hidden, or meant for a tool."""
    is_hidden = decoded(_FLAG, part(message, "metadata"), "is_visually_hidden_from_conversation")
    return bool(is_hidden) or (name(message, ("recipient",)) or TO_ALL) != TO_ALL


def _words(content: Fields) -> str:
    """The words of a message."""
    if name(content, ("content_type",)) not in SPOKEN:
        return ""
    parts = decoded(_PARTS, content, "parts")
    return "\n".join(filter(None, map(_heard, parts or ()))).strip()


def _heard(given: msgspec.Raw) -> str:
    """The words of a part: itself, or what was heard; pictures and files have none."""
    if bytes(given).startswith(b'"'):
        return _WORDS.decode(given)
    fields = FIELDS.decode(given)
    return name(fields, ("text",)) if name(fields, ("content_type",)) == HEARD else ""


def _joined(said: Iterator[Message]) -> Iterator[Message]:
    """An answer in pieces, between which tools were called, as one."""
    held: Message | None = None
    for message in said:
        if held is not None and held.role == message.role == "assistant":
            held = msgspec.structs.replace(held, text=f"{held.text}\n{message.text}")
            continue
        if held is not None:
            yield held
        held = message
    if held is not None:
        yield held


def _wire(value: str | Mapping[str, Any]) -> msgspec.Raw:
    return msgspec.Raw(msgspec.json.encode(value))


FORMAT = ChatGpt()
