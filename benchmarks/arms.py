"""The servers that benchmarks compare: how each is started, and how a call reaches it.

Measures nothing.
"""

from __future__ import annotations

import json
import shutil
import sys
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from http.client import HTTPConnection
from pathlib import Path

import msgspec

from benchmarks import harness
from benchmarks.harness import Failed, Server
from benchmarks.seed import CREDENTIAL, USER

ANSWER = "{said} It is still there."
"""What the scripted upstream says: 17 words, which with its first, last and end events make a stream of 20 events."""

CALLER = {"authorization": CREDENTIAL, "x-accrue-user": USER}


class Arm(msgspec.Struct, frozen=True, kw_only=True):
    """A way of reaching the upstream."""

    name: str
    server: Server
    upstream: Server
    headers: dict[str, str]


@contextmanager
def arms(folder: Path, seeded: Path, litellm: str | None, starts: list[float]) -> Iterator[list[Arm]]:
    """All servers, started anew; `starts` gets the seconds that Accrue took to be ready."""
    with ExitStack() as stack:
        upstream = stack.enter_context(_upstream(folder))
        url = f"http://127.0.0.1:{upstream.port}"
        port = harness.free_port()
        bare = stack.enter_context(
            Server("bare", [sys.executable, "-m", "benchmarks.bare", str(port), url], folder, port)
        )
        bare.wait_for(lambda: harness.get_status(port, "/") is not None, "an answer")
        accrue = stack.enter_context(_gateway(folder, seeded, upstream.port))
        starts.append(accrue.wait_for_status_200("/readyz"))
        found = [
            Arm(name="direct", server=upstream, upstream=upstream, headers=CALLER),
            Arm(name="bare", server=bare, upstream=upstream, headers=CALLER),
            Arm(name="off", server=accrue, upstream=upstream, headers={**CALLER, "x-accrue-memory": "off"}),
            Arm(name="on", server=accrue, upstream=upstream, headers=CALLER),
        ]
        if litellm is not None:
            proxy = stack.enter_context(_litellm(folder, litellm, upstream.port))
            found.append(Arm(name="litellm", server=proxy, upstream=upstream, headers=CALLER))
        yield found


def reset(upstream: Server) -> None:
    """Make the upstream forget its log of requests, which would grow for ever, and say what it is to answer."""
    for what, body in (("clear", ""), ("respond", ANSWER)):
        connection = HTTPConnection("127.0.0.1", upstream.port, timeout=10)
        connection.request("POST", f"/_accrue/{what}", body)
        if connection.getresponse().status != 200:
            raise Failed(f"the upstream does not know {what}")
        connection.close()


def _upstream(folder: Path) -> Server:
    server = Server("upstream", [sys.executable, "-m", "gateway.testing", "--port", "0"], folder)
    server.wait_for_printed_port()
    return server


def _gateway(folder: Path, seeded: Path, upstream: int, *flags: str) -> Server:
    """Accrue on a fresh copy of the memories."""
    data = folder / "data"
    shutil.rmtree(data, ignore_errors=True)
    shutil.copytree(seeded, data)
    port = harness.free_port()
    options = {"--port": str(port), "--upstream": f"http://127.0.0.1:{upstream}/v1", "--data-dir": str(data)}
    command = [sys.executable, *flags, "-m", "gateway", "serve", *(part for pair in options.items() for part in pair)]
    return Server("accrue", command, folder, port)


def _litellm(folder: Path, python: str, upstream: int) -> Server:
    """LiteLLM's proxy with as little to do as it can be given, not even keys to check; JSON is YAML as well."""
    port = harness.free_port()
    parameters = {"model": "openai/gpt-4o", "api_base": f"http://127.0.0.1:{upstream}/v1", "api_key": "none"}
    settings = {
        "model_list": [{"model_name": "gpt-4o", "litellm_params": parameters}],
        "general_settings": {"dangerously_permit_weak_or_unset_master_key": True},
    }
    config = folder / "litellm.yaml"
    config.write_text(json.dumps(settings))
    start = "import sys; from litellm import run_server; sys.exit(run_server())"
    command = ["env", "LITELLM_LOCAL_MODEL_COST_MAP=True", python, "-c", start]
    server = Server("litellm", [*command, "--config", str(config), "--port", str(port)], folder, port)
    server.wait_for_status_200("/health/liveliness")
    return server


def modules_of_a_gateway(folder: Path, seeded: Path) -> list[str]:
    """What a gateway has imported once it has answered a call with memory."""
    with _upstream(folder) as upstream, _gateway(folder, seeded, upstream.port, "-X", "importtime") as gateway:
        gateway.wait_for_status_200("/readyz")
        connection = HTTPConnection("127.0.0.1", gateway.port, timeout=30)
        call = {"model": "gpt-4o", "messages": [{"role": "user", "content": "Where is the bicycle kept, and why?"}]}
        connection.request("POST", "/v1/chat/completions", json.dumps(call), CALLER)
        status = connection.getresponse().status
        connection.close()
        if status != 200:
            raise Failed(f"the first call was answered by {status}; the gateway printed:\n{gateway.output()[-2000:]}")
        return [
            line.split("|")[-1].strip() for line in gateway.output().splitlines() if line.startswith("import time:")
        ]
