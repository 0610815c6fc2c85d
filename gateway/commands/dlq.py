"""`accrue dlq`: what could not be learnt, and what is to become of it.

The record is looked into beside a running gateway, which is not disturbed; with --url a gateway elsewhere is asked.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Iterator, Sequence
from datetime import UTC, datetime

import click
import msgspec

from gateway import explain
from gateway.admin import deadletters
from gateway.admin.deadletters import Chosen, Done
from gateway.admin.explain import Explanation
from gateway.commands.looking import explanation
from gateway.commands.options import Answer, json_option, or_exit, print_json
from gateway.commands.reaching import Where, answered, configured, where_options
from gateway.config import Config
from gateway.deadletters import DeadLetter, Letters
from gateway.errors import NotFound
from gateway.inert import printable
from gateway.lookback import beside

PATH = "/accrue/deadletters"

MOST = 1_000
"""Letters that a gateway names."""

all_option = click.option("--all", "is_all", is_flag=True, help="All there are.")
exchanges_argument = click.argument("exchanges", metavar="[EXCHANGE]...", nargs=-1)

Work = Callable[[Letters, Chosen], Awaitable[Done]]


class Shown(msgspec.Struct, frozen=True, kw_only=True):
    """A letter, and the exchange that it is about."""

    letter: DeadLetter
    explanation: Explanation | None
    """None for one that cannot be read."""


@click.group(name="dlq", short_help="Look after what could not be learnt.")
def group() -> None:
    """Look after what could not be learnt: dead letters, kept until a person looks at them.

    The calls themselves are on record. A running gateway is not disturbed.

    \b
        accrue dlq list
        accrue dlq replay --all
    """


@group.command(name="list", short_help="Name them all.")
@json_option
@where_options
def list_command(where: Where, is_json: bool) -> None:
    """Name all dead letters, the oldest first: exchange, time of the call, what was not done, and why.

    \b
        accrue dlq list
        accrue dlq list --json
    """
    letters = _letters(where)
    if is_json:
        print_json(letters)
        return
    for letter in letters:
        click.echo(_line(letter))


@group.command(short_help="Say what one is about.")
@click.argument("exchange")
@json_option
@where_options
def show(where: Where, exchange: str, is_json: bool) -> None:
    """Say why EXCHANGE could not be learnt, and what memory did on that call.

    \b
        accrue dlq show ex_01a2026902192dbdcb39a15ffeaec7c8
    """
    letters = _letters(where)
    letter = or_exit(lambda: _named(letters, exchange))
    about = None if letter.stage == "unreadable" else explanation(where, exchange)
    if is_json:
        print_json(Shown(letter=letter, explanation=about))
    else:
        click.echo("\n".join(_told(letter, about)))


@group.command(short_help="Have them learnt once more.")
@exchanges_argument
@all_option
@json_option
@where_options
def replay(where: Where, exchanges: Sequence[str], is_all: bool, is_json: bool) -> None:
    """Have EXCHANGEs learnt once more: at once by a running gateway, else by the next one that is started.

    \b
        accrue dlq replay ex_01a2026902192dbdcb39a15ffeaec7c8
        accrue dlq replay --all
    """
    done = _done(where, "replay", deadletters.replayed, _chosen(exchanges, is_all=is_all))
    _say(done, "to be learnt once more", is_json=is_json)


@group.command(short_help="Forget them.")
@exchanges_argument
@all_option
@json_option
@where_options
def drop(where: Where, exchanges: Sequence[str], is_all: bool, is_json: bool) -> None:
    """Forget that EXCHANGEs could not be learnt; the record keeps them.

    \b
        accrue dlq drop ex_01a2026902192dbdcb39a15ffeaec7c8
        accrue dlq drop --all
    """
    done = _done(where, "drop", deadletters.dropped, _chosen(exchanges, is_all=is_all))
    _say(done, "dropped", is_json=is_json)


def _say(done: Done, what: str, *, is_json: bool) -> None:
    if is_json:
        print_json(done)
    else:
        click.echo(f"{done.count} {what}")


def _chosen(exchanges: Sequence[str], *, is_all: bool) -> Chosen:
    if is_all == bool(exchanges):
        raise click.UsageError("name exchanges, or say --all")
    return Chosen(exchanges=tuple(exchanges), all=is_all)


def _letters(where: Where) -> Sequence[DeadLetter]:
    if where.url is None:
        return or_exit(lambda: asyncio.run(_beside(configured(where), lambda letters: letters.all())))
    page = answered(where, lambda api: api.ask("GET", PATH, query={"limit": MOST}))
    return msgspec.convert(page["letters"], list[DeadLetter])


def _done(where: Where, name: str, work: Work, chosen: Chosen) -> Done:
    if where.url is None:
        config = configured(where)
        return or_exit(lambda: asyncio.run(_beside(config, lambda letters: work(letters, chosen))))
    asked = msgspec.to_builtins(chosen)
    return msgspec.convert(answered(where, lambda api: api.ask("POST", f"{PATH}/{name}", body=asked)), Done)


async def _beside(config: Config, work: Callable[[Letters], Awaitable[Answer]]) -> Answer:
    async with beside(config) as record:
        return await work(record.letters)


def _named(letters: Sequence[DeadLetter], exchange: str) -> DeadLetter:
    for letter in letters:
        if letter.exchange == exchange:
            return letter
    raise NotFound(f"there is no dead letter {exchange}")


def _told(letter: DeadLetter, about: Explanation | None) -> Iterator[str]:
    yield _line(letter)
    if about is not None:
        yield ""
        yield from explain.lines(about)


def _line(letter: DeadLetter) -> str:
    at = datetime.fromtimestamp(letter.at, UTC).strftime("%Y-%m-%d %H:%M:%S UTC")
    return printable(f"{letter.exchange}  {at}  {letter.stage}  {letter.reason}")
