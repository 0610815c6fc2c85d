"""Questions of our own to a model, through the upstream that clients use: without a client, and so without a credential
but the upstream's own; the answer is read whole, and every token is counted.

What is asked, and why, is not known here.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import aclosing
from typing import Any

import msgspec

from gateway import encodings
from gateway.errors import UpstreamTimeout, UpstreamUnreachable
from gateway.headers import first_value
from gateway.ports import Headers, Outgoing, TokenCounter, Upstream
from gateway.routes import DEFAULT, Route, UpstreamConfig
from gateway.shapes.chat import SHAPE

ANSWER_S = 120.0
"""For an answer as a whole. Nobody waits for it, but others wait behind it."""

MAX_ANSWER_BYTES = 256 * 1024
"""Of an answer are read; a longer one is not what was asked for."""

PATH = SHAPE.path
HEADERS: Headers = [(b"content-type", b"application/json"), (b"accept", b"application/json")]

ANSWERED = range(200, 300)
UNSUITED = frozenset((400, 413, 422))
"""Statuses by which this very question is refused. Others may be different next time, or are the operator's to mend."""


class Question(msgspec.Struct, frozen=True, kw_only=True):
    """What a model is asked; the answer is to be a JSON object."""

    model: str
    task: str
    words: str
    """On which to do the task: data, in a message of their own."""
    max_tokens: int
    """Of the answer, thoughts included."""


class Asker:
    """Asks one question at a time."""

    def __init__(self, upstream: Upstream, counter: TokenCounter) -> None:
        self._upstream = upstream
        self._counter = counter
        self._plain: set[str] = set()
        """Models that take no limit, format or temperature, or not by these names."""

    async def cost(self, question: Question) -> int:
        """The most tokens that it may cost to ask, by our count."""
        return await self._prompt_tokens(question) + question.max_tokens

    async def ask(self, question: Question, spend: Callable[[int], None]) -> str | None:
        """The model's words; None when it does not take the question.

        Raises `RequestError` when there is no answer.

        Args:
            spend: told the tokens of each try: as the provider counts them, by our count where it does not say, and
                those of the prompt where an answer was expected and did not come.
        """
        if question.model in self._plain:
            return await self._ask(question, spend, is_plain=True)
        answer = await self._ask(question, spend, is_plain=False)
        if answer is None:
            answer = await self._ask(question, spend, is_plain=True)
            if answer is not None:
                self._plain.add(question.model)
        return answer

    async def _ask(self, question: Question, spend: Callable[[int], None], *, is_plain: bool) -> str | None:
        cost = prompt_tokens = await self._prompt_tokens(question)
        try:
            status, body = await self._sent(question, is_plain=is_plain)
            if status not in ANSWERED:
                cost = 0
                if status in UNSUITED:
                    return None
                raise UpstreamUnreachable(f"the upstream answered with {status}")
            reply = SHAPE.reply(body)
            text = reply.turns[0].text if reply.turns else ""
            used = reply.usage.prompt_tokens + reply.usage.completion_tokens if reply.usage else 0
            cost = used or prompt_tokens + await self._tokens(text, question.model)
            return text
        finally:
            spend(cost)

    async def _sent(self, question: Question, *, is_plain: bool) -> tuple[int, bytes]:
        """Status and body of the answer; of one that is too long the body is empty."""
        body = msgspec.json.encode(_body(question, is_plain=is_plain))
        outgoing = Outgoing(method="POST", target=PATH, headers=HEADERS, body=body, model=question.model)
        heard = bytearray()
        try:
            async with asyncio.timeout(ANSWER_S):
                incoming = await self._upstream.send(outgoing)
                async with aclosing(incoming.chunks) as chunks:
                    async for chunk in chunks:
                        heard += chunk
                        if len(heard) > MAX_ANSWER_BYTES:
                            return incoming.status, b""
        except TimeoutError:
            raise UpstreamTimeout("the upstream did not finish its answer in time") from None
        coding = first_value(incoming.headers, b"content-encoding")
        return incoming.status, encodings.decode(bytes(heard), coding, MAX_ANSWER_BYTES) or b""

    async def _prompt_tokens(self, question: Question) -> int:
        return await self._tokens(f"{question.task}\n{question.words}", question.model)

    async def _tokens(self, text: str, model: str) -> int:
        return await asyncio.to_thread(self._counter.count, text, model)


def keyless(model: str, routes: Sequence[Route], upstreams: Mapping[str, UpstreamConfig]) -> Iterator[str]:
    """Names of upstreams that may be asked for a model and could be sent no credential; through litellm none goes.

    Args:
        routes: those in force.
    """
    fitting = (route for route in routes if route.match.fits_place(PATH, HEADERS) and route.match.fits_model(model))
    for name in next((route.upstreams for route in fitting), (DEFAULT,)):
        if upstreams[name].kind == "http" and not upstreams[name].api_key:
            yield name


def _body(question: Question, *, is_plain: bool) -> dict[str, Any]:
    messages = [{"role": "system", "content": question.task}, {"role": "user", "content": question.words}]
    body: dict[str, Any] = {"model": question.model, "messages": messages}
    if is_plain:
        return body
    limits = {"temperature": 0, "max_completion_tokens": question.max_tokens}
    return body | limits | {"response_format": {"type": "json_object"}}
