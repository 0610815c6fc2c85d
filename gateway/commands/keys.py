"""`accrue keys`: issuing keys, and taking them back, beside a running gateway or without one."""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from pathlib import Path

import click
import msgspec

from gateway.clock import SystemClock
from gateway.commands.options import Answer, config_option, data_dir_option, json_option, or_exit, print_json
from gateway.config import environment, load_config
from gateway.datadir import DataDir
from gateway.errors import ConfigError, DataDirError
from gateway.keys import RIGHTS, Key, KeyFile
from gateway.period import seconds

LIMITS = ("calls_per_minute", "tokens_per_minute", "tokens_per_day", "tokens_per_month")


@click.group(name="keys", short_help="Issue keys to clients, and take them back.")
def group() -> None:
    """Issue keys to clients, and take them back; a running gateway knows of it within a second.

    They are asked for where config.yaml says `auth.mode: keys`, and then every upstream needs an api_key of its own.

    \b
        accrue keys create --name ana --tenant team-a
        accrue keys list
    """


@group.command(short_help="Issue a key.")
@click.option("--name", required=True, help="What it is called, for those who read `list`.")
@click.option("--tenant", default="", help="Whose memory it opens; keys with the same tenant share one (default: own).")
@click.option("--scope", "rights", type=click.Choice(RIGHTS), multiple=True, help="What it is for (default: all).")
@click.option("--calls-per-minute", type=int, help="How often it may ask.")
@click.option("--tokens-per-minute", type=int, help="What it may spend, as the provider counts.")
@click.option("--tokens-per-day", type=int, help="The same, per UTC day.")
@click.option("--tokens-per-month", type=int, help="The same, per month.")
@click.option("--expires", help="After which it is void: 12h, 90d, 8w (default: never).")
@json_option
@config_option
@data_dir_option
def create(
    *,
    name: str,
    tenant: str,
    rights: tuple[str, ...],
    expires: str | None,
    is_json: bool,
    config_file: Path | None,
    data_dir: str | None,
    **limits: int | None,
) -> None:
    """Issue a key, and print it; it can never be shown again. A key with limits has no WebSocket.

    \b
        accrue keys create --name ci --scope call --calls-per-minute 60 --expires 90d
        accrue keys create --name ana --tenant team-a --tokens-per-month 5000000
    """

    def issue(file: KeyFile) -> tuple[Key, str]:
        ends = None if expires is None else SystemClock().now() + _seconds(expires)
        return file.create(_checked(name=name, tenant=tenant, rights=rights or RIGHTS, expires=ends, **limits))

    _show(*_done(config_file, data_dir, issue, is_first=True), is_json=is_json)


@group.command(name="list", short_help="Show the keys there are.")
@json_option
@config_option
@data_dir_option
def list_command(is_json: bool, config_file: Path | None, data_dir: str | None) -> None:
    """Show what keys there are and were, and what each may; the keys themselves nobody has but their holders.

    \b
        accrue keys list
        accrue keys list --json
    """
    known, now = _done(config_file, data_dir, KeyFile.all), SystemClock().now()
    if is_json:
        print_json(known)
        return
    for key in known:
        click.echo("  ".join((key.id, key.tenant, _state(key, now), ",".join(key.rights), *_limits(key), key.name)))


@group.command(short_help="Let nobody in with a key any more.")
@click.argument("key_id", metavar="ID")
@json_option
@config_option
@data_dir_option
def revoke(key_id: str, is_json: bool, config_file: Path | None, data_dir: str | None) -> None:
    """Let nobody in with key ID any more. What its tenant remembers stays.

    \b
        accrue keys revoke key_01a2050d551f95565e35b65af0efe192
    """
    key = _done(config_file, data_dir, lambda file: file.revoke(key_id))
    if is_json:
        print_json(key)
    else:
        click.echo(f"key {key.id} ({key.name}) is revoked")


@group.command(short_help="Put another key in the place of one.")
@click.argument("key_id", metavar="ID")
@json_option
@config_option
@data_dir_option
def rotate(key_id: str, is_json: bool, config_file: Path | None, data_dir: str | None) -> None:
    """Put another key in the place of key ID, and print it; with the old one nobody is let in any more.

    \b
        accrue keys rotate key_01a2050d551f95565e35b65af0efe192
    """
    _show(*_done(config_file, data_dir, lambda file: file.rotate(key_id)), is_json=is_json)


def _show(key: Key, plain: str, *, is_json: bool) -> None:
    """The key alone on standard output, so that a script can take it; or with what is known of it."""
    if is_json:
        print_json({"key": plain, "issued": key})
        return
    click.echo(plain)
    click.echo(f"key {key.id} ({key.name}) of tenant {key.tenant}; it is not shown again", err=True)


def _done(
    config_file: Path | None, data_dir: str | None, work: Callable[[KeyFile], Answer], *, is_first: bool = False
) -> Answer:
    """What comes of some work on the keys of a data directory; there need be none yet for the first of them."""

    def done() -> Answer:
        config = load_config(config_file, environment(), data_dir=data_dir)
        folder = Path(config.data_dir)
        if not (is_first or (folder / "keys.db").exists()):
            raise DataDirError(f"no keys are issued in {folder}; is this the right --data-dir?")
        with _opened(folder, config.auth.shared_secret) as file:
            return work(file)

    return or_exit(done)


@contextlib.contextmanager
def _opened(folder: Path, shared: str | None) -> Iterator[KeyFile]:
    """The keys of a data directory, which is made if need be: keys can be issued before the first start."""
    try:
        folder.mkdir(parents=True, exist_ok=True, mode=0o700)
    except OSError as error:
        raise DataDirError(f"data directory {folder} cannot be used: {error.strerror}") from error
    with contextlib.closing(KeyFile(folder, DataDir(folder, shared).secret(), SystemClock())) as file:
        yield file


def _checked(**asked: object) -> Key:
    try:
        return msgspec.convert(asked, Key)
    except msgspec.ValidationError as error:
        raise ConfigError(f"no such key can be issued: {error}") from error


def _seconds(length: str) -> float:
    try:
        return seconds(length)
    except ValueError as error:
        raise ConfigError(f"--expires: {error}") from error


def _state(key: Key, now: float) -> str:
    if key.revoked is not None:
        return "revoked"
    if key.expires is None:
        return "valid"
    ends = datetime.fromtimestamp(key.expires, UTC).strftime("%Y-%m-%d")
    return f"until {ends}" if key.expires > now else f"expired {ends}"


def _limits(key: Key) -> Iterator[str]:
    for name in LIMITS:
        limit = getattr(key, name)
        if limit is not None:
            yield f"{name.replace('_', '-')} {limit}"
