"""`accrue dashboard`: a link that signs its reader in."""

from __future__ import annotations

from pathlib import Path

import click

from gateway.admin.dashboard import signing_in
from gateway.admin.operators import admin_key
from gateway.clock import SystemClock
from gateway.commands.options import config_option, data_dir_option, or_exit
from gateway.commands.reaching import url_option
from gateway.config import environment, load_config
from gateway.datadir import DataDir
from gateway.errors import ConfigError


@click.command(short_help="Print a link to the dashboard that signs you in.")
@url_option
@config_option
@data_dir_option
def dashboard(url: str | None, config_file: Path | None, data_dir: str | None) -> None:
    """Print a link to the dashboard of the running gateway. It signs you in once, within five minutes.

    \b
        accrue dashboard
        accrue dashboard --url https://accrue.example --config /etc/accrue/config.yaml
    """
    click.echo(or_exit(lambda: _link(url, config_file, data_dir)))


def _link(url: str | None, config_file: Path | None, data_dir: str | None) -> str:
    config = load_config(config_file, environment(), data_dir=data_dir)
    data = DataDir(Path(config.data_dir), config.auth.shared_secret)
    at = url or data.listens()
    if not at:
        raise ConfigError(f"no gateway is running on {config.data_dir}: start `accrue serve`, or name one by --url")
    return at.rstrip("/") + signing_in(admin_key(config, data), SystemClock())
