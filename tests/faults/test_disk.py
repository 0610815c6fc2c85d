"""A disk that is full, broken, read-only or gone: calls are answered, what is missing is counted, and it heals itself.

The disk is bad because a shim before libc says so (shim.c), because a small one in memory is really full or read-only
(where the tests may mount one), or because somebody deletes the data directory.
"""

from __future__ import annotations

import errno
import itertools
import os
import random
import shutil
import signal
import sqlite3
import subprocess
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import closing, contextmanager, suppress
from functools import partial
from pathlib import Path

import httpx
import msgspec
import pytest

from gateway.testing import GatewayProcess, ScriptedUpstream, Step
from tests.faults.mutants import Mutant
from tests.faults.scale import scaled

CALLS = scaled(3, 10)
"""During each fault, and as many after it."""

WAIT_S = 30.0
"""For what happens within a second or two on an idle machine."""

RULES = (
    "Always answer in metric units, please.",
    "Never use emojis in your answers.",
    "Always give dates as day, month and year.",
    "Never write more than three sentences.",
    "Always mention your sources.",
    "Always address me as Captain.",
)

FAULTS = {"full": errno.ENOSPC, "broken": errno.EIO, "readonly": errno.EROFS}

Start = Callable[[], GatewayProcess]

Bad = tuple[str, str]
"""What happens to the disk, and when."""


