"""Hostile HTTP: real bytes to a real gateway, before an upstream that says what reached it.

No error of ours, no connection that hangs, none out of step, and nothing smuggled.
"""

from __future__ import annotations

import contextlib
import re
import socket
import sys
from collections.abc import Iterable, Iterator
from pathlib import Path
from urllib.parse import urlsplit

import pytest

from gateway.testing import GatewayProcess, ScriptedUpstream
from tests.faults.mutants import Mutant
from tests.security.hostile import LAST, VECTORS, Vector

CONFIG = "server: {header_timeout_s: 0.5, body_timeout_s: 0.5}"

HANG_S = 5.0
"""Longer than everything that the gateway waits for here."""

_STATUS = re.compile(rb"HTTP/1\.1 (\d{3}) ")


def answers(gateway: GatewayProcess, raw: bytes) -> list[int] | None:
    """The statuses that come until the gateway ends the connection; None when it does not."""
    address = urlsplit(gateway.url)
    received = b""
    with socket.create_connection((address.hostname, address.port), timeout=HANG_S) as connection:
        try:
            with contextlib.suppress(ConnectionError):  # it may have ended before all was sent
                connection.sendall(raw)
            with contextlib.suppress(ConnectionResetError):
                while data := connection.recv(65_536):
                    received += data
        except TimeoutError:
            return None
    return [int(status) for status in _STATUS.findall(received)]


def faults(gateway: GatewayProcess, upstream: ScriptedUpstream, vectors: Iterable[Vector]) -> Iterator[str]:
    """What went wrong, vector by vector."""
    for vector in vectors:
        upstream.clear()
        statuses = answers(gateway, vector.raw)
        reached = upstream.requests()
        if statuses is None:
            yield f"{vector.name}: hangs"
        elif not statuses or statuses[0] not in vector.allowed:
            yield f"{vector.name}: answered with {statuses}"
        elif max(statuses) >= 500:
            yield f"{vector.name}: an error of ours, {statuses}"
        bodies = [request.body for request in reached]
        if bodies not in ([], [vector.body]):
            yield f"{vector.name}: the upstream got {bodies}"
        if any("smuggled" in request.target for request in reached):
            yield f"{vector.name}: smuggled"
        if statuses and statuses[0] == 200 and vector.body is not None and not bodies:
            yield f"{vector.name}: answered, and the upstream got nothing"
        if answers(gateway, LAST) != [200]:
            yield f"{vector.name}: the next connection is not served"


@pytest.fixture
def directory(tmp_path: Path) -> Path:
    (tmp_path / "config.yaml").write_text(CONFIG)
    return tmp_path


def test_there_are_as_many_vectors_as_are_promised() -> None:
    assert len({vector.name for vector in VECTORS}) == len(VECTORS) >= 50


def test_no_request_is_read_in_two_ways(upstream: ScriptedUpstream, directory: Path) -> None:
    with GatewayProcess(upstream.url, directory) as gateway:
        assert list(faults(gateway, upstream, VECTORS)) == []


LENIENT = """
import gateway.front as front
parser = front._parser
def lenient(protocol):
    made = parser(protocol)
    made.set_dangerous_leniencies(lenient_headers=True, lenient_chunked_length=True, lenient_transfer_encoding=True)
    return made
front._parser = lenient
front.check = lambda *_, **__: None
"""

PATIENT = """
import gateway.patience as patience
patience.Patience.arm = lambda _: None
"""


@pytest.mark.parametrize(
    ("breaking", "names", "found"),
    [
        (LENIENT, ("length, then chunks", "two hosts", "no host"), ("length, then chunks", "two hosts", "no host")),
        (PATIENT, ("half a head",), ("half a head: hangs",)),
    ],
)
def test_a_gateway_that_reads_less_strictly_is_found_out(
    upstream: ScriptedUpstream,
    directory: Path,
    monkeypatch: pytest.MonkeyPatch,
    breaking: str,
    names: tuple[str, ...],
    found: tuple[str, ...],
) -> None:
    monkeypatch.setattr(sys.modules[__name__], "HANG_S", 2.0)  # what hangs here does so for ever
    vectors = [vector for vector in VECTORS if vector.name in names]
    with Mutant(breaking, upstream.url, directory) as gateway:
        said = list(faults(gateway, upstream, vectors))
    for fault in found:
        assert any(line.startswith(fault) for line in said), said
