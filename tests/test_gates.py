"""The rules of the house that no linter knows, held over every file of the repository.

A gate is a function from a file's text to the faults in it. Each comes with a text it must refuse, so that none can
rot into one that lets everything pass. What ruff, mypy and import-linter already hold is not repeated here.
"""

from __future__ import annotations

import ast
import io
import os
import re
import tokenize
from collections.abc import Callable, Iterator
from fnmatch import fnmatch
from pathlib import Path

import msgspec
import pytest

ROOT = Path(__file__).parent.parent

MAX_FILE_LINES = 300
MAX_FUNCTION_LINES = 60

WITHOUT_TESTS = {
    "gateway/ports.py": "protocols only: their adapters are tested",
    "gateway/shapes/base.py": "protocols only: every shape is tested",
    "gateway/memories.py": "values without logic: whatever makes and reads them is tested",
    "gateway/kinds/base.py": "protocols only: every kind is tested",
    "gateway/checkers/base.py": "protocols and a value: every checker is tested",
    "gateway/chronicle.py": "values and a protocol: its adapter is tested",
    "gateway/deadletters.py": "values and a protocol: its adapter is tested",
    "gateway/archive.py": "values and a protocol: its adapter is tested",
    "gateway/sessions.py": "values and a protocol: its adapters are tested",
    "gateway/catalogue.py": "values and a protocol: its adapters are tested",
    "gateway/running.py": "values: what is put together is tested in test_wiring.py",
    "gateway/console.py": "values: what is made over them is tested",
    "gateway/journals/sqlite/erasing.py": "statements only: tested with the archive that runs them",
    "gateway/sections.py": "values and defaults: tested with the configuration that reads them",
    "gateway/parts.py": "opens what wiring puts together: tested with it",
    "gateway/stores/local/columns.py": "a row's columns: tested with the truth that writes them and reads them",
    "gateway/gate.py": "what connections share: tested with the front that goes by it",
    "gateway/experience.py": "values without logic: whatever makes and reads them is tested",
}

FOREIGN_PATH = re.compile(r"(?<![\w./$}~-])/(?:root/|(?:home|work|tmp)(?=[/\s\"'`),;:\]]|$))", re.MULTILINE)
"""`/root` alone is what Codex calls its first agent."""

REGISTRY_HOST = re.compile(
    r"index[-_]url|registry\s*[=:]\s*[\"']?https?:|https?://[^\s/]*(?:pypi|registry|artifactory|nexus|goproxy|mirror)[^\s/]*",
    re.I,
)
IGNORE = re.compile(r"#\s*(?:ruff:\s*)?(?:noqa|type:\s*ignore|pragma:\s*no)(?P<rest>.*)", re.I)
RULE = r":\s*[A-Z]+\d+(?:,\s*[A-Z]+\d+)*|\[[\w-]+(?:,\s*[\w-]+)*\]|\s*cover|\s*branch"
REASON = re.compile(rf"^\s*(?:{RULE})[\W_]+\w+\W+\w+", re.I)


def long_file(text: str) -> Iterator[str]:
    """A file that no longer fits in a head."""
    count = len(text.splitlines())
    if count > MAX_FILE_LINES:
        yield f"{count} lines, at most {MAX_FILE_LINES}"


def long_functions(text: str) -> Iterator[str]:
    """Functions that do more than one job."""
    for function in _functions(text):
        count = (function.end_lineno or function.lineno) - function.lineno + 1
        if count > MAX_FUNCTION_LINES:
            yield f"{function.lineno}: {function.name} has {count} lines, at most {MAX_FUNCTION_LINES}"


def inner_imports(text: str) -> Iterator[str]:
    """Imports inside a function: the scar of a cycle."""
    for function in _functions(text):
        for node in ast.walk(function):
            if isinstance(node, ast.Import | ast.ImportFrom):
                yield f"{node.lineno}: import inside {function.name}"


