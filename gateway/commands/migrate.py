"""`accrue migrate`: from the memories of one machine to those of a server, and back."""

from __future__ import annotations

import asyncio
from pathlib import Path

import click

from gateway.commands.options import config_option, data_dir_option, or_exit
from gateway.config import Config, environment, load_config
from gateway.errors import AccrueError
from gateway.migrate import Compared, Watch, compare, digest_of, first_difference, migrate
from gateway.offline import Moving, moving
from gateway.telemetry import configure_logs

SAID_EVERY = 5_000
"""Memories: of a million it says 200 lines."""

KINDS = click.Choice(("local", "qdrant"))


@click.command(name="migrate", short_help="Move all memories to another kind of store.")
@click.option("--from", "source", type=KINDS, required=True, help="Where they are.")
@click.option("--to", "target", type=KINDS, required=True, help="Where they are to be.")
@click.option("--verify", "is_check", is_flag=True, help="Move nothing; say whether both hold the same.")
@click.option("--verbose", is_flag=True, help="Where they differ, say in whose memories, by name.")
@config_option
@data_dir_option
def command(
    source: str, target: str, is_check: bool, verbose: bool, config_file: Path | None, data_dir: str | None
) -> None:
    """Move all memories from one kind of store to another, and prove by counts and checksums that both hold the same.

    The server is the one in the configuration, whose store is of kind qdrant; the other store is the data directory,
    on which no gateway may be running. What is there already is passed over, a move that was broken off is gone on
    with by the same command, and nothing is removed. Exits with 1 when the stores differ in the end.

    \b
        accrue migrate --from local --to qdrant
        accrue migrate --from local --to qdrant --verify
    """
    if source == target:
        raise click.UsageError("--from and --to are the same")
    config = or_exit(lambda: load_config(config_file, environment(), data_dir=data_dir))
    configure_logs("warning", config.telemetry.log_format)
    work = _compared if is_check else _moved
    click.echo(or_exit(lambda: asyncio.run(work(config, source, target, is_named=verbose))))


async def _moved(config: Config, source: str, target: str, *, is_named: bool) -> str:
    async with moving(config, source, target) as pair:
        moved = await migrate(pair.source, pair.target, pair.progress, pair.name, _watch())
        others = max(0, moved.compared.source.count - moved.count)
        click.echo(f"moved {moved.count:,} memories {pair.name}; passed over {others:,} that were there already")
        return await _verdict(pair, moved.compared, source, target, is_named=is_named)


async def _compared(config: Config, source: str, target: str, *, is_named: bool) -> str:
    async with moving(config, source, target) as pair:
        compared = await compare(pair.source, pair.target, _watch())
        return await _verdict(pair, compared, source, target, is_named=is_named)


async def _verdict(pair: Moving, compared: Compared, source: str, target: str, *, is_named: bool) -> str:
    """That both stores hold the same, in a line. Raises `AccrueError` where they do not."""
    if not compared.differing:
        return f"both hold {compared.source}"
    said = f"{source} holds {compared.source}, {target} {compared.target}"
    first = await first_difference(pair.source, pair.target, compared)
    if first is not None:
        whose = first.owner if is_named else f"{digest_of(first.owner):016x}"
        said += f"; first of owner {whose}: {first.source}, {first.target}"
    raise AccrueError(f"{said}. To move what is missing, run it again; what {target} alone holds stays there")


def _watch() -> Watch:
    """Says on stderr what is being done, and now and then how far it is."""
    doing, count = "", 0

    def watch(what: str, more: int) -> None:
        nonlocal doing, count
        if what != doing:
            doing, count = what, 0
            click.echo(f"{what} memories", err=True)
        count += more
        if count % SAID_EVERY < more:
            click.echo(f"{what}: {count:,}", err=True)

    return watch
