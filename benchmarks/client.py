"""A client with a past: chats that grow call by call, and questions, as ordinary chat completions over HTTP.

Each call of the past predicts its answer (`prediction`, as the API has it), which the scripted provider then gives
word for word; what a question came with is read from the provider's record. Knows nothing of what is measured.
"""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from types import TracebackType
from typing import Any, Self

import aiohttp
import msgspec

from benchmarks.harness import Failed
from gateway.testing import Received, ScriptedUpstream

MODEL = "gpt-4o"
CREDENTIAL = "Bearer benchmark"
"""One for all users: they are of one tenant."""

NUMBER = "x-question"
"""Header that tells the questions apart in the provider's record."""

AT_ONCE = 8
CALL_S = 60.0

USABLE = frozenset({"hit", "empty"})
"""What memory may say of a call for it to count: else it was late, broken or not asked."""


class Chat(msgspec.Struct, frozen=True, kw_only=True):
    """A chat of the past."""

    user: str
    session: str
    """Empty for a client that does not name it."""
    messages: tuple[str, ...]
    """The user's and the assistant's in turn, the assistant's last."""


class Question(msgspec.Struct, frozen=True, kw_only=True):
    """The newest message of a chat; the client allows memory to add, and not to learn from it."""

    user: str
    session: str
    ask: str
    before: tuple[str, ...] = ()
    """Messages of its chat so far, as in `Chat`."""


class Told(msgspec.Struct, frozen=True, kw_only=True):
    """What memory made of a question."""

    header: str
    """`x-accrue-memory` of the answer."""
    notes: str
    """All that the provider got beside the client's own words."""

    @property
    def status(self) -> str:
        """The header's first word."""
        return self.header.partition(";")[0]

    @property
    def count(self) -> int:
        """Memories in the notes, as the header says."""
        members = dict(member.strip().partition("=")[::2] for member in self.header.split(";"))
        return int(members.get("notes", 0))


def feed(url: str, chats: Iterable[Chat]) -> int:
    """Have the chats, those of one user one after the other; how many calls that took.

    Raises `Failed` for a call that was not answered as it should be, or that memory was in no state for.
    """
    people: dict[str, list[Chat]] = {}
    for chat in chats:
        people.setdefault(chat.user, []).append(chat)
    return asyncio.run(_feed(url, list(people.values())))


def ask(url: str, upstream: ScriptedUpstream, questions: Sequence[Question]) -> list[Told]:
    """What each question came with. Raises `Failed` as `feed` does, and where the client's own words were changed."""
    upstream.clear()
    headers = asyncio.run(_ask(url, questions))
    received = {_number(request): request for request in upstream.requests()}
    if received.keys() != set(range(len(questions))):
        raise Failed(f"{len(questions)} questions were asked, and the provider heard {len(received)}")
    told = [
        Told(header=header, notes=notes_in(received[number].body, (*question.before, question.ask)))
        for number, (header, question) in enumerate(zip(headers, questions, strict=True))
    ]
    for one in told:
        if bool(one.notes) != (one.status == "hit"):
            raise Failed(f"the answer says {one.header!r}, and the provider got {one.notes!r}")
    return told


def notes_in(body: bytes, own: Sequence[str]) -> str:
    """What a request holds beside the messages that the client sent. Raises `Failed` where those were changed."""
    heard = [message["content"] for message in msgspec.json.decode(body)["messages"]]
    if len(heard) != len(own) or not all(map(str.startswith, heard, own)):
        raise Failed(f"the client said {own!r}, and the provider heard {heard!r}")
    return "".join(text.removeprefix(said) for text, said in zip(heard, own, strict=True))


async def _feed(url: str, people: Sequence[Sequence[Chat]]) -> int:
    async with _Calls(url) as calls:
        heard = await asyncio.gather(*(_live(calls, chats) for chats in people))
    headers = [header for person in heard for header in person]
    _check(headers)
    return len(headers)


async def _live(calls: _Calls, chats: Sequence[Chat]) -> list[str]:
    """All chats of one user, in order; what memory said of each call."""
    headers = []
    for chat in chats:
        for place in range(1, len(chat.messages), 2):
            answer = chat.messages[place]
            said, header = await calls.call(
                {"messages": _messages(chat.messages[:place]), "prediction": {"type": "content", "content": answer}},
                _naming(chat.user, chat.session),
            )
            if said != answer:
                raise Failed(f"the provider was to say {answer!r}, and said {said!r}")
            headers.append(header)
    return headers


async def _ask(url: str, questions: Sequence[Question]) -> list[str]:
    async with _Calls(url) as calls:
        answers = await asyncio.gather(
            *(
                calls.call(
                    {"messages": _messages((*question.before, question.ask))},
                    {**_naming(question.user, question.session), "x-accrue-memory": "read", NUMBER: str(number)},
                )
                for number, question in enumerate(questions)
            )
        )
    headers = [header for _, header in answers]
    _check(headers)
    return headers


class _Calls:
    """A few calls at a time, each on its way for no longer than `CALL_S`."""

    def __init__(self, url: str) -> None:
        self._url = url
        self._free = asyncio.Semaphore(AT_ONCE)

    async def __aenter__(self) -> Self:
        self._session = aiohttp.ClientSession(timeout=aiohttp.ClientTimeout(total=CALL_S))
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None
    ) -> None:
        await self._session.close()

    async def call(self, members: Mapping[str, Any], headers: Mapping[str, str]) -> tuple[str, str]:
        """What the assistant said, and what memory said of the call."""
        body = msgspec.json.encode({"model": MODEL, **members})
        headers = {"authorization": CREDENTIAL, "content-type": "application/json", **headers}
        async with (
            self._free,
            self._session.post(f"{self._url}/chat/completions", data=body, headers=headers) as answer,
        ):
            content = await answer.read()
            if answer.status != 200:
                raise Failed(f"a call was answered with {answer.status}: {content[:500]!r}")
            said = msgspec.json.decode(content)["choices"][0]["message"]["content"]
            return said, answer.headers.get("x-accrue-memory", "unknown")


def _naming(user: str, session: str) -> dict[str, str]:
    return {"x-accrue-user": user, **({"x-accrue-session": session} if session else {})}


def _messages(texts: Sequence[str]) -> list[dict[str, str]]:
    return [{"role": ("user", "assistant")[place % 2], "content": text} for place, text in enumerate(texts)]


def _check(headers: Iterable[str]) -> None:
    """Raise `Failed` when memory was late or broken for any call: the figures would not be those of recall."""
    statuses = Counter(header.partition(";")[0] for header in headers)
    if not statuses.keys() <= USABLE:
        raise Failed(f"memory was late or broken: {dict(statuses)}")


def _number(request: Received) -> int:
    return int(next(value for name, value in request.headers if name.lower() == NUMBER.encode()))
