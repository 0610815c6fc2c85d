"""The command line: flags to calls, errors to one clear line and an exit status. It decides nothing."""

from __future__ import annotations

import asyncio
import sys
from collections.abc import Callable, Coroutine
from pathlib import Path
from typing import TypeVar

import click
import uvloop

from gateway import __version__, demo, explain
from gateway.config import Config, environment, load_config
from gateway.errors import AccrueError
from gateway.policybook import load_policies
from gateway.routes import unused
from gateway.serve import reachable
from gateway.serve import serve as serve_gateway
from gateway.telemetry import configure_logs
from gateway.wiring import KINDS

Answer = TypeVar("Answer")

config_option = click.option(
    "--config", "config_file", type=click.Path(path_type=Path), help="File to read (default: ./config.yaml if any)."
)
data_dir_option = click.option("--data-dir", help="Where memory is kept (default: .accrue).")


@click.group(context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(__version__, prog_name="accrue")
def main() -> None:
    """Accrue: an OpenAI-compatible reverse proxy that gives agents a memory.

    Run the gateway, and point your client at it:

    \b
        accrue serve
        export OPENAI_BASE_URL=http://127.0.0.1:8080/v1
    """


@main.command(short_help="Run the gateway; it needs no configuration.")
@config_option
@click.option("--host", help="Address to listen on (default: 127.0.0.1).")
@click.option("--port", type=int, help="Port to listen on (default: 8080; 0 lets the system choose).")
@click.option("--upstream", help="Base URL of the provider (default: https://api.openai.com/v1).")
@data_dir_option
def serve(
    config_file: Path | None, host: str | None, port: int | None, upstream: str | None, data_dir: str | None
) -> None:
    """Run the gateway until it is interrupted.

    It needs no configuration file. What one says is overruled by the environment, and that by these flags.

    \b
        accrue serve
        accrue serve --port 9000 --upstream http://127.0.0.1:11434/v1
    """
    config = _config(config_file, host=host, port=port, upstream=upstream, data_dir=data_dir)
    configure_logs(config.telemetry.log_level, config.telemetry.log_format)
    _run(serve_gateway(config, click.echo))


@main.command(short_help="Check config.yaml and the policies.")
@click.argument("config_file", metavar="[CONFIG]", required=False, type=click.Path(path_type=Path))
def check(config_file: Path | None) -> None:
    """Check CONFIG (default: ./config.yaml if any) and the policies it names, and start nothing.

    Says what is wrong, on which line, and what would be right; exits with 1 when anything is.

    \b
        accrue check
        accrue check staging/config.yaml
    """
    config = _config(config_file)
    policies = _or_exit(lambda: load_policies(Path(config.policies), KINDS))
    names = ", ".join(policy.name for policy in policies.policies)
    for name in unused(config.routes, config.upstreams):
        click.echo(f"no route leads to upstream {name}: call it default, or give it a route", err=True)
    reached = ", ".join(served for _, served in reachable(config))
    click.echo(f"ok: upstream {reached}, data in {config.data_dir}, policies {names}")


@main.command(name="demo", short_help="Show the point in under a minute.")
def demo_command() -> None:
    """Show the point in under a minute: two sessions, and the second knows what the first one said.

    It needs no key and no network: the upstream is scripted, all else is real.

    \b
        accrue demo
    """
    configure_logs("error", "console")
    _or_exit(lambda: demo.run(click.echo))


@main.command(name="explain", short_help="Say what memory did on one call.")
@click.argument("exchange")
@config_option
@data_dir_option
def explain_command(exchange: str, config_file: Path | None, data_dir: str | None) -> None:
    """Say what memory did on one call: what it added and where, what it left out and why.

    EXCHANGE is the value of the answer's header `x-accrue-exchange`. A running gateway is not disturbed.

    \b
        accrue explain ex_01a2026902192dbdcb39a15ffeaec7c8
        accrue explain ex_01a2026902192dbdcb39a15ffeaec7c8 --data-dir /var/lib/accrue
    """
    config = _config(config_file, data_dir=data_dir)
    click.echo(_or_exit(lambda: explain.text(Path(config.data_dir), exchange)))


def _config(
    path: Path | None,
    *,
    host: str | None = None,
    port: int | None = None,
    upstream: str | None = None,
    data_dir: str | None = None,
) -> Config:
    return _or_exit(
        lambda: load_config(path, environment(), host=host, port=port, upstream=upstream, data_dir=data_dir)
    )


def _run(work: Coroutine[None, None, None]) -> None:
    def until_done() -> None:
        with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
            runner.run(work)

    _or_exit(until_done)


def _or_exit(work: Callable[[], Answer]) -> Answer:
    try:
        return work()
    except AccrueError as error:
        click.echo(f"accrue: {error}", err=True)
        sys.exit(1)


if __name__ == "__main__":
    main()
