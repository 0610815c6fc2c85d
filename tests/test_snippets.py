"""Every piece of shell in README.md and docs/ is typed as it stands, in a folder in which its files are.

In the place of its reader's addresses, paths and exchange stand those of the test, and what is installed is not
installed once more. Only `make` is not called, because `make test` is what runs this. Pieces of Python run here as
well, but for those of test_docs.py, tests/testing/test_documented.py and tests/admin/mcp/test_server.py.
"""

from __future__ import annotations

import json
import os
import re
import shutil
import signal
import subprocess
import zipfile
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from threading import Timer
from typing import Any

import msgspec
import openai
import pytest

from gateway.testing import GatewayProcess, ScriptedUpstream
from tests.logs.test_chatgpt import HARBOUR
from tests.test_docs import FENCE, PAGES, ROOT

SAID: Any = [{"role": "user", "content": "My dog Biscuit is allergic to chicken. Always answer in British English."}]

PIECES = [
    pytest.param(code, id=f"{page}-{number}")
    for page, text in PAGES.items()
    for number, (language, code) in enumerate(FENCE.findall(text))
    if language == "sh" and not re.fullmatch(r"(make \w+.*\n)+", code)
]

SERVES = re.compile(r"^(?:\w+=\S+ )?(?:\.venv/bin/)?accrue serve", re.MULTILINE)
TAKES_ALL = re.compile(r"accrue (?:serve|replay|rebuild)")
"""Wants a directory that no gateway holds."""

WITHIN_S = 60


class House(msgspec.Struct, frozen=True, kw_only=True):
    """A folder in which somebody types, with a gateway that has learnt something on its data directory."""

    folder: Path
    upstream: str
    url: str
    exchange: str

    def adapted(self, code: str, data: Path) -> str:
        """The piece with what is here in the place of what is at its reader's."""
        here = {
            r"http://127\.0\.0\.1:(?:11434|9000)/v1": self.upstream,
            r"http://127\.0\.0\.1:8080": self.url.removesuffix("/v1"),
            r"ex_[0-9a-f]{32}": self.exchange,
            r"/var/lib/accrue": str(data),
            r"\.venv/bin/": "",
            r"=…": "=sk-test",
            r"--port 9000": "--port 0",
            r"pip install": "echo",
            r"(?m)^(python -m gateway\.testing[^&\n]*)$": r"\1 &",  # in another terminal
        }
        for theirs, ours in here.items():
            code = re.sub(theirs, ours, code)
        return code

    def environment(self) -> dict[str, str]:
        """With what other pieces of the page set."""
        own = {"OPENAI_API_KEY": "sk-test", "OPENAI_BASE_URL": self.url, "ACCRUE_SERVER__PORT": "0"}
        return own | {"PATH": f"{ROOT / '.venv' / 'bin'}:{os.defpath}", "HOME": str(self.folder)}


@pytest.fixture(scope="module")
def house(tmp_path_factory: pytest.TempPathFactory) -> Iterator[House]:
    """A house for all pieces; what they need of each other they bring along."""
    assert shutil.which("curl"), "curl is typed in the docs, and is not installed"
    folder = tmp_path_factory.mktemp("house")
    with ScriptedUpstream() as upstream:
        with GatewayProcess(upstream.url, folder / ".accrue") as gateway:
            asked = client(gateway.url).chat.completions.with_raw_response
            exchange = asked.create(model="gpt-4o", messages=SAID).headers["x-accrue-exchange"]
        shutil.copytree(folder / ".accrue", folder / "idle")
        (folder / "ask.py").write_text(
            next(code for _, code in FENCE.findall(PAGES["README.md"]) if "sys.argv" in code)
        )
        with GatewayProcess(upstream.url, folder / ".accrue") as gateway:
            yield House(folder=folder, upstream=upstream.url, url=gateway.url, exchange=exchange)


def client(url: str) -> openai.OpenAI:
    return openai.OpenAI(base_url=url, api_key="sk-test", default_headers={"x-accrue-user": "ana"}, max_retries=0)


@pytest.mark.parametrize("piece", PIECES)
def test_what_the_docs_tell_to_type_does_something(piece: str, house: House, tmp_path: Path) -> None:
    folder = house.folder
    if TAKES_ALL.search(piece):
        folder = tmp_path
        shutil.copytree(house.folder / "idle", folder / ".accrue")
        logs(folder)
    code = f"set -euo pipefail\n{house.adapted(piece, folder / '.accrue')}"
    said = served(code, folder, house) if SERVES.search(piece) else run(code, folder, house)
    assert '"error"' not in said, said


def run(code: str, folder: Path, house: House) -> str:
    """What it says; it must come to its end, and say that all is well."""
    done = subprocess.run(
        ["bash", "-c", code], cwd=folder, env=house.environment(), capture_output=True, text=True, timeout=WITHIN_S
    )
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


def served(code: str, folder: Path, house: House) -> str:
    """What it says until it takes connections; then it is ended, and whatever it started."""
    process = subprocess.Popen(
        ["bash", "-c", code],
        cwd=folder,
        env=house.environment(),
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        start_new_session=True,
    )
    assert process.stdout is not None
    lines = list[bytes]()
    end = Timer(WITHIN_S, os.killpg, (process.pid, signal.SIGKILL))
    end.start()
    try:
        for line in process.stdout:
            lines.append(line)
            if b"Accrue listens on" in line:
                return b"".join(lines).decode()
    finally:
        end.cancel()
        with suppress(ProcessLookupError):
            os.killpg(process.pid, signal.SIGTERM)
        process.communicate(timeout=WITHIN_S)
    raise AssertionError(b"".join(lines).decode())


def logs(folder: Path) -> None:
    """Logs under the names that the page on replay gives them."""
    talk = json.dumps({"messages": [*SAID, {"role": "assistant", "content": "Understood."}]})
    (folder / "past.jsonl").write_text(talk)
    subprocess.run(["gzip", "-k", "past.jsonl"], cwd=folder, check=True)
    with zipfile.ZipFile(folder / "chatgpt-export.zip", "w") as archive:
        archive.writestr("conversations.json", json.dumps([HARBOUR]))


@pytest.mark.parametrize("page", ["README.md", "docs/feedback.md"])
def test_feedback_is_given_as_the_page_gives_it(page: str, house: House, monkeypatch: pytest.MonkeyPatch) -> None:
    (code,) = (code for language, code in FENCE.findall(PAGES[page]) if language == "python" and "/feedback" in code)
    monkeypatch.setenv("OPENAI_API_KEY", "sk-test")
    monkeypatch.setenv("OPENAI_BASE_URL", house.url)
    names: dict[str, Any] = {"messages": SAID}
    with client(house.url) as names["client"]:
        exec(compile(code.replace("ex_01a2…", house.exchange), page, "exec"), names)
    names["client"].close()
