"""`accrue dlq`: what could not be learnt, and what is to become of it."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from pathlib import Path

import click
import msgspec

from gateway import dlq
from gateway.commands.options import config_option, data_dir_option, or_exit
from gateway.config import Config, environment, load_config
from gateway.telemetry import configure_logs

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
@click.option("--json", "is_json", is_flag=True, help="Print them as JSON.")
@config_option
@data_dir_option
def list_command(is_json: bool, config_file: Path | None, data_dir: str | None) -> None:
    """Name all dead letters, the oldest first: exchange, time of the call, what was not done, and why.

    \b
        accrue dlq list
        accrue dlq list --json
    """
    config = _config(config_file, data_dir)
    letters = or_exit(lambda: asyncio.run(dlq.letters(config)))
    if is_json:
        click.echo(msgspec.json.encode(letters))
        return
    for letter in letters:
        click.echo(dlq.line(letter))


@group.command(short_help="Say what one is about.")
@click.argument("exchange")
@config_option
@data_dir_option
def show(exchange: str, config_file: Path | None, data_dir: str | None) -> None:
    """Say why EXCHANGE could not be learnt, and what memory did on that call.

    \b
        accrue dlq show ex_01a2026902192dbdcb39a15ffeaec7c8
    """
    config = _config(config_file, data_dir)
    click.echo(or_exit(lambda: asyncio.run(dlq.shown(config, exchange))))


@group.command(short_help="Have them learnt once more.")
@exchanges_argument
@all_option
@config_option
@data_dir_option
def replay(exchanges: Sequence[str], is_all: bool, config_file: Path | None, data_dir: str | None) -> None:
    """Have EXCHANGEs learnt once more: at once by a running gateway, else by the next one that is started.

    \b
        accrue dlq replay ex_01a2026902192dbdcb39a15ffeaec7c8
        accrue dlq replay --all
    """
    chosen, config = _chosen(exchanges, is_all=is_all), _config(config_file, data_dir)
    count = or_exit(lambda: asyncio.run(dlq.replay(config, chosen)))
    click.echo(f"{count} to be learnt once more")


@group.command(short_help="Forget them.")
@exchanges_argument
@all_option
@config_option
@data_dir_option
def drop(exchanges: Sequence[str], is_all: bool, config_file: Path | None, data_dir: str | None) -> None:
    """Forget that EXCHANGEs could not be learnt; the record keeps them.

    \b
        accrue dlq drop ex_01a2026902192dbdcb39a15ffeaec7c8
        accrue dlq drop --all
    """
    chosen, config = _chosen(exchanges, is_all=is_all), _config(config_file, data_dir)
    count = or_exit(lambda: asyncio.run(dlq.drop(config, chosen)))
    click.echo(f"{count} dropped")


def _chosen(exchanges: Sequence[str], *, is_all: bool) -> Sequence[str] | None:
    """The exchanges named, or None for all."""
    if is_all == bool(exchanges):
        raise click.UsageError("name exchanges, or say --all")
    return None if is_all else exchanges


def _config(config_file: Path | None, data_dir: str | None) -> Config:
    """What is configured; what is logged goes where it is told apart from what is printed."""
    config = or_exit(lambda: load_config(config_file, environment(), data_dir=data_dir))
    configure_logs("error", config.telemetry.log_format)
    return config
