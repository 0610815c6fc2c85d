"""`accrue completion`: the line that lets a shell finish what is typed."""

from __future__ import annotations

import click
from click.shell_completion import get_completion_class

SHELLS = ("bash", "zsh", "fish")


@click.command(short_help="Print what makes your shell complete commands.")
@click.argument("shell", type=click.Choice(SHELLS))
@click.pass_context
def completion(context: click.Context, shell: str) -> None:
    """Print the script by which SHELL completes commands and options of accrue.

    \b
        accrue completion bash > ~/.local/share/bash-completion/completions/accrue
        accrue completion zsh > ~/.zfunc/_accrue
        accrue completion fish > ~/.config/fish/completions/accrue.fish
    """
    known = get_completion_class(shell)
    assert known is not None  # those are the ones that click brings
    click.echo(known(context.find_root().command, {}, "accrue", "_ACCRUE_COMPLETE").source())
