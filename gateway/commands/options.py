"""What commands share: the options that many have, and how an error ends them."""

from __future__ import annotations

import sys
from collections.abc import Callable
from pathlib import Path
from typing import TypeVar

import click

from gateway.errors import AccrueError

Answer = TypeVar("Answer")

config_option = click.option(
    "--config", "config_file", type=click.Path(path_type=Path), help="File to read (default: ./config.yaml if any)."
)
data_dir_option = click.option("--data-dir", help="Where memory is kept (default: .accrue).")


def or_exit(work: Callable[[], Answer]) -> Answer:
    """What comes of some work; an error on purpose ends the command with one line."""
    try:
        return work()
    except AccrueError as error:
        click.echo(f"accrue: {error}", err=True)
        sys.exit(1)
