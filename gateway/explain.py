"""One exchange in words: what was added to a call and why, what was not, and what came back.

What there is to say is known by gateway/admin/explain.py, which answers the same as JSON.
"""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from datetime import UTC, datetime

from gateway.admin.explain import Added, Explanation, Handled, explanation
from gateway.config import Config
from gateway.errors import NotFound
from gateway.inert import printable
from gateway.lookback import beside
from gateway.types import Considered

TEXT_CHARS = 100
"""Of a memory are shown in the table; the notes above it have it whole."""


def text(config: Config, exchange_id: str) -> str:
    """The explanation of one exchange, in words. Raises as `found`."""
    return "\n".join(lines(asyncio.run(found(config, exchange_id))))


async def found(config: Config, exchange_id: str) -> Explanation:
    """The explanation of one exchange, whichever gateway it went through; running ones are not disturbed.

    Raises `DataDirError` for a directory without a journal, `NotFound` for an exchange that is not on record,
    `MemoryUnavailable` for a record that cannot be read.
    """
    async with beside(config) as record:
        exchange = await record.read(exchange_id)
        if exchange is None:
            raise NotFound(f"no exchange {exchange_id} in {record.place}")
        return explanation(exchange)


def lines(found: Explanation) -> Iterator[str]:
    """The explanation, line by line; what clients and users wrote has nothing in it that a terminal would obey."""
    for line in _lines(found):
        yield printable(line)


def _lines(found: Explanation) -> Iterator[str]:
    call = found.call
    at = datetime.fromtimestamp(call.at, UTC).strftime("%Y-%m-%d %H:%M:%S UTC")
    user = found.user or "(nobody named: memory is confined to the session)"
    yield f"exchange  {call.id}  {at}"
    yield f"call      {call.path}  model {call.model or '?'}  policy {call.policy}"
    under = f"  for {call.parent}" if call.parent else ""
    yield f"who       user {user}  session {found.session}  agent {call.agent}{under}"
    yield f"memory    {call.memory}"
    yield f"answer    {_answer(call)}"
    for added in call.added:
        yield ""
        yield f"added {_place(added)} ({added.tokens} tokens):"
        yield from (f"  {line}" for line in added.text.splitlines())
    if found.considered:
        yield ""
        yield f"{'decision':<14}{'lane':<12}{'score':>6}  {'tokens':>6}  {'found by':<24}memory"
        yield from (_row(entry) for entry in found.considered)


def _answer(call: Handled) -> str:
    usage = call.usage
    counted = f", {usage.prompt_tokens} prompt tokens ({usage.cached_tokens} cached)" if usage is not None else ""
    tried = f", at attempt {call.attempts}" if call.attempts > 1 else ""
    return f"{call.state}, status {call.status or 'none yet'}{tried}{counted}"


def _place(added: Added) -> str:
    return "after the system text" if added.place == "system" else "after a user message"


def _row(entry: Considered) -> str:
    found_by = " ".join(f"{way}={score:.2f}" for way, score in sorted(entry.scores.items())) or "pinned"
    shown = " ".join(entry.text.split())[:TEXT_CHARS]
    return f"{entry.decision:<14}{entry.lane:<12}{entry.score:>6.2f}  {entry.tokens:>6}  {found_by:<24}{shown}"
