"""What commands share: the options that many have, how they print, and how an error ends them."""

from __future__ import annotations

import codecs
import re
import sys
from collections.abc import AsyncIterable, Callable
from pathlib import Path
from typing import TypeVar

import click
import msgspec

from gateway.errors import AccrueError
from gateway.inert import printable

Answer = TypeVar("Answer")

_OBEYED = re.compile("[\x7f-\x9f]")
"""By a terminal, and left as they are by JSON, which escapes the other controls itself."""

config_option = click.option(
    "--config", "config_file", type=click.Path(path_type=Path), help="File to read (default: ./config.yaml if any)."
)
json_option = click.option("--json", "is_json", is_flag=True, help="Print it as JSON.")
data_dir_option = click.option("--data-dir", help="Where memory is kept (default: .accrue).")


def or_exit(work: Callable[[], Answer]) -> Answer:
    """What comes of some work; an error on purpose ends the command with one line."""
    try:
        return work()
    except AccrueError as error:
        click.echo("\n".join(map(printable, f"accrue: {error}".splitlines())), err=True)
        sys.exit(1)


def print_json(value: object) -> None:
    """Print a value for machines, and for people who look at what machines read."""
    click.echo(_escaped(msgspec.json.format(msgspec.json.encode(value), indent=2).decode()))


async def print_lines(pieces: AsyncIterable[bytes]) -> None:
    """Print lines of JSON as they come."""
    decoder = codecs.getincrementaldecoder("utf-8")("replace")
    async for piece in pieces:
        sys.stdout.buffer.write(_escaped(decoder.decode(piece)).encode())


def _escaped(json: str) -> str:
    """The same JSON, without what it may hold as it is and a terminal would obey."""
    return _OBEYED.sub(lambda found: f"\\u{ord(found[0]):04x}", json)
