"""What many gateways, a server for memories and many memories come to: the figures behind docs/scaling.md.

`replicas` loads two gateways with Redis, one with Redis and one by itself (replicas.py). `server` asks a Qdrant server
and the local store the same (remote.py). `memories` fills a local store and asks it (many.py): a million take about
half an hour, `--memories 100000` some minutes. Each has a section of its own, and each can be run alone.
"""

from __future__ import annotations

import argparse
import asyncio
import tempfile
from argparse import Namespace
from collections.abc import Callable, Mapping
from pathlib import Path

from benchmarks import harness, many, remote, replicas


def _replicas(folder: Path, arguments: Namespace) -> str:
    found = replicas.measured(folder, arguments.rounds, arguments.seconds, arguments.connections)
    return replicas.section(found, arguments.seconds)


def _server(folder: Path, arguments: Namespace) -> str:
    return remote.section(asyncio.run(remote.measured(folder, arguments.rounds, arguments.questions)))


def _memories(folder: Path, arguments: Namespace) -> str:
    return many.section(
        many.measured(folder, arguments.memories, arguments.tenants, arguments.rounds, arguments.questions)
    )


PARTS: Mapping[str, Callable[[Path, Namespace], str]] = {
    "replicas": _replicas,
    "server": _server,
    "memories": _memories,
}


def main() -> None:
    """Run the parts that were named, or all; `--write` puts their sections into docs/benchmarks.md."""
    arguments = _arguments()
    for name in arguments.parts:
        with tempfile.TemporaryDirectory() as folder:
            section = PARTS[name](Path(folder), arguments)
        harness.report(f"Scale, {name}", section, is_written=arguments.write)


def _arguments() -> Namespace:
    parser = argparse.ArgumentParser(description=str(__doc__).splitlines()[0])
    parser.add_argument("--parts", nargs="+", choices=PARTS, default=list(PARTS), help="what to measure")
    parser.add_argument("--rounds", type=int, default=3, help="repetitions of each part")
    parser.add_argument("--seconds", type=float, default=5.0, help="replicas: load per measurement")
    parser.add_argument("--connections", type=int, nargs="+", default=replicas.CONNECTIONS, help="replicas: at once")
    parser.add_argument("--questions", type=int, default=1_000, help="server, memories: recalls per round")
    parser.add_argument("--memories", type=int, default=1_000_000, help="memories: how many in the store")
    parser.add_argument("--tenants", type=int, default=10_000, help="memories: among how many tenants")
    parser.add_argument("--write", action="store_true", help="write the sections into docs/benchmarks.md")
    return parser.parse_args()


if __name__ == "__main__":
    main()
