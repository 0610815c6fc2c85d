"""`accrue dlq`: what could not be learnt, and what is to become of it.

The record is looked into beside a running gateway, which is not disturbed; with --url a gateway elsewhere is asked.
"""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from urllib.parse import quote

import click
import msgspec

from gateway import dlq, explain
from gateway.admin.explain import Explanation
from gateway.commands.options import or_exit
from gateway.commands.reaching import Api, Where, answered, configured, json_option, print_json, where_options
from gateway.deadletters import DeadLetter
from gateway.errors import NotFound

PATH = "/accrue/deadletters"

MOST = 1_000
"""Letters that a gateway names."""

all_option = click.option("--all", "is_all", is_flag=True, help="All there are.")
exchanges_argument = click.argument("exchanges", metavar="[EXCHANGE]...", nargs=-1)


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
    if where.url is None:
        letters = or_exit(lambda: asyncio.run(dlq.letters(configured(where))))
    else:
        letters = answered(where, _listed)
    if is_json:
        print_json(letters)
        return
    for letter in letters:
        click.echo(dlq.line(letter))


@group.command(short_help="Say what one is about.")
@click.argument("exchange")
@where_options
def show(where: Where, exchange: str) -> None:
    """Say why EXCHANGE could not be learnt, and what memory did on that call.

    \b
        accrue dlq show ex_01a2026902192dbdcb39a15ffeaec7c8
    """
    if where.url is None:
        click.echo(or_exit(lambda: asyncio.run(dlq.shown(configured(where), exchange))))
    else:
        click.echo(answered(where, lambda api: _shown(api, exchange)))


@group.command(short_help="Have them learnt once more.")
@exchanges_argument
@all_option
@where_options
def replay(where: Where, exchanges: Sequence[str], is_all: bool) -> None:
    """Have EXCHANGEs learnt once more: at once by a running gateway, else by the next one that is started.

    \b
        accrue dlq replay ex_01a2026902192dbdcb39a15ffeaec7c8
        accrue dlq replay --all
    """
    chosen = _chosen(exchanges, is_all=is_all)
    if where.url is None:
        count = or_exit(lambda: asyncio.run(dlq.replay(configured(where), chosen)))
    else:
        count = answered(where, lambda api: _told(api, "replay", chosen))
    click.echo(f"{count} to be learnt once more")


@group.command(short_help="Forget them.")
@exchanges_argument
@all_option
@where_options
def drop(where: Where, exchanges: Sequence[str], is_all: bool) -> None:
    """Forget that EXCHANGEs could not be learnt; the record keeps them.

    \b
        accrue dlq drop ex_01a2026902192dbdcb39a15ffeaec7c8
        accrue dlq drop --all
    """
    chosen = _chosen(exchanges, is_all=is_all)
    if where.url is None:
        count = or_exit(lambda: asyncio.run(dlq.drop(configured(where), chosen)))
    else:
        count = answered(where, lambda api: _told(api, "drop", chosen))
    click.echo(f"{count} dropped")


def _chosen(exchanges: Sequence[str], *, is_all: bool) -> Sequence[str] | None:
    """The exchanges named, or None for all."""
    if is_all == bool(exchanges):
        raise click.UsageError("name exchanges, or say --all")
    return None if is_all else exchanges


async def _listed(api: Api) -> list[DeadLetter]:
    page = await api.ask("GET", PATH, query={"limit": MOST})
    return msgspec.convert(page["letters"], list[DeadLetter])


async def _shown(api: Api, exchange: str) -> str:
    found = [letter for letter in await _listed(api) if letter.exchange == exchange]
    if not found:
        raise NotFound(f"no dead letter {exchange} at {api.place}")
    if found[0].stage == "unreadable":
        return dlq.line(found[0])
    about = msgspec.convert(await api.ask("GET", f"/accrue/explain/{quote(exchange, safe='')}"), Explanation)
    return "\n".join([dlq.line(found[0]), "", *explain.lines(about)])


async def _told(api: Api, what: str, chosen: Sequence[str] | None) -> int:
    asked = {"all": True} if chosen is None else {"exchanges": chosen}
    done = await api.ask("POST", f"{PATH}/{what}", body=asked)
    return int(done["count"])
