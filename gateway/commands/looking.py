"""`accrue explain` and `accrue report`: what memory did on one call, and in a period.

The record is read beside a running gateway, which is not disturbed; with --url a gateway elsewhere is asked.
"""

from __future__ import annotations

import asyncio
from typing import TypeVar
from urllib.parse import quote

import click
import msgspec

from gateway import explain, printed
from gateway.admin.explain import Explanation
from gateway.clock import SystemClock
from gateway.commands.options import json_option, or_exit, print_json
from gateway.commands.reaching import Api, Where, answered, configured, where_options
from gateway.inert import printable
from gateway.period import seconds
from gateway.report import Report

Kind = TypeVar("Kind", bound=msgspec.Struct)


def _length(_context: click.Context, _option: click.Parameter, length: str | None) -> str | None:
    try:
        seconds(length or "1h")
    except ValueError as error:
        raise click.BadParameter(str(error)) from error
    return length


@click.command(name="explain", short_help="Say what memory did on one call.")
@click.argument("exchange")
@json_option
@where_options
def explain_command(where: Where, exchange: str, is_json: bool) -> None:
    """Say what memory did on one call: what it added and where, what it left out and why.

    EXCHANGE is the value of the answer's header `x-accrue-exchange`. A running gateway is not disturbed.

    \b
        accrue explain ex_01a2026902192dbdcb39a15ffeaec7c8
        accrue explain ex_01a2026902192dbdcb39a15ffeaec7c8 --data-dir /var/lib/accrue
    """
    found = explanation(where, exchange)
    if is_json:
        print_json(found)
    else:
        click.echo("\n".join(explain.lines(found)))


def explanation(where: Where, exchange: str) -> Explanation:
    """What memory did on one call; an error on purpose ends the command with one line."""
    if where.url is None:
        return or_exit(lambda: asyncio.run(explain.found(configured(where), exchange)))
    return answered(where, lambda api: _asked(api, f"/accrue/explain/{quote(exchange, safe='')}", Explanation))


@click.command(name="report", short_help="Say what memory did and what it was worth.")
@click.option("--since", "length", callback=_length, help="How far back: 12h, 7d, 2w (default: all there is).")
@json_option
@where_options
def report_command(where: Where, length: str | None, is_json: bool) -> None:
    """Say what memory did and what it was worth: calls, signals, constraints kept, lessons and what they earned.

    Every figure has its count and every estimate its interval; where there is too little, it says so. A running
    gateway is not disturbed.

    \b
        accrue report --since 7d
        accrue report --json --data-dir /var/lib/accrue
    """
    if where.url is None:
        length_s = None if length is None else seconds(length)
        found = or_exit(lambda: printed.found(configured(where), SystemClock(), length_s=length_s))
    else:
        found = answered(where, lambda api: _asked(api, "/accrue/report", Report, since=length))
    if is_json:
        print_json(found)
    else:
        click.echo("\n".join(map(printable, printed.lines(found))))


async def _asked(api: Api, path: str, kind: type[Kind], **query: str | None) -> Kind:
    return msgspec.convert(await api.ask("GET", path, query=query), kind)
