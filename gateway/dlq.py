"""Dead letters in an operator's hands, beside the gateways that learn.

What they are is said in gateway/deadletters.py; the command line is in gateway/commands/dlq.py.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime

from gateway.config import Config
from gateway.deadletters import DeadLetter
from gateway.errors import NotFound
from gateway.explain import explained
from gateway.journals.beside import Beside
from gateway.lookback import beside


async def letters(config: Config) -> list[DeadLetter]:
    """All there are, the oldest first. Raises `DataDirError` or `MemoryUnavailable`, as all here do."""
    async with beside(config) as record:
        return await record.letters.all()


def line(letter: DeadLetter) -> str:
    """A letter in one line."""
    at = datetime.fromtimestamp(letter.at, UTC).strftime("%Y-%m-%d %H:%M:%S UTC")
    return f"{letter.exchange}  {at}  {letter.stage}  {letter.reason}"


async def shown(config: Config, exchange: str) -> str:
    """A letter, and the exchange it is about as far as that can be read. Raises `NotFound` as well."""
    async with beside(config) as record:
        (letter,) = await _chosen(record, (exchange,))
        about = [] if letter.stage == "unreadable" else ["", await explained(record, exchange)]
        return "\n".join([line(letter), *about])


async def replay(config: Config, exchanges: Sequence[str] | None) -> int:
    """Have letters learnt once more, all where none are named; how many. Raises `NotFound` as well."""
    async with beside(config) as record:
        chosen = await _chosen(record, exchanges)
        await record.letters.replay([letter.exchange for letter in chosen])
        return len(chosen)


async def drop(config: Config, exchanges: Sequence[str] | None) -> int:
    """Forget letters, all where none are named; how many. Raises `NotFound` as well."""
    async with beside(config) as record:
        chosen = await _chosen(record, exchanges)
        await record.letters.drop([letter.exchange for letter in chosen])
        return len(chosen)


async def _chosen(record: Beside, exchanges: Sequence[str] | None) -> list[DeadLetter]:
    by_exchange = {letter.exchange: letter for letter in await record.letters.all()}
    for exchange in exchanges or ():
        if exchange not in by_exchange:
            raise NotFound(f"no dead letter {exchange} in {record.place}")
    return list(by_exchange.values()) if exchanges is None else [by_exchange[exchange] for exchange in exchanges]