def mocks(text: str) -> Iterator[str]:
    """A mock library in place of a double that someone can read."""
    for node in ast.walk(ast.parse(text)):
        if isinstance(node, ast.Import):
            names = [alias.name for alias in node.names]
        elif isinstance(node, ast.ImportFrom):
            names = [f"{node.module}.{alias.name}" for alias in node.names]
        else:
            continue
        if any(name.startswith(("unittest.mock", "mock", "pytest_mock")) for name in names):
            yield f"{node.lineno}: a mock library"


def sleeps(text: str) -> Iterator[str]:
    """Waiting for time to pass in place of waiting for what is meant to happen."""
    for node in ast.walk(ast.parse(text)):
        if isinstance(node, ast.Call) and ast.unparse(node.func).split(".")[-1] == "sleep":
            yield f"{node.lineno}: {ast.unparse(node)}"


def bare_ignores(text: str) -> Iterator[str]:
    """Silenced linters that do not say which rule and why: `# noqa: E501 the table reads better whole`."""
    for token in tokenize.generate_tokens(io.StringIO(text).readline):
        if token.type == tokenize.COMMENT:
            for ignore in IGNORE.finditer(token.string):
                if not REASON.match(ignore["rest"]):
                    yield f"{token.start[0]}: {token.string}"


def foreign_paths(text: str) -> Iterator[str]:
    """Paths of the machine a file was written on."""
    for match in FOREIGN_PATH.finditer(text):
        yield f"{_line(text, match)}: a path below {match[0]}"


def registry_hosts(text: str) -> Iterator[str]:
    """Where packages come from is the business of the machine that installs them."""
    for match in REGISTRY_HOST.finditer(text):
        yield f"{_line(text, match)}: {match[0]}"


class Gate(msgspec.Struct, frozen=True, kw_only=True):
    """A rule, the files it holds for, and texts that it refuses and accepts."""

    faults: Callable[[str], Iterator[str]]
    over: tuple[str, ...]
    """Path patterns; `*` crosses folders."""
    refuses: tuple[str, ...]
    accepts: tuple[str, ...]


GATES = [
    Gate(
        faults=long_file,
        over=("gateway/*.py", "benchmarks/*.py", "tests/test_gates.py"),
        refuses=("x = 1\n" * 301,),
        accepts=("x = 1\n" * 300,),
    ),
    Gate(
        faults=long_functions,
        over=("gateway/*.py", "benchmarks/*.py", "tests/*.py"),
        refuses=("def f():\n" + "    x = 1\n" * 60, "class A:\n    async def f(self):\n" + "        x = 1\n" * 60),
        accepts=("def f():\n" + "    x = 1\n" * 59,),
    ),
    Gate(
        faults=inner_imports,
        over=("*.py",),
        refuses=("def f():\n    import os\n", "async def f():\n    if x:\n        from a import b\n"),
        accepts=("import os\nif TYPE_CHECKING:\n    from a import b\n",),
    ),
    Gate(
        faults=mocks,
        over=("*.py",),
        refuses=("import unittest.mock\n", "from unittest import mock\n", "from unittest.mock import patch\n"),
        accepts=("from gateway.testing import ManualClock\n",),
    ),
    Gate(
        faults=sleeps,
        over=("*.py",),
        refuses=("time.sleep(1)\n", "async def f():\n    await asyncio.sleep(0)\n", "sleep(1)\n"),
        accepts=("await_event('sleep(1)')\n",),
    ),
    Gate(
        faults=bare_ignores,
        over=("*.py",),
        refuses=(
            "x = 1  # noqa\n",
            "x = 1  # noqa: E501\n",
            "x = 1  # noqa: because of that\n",
            "x = 1  # type: ignore[arg-type]\n",
            "x = 1  # pragma: no cover\n",
        ),
        accepts=(
            "x = 1  # noqa: BLE001, S110 - the one place that fails open\n",
            "x = 1  # type: ignore[arg-type]  # the stub is wrong here\n",
            "x = '# noqa'\n",
        ),
    ),
    Gate(
        faults=foreign_paths,
        over=("*",),
        refuses=("cd /" + "work/main\n", 'open("/' + 'tmp/x")\n', "data at /" + "home\n"),
        accepts=("https://example.com/home/x\n", "/v1/" + "work/x\n", "/workspace/x\n", "~/work/x\n"),
    ),
    Gate(
        faults=registry_hosts,
        over=("*",),
        refuses=(
            "https://" + "pypi.example.com/simple\n",
            "pip install --index" + "-url x\n",
            "registry" + " = http://a.b\n",
        ),
        accepts=("https://example.com/v1\n", "from gateway.registry import family\n", "registry = Registry()\n"),
    ),
]


