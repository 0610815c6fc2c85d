"""README.md, docs/ and their site: what they point at is there, and what they tell to type works.

The pages on testing and on MCP are tried by tests/testing/test_documented.py and tests/admin/mcp/test_server.py; tables
of settings, metrics and headers by the tests of what they list.
"""

from __future__ import annotations

import ast
import contextlib
import re
import shlex
import subprocess
import sys
from collections.abc import Iterator
from html import unescape
from pathlib import Path
from typing import Any

import click
import httpx
import msgspec
import pytest
from click.testing import CliRunner

from gateway.__main__ import main
from gateway.admin import OPERATIONS
from gateway.config import load_config
from gateway.policybook import load_policies
from gateway.testing import GatewayProcess, ScriptedUpstream
from gateway.wiring import KINDS

ROOT = Path(__file__).parent.parent

PAGES = {
    path.relative_to(ROOT).as_posix(): path.read_text(encoding="utf-8")
    for path in (*sorted(ROOT.glob("*.md")), *sorted((ROOT / "docs").rglob("*.md")))
}

FENCE = re.compile(r"^ *```(\w*)\n(.*?)^ *```$", re.DOTALL | re.MULTILINE)
SPAN = re.compile(r"`[^`\n]+`")
LINK = re.compile(r"\[[^\[\]]*\]\(([^()\s]+)\)")
HEADING = re.compile(r"^#+ +(.+)$", re.MULTILINE)

CONFIGURES = {"upstreams", "routes", "store", "journal", "embedder"}
"""Keys by which a piece of YAML that names no file is one of config.yaml, and not a policy."""

KEYS = {"AZURE_OPENAI_API_KEY": "a", "ANTHROPIC_API_KEY": "b", "OPENAI_API_KEY": "c"}

FLEET = {
    "store": {"ACCRUE_AUTH__SHARED_SECRET": "s" * 32},
    "journal": {"ACCRUE_AUTH__SHARED_SECRET": "s" * 32, "ACCRUE_JOURNAL__URL": "redis://127.0.0.1:6379"},
}
"""What must be in the environment where one of these is shared."""


def snippets(language: str) -> list[Any]:
    """Pieces of code in this language, each called by its page and number."""
    return [
        pytest.param(code, id=f"{page}-{number}")
        for page, text in PAGES.items()
        for number, (marked, code) in enumerate(FENCE.findall(text))
        if marked == language
    ]


def dead_links(page: str, text: str) -> Iterator[str]:
    """Links to files and headings of the repository that are not there."""
    for target in LINK.findall(SPAN.sub("", FENCE.sub("", text))):
        name, _, anchor = target.partition("#")
        file = (ROOT / page).parent / name if name else ROOT / page
        if target.startswith(("https://", "http://")):
            continue
        if not file.exists() or (anchor and anchor not in anchors(file.read_text(encoding="utf-8"))):
            yield target


def anchors(text: str) -> set[str]:
    """What the headings of a page are called in links, as GitHub does it."""
    headings = HEADING.findall(FENCE.sub("", text))
    return {re.sub(r"[^\w\- ]", "", heading.strip().lower()).replace(" ", "-") for heading in headings}


@pytest.mark.parametrize("page", PAGES)
def test_what_a_page_links_to_is_there(page: str) -> None:
    assert list(dead_links(page, PAGES[page])) == []


def test_a_dead_link_is_noticed() -> None:
    text = (
        "[a](memory.md) [b](memory.md#what-ends) [c](gone.md) [d](memory.md#gone) [e](#here) `[f](code)`\n\n## Here\n"
    )
    assert list(dead_links("docs/x.md", text)) == ["gone.md", "memory.md#gone", "#here"]


def test_an_unwritten_page_has_its_own_anchors() -> None:
    assert anchors("# One `two`: three\n\n```sh\n# no heading\n```\n") == {"one-two-three"}


@pytest.mark.parametrize("code", snippets("python"))
def test_python_is_python(code: str) -> None:
    ast.parse(code)


