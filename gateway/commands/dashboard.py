"""`accrue dashboard`: a link that signs its reader in."""

from __future__ import annotations

from pathlib import Path

import click

from gateway.admin.dashboard import signing_in
from gateway.admin.operators import known_key
from gateway.clock import SystemClock
from gateway.commands.options import or_exit
from gateway.commands.reaching import Where, address, configured, where_options
from gateway.datadir import DataDir
from gateway.errors import ConfigError


@click.command(short_help="Print a link to the dashboard that signs you in.")
@where_options
def dashboard(where: Where) -> None:
    """Print a link to the dashboard of the running gateway. It signs you in once, within five minutes.

    \b
        accrue dashboard
        accrue dashboard --url https://accrue.example --config /etc/accrue/config.yaml
    """
    click.echo(or_exit(lambda: _link(where)))


def _link(where: Where) -> str:
    config = configured(where)
    data = DataDir(Path(config.data_dir), config.auth.shared_secret)
    url = address(config, data, where)
    if not url:
        raise ConfigError(f"no gateway is running on {config.data_dir}: start `accrue serve`, or name one by --url")
    return url.rstrip("/") + signing_in(known_key(config, data), SystemClock())
