"""The command line: flags to calls, errors to one clear line and an exit status. It decides nothing."""

from __future__ import annotations

import asyncio
import sys
from collections.abc import Coroutine
from pathlib import Path
from typing import TypeVar

import click
import msgspec
import uvloop

from gateway import __version__, demo
from gateway.commands import completion, dashboard, dlq, keys, looking, memories, migrate, person
from gateway.commands.options import config_option, data_dir_option, json_option, or_exit, print_json
from gateway.config import Config, check_bind, environment, load_config
from gateway.policybook import load_policies
from gateway.rebuild import rebuild
from gateway.replay import Speaker, credential, replay
from gateway.routes import unused
from gateway.serve import reachable, refuse_own_address
from gateway.serve import serve as serve_gateway
from gateway.telemetry import configure_logs
from gateway.transcripts import read_log
from gateway.wiring import KINDS

Answer = TypeVar("Answer")


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
@json_option
def check(config_file: Path | None, is_json: bool) -> None:
    """Check CONFIG (default: ./config.yaml if any) and the policies it names, and start nothing.

    Says what is wrong, on which line, and what would be right; exits with 1 when anything is.

    \b
        accrue check
        accrue check staging/config.yaml
    """
    config = _config(config_file)
    or_exit(lambda: check_bind(config))
    or_exit(lambda: refuse_own_address(config, config.server.port))
    policies = or_exit(lambda: load_policies(Path(config.policies), KINDS))
    found = {
        "upstreams": [served for _, served in reachable(config)],
        "data_dir": config.data_dir,
        "policies": [policy.name for policy in policies.policies],
        "unused": list(unused(config.routes, config.upstreams)),
    }
    if is_json:
        print_json(found)
        return
    for name in found["unused"]:
        click.echo(f"no route leads to upstream {name}: call it default, or give it a route", err=True)
    reached, names = ", ".join(found["upstreams"]), ", ".join(found["policies"])
    click.echo(f"ok: upstream {reached}, data in {config.data_dir}, policies {names}")


@main.command(name="demo", short_help="Show the point in under a minute.")
def demo_command() -> None:
    """Show the point in under a minute: two sessions, and the second knows what the first one said.

    It needs no key and no network: the upstream is scripted, all else is real.

    \b
        accrue demo
    """
    configure_logs("error", "console")
    or_exit(lambda: demo.run(click.echo))


@main.command(name="replay", short_help="Learn from logs of past calls.")
@click.argument("log_file", metavar="FILE", type=click.Path(path_type=Path))
@click.option("--user", help="Whose calls they are (default: whom each of them names).")
@click.option(
    "--api-key-env",
    metavar="NAME",
    default="OPENAI_API_KEY",
    show_default=True,
    help="Variable that holds the key of your client, to which memory belongs.",
)
@click.option("--dry-run", is_flag=True, help="Say what is in FILE, and learn nothing.")
@json_option
@config_option
@data_dir_option
def replay_command(
    *,
    log_file: Path,
    user: str | None,
    api_key_env: str,
    dry_run: bool,
    is_json: bool,
    config_file: Path | None,
    data_dir: str | None,
) -> None:
    """Learn from logs of past calls, before the first live one.

    FILE is JSON Lines of conversations or calls in OpenAI's chat format or LiteLLM's, plain or gzip, or the archive of
    a ChatGPT export. No gateway may be running on the data directory. A replay that was broken off is gone on with by
    the same command; what is known is passed over.

    \b
        accrue replay past.jsonl
        accrue replay chatgpt-export.zip --user ana
        accrue replay past.jsonl.gz --user ana --dry-run
    """
    config = _config(config_file, data_dir=data_dir)
    configure_logs("warning", config.telemetry.log_format)
    log = or_exit(lambda: read_log(log_file))
    for fault in log.faults:
        click.echo(f"{log_file}: {fault.where}: {fault.reason}", err=True)
    count = sum(len(transcript.answers) for transcript in log.transcripts)
    if not log.transcripts:
        click.echo(f"accrue: {log_file}: nothing that can be learnt from", err=True)
        sys.exit(1)
    if dry_run and is_json:
        print_json({"calls": count, "conversations": len(log.transcripts), "faults": log.faults})
        return
    if dry_run:
        click.echo(f"{count} calls of {len(log.transcripts)} conversations; {len(log.faults)} faults")
        return
    speaker = Speaker(credential=or_exit(lambda: credential(environment(), api_key_env)), user=user)
    with click.progressbar(length=count, label="replaying", file=sys.stderr) as bar:
        tally = _run(replay(config, log, speaker, lambda: bar.update(1)))
    for fault in tally.faults:
        click.echo(f"{log_file}: {fault.where}: {fault.reason}", err=True)
    if is_json:
        print_json(msgspec.structs.replace(tally, faults=[*log.faults, *tally.faults]))
    else:
        click.echo(tally.summary)


@main.command(name="rebuild", short_help="Make memories anew from the record.")
@json_option
@config_option
@data_dir_option
def rebuild_command(is_json: bool, config_file: Path | None, data_dir: str | None) -> None:
    """Forget what was derived from the record, and learn it again in the same order.

    What a person added and what a model noted stays. No gateway may be running on the data directory; the memories in
    it stay as they are until the new ones take their place.

    \b
        accrue rebuild
        accrue rebuild --data-dir /var/lib/accrue
    """
    config = _config(config_file, data_dir=data_dir)
    configure_logs("warning", config.telemetry.log_format)
    with click.progressbar(length=1, label="rebuilding", file=sys.stderr) as bar:

        def stepped(total: int) -> None:
            bar.length = total
            bar.update(1)

        steps = _run(rebuild(config, stepped))
    if is_json:
        print_json({"steps": steps})
    else:
        click.echo(f"memories made anew in {steps} steps of learning")


for command in (
    completion.completion,
    dashboard.dashboard,
    dlq.group,
    keys.group,
    looking.explain_command,
    looking.report_command,
    memories.group,
    migrate.command,
    person.erase,
    person.export,
):
    main.add_command(command)


def _config(
    path: Path | None,
    *,
    host: str | None = None,
    port: int | None = None,
    upstream: str | None = None,
    data_dir: str | None = None,
) -> Config:
    return or_exit(lambda: load_config(path, environment(), host=host, port=port, upstream=upstream, data_dir=data_dir))


def _run(work: Coroutine[None, None, Answer]) -> Answer:
    def until_done() -> Answer:
        with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
            return runner.run(work)

    return or_exit(until_done)


if __name__ == "__main__":
    main()