@pytest.mark.parametrize("code", snippets("json"))
def test_json_is_json(code: str) -> None:
    msgspec.json.decode(code)


@pytest.mark.parametrize("code", snippets("yaml"))
def test_yaml_is_taken_by_the_gateway(code: str, tmp_path: Path) -> None:
    named = re.match(r"# policies/([\w-]+\.yaml)\n", code)
    # Several of one key are alternatives.
    for number, piece in enumerate(re.split(r"^(?=embedder:)", code, flags=re.MULTILINE)):
        keys = {line.partition(":")[0].strip() for line in piece.splitlines() if not line.lstrip().startswith("#")}
        folder = tmp_path / str(number)
        folder.mkdir()
        if keys & CONFIGURES:
            (folder / "config.yaml").write_text(piece)
            environment = dict(KEYS)
            for key in keys & FLEET.keys():
                environment |= FLEET[key]
            load_config(folder / "config.yaml", environment)
        else:
            (folder / (named[1] if named else "default.yaml")).write_text(piece)
            load_policies(folder, KINDS)


def command_lines(code: str) -> Iterator[list[str]]:
    """The arguments of `accrue` in a piece of shell."""
    for line in code.replace("\\\n", " ").splitlines():
        words = shlex.split(line, comments=True)
        while words and (re.fullmatch(r"[A-Z_]+=.*", words[0]) or words[0] in {"&&", "|", ";"}):
            words = words[1:]
        if words and words[0] in {"accrue", ".venv/bin/accrue"}:
            ends = [at for at, word in enumerate(words) if word in {">", ">>", "<", "|", "&&", ";", "&"}]
            yield words[1 : min(ends, default=len(words))]


def parsed(words: list[str]) -> click.Command:
    """The command that these words name, with options it has. Raises `click.UsageError`."""
    command: click.Command = main
    context = click.Context(main, info_name="accrue")
    while isinstance(command, click.Group):
        _, found, words = command.resolve_command(context, words)
        assert found is not None
        command, context = found, click.Context(found, parent=context)
    with contextlib.suppress(click.exceptions.Exit):  # --help
        command.parse_args(context, list(words))
    return command


@pytest.mark.parametrize("code", [one for one in snippets("sh") if "accrue " in one.values[0]])
def test_commands_in_shell_are_commands(code: str) -> None:
    lines = list(command_lines(code))
    assert lines
    for words in lines:
        parsed(words)


@pytest.mark.parametrize("page", [page for page, text in PAGES.items() if "`accrue " in text])
def test_commands_in_a_sentence_are_commands(page: str) -> None:
    for span in re.findall(r"`accrue ([^`]+)`", FENCE.sub("", PAGES[page])):
        command: click.Command = main
        options = {"--help", "--version"}
        for word in re.split(r"[\s=]+", span.replace("\n", " ")):
            if word.startswith("--"):
                assert word in options, f"accrue {span}"
            elif isinstance(command, click.Group) and re.fullmatch(r"[a-z|]+", word):
                for name in word.split("|"):
                    assert name in command.commands, f"accrue {span}"
                command = command.commands[word.partition("|")[0]]
                options |= {option for param in command.params for option in (*param.opts, *param.secondary_opts)}


def test_a_command_that_is_none_is_noticed() -> None:
    (words,) = command_lines("X=1 .venv/bin/accrue report --sinse 7d > x  # why")
    with pytest.raises(click.UsageError):
        parsed(words)
    with pytest.raises(click.UsageError):
        parsed(["reprot"])


