"""What every benchmark needs: servers as child processes, their CPU time, loads, tables, and a dated section of docs.

Knows nothing of Accrue. CPU time is read from /proc, so benchmarks run on Linux only; clock ticks of 10 ms make it
good to about 1 % over two seconds of load.
"""

from __future__ import annotations

import os
import re
import socket
import statistics
import subprocess
import sys
import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from datetime import date
from http.client import HTTPConnection, HTTPException
from importlib.metadata import version
from pathlib import Path
from types import TracebackType
from typing import Self

import msgspec

from benchmarks.load import Plan, Result

DOCUMENT = Path(__file__).parent.parent / "docs" / "benchmarks.md"
PREAMBLE = "# Benchmarks\n\nNewest first. Figures of different machines or dates do not compare; ratios nearly do."

POLL_S = 0.01
IDLE_S = 0.3
"""A process that uses a clock tick at most in this time has finished what its requests left it to do."""

SETTLE_S = 120.0
START_S = 120.0


class Failed(Exception):
    """The benchmark cannot give a figure that could be trusted."""


class Server:
    """A child process that answers on a port of 127.0.0.1, ended with the `with` block that it stands in."""

    def __init__(self, name: str, command: Sequence[str], folder: Path, port: int = 0) -> None:
        self.name = name
        self.port = port
        self._log = folder / f"{name}.log"
        self._started = time.perf_counter()
        with self._log.open("wb") as log:
            self.process = subprocess.Popen(command, stdout=log, stderr=subprocess.STDOUT)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        self.stop()

    def output(self) -> str:
        """What the process has printed so far."""
        return self._log.read_text(errors="replace")

    def wait_for(self, is_so: Callable[[], bool], what: str) -> float:
        """Seconds from the start of the process until something is so; the process is ended when it never is."""
        while not is_so():
            if self._exits_within(POLL_S) or time.perf_counter() - self._started > START_S:
                self.stop()
                raise Failed(f"{self.name}: waited in vain for {what}; it printed:\n{self.output()[-2000:]}")
        return time.perf_counter() - self._started

    def wait_for_status_200(self, path: str) -> float:
        """Seconds from the start of the process until a GET succeeds."""
        return self.wait_for(lambda: get_status(self.port, path) == 200, f"200 from {path}")

    def wait_for_printed_port(self) -> None:
        """Take the port from the first line that the process prints: it is the last number there."""
        self.wait_for(lambda: "\n" in self.output(), "a line with its port")
        self.port = int(re.findall(r"\d+", self.output().splitlines()[0])[-1])

    def settle(self) -> None:
        """Wait until the process has finished what it does behind its answers."""
        deadline = time.perf_counter() + SETTLE_S
        before = self.cpu_ticks()
        while not self._exits_within(IDLE_S):
            after = self.cpu_ticks()
            if after - before <= 1:
                return
            if time.perf_counter() > deadline:
                raise Failed(f"{self.name}: still busy {SETTLE_S:.0f} s after its last answer")
            before = after
        raise Failed(f"{self.name}: ended by itself; it printed:\n{self.output()[-2000:]}")

    def cpu_ticks(self) -> int:
        """CPU time of the process and its descendants so far, in clock ticks."""
        return _cpu_ticks(self.process.pid)

    def resident_mb(self) -> tuple[float, float]:
        """Memory that the process and its descendants have now, and what of it is their own and on no disk."""
        statuses = [_status(pid) for pid in _family(self.process.pid)]
        return _megabytes(statuses, "VmRSS"), _megabytes(statuses, "RssAnon")

    def stop(self) -> None:
        """End the process, politely first."""
        self.process.terminate()
        if not self._exits_within(15):
            self.process.kill()
            self.process.wait()

    def _exits_within(self, seconds: float) -> bool:
        try:
            self.process.wait(seconds)
        except subprocess.TimeoutExpired:
            return False
        return True


class Sample(msgspec.Struct, frozen=True, kw_only=True):
    """What one load gave, and what it cost the server."""

    load: Result
    cpu_ms: float
    """Per request, with the work that the server does after the answer."""


