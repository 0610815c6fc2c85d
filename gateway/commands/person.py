"""`accrue erase` and `accrue export`: what is known of one person, removed for good or read out whole."""

from __future__ import annotations

from collections.abc import Mapping

import click

from gateway.commands.options import json_option, print_json, print_lines
from gateway.commands.reaching import Where, answered, where_options, whose_options


@click.command(short_help="Remove everything that is known of a person.")
@click.option("--opt-out/--opt-in", default=None, help="Remember nothing of them from now on, or remember again.")
@click.option("--yes", is_flag=True, help="Do not ask.")
@whose_options
@json_option
@where_options
def erase(where: Where, whose: Mapping[str, str | None], opt_out: bool | None, yes: bool, is_json: bool) -> None:
    """Remove everything that is known of a person, for good: record, memories, index, and what waits.

    What they said before is not learnt again either, whatever log is replayed. It cannot be undone.

    \b
        accrue erase --user ana
        accrue erase --user ana --opt-out --url http://127.0.0.1:8080
    """
    user, session = whose["user"], whose["session"]
    name = f"user {user}" if user else f"session {session}"
    if bool(user) == bool(session):
        raise click.UsageError("say by --user or by --session who is meant, and not by both")
    yes or click.confirm(f"Remove everything that is known of {name}?", abort=True)
    erased = answered(where, lambda api: api.ask("POST", "/accrue/erase", body={**whose, "opt_out": opt_out}))
    if is_json:
        print_json(erased)
        return
    rows = sum(erased["rows"].values())
    click.echo(f"removed {erased['memories']} memories and {rows} rows of the record of {name}")


@click.command(short_help="Print everything that is known of a person.")
@whose_options
@where_options
def export(where: Where, whose: Mapping[str, str | None]) -> None:
    """Print everything that is known of a person, as JSON Lines: what is on record, and what was learnt from it.

    \b
        accrue export --user ana > ana.jsonl
        accrue export --user ana --url http://127.0.0.1:8080 > ana.jsonl
    """
    answered(where, lambda api: print_lines(api.lines("/accrue/export", whose)))
