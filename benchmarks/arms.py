"""The servers that benchmarks compare: the upstream alone, a pass-through, Accrue in its forms; others are in peers.py.

Knows how each is started and how a call reaches it. Measures nothing.
"""

from __future__ import annotations

import json
import shutil
import sys
from collections.abc import Iterator, Mapping
from contextlib import ExitStack, contextmanager
from http.client import HTTPConnection
from pathlib import Path

import msgspec

from benchmarks import harness
from benchmarks.harness import Failed, Server
from benchmarks.seed import CREDENTIAL, USER

CALLER = {"authorization": CREDENTIAL, "x-accrue-user": USER}

DIRECT, BARE, OFF, ON = "direct", "bare", "off", "on"
EMPTY, MANY, RELAXED = "on, nothing yet", "on, many", "on, relaxed"
"""As `on`, but for how much the user has said, and for `journal.durability`."""

WITH_MEMORY = (ON, EMPTY, MANY, RELAXED)


class Arm(msgspec.Struct, frozen=True, kw_only=True):
    """A way of reaching the upstream."""

    name: str
    server: Server
    headers: dict[str, str]
    is_streaming: bool = True
    """False for what answers no stream: one of the others does not with some versions of what it is made of."""


class Own(msgspec.Struct, frozen=True, kw_only=True):
    """What is started of ours."""

    arms: dict[str, Arm]
    upstream: Server
    ready_s: dict[str, float]
    """Seconds from the start of a gateway until it was ready."""
    empty_mb: tuple[float, float]
    """Resident of the gateway with nothing in it, and its own of that, before any call."""


@contextmanager
def own(folder: Path, usual: Path, many: Path) -> Iterator[Own]:
    """Ours, started anew; the folders hold memories, of which each gateway gets a copy."""
    with ExitStack() as stack:
        upstream = stack.enter_context(upstream_of(folder))
        port = harness.free_port()
        command = [sys.executable, "-m", "benchmarks.bare", str(port), f"http://127.0.0.1:{upstream.port}"]
        bare = stack.enter_context(Server("bare", command, folder, port))
        bare.wait_for(lambda: harness.get_status(port, "/") is not None, "an answer")
        gateways: dict[str, Server] = {}
        ready_s: dict[str, float] = {}
        for name, seeded in {ON: usual, EMPTY: None, MANY: many, RELAXED: usual}.items():
            settings = {"ACCRUE_JOURNAL__DURABILITY": "relaxed"} if name == RELAXED else {}
            gateways[name] = stack.enter_context(gateway(folder / name, seeded, upstream.port, settings=settings))
            ready_s[name] = gateways[name].wait_for_status_200("/readyz")
        gateways[EMPTY].settle()
        headers = dict.fromkeys((DIRECT, BARE, *gateways), CALLER)
        headers[OFF] = {**CALLER, "x-accrue-memory": "off"}
        servers = {DIRECT: upstream, BARE: bare, OFF: gateways[ON], **gateways}
        yield Own(
            arms={name: Arm(name=name, server=server, headers=headers[name]) for name, server in servers.items()},
            upstream=upstream,
            ready_s=ready_s,
            empty_mb=gateways[EMPTY].resident_mb(),
        )


def set_pace(upstream: Server, milliseconds: float) -> None:
    """Have the upstream keep so many milliseconds between the events of a stream."""
    connection = HTTPConnection("127.0.0.1", upstream.port, timeout=10)
    connection.request("POST", f"/pace/{milliseconds:g}", b"")
    if connection.getresponse().status != 200:
        raise Failed("the upstream keeps no pace")
    connection.close()


def upstream_of(folder: Path) -> Server:
    """The provider, ready."""
    port = harness.free_port()
    server = Server("upstream", [sys.executable, "-m", "benchmarks.upstream", str(port)], folder, port)
    server.wait_for_status_200("/")
    return server


def gateway(
    folder: Path, seeded: Path | None, upstream: int, *flags: str, settings: Mapping[str, str] | None = None
) -> Server:
    """Accrue on a fresh copy of the memories, or on none; `flags` are Python's own."""
    data = folder / "data"
    shutil.rmtree(data, ignore_errors=True)
    folder.mkdir(exist_ok=True)
    if seeded is not None:
        shutil.copytree(seeded, data)
    port = harness.free_port()
    options = {"--port": str(port), "--upstream": f"http://127.0.0.1:{upstream}/v1", "--data-dir": str(data)}
    command = [sys.executable, *flags, "-m", "gateway", "serve", *(part for pair in options.items() for part in pair)]
    setting = [f"{name}={value}" for name, value in (settings or {}).items()]
    return Server("accrue", ["env", *setting, *command], folder, port)


def modules_of_a_gateway(folder: Path, seeded: Path) -> list[str]:
    """What a gateway has imported once it has answered a call with memory."""
    with upstream_of(folder) as upstream, gateway(folder, seeded, upstream.port, "-X", "importtime") as started:
        started.wait_for_status_200("/readyz")
        connection = HTTPConnection("127.0.0.1", started.port, timeout=30)
        call = {"model": "gpt-4o", "messages": [{"role": "user", "content": "Where is the bicycle kept, and why?"}]}
        connection.request("POST", "/v1/chat/completions", json.dumps(call), CALLER)
        status = connection.getresponse().status
        connection.close()
        if status != 200:
            raise Failed(f"the first call was answered by {status}; the gateway printed:\n{started.output()[-2000:]}")
        return [
            line.split("|")[-1].strip() for line in started.output().splitlines() if line.startswith("import time:")
        ]