def test_the_quickstart_does_what_it_says(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    text = PAGES["docs/quickstart.md"]
    first, second = (code for language, code in FENCE.findall(text) if language == "python")
    names: dict[str, Any] = {"print": lambda told: names["told"].append(told), "told": []}
    monkeypatch.setenv("OPENAI_API_KEY", "sk-test")
    with ScriptedUpstream() as upstream:
        with GatewayProcess(upstream.url, tmp_path / "data") as gateway:  # what is on record is learnt before it ends
            monkeypatch.setenv("OPENAI_BASE_URL", gateway.url)
            exec(compile(first, "quickstart", "exec"), names)
        with GatewayProcess(upstream.url, tmp_path / "data") as gateway:
            names["client"].base_url = gateway.url
            exec(compile(second, "quickstart", "exec"), names)
            names["client"].close()
            (before, _), (after, exchange) = names["told"]
            assert (before, after.split("=")[0]) == ("empty", "hit; notes")
            assert b"allergic to chicken" in upstream.requests()[-1].body
            told = {words[0]: said for words, said in typed(text, exchange, tmp_path / "data")}
            assert_rehearsed(gateway.url.removesuffix("/v1"), tmp_path / "data")
    assert "allergic to chicken" in told["explain"]
    assert told["dashboard"].startswith(gateway.url.removesuffix("/v1") + "/accrue/")
    assert "allergic to chicken" in told["memories"]


def typed(text: str, exchange: str, data_dir: Path) -> Iterator[tuple[list[str], str]]:
    """What each command of a page says beside a running gateway, but for those that start one."""
    for language, code in FENCE.findall(text):
        for words in command_lines(code) if language == "sh" else ():
            if words[0] in {"serve", "demo"}:
                continue
            words = [exchange if word.startswith("ex_") else word for word in words]
            result = CliRunner().invoke(main, [*words, "--data-dir", str(data_dir)])
            assert result.exit_code == 0, result.output
            yield words, result.output


def assert_rehearsed(address: str, data_dir: Path) -> None:
    """The request at the end of the cookbook is one, and says what it would add."""
    (code,) = (code for _, code in FENCE.findall(PAGES["docs/policies.md"]) if "/rehearse" in code)
    (body,) = re.findall(r"-d '(.*)'", code, re.DOTALL)
    headers = {"authorization": f"Bearer {(data_dir / 'admin.key').read_text()}"}
    answer = httpx.post(f"{address}/accrue/policies/rehearse", content=body, headers=headers)
    assert answer.status_code == 200, answer.text
    assert "allergic to chicken" in answer.text


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The site, built strictly: a page that is not in its navigation or a dead link would end it."""
    folder = tmp_path_factory.mktemp("site")
    # Not quietly: what is not said is not counted, and nothing would be strict.
    command = [sys.executable, "-m", "mkdocs", "build", "--strict", "--site-dir", str(folder)]
    built = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=300, check=False)
    assert built.returncode == 0, built.stderr
    return folder


def test_the_site_takes_nothing_from_another_server(site: Path) -> None:
    taken = r"<(?:script|link|img|iframe)[^>]*?(?:src|href)=\"?(?:https?:)?//[^\s>]*"
    assert {found for page in site.rglob("*.html") for found in re.findall(taken, page.read_text())} == set()


def test_the_site_has_every_command_as_it_explains_itself(site: Path) -> None:
    page = unescape(re.sub(r"<[^>]+>", "", (site / "commands.html").read_text()))
    for name, command in main.commands.items():
        members = command.commands if isinstance(command, click.Group) else {"": command}
        for member, one in members.items():
            assert f"Usage: accrue {f'{name} {member}'.strip()} [OPTIONS]" in page
            assert str(one.help).partition(".")[0].split()[0] in page


def test_the_site_has_every_operation(site: Path) -> None:
    page = unescape((site / "api.html").read_text())
    for operation in OPERATIONS:
        shown = re.sub(r"\{(\w+):\w+\}", r"{\1}", operation.path)
        assert f"{operation.method} {shown}" in page
        assert operation.summary in page


def test_pages_that_stand_elsewhere_are_in_the_site_with_their_links(site: Path) -> None:
    assert 'href="identity.html"' in (site / "security.html").read_text()
    assert 'href="security.html"' in (site / "dashboard.html").read_text()
    assert 'href="decisions/index.html"' in (site / "architecture.html").read_text()
    assert "0001-record-decisions.html" in (site / "decisions/index.html").read_text()
    scaling = (site / "scaling.html").read_text()
    assert "compose.yaml" in scaling
    assert 'href="../compose.yaml"' not in scaling
