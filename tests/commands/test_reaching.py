"""To whom the admin key is sent, and what is taken for an answer. What comes of answers is tested with the commands."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from gateway.commands.dashboard import dashboard
from gateway.commands.memories import group as memories
from gateway.datadir import DataDir
from gateway.testing import ScriptedUpstream
from gateway.testing.scripted import Step
from tests.test_telemetry import logging_kept

DATA = Path(".accrue")
KEY = "an-admin-key-that-is-long-enough-for-a-test"


@pytest.fixture(autouse=True)
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[DataDir]:
    """A directory that this process holds, with its key."""
    monkeypatch.chdir(tmp_path)
    held = DataDir(DATA)
    held.hold()
    (DATA / "admin.key").write_text(KEY)
    with logging_kept():
        yield held
    held.release()


def typed(*arguments: str) -> Result:
    return CliRunner().invoke(memories, arguments)


def linked(*arguments: str) -> Result:
    return CliRunner().invoke(dashboard, arguments)


def test_the_gateway_on_the_directory_is_sent_its_key(folder: DataDir, upstream: ScriptedUpstream) -> None:
    folder.announce(f"http://127.0.0.1:{upstream.port}")
    upstream.script([Step(chunks=[b'{"memories":[],"place":""}'])])
    assert typed("list").stderr == "none\n"
    (request,) = upstream.requests()
    assert (b"authorization", f"Bearer {KEY}".encode()) in [(name.lower(), value) for name, value in request.headers]


@pytest.mark.parametrize("at", ["http://192.0.2.1:8080", "http://127.0.0.1@gateway.example", "https://gateway.example"])
def test_a_directory_that_names_a_gateway_elsewhere_is_not_believed(folder: DataDir, at: str) -> None:
    folder.announce(at)
    for done in (typed("list"), linked()):
        assert (done.exit_code, done.stderr.count("\n")) == (1, 1)
        assert f"says that its gateway is at {at}, not on this machine; name it by --url" in done.stderr


def test_the_address_that_is_configured_is_believed(folder: DataDir) -> None:
    folder.announce("http://192.0.2.1:8080")
    Path("config.yaml").write_text("server: {host: 192.0.2.1}\nauth: {allow_public: true}")
    assert linked().output.startswith("http://192.0.2.1:8080/accrue/ui/signin?ticket=")


def test_a_key_goes_to_another_machine_in_the_open_only_when_that_is_said() -> None:
    for done in (typed("list", "--url", "http://gateway.example"), linked("--url", "http://gateway.example")):
        assert (done.exit_code, "on the way to gateway.example others can read" in done.stderr) == (1, True)
    for url in (("http://gateway.example", "--insecure"), ("https://gateway.example",), ("http://[::1]:80",)):
        assert linked("--url", *url).output.startswith(f"{url[0]}/accrue/ui/signin?ticket=")


def test_no_key_is_made_to_be_sent(upstream: ScriptedUpstream) -> None:
    for done in (
        typed("list", "--url", upstream.url, "--data-dir", "elsewhere"),
        linked("--url", upstream.url, "--data-dir", "elsewhere"),
    ):
        assert done.stderr == (
            "accrue: there is no admin key in elsewhere: set auth.admin_key, or name a --data-dir that has one\n"
        )
    assert not Path("elsewhere").exists()
    assert upstream.requests() == []


@pytest.mark.parametrize(
    ("status", "kind", "why"),
    [
        (302, "text/html", "it answered 302"),
        (307, "application/json", "it answered 307"),
        (308, "application/jsonl", "it answered 308"),
        (200, "text/html", "it answered 200, and no"),
    ],
)
def test_a_page_of_elsewhere_is_no_answer_and_in_no_export(
    upstream: ScriptedUpstream, status: int, kind: str, why: str
) -> None:
    page = Step(status=status, headers=[("content-type", kind), ("location", upstream.url)], chunks=[b"<p>moved</p>"])
    upstream.script([page, page])
    for command in ("export", "list"):
        done = typed(command, "--url", f"http://127.0.0.1:{upstream.port}")
        assert (done.exit_code, done.stdout) == (1, "")
        assert why in done.stderr
    assert len(upstream.requests()) == 2
