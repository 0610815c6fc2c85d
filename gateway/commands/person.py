"""`accrue erase` and `accrue export`: what is known of one person, removed for good or read out whole."""

from __future__ import annotations

import asyncio
import sys
from collections.abc import Callable
from http.client import HTTPConnection, HTTPException, HTTPSConnection
from pathlib import Path
from typing import Any
from urllib.parse import urlencode, urlsplit

import click
import msgspec

from gateway.admin.erasing import line
from gateway.admin.operators import admin_key
from gateway.clock import SystemClock
from gateway.commands.options import config_option, data_dir_option, or_exit
from gateway.config import Config, environment, load_config
from gateway.datadir import DataDir
from gateway.erasures import Person
from gateway.errors import AccrueError, ConfigError
from gateway.offline import erasing
from gateway.telemetry import configure_logs

TIMEOUT_S = 600.0
"""For an answer of a running gateway: a person may have said much."""

user_option = click.option("--user", help="The user, as your clients name them.")
session_option = click.option("--session", default="", help="The session, where nobody was named in it.")
tenant_option = click.option("--tenant", default="", help="The tenant, where several know such a person.")
url_option = click.option("--url", help="A running gateway, such as http://127.0.0.1:8080; else none may be running.")


@click.command(short_help="Remove everything that is known of a person.")
@user_option
@session_option
@tenant_option
@click.option("--opt-out/--opt-in", default=None, help="Remember nothing of them from now on, or remember again.")
@click.option("--yes", is_flag=True, help="Do not ask.")
@url_option
@config_option
@data_dir_option
def erase(
    user: str | None,
    session: str,
    tenant: str,
    opt_out: bool | None,
    yes: bool,
    url: str | None,
    config_file: Path | None,
    data_dir: str | None,
) -> None:
    """Remove everything that is known of a person, for good: record, memories, index, and what waits.

    What they said before is not learnt again either, whatever log is replayed. It cannot be undone.

    \b
        accrue erase --user ana
        accrue erase --user ana --opt-out --url http://127.0.0.1:8080
    """
    whose = f"user {user}" if user else f"session {session}"
    if bool(user) == bool(session):
        raise click.UsageError("say by --user or by --session who is meant, and not by both")
    yes or click.confirm(f"Remove everything that is known of {whose}?", abort=True)
    config = _config(config_file, data_dir)
    if url is not None:
        asked = {"user": user, "session": session, "tenant": tenant, "opt_out": opt_out}
        said = or_exit(lambda: _ask(config, url, "POST", "/accrue/erase", msgspec.json.encode(asked)))
        erased = msgspec.json.decode(said)
    else:
        erased = or_exit(lambda: asyncio.run(_erased(config, user, session, tenant, is_out=opt_out)))
    rows = sum(erased["rows"].values())
    click.echo(f"removed {erased['memories']} memories and {rows} rows of the record of {whose}")


@click.command(short_help="Print everything that is known of a person.")
@user_option
@session_option
@tenant_option
@url_option
@config_option
@data_dir_option
def export(
    user: str | None, session: str, tenant: str, url: str | None, config_file: Path | None, data_dir: str | None
) -> None:
    """Print everything that is known of a person, as JSON Lines: what is on record, and what was learnt from it.

    \b
        accrue export --user ana > ana.jsonl
        accrue export --user ana --url http://127.0.0.1:8080 > ana.jsonl
    """
    config = _config(config_file, data_dir)
    if url is None:
        or_exit(lambda: asyncio.run(_exported(config, user, session, tenant, sys.stdout.buffer.write)))
        return
    given = {"user": user, "session": session, "tenant": tenant}
    query = urlencode({name: value for name, value in given.items() if value})
    sys.stdout.buffer.write(or_exit(lambda: _ask(config, url, "GET", f"/accrue/export?{query}", b"")))


def _config(config_file: Path | None, data_dir: str | None) -> Config:
    """What is configured; what is logged goes where it is told apart from what is printed."""
    config = or_exit(lambda: load_config(config_file, environment(), data_dir=data_dir))
    configure_logs("warning", config.telemetry.log_format)
    return config


async def _erased(
    config: Config, user: str | None, session: str, tenant: str, *, is_out: bool | None
) -> dict[str, Any]:
    async with erasing(config, SystemClock()) as eraser:
        person = await eraser.person(user, session, tenant)
        return msgspec.structs.asdict(await eraser.erase(person, is_out=is_out))


async def _exported(
    config: Config, user: str | None, session: str, tenant: str, write: Callable[[bytes], object]
) -> None:
    async with erasing(config, SystemClock()) as eraser:
        person: Person = await eraser.person(user, session, tenant)
        async for what, record in eraser.known(person):
            write(line(what, record))


def _ask(config: Config, url: str, method: str, path: str, body: bytes) -> bytes:
    """What a running gateway answers. Raises `AccrueError` for anything but 200."""
    address = urlsplit(url)
    kind = HTTPSConnection if address.scheme == "https" else HTTPConnection
    if address.scheme not in ("http", "https") or not address.hostname:
        raise ConfigError(f"--url: {url} is no address of a gateway, such as http://127.0.0.1:8080")
    connection = kind(address.hostname, address.port, timeout=TIMEOUT_S)
    headers = {"authorization": f"Bearer {admin_key(config, DataDir(Path(config.data_dir)))}"}
    try:
        connection.request(method, path, body, headers)
        answer = connection.getresponse()
        said = answer.read()
    except (OSError, HTTPException) as error:
        raise ConfigError(f"--url: {url} does not answer: {error}") from error
    finally:
        connection.close()
    if answer.status != 200:
        raise AccrueError(msgspec.json.decode(said)["error"]["message"] if said else f"it answered {answer.status}")
    return said