def measure(plan: Plan, server: Server) -> Sample:
    """Put a load on a server and wait until it is idle again. Raises `Failed` on any answer but 200."""
    before = server.cpu_ticks()
    command = [sys.executable, "-m", "benchmarks.load"]
    load = subprocess.run(command, input=msgspec.json.encode(plan), capture_output=True, timeout=plan.seconds + 60)
    if load.returncode != 0 or not load.stdout:
        raise Failed(f"{server.name}: the load ended with {load.returncode}:\n{load.stderr.decode()[-2000:]}")
    server.settle()
    ticks = server.cpu_ticks() - before
    result = msgspec.json.decode(load.stdout, type=Result)
    if result.statuses.keys() != {200}:
        raise Failed(f"{server.name}: answers by status {result.statuses}")
    return Sample(load=result, cpu_ms=ticks * 1e3 / os.sysconf("SC_CLK_TCK") / result.answers)


def free_port() -> int:
    """A port that nobody listens on now."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


def get_status(port: int, path: str) -> int | None:
    """Status of a GET, None while nobody answers."""
    connection = HTTPConnection("127.0.0.1", port, timeout=2)
    try:
        connection.request("GET", path)
        return connection.getresponse().status
    except (OSError, HTTPException):
        return None
    finally:
        connection.close()


def spread(values: Iterable[float], digits: int = 2) -> str:
    """Median, and the lowest and highest of the repetitions."""
    ordered = sorted(values)
    low, middle, high = (f"{value:.{digits}f}" for value in (ordered[0], statistics.median(ordered), ordered[-1]))
    return middle if low == high else f"{middle} ({low}–{high})"


def table(header: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    """A Markdown table that also reads well as it stands."""
    lines = [list(header), *(list(row) for row in rows)]
    widths = [max(len(line[column]) for line in lines) for column in range(len(header))]
    lines.insert(1, ["-" * width for width in widths])
    return "\n".join(
        "| " + " | ".join(cell.ljust(width) for cell, width in zip(line, widths, strict=True)) + " |" for line in lines
    )


def machine(packages: Sequence[str]) -> str:
    """One line on where the figures are from."""
    model = re.search(r"^model name\s*:\s*(.+)$", Path("/proc/cpuinfo").read_text(), re.MULTILINE)
    versions = ", ".join(f"{package} {version(package)}" for package in packages)
    python = ".".join(str(part) for part in sys.version_info[:3])
    return f"{os.cpu_count()} cores ({model[1] if model else 'unknown'}), Python {python}, {versions}"


def report(subject: str, section: str, *, is_written: bool) -> None:
    """Print a section, and put it with today's date into docs/benchmarks.md where that is asked for."""
    print(section)
    if is_written:
        document = DOCUMENT.read_text() if DOCUMENT.exists() else PREAMBLE
        DOCUMENT.write_text(with_section(document, f"{subject}, {date.today().isoformat()}", section))


def with_section(document: str, heading: str, text: str) -> str:
    """The document with a section put before the others, or in the place of the one with the same heading."""
    section = f"## {heading}\n\n{text.strip()}\n\n"
    existing = re.compile(rf"^## {re.escape(heading)}\n.*?(?=^## |\Z)", re.MULTILINE | re.DOTALL)
    if existing.search(document):
        return existing.sub(lambda _: section, document).rstrip() + "\n"
    preamble, mark, others = document.partition("\n## ")
    return f"{preamble.rstrip()}\n\n{section}{mark.strip()} {others}".rstrip() + "\n"


def _cpu_ticks(pid: int) -> int:
    return sum(_own_ticks(each) for each in _family(pid))


def _own_ticks(pid: int) -> int:
    """Of a process, and of its children that have ended."""
    try:
        return sum(int(field) for field in Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[11:15])
    except (FileNotFoundError, ProcessLookupError):
        return 0  # it ended between two reads; its time is then in the fields of its parent


def _family(pid: int) -> Iterator[int]:
    """A process and its descendants."""
    yield pid
    try:
        tasks = [(task / "children").read_text() for task in Path(f"/proc/{pid}/task").iterdir()]
    except (FileNotFoundError, ProcessLookupError):
        return
    for task in tasks:
        for child in task.split():
            yield from _family(int(child))


def _status(pid: int) -> str:
    try:
        return Path(f"/proc/{pid}/status").read_text()
    except (FileNotFoundError, ProcessLookupError):
        return ""  # it ended between two reads


def _megabytes(statuses: Iterable[str], name: str) -> float:
    found = (re.search(rf"^{name}:\s+(\d+) kB", status, re.MULTILINE) for status in statuses)
    return sum(int(kilobytes[1]) for kilobytes in found if kilobytes is not None) / 1024
