"""One exchange in words: what was added to a call and why, what was not, and what came back."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from datetime import UTC, datetime

from gateway.anchors import HEAD
from gateway.config import Config
from gateway.errors import NotFound
from gateway.journals.beside import Beside
from gateway.lookback import beside
from gateway.types import Considered, Exchange, Note

TEXT_CHARS = 100
"""Of a memory are shown in the table; the notes above it have it whole."""


def text(config: Config, exchange_id: str) -> str:
    """The explanation of one exchange, whichever gateway it went through; running ones are not disturbed.

    Raises `DataDirError` for a directory without a journal, `NotFound` for an exchange that is not on record,
    `MemoryUnavailable` for a record that cannot be read.
    """
    return asyncio.run(_text(config, exchange_id))


async def explained(record: Beside, exchange_id: str) -> str:
    """The explanation of one exchange of a record. Raises as `text`."""
    exchange = await record.read(exchange_id)
    if exchange is None:
        raise NotFound(f"no exchange {exchange_id} in {record.place}")
    return "\n".join(lines(exchange))


def lines(exchange: Exchange) -> Iterator[str]:
    """The explanation, line by line."""
    at = datetime.fromtimestamp(exchange.at, UTC).strftime("%Y-%m-%d %H:%M:%S UTC")
    user = exchange.scope.user or "(nobody named: memory is confined to the session)"
    yield f"exchange  {exchange.id}  {at}"
    yield f"call      {exchange.path}  model {exchange.model or '?'}  policy {exchange.policy}"
    under = f"  for {exchange.parent}" if exchange.parent else ""
    yield f"who       user {user}  session {exchange.scope.session}  agent {exchange.scope.agent}{under}"
    yield f"memory    {exchange.outcome.header}"
    yield f"answer    {_answer(exchange)}"
    for note in exchange.notes:
        if note.text:
            yield ""
            yield f"added {_place(note)} ({note.tokens} tokens):"
            yield from (f"  {line}" for line in note.text.splitlines())
    if exchange.considered:
        yield ""
        yield f"{'decision':<14}{'lane':<12}{'score':>6}  {'tokens':>6}  {'found by':<24}memory"
        yield from (_row(entry) for entry in exchange.considered)


async def _text(config: Config, exchange_id: str) -> str:
    async with beside(config) as record:
        return await explained(record, exchange_id)


def _answer(exchange: Exchange) -> str:
    usage = exchange.reply.usage if exchange.reply is not None else None
    counted = f", {usage.prompt_tokens} prompt tokens ({usage.cached_tokens} cached)" if usage is not None else ""
    tried = f", at attempt {exchange.attempts}" if exchange.attempts > 1 else ""
    return f"{exchange.state}, status {exchange.status or 'none yet'}{tried}{counted}"


def _place(note: Note) -> str:
    return "after the system text" if note.where.startswith(HEAD) else "after a user message"


def _row(entry: Considered) -> str:
    found_by = " ".join(f"{way}={score:.2f}" for way, score in sorted(entry.scores.items())) or "pinned"
    shown = " ".join(entry.text.split())[:TEXT_CHARS]
    return f"{entry.decision:<14}{entry.lane:<12}{entry.score:>6.2f}  {entry.tokens:>6}  {found_by:<24}{shown}"