@pytest.mark.parametrize("gate", GATES, ids=lambda gate: gate.faults.__name__)
def test_every_file_passes_the_gate(gate: Gate) -> None:
    faults = [
        f"{path}:{fault}"
        for path, text in repository_texts()
        if any(fnmatch(path, pattern) for pattern in gate.over)
        for fault in gate.faults(text)
    ]
    assert not faults, "\n".join([str(gate.faults.__doc__), *faults])


@pytest.mark.parametrize("gate", GATES, ids=lambda gate: gate.faults.__name__)
def test_the_gate_refuses_what_it_is_there_for_and_nothing_else(gate: Gate) -> None:
    assert [text for text in gate.refuses if not list(gate.faults(text))] == []
    assert [text for text in gate.accepts if list(gate.faults(text))] == []


def test_every_source_file_has_its_test_file() -> None:
    paths = {path for path, _ in repository_texts()}
    assert without_test_file(paths) == []


def test_a_source_file_without_its_test_file_is_noticed() -> None:
    paths = {"gateway/a/b.py", "gateway/c.py", "tests/test_c.py", "gateway/__main__.py", "gateway/a/__init__.py"}
    assert without_test_file(paths) == ["gateway/__main__.py", "gateway/a/b.py"]
    assert without_test_file(paths | {"tests/a/test_b.py", "tests/test_main.py"}) == []


def test_the_list_of_files_without_tests_names_files_that_exist() -> None:
    paths = {path for path, _ in repository_texts()}
    assert sorted(WITHOUT_TESTS.keys() - paths) == []


def test_the_walk_sees_the_repository_and_not_what_git_ignores() -> None:
    paths = {path for path, _ in repository_texts()}
    assert {"gateway/types.py", "pyproject.toml", "scripts/check", ".ci/run"} <= paths
    assert not any(path.startswith((".git/", ".venv/")) or "__pycache__" in path for path in paths)


def without_test_file(paths: set[str]) -> list[str]:
    """Source files whose mirror in tests/ is missing: gateway/a/b.py is tested by tests/a/test_b.py."""
    sources = [Path(path) for path in paths if path.startswith("gateway/") and path.endswith(".py")]
    return sorted(
        path.as_posix()
        for path in sources
        if path.name != "__init__.py"
        and path.as_posix() not in WITHOUT_TESTS
        and Path("tests", *path.parts[1:-1], f"test_{path.stem.strip('_')}.py").as_posix() not in paths
    )


def repository_texts() -> Iterator[tuple[str, str]]:
    """Path and text of each file that git would keep; needs no git, so that an exported checkout is checked too."""
    ignored = [".git", *(line.rstrip("/") for line in (ROOT / ".gitignore").read_text().split())]
    for folder, folders, files in os.walk(ROOT):
        folders[:] = sorted(name for name in folders if not any(fnmatch(name, pattern) for pattern in ignored))
        for name in sorted(files):
            path = Path(folder, name)
            if any(fnmatch(name, pattern) for pattern in ignored):
                continue
            try:
                yield path.relative_to(ROOT).as_posix(), path.read_text(encoding="utf-8")
            except UnicodeDecodeError:
                continue  # an image has no lines to judge


def _functions(text: str) -> list[ast.FunctionDef | ast.AsyncFunctionDef]:
    return [node for node in ast.walk(ast.parse(text)) if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef)]


def _line(text: str, match: re.Match[str]) -> int:
    return text.count("\n", 0, match.start()) + 1
