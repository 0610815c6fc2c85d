"""The dead letters of a data directory in an operator's hands, beside a running gateway.

What they are is said in gateway/deadletters.py; the command line is in gateway/commands/dlq.py.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime

from gateway import explain
from gateway.datadir import DataDir
from gateway.deadletters import DeadLetter
from gateway.errors import NotFound
from gateway.journals.sqlite import drop_beside, read_letters_beside, replay_beside


def letters(data: DataDir) -> list[DeadLetter]:
    """All there are, the oldest first. Raises `DataDirError`."""
    data.require_record()
    return read_letters_beside(data.journal)


def line(letter: DeadLetter) -> str:
    """A letter in one line."""
    at = datetime.fromtimestamp(letter.at, UTC).strftime("%Y-%m-%d %H:%M:%S UTC")
    return f"{letter.exchange}  {at}  {letter.stage}  {letter.reason}"


def shown(data: DataDir, exchange: str, key: str | None = None) -> str:
    """A letter, and the exchange it is about as far as that can be read. Raises `DataDirError` or `NotFound`.

    Args:
        key: with which the directory is encrypted, where it is.
    """
    (letter,) = _chosen(data, (exchange,))
    about = [] if letter.stage == "unreadable" else ["", explain.text(data.path, exchange, key)]
    return "\n".join([line(letter), *about])


def replay(data: DataDir, exchanges: Sequence[str] | None) -> int:
    """Have letters learnt once more, all where none are named; how many. Raises `DataDirError` or `NotFound`."""
    chosen = _chosen(data, exchanges)
    replay_beside(data.journal, [letter.exchange for letter in chosen])
    return len(chosen)


def drop(data: DataDir, exchanges: Sequence[str] | None) -> int:
    """Forget letters, all where none are named; how many. Raises `DataDirError` or `NotFound`."""
    chosen = _chosen(data, exchanges)
    drop_beside(data.journal, [letter.exchange for letter in chosen])
    return len(chosen)


def _chosen(data: DataDir, exchanges: Sequence[str] | None) -> list[DeadLetter]:
    by_exchange = {letter.exchange: letter for letter in letters(data)}
    for exchange in exchanges or ():
        if exchange not in by_exchange:
            raise NotFound(f"no dead letter {exchange} in {data.path}")
    return list(by_exchange.values()) if exchanges is None else [by_exchange[exchange] for exchange in exchanges]