class Disk:
    """The disk of a folder, for processes that are started while it exists."""

    def __init__(self, folder: Path, control: Path, shim: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        self.folder = folder
        self._control = control
        self.mend()
        monkeypatch.setenv("SHIM_FOLDER", str(folder))
        monkeypatch.setenv("SHIM_CONTROL", str(control))
        monkeypatch.setenv("LD_PRELOAD", str(shim))

    def fail(self, fault: str) -> None:
        """Make it bad, as one of `FAULTS` or by deleting all that is on it."""
        if fault == "gone":
            shutil.rmtree(self.folder, ignore_errors=True)  # what is written meanwhile may keep a folder
        else:
            self._say(FAULTS[fault])

    def mend(self) -> None:
        """Make it good."""
        self._say(0)

    def _say(self, number: int) -> None:
        with self._control.open("r+b" if self._control.exists() else "wb") as control:
            control.write(bytes([number]))


class Play:
    """One user's calls through a gateway, each of which must get the upstream's bytes."""

    def __init__(self, upstream: ScriptedUpstream, gateway: GatewayProcess) -> None:
        self._upstream = upstream
        self._gateway = gateway
        self._client = httpx.Client(
            base_url=gateway.url, headers={"authorization": "Bearer of-one-user"}, timeout=WAIT_S
        )
        self.calls = 0

    def close(self) -> None:
        """Let the connections go."""
        self._client.close()

    def say(self, text: str, *, midway: Callable[[], None] | None = None) -> str:
        """One call in a session of its own; what the upstream was shown of it.

        Args:
            midway: done between the first half of the answer and the second.
        """
        self.calls += 1
        answer = (f"Answer {self.calls} to nobody else. " * 9).encode()
        body = msgspec.json.encode(
            {"id": f"c{self.calls}", "object": "chat.completion", "created": 1, "model": "m", "choices": [
                {"index": 0, "finish_reason": "stop", "message": {"role": "assistant", "content": answer.decode()}}
            ]}
        )  # fmt: skip
        halves = [body[: len(body) // 2], body[len(body) // 2 :]]
        self._upstream.script([Step(chunks=halves, hold=[1] if midway else [])])
        request = {"model": "m", "messages": [{"role": "user", "content": f"{text} (call {self.calls})"}]}
        with self._client.stream("POST", "/chat/completions", json=request) as response:
            assert response.status_code == 200, response.read()
            chunks = response.iter_raw()
            received = next(chunks)
            if midway is not None:
                midway()
                self._upstream.release()
            received += b"".join(chunks)
        assert received == body
        return self._upstream.requests()[-1].body.decode()

    def until_told(self, rule: str) -> None:
        """Ask, in ever new sessions, until the user's rule goes to the model with the question."""
        self._until(lambda: rule in self.say("What do you think?"), f"{rule!r} is remembered")

    def until_unrecorded(self, text: str) -> None:
        """Go on until a call could not be recorded: the journal first uses up what it has."""

        def is_so() -> bool:
            self.say(text)
            return self.counted().get(UNRECORDED, 0) > 0

        self._until(is_so, "a call is not recorded")

    def until_ready(self, **states: bool) -> None:
        """Wait until `/readyz` says of memory or journal that it is well, or that it is not."""
        well = {"memory": "on", "journal": "ok"}

        def is_so() -> bool:
            found = self._own("/readyz").json()
            return all((found[name] == well[name]) == is_well for name, is_well in states.items())

        self._until(is_so, f"/readyz says {states}")

    def counted(self) -> dict[str, float]:
        """The accounts of all calls by name and label, once nothing is under way any more."""

        def accounts() -> dict[str, float]:
            lines = [line.rsplit(" ", 1) for line in self._own("/metrics").text.splitlines() if line[:1] != "#"]
            return {name.removeprefix("accrue_"): float(value) for name, value in lines}

        self._until(lambda: accounts().get("received_total") == _settled(accounts()), "every call is accounted for")
        found = accounts()
        assert found["received_total"] == self.calls
        assert not any(name.startswith("refused_total") for name, value in found.items() if value)
        return found

    def _own(self, path: str) -> httpx.Response:
        return self._client.get(self._gateway.url.removesuffix("/v1") + path)

    def _until(self, is_so: Callable[[], bool], what: str) -> None:
        end = time.monotonic() + WAIT_S
        while not is_so():
            assert time.monotonic() < end, f"it never came that {what}"


def _settled(accounts: dict[str, float]) -> float:
    return sum(
        value
        for name, value in accounts.items()
        if name.split("{")[0] in ("recorded_total", "unrecorded_total", "refused_total")
    )


UNRECORDED = 'unrecorded_total{reason="journal"}'


@pytest.fixture(scope="session")
def shim(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The shim, compiled."""
    compiler, built = shutil.which("gcc"), tmp_path_factory.mktemp("shim") / "shim.so"
    assert compiler is not None, "these tests need a C compiler: apt-get install gcc libc6-dev"
    source = Path(__file__).with_name("shim.c")
    subprocess.run([compiler, "-shared", "-fPIC", "-O1", "-o", str(built), str(source), "-ldl"], check=True)
    return built


@pytest.fixture
def disk(tmp_path: Path, shim: Path, monkeypatch: pytest.MonkeyPatch) -> Disk:
    return Disk(tmp_path / "data", tmp_path / "control", shim, monkeypatch)


@pytest.fixture
def start(upstream: ScriptedUpstream, tmp_path: Path) -> Start:
    """Makes gateways over this test's data directory."""
    return lambda: GatewayProcess(upstream.url, tmp_path / "data", cwd=tmp_path / "cwd")


def stop(gateway: GatewayProcess) -> None:
    """End it in order, which must succeed whatever the disk does."""
    gateway.process.send_signal(signal.SIGTERM)
    assert gateway.process.wait(WAIT_S) == 0


def check_whole(folder: Path) -> None:
    """No file is corrupt, and none had to be set aside."""
    for name in ("journal.db", "memories.db"):
        with closing(sqlite3.connect(folder / name)) as connection:
            assert connection.execute("PRAGMA integrity_check").fetchall() == [("ok",)]
    assert not list(folder.glob("*.corrupt-*"))


def bad_while_serving(play: Play, disk: Disk, fault: str, onset: str, rules: Iterator[str]) -> None:
    """The disk goes bad at a moment, calls go on, it is mended, and what is said then is remembered."""
    play.say("Good morning.")
    unrecorded = play.counted().get(UNRECORDED, 0)
    if onset == "learning":
        play.say("I have a parrot. It is blue.")
        disk.fail(fault)
    play.say("Tell me more.", midway=(lambda: disk.fail(fault)) if onset == "recording" else None)
    if onset == "between":
        disk.fail(fault)
    for _ in range(CALLS):
        play.say("And then?")
    if fault != "gone":
        play.until_ready(journal=False)
        assert play.counted()[UNRECORDED] > unrecorded
    disk.mend()
    play.until_ready(memory=True, journal=True)
    unrecorded = play.counted().get(UNRECORDED, 0)
    rule = next(rules)
    play.say(rule)
    play.until_told(rule)
    for _ in range(CALLS):
        play.say("And so?")
    assert play.counted().get(UNRECORDED, 0) == unrecorded


def played(start: Start, disk: Disk, upstream: ScriptedUpstream, plan: Sequence[Bad], at_start: Sequence[str]) -> None:
    """Faults one after the other, a full disk at the end, and then faults at the start, over one data directory."""
    rules = itertools.cycle(RULES)
    with start() as gateway, closing(Play(upstream, gateway)) as play:
        for fault, onset in plan:
            bad_while_serving(play, disk, fault, onset, rules)
        known = next(rules)
        play.say(known)
        play.until_told(known)
        disk.fail("full")
        play.say("Good night.")
        stop(gateway)
    for fault in at_start:
        bad_at_the_start(start, disk, fault, upstream, known)
    check_whole(disk.folder)


def bad_at_the_start(start: Start, disk: Disk, fault: str, upstream: ScriptedUpstream, known: str) -> None:
    """A gateway that starts on a bad disk passes calls on, says so, and remembers once the disk is good."""
    disk.fail(fault)
    with start() as gateway, closing(Play(upstream, gateway)) as play:
        for _ in range(CALLS):
            play.say("Anybody there?")
        play.until_ready(memory=False, journal=False)
        assert play.counted()[UNRECORDED] > 0
        disk.mend()
        play.until_ready(memory=True, journal=True)
        play.until_told(known)
        stop(gateway)


PLANS: list[Bad] = [(fault, onset) for fault in (*FAULTS, "gone") for onset in ("recording", "learning", "between")]


@pytest.mark.promise("P4")
@pytest.mark.promise("P6")
@pytest.mark.parametrize("seed", range(scaled(1, 25)))
def test_whatever_the_disk_does_calls_are_answered_and_counted_and_it_heals(
    start: Start, disk: Disk, upstream: ScriptedUpstream, seed: int
) -> None:
    shuffled = random.Random(seed).sample(PLANS, len(PLANS))
    each = {fault: (fault, onset) for fault, onset in shuffled}  # one of each sort
    played(start, disk, upstream, scaled(list(each.values()), shuffled), scaled(["readonly"], list(FAULTS)))


@pytest.mark.skipif(os.geteuid() != 0, reason="only root may mount a disk of its own")
def test_a_small_disk_that_is_really_full_and_then_read_only_ends_no_process(
    upstream: ScriptedUpstream, tmp_path: Path
) -> None:
    with mounted(tmp_path / "disk") as folder:
        start = partial(GatewayProcess, upstream.url, folder / "data", cwd=tmp_path / "cwd")
        with start() as gateway, closing(Play(upstream, gateway)) as play:
            play.say(RULES[0])
            play.until_told(RULES[0])
            fill(folder)
            play.until_unrecorded("And then? " * 5_000)
            play.until_ready(memory=False)
            assert RULES[0] in play.say("Do you still know?")
            (folder / "ballast").unlink()
            play.until_ready(memory=True, journal=True)
            play.say(RULES[1])
            play.until_told(RULES[1])
            fill(folder)
            play.say("Good night.")
            stop(gateway)
        with start() as gateway, closing(Play(upstream, gateway)) as play:
            play.say("Anybody there?")
            play.until_ready(memory=False)
            (folder / "ballast").unlink()
            play.until_ready(memory=True, journal=True)
            play.until_told(RULES[1])
            stop(gateway)
        remount(folder, "ro")
        with start() as gateway, closing(Play(upstream, gateway)) as play:
            play.say("Anybody there?")
            play.until_ready(memory=False, journal=False)
            remount(folder, "rw")
            play.until_ready(memory=True, journal=True)
            play.until_told(RULES[1])
            stop(gateway)
        check_whole(folder / "data")


@contextmanager
def mounted(folder: Path) -> Iterator[Path]:
    """A disk of 256 MB in memory."""
    folder.mkdir()
    made = subprocess.run(["mount", "-t", "tmpfs", "-o", "size=256m", "tmpfs", str(folder)], check=False)
    if made.returncode:
        pytest.skip("mounting is not allowed here")
    try:
        yield folder
    finally:
        subprocess.run(["umount", str(folder)], check=True)


def remount(folder: Path, mode: str) -> None:
    """Make it read-only, or writable again."""
    subprocess.run(["mount", "-o", f"remount,{mode}", str(folder)], check=True)


def fill(folder: Path) -> None:
    """Leave no block free."""
    descriptor = os.open(folder / "ballast", os.O_WRONLY | os.O_CREAT)
    try:
        with suppress(OSError):
            while True:
                os.write(descriptor, bytes(1 << 16))
        with suppress(OSError):
            while True:
                os.write(descriptor, bytes(1))
    finally:
        os.close(descriptor)


MUTANTS: dict[str, tuple[str, Sequence[Bad], Sequence[str], str]] = {
    "an error of memory fails the call": (
        "from contextlib import nullcontext\n"
        "from gateway.augment import Augmenter\n"
        "Augmenter._failing_open = lambda self, troubles: nullcontext()\n",
        [],
        ["broken"],
        "500",
    ),
    "what is not recorded is not counted": (
        "from gateway.telemetry import Telemetry\nTelemetry.unrecorded = lambda *_: None\n",
        [("full", "recording")],
        [],
        "every call is accounted for",
    ),
    "a connection is kept for good": (
        "from gateway.lasting import Database\nDatabase._is_same = lambda self: True\n",
        [("gone", "between")],
        [],
        "it never came that",
    ),
}


@pytest.mark.parametrize(("breaking", "plan", "at_start", "seen"), MUTANTS.values(), ids=MUTANTS)
def test_a_gateway_that_is_broken_is_seen_to_be(
    disk: Disk,
    upstream: ScriptedUpstream,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    breaking: str,
    plan: Sequence[Bad],
    at_start: Sequence[str],
    seen: str,
) -> None:
    monkeypatch.setattr("tests.faults.test_disk.WAIT_S", 4.0)

    def start() -> GatewayProcess:
        return Mutant(breaking, upstream.url, tmp_path / "data")

    with pytest.raises(AssertionError, match=seen):
        played(start, disk, upstream, plan, at_start)
