"""What people would put in front of a model otherwise, each with as little to do as it can be given.

They are not installed by anything here; those that are named on the command line are started. Knows how each is started
and how a call reaches it, and measures nothing.
"""

from __future__ import annotations

import json
import shutil
from argparse import ArgumentParser, Namespace
from collections.abc import Iterator, Mapping
from contextlib import ExitStack, contextmanager
from http.client import HTTPConnection
from pathlib import Path

import msgspec

from benchmarks import harness
from benchmarks.arms import CALLER, Arm
from benchmarks.bodies import Session
from benchmarks.harness import Failed, Server

NGINX, LITELLM, PORTKEY = "nginx", "litellm", "portkey"

_NGINX = """\
daemon off;
worker_processes 1;
pid {folder}/nginx.pid;
error_log stderr;
events {{ worker_connections 1024; }}
http {{
    access_log off;
    client_body_temp_path {folder}/bodies;
    proxy_temp_path {folder}/answers;
    fastcgi_temp_path {folder}/unused;
    uwsgi_temp_path {folder}/unused;
    scgi_temp_path {folder}/unused;
    keepalive_requests 10000000;
    client_max_body_size 0;
    client_body_buffer_size 4m;
    upstream provider {{ server 127.0.0.1:{upstream}; keepalive 128; keepalive_requests 10000000; }}
    server {{
        listen 127.0.0.1:{port};
        location / {{
            proxy_pass http://provider;
            proxy_http_version 1.1;
            proxy_set_header Connection "";
            proxy_buffering off;
        }}
    }}
}}
"""
"""One worker as Accrue has one process; bodies stay in memory, and events are passed on as they come."""


class Peers(msgspec.Struct, frozen=True, kw_only=True):
    """Where those lie that are to be compared with; None where one is not."""

    nginx: str | None = None
    """Its binary."""
    litellm: str | None = None
    """A Python interpreter that has `litellm[proxy]`."""
    portkey: str | None = None
    """`build/start-server.js` of the npm package `@portkey-ai/gateway`."""

    @property
    def missing(self) -> str:
        """A sentence about those that are not there; empty where all are."""
        names = [name for name in (NGINX, LITELLM, PORTKEY) if getattr(self, name) is None]
        return f"Not there, and left out: {', '.join(names)}." if names else ""


def add_flags(parser: ArgumentParser) -> None:
    """The flags by which peers are named."""
    parser.add_argument("--nginx", metavar="BINARY", default=shutil.which("nginx"), help="by default the one in PATH")
    parser.add_argument("--litellm", metavar="PYTHON", help="an interpreter that has litellm[proxy]")
    parser.add_argument("--portkey", metavar="START_SERVER_JS", help="build/start-server.js of @portkey-ai/gateway")


def named(arguments: Namespace) -> Peers:
    """Those that were named."""
    return Peers(nginx=arguments.nginx, litellm=arguments.litellm, portkey=arguments.portkey)


@contextmanager
def others(folder: Path, peers: Peers, upstream: int) -> Iterator[dict[str, Arm]]:
    """The peers that there are, started anew before an upstream on a port."""
    with ExitStack() as stack:
        found: dict[str, Arm] = {}
        for name, start in {NGINX: _nginx, LITELLM: _litellm, PORTKEY: _portkey}.items():
            where = getattr(peers, name)
            if where is not None:
                place = folder / name
                place.mkdir(exist_ok=True)
                server, headers = start(place, where, upstream)
                found[name] = Arm(name=name, server=stack.enter_context(server), headers={**CALLER, **headers})
        for arm in found.values():
            arm.server.wait_for_status_200("/health/liveliness" if arm.name == LITELLM else "/")
        yield {
            name: msgspec.structs.replace(arm, is_streaming=_is_streaming(arm.server.port, arm.headers))
            for name, arm in found.items()
        }


def _is_streaming(port: int, headers: Mapping[str, str]) -> bool:
    connection = HTTPConnection("127.0.0.1", port, timeout=30)
    body = Session(0, is_stream=True).request(0)
    connection.request("POST", "/v1/chat/completions", body, {**headers, "content-type": "application/json"})
    answer = connection.getresponse()
    answer.read()
    connection.close()
    return answer.status == 200


def _nginx(folder: Path, binary: str, upstream: int) -> tuple[Server, dict[str, str]]:
    port = harness.free_port()
    settings = folder / "nginx.conf"
    settings.write_text(_NGINX.format(folder=folder, upstream=upstream, port=port), encoding="ascii")
    return Server(NGINX, [binary, "-c", str(settings), "-e", "stderr"], folder, port), {}


def _litellm(folder: Path, python: str, upstream: int) -> tuple[Server, dict[str, str]]:
    """Its proxy without keys to check; JSON is YAML as well."""
    port = harness.free_port()
    parameters = {"model": "openai/gpt-4o", "api_base": f"http://127.0.0.1:{upstream}/v1", "api_key": "none"}
    settings = {
        "model_list": [{"model_name": "gpt-4o", "litellm_params": parameters}],
        "general_settings": {"dangerously_permit_weak_or_unset_master_key": True},
    }
    config = folder / "litellm.yaml"
    config.write_text(json.dumps(settings), encoding="ascii")
    start = "import sys; from litellm import run_server; sys.exit(run_server())"
    command = ["env", "LITELLM_LOCAL_MODEL_COST_MAP=True", python, "-c", start]
    return Server(LITELLM, [*command, "--config", str(config), "--port", str(port)], folder, port), {}


def _portkey(folder: Path, script: str, upstream: int) -> tuple[Server, dict[str, str]]:
    """Its gateway as it starts by itself; where a call goes to, each call says."""
    node = shutil.which("node")
    if node is None:
        raise Failed("Portkey's gateway needs node, which is not in PATH")
    port = harness.free_port()
    headers = {"x-portkey-provider": "openai", "x-portkey-custom-host": f"http://127.0.0.1:{upstream}/v1"}
    return Server(PORTKEY, [node, script, f"--port={port}"], folder, port), headers
