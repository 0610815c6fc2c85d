"""One exchange in words: what was added to a call and why, what was not, and what came back."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path

from gateway.anchors import HEAD
from gateway.datadir import DataDir
from gateway.errors import NotFound
from gateway.parts import read_exchange
from gateway.types import Considered, Exchange, Note

TEXT_CHARS = 100
"""Of a memory are shown in the table; the notes above it have it whole."""


def text(data_dir: Path, exchange_id: str, key: str | None = None) -> str:
    """The explanation of one exchange of a data directory, which may be in use by a running gateway.

    Raises `DataDirError` for a directory without a journal, `NotFound` for an exchange it does not hold.
    """
    data = DataDir(data_dir)
    data.require_record()
    exchange = read_exchange(data, exchange_id, key)
    if exchange is None:
        raise NotFound(f"no exchange {exchange_id} in {data_dir}")
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
