"""What runners of tests print: pytest, jest, vitest, go test, cargo test. A run as what became of each test.

What changed since the last run is not known here.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping

import msgspec

MAX_READ_CHARS = 64 * 1024
"""Of an output are read, at each end: runners list failures and sums last."""

MAX_LINE_CHARS = 1000
"""Of a line that a runner prints; longer ones are a program's own output."""

MAX_LOGGED_CHARS = 4000
"""That a Go test prints before its end are looked through for why it failed."""

VITEST_INDENT = 3
"""Of tests that stand in no group; further in, vitest 4 names a test without its groups."""


class Ran(msgspec.Struct, frozen=True, kw_only=True):
    """What became of one test."""

    is_passed: bool
    line: str
    """That says so; verbatim."""
    file: str = ""
    """As the runner names it; empty where it does not."""
    error: str = ""
    """First line of why it failed, as far as it is told."""


class Report(msgspec.Struct, frozen=True, kw_only=True):
    """One run."""

    tests: Mapping[str, Ran]
    """By id. A runner may name those only that failed."""
    passed: str
    """The line that says that all passed; empty when one failed, or none was run."""


def report(text: str) -> Report | None:
    """The run that an output is of; None for any other text."""
    if len(text) > 2 * MAX_READ_CHARS:
        text = f"{text[:MAX_READ_CHARS]}\n{text[-MAX_READ_CHARS:]}"
    lines = _COLOURS.sub("", text).replace("\r\n", "\n").split("\n")
    text = "\n".join(line for line in lines if len(line) <= MAX_LINE_CHARS)
    return next((run for reader in (_pytest, _cargo, _go, _jest) if (run := reader(text)) is not None), None)


_COLOURS = re.compile(r"\x1b\[[\d;]*m")


def _run(tests: Mapping[str, Ran], sums: str, has_failed: bool) -> Report:
    is_clean = not has_failed and all(test.is_passed for test in tests.values())
    return Report(tests=tests, passed=sums.strip() if is_clean else "")


# pytest

_PYTEST_SUM = re.compile(r"^=*[ ]*((?:\d+ [a-z]+,? ?)+ in [\d.:]+ ?s\b[^\n=]*?) *=*$", re.MULTILINE)
_PYTEST_LINE = re.compile(
    r"^(?P<id>[\w./\\-]+\.py::[^\n]+?) (?P<now>PASSED|FAILED|ERROR)(?: +\[ *\d+%\])?$"
    r"|^(?P<sum>PASSED|FAILED|ERROR) (?P<sum_id>[\w./\\-]+\.py::[^\n]+?)(?: - (?P<why>[^\n]*))?$",
    re.MULTILINE,
)
_PYTEST_BLOCK = re.compile(
    r"^_{3,} (?:ERROR at \w+ of )?(?P<name>[^\n]+?) _{3,}$(?P<block>.*?)(?=^[_=]{3,}|\Z)", re.M | re.S
)
_PYTEST_WHY = re.compile(r"^E +(\S[^\n]*)", re.MULTILINE)


def _pytest(text: str) -> Report | None:
    sums = _PYTEST_SUM.search(text)
    lines = list(_PYTEST_LINE.finditer(text))
    if not lines and (sums is None or not re.search(r"\b(?:passed|failed|errors?)\b", sums[1])):
        return None
    why = {block["name"]: found[1] for block in _PYTEST_BLOCK.finditer(text) if (found := _PYTEST_WHY.search(block[0]))}
    tests: dict[str, Ran] = {}
    for line in lines:
        id = line["id"] or line["sum_id"]
        is_passed = (line["now"] or line["sum"]) == "PASSED"
        name = ".".join(id.split("::")[1:])
        error = "" if is_passed else why.get(name) or line["why"] or ""
        if id not in tests or tests[id].is_passed or error:
            tests[id] = Ran(is_passed=is_passed, line=line[0].strip(), file=id.split("::")[0], error=error)
    said = sums[1] if sums else ""
    return _run(tests, said, "passed" not in said or re.search(r"\b(?:failed|errors?)\b", said) is not None)


# cargo

_CARGO_SUM = re.compile(r"^test result: (\w+)\. [^\n]*", re.MULTILINE)
_CARGO_LINE = re.compile(r"^test (\S+)(?: - should panic)? \.\.\. (ok|FAILED)\b", re.MULTILINE)
_CARGO_BLOCK = re.compile(r"^---- (\S+) stdout ----\n(.*?)(?=^---- |^failures:|\Z)", re.MULTILINE | re.DOTALL)
_CARGO_FILE = re.compile(r"panicked at (?:'[^\n]*', )?([\w./\\-]+\.rs):")


def _cargo(text: str) -> Report | None:
    sums = list(_CARGO_SUM.finditer(text))
    lines = list(_CARGO_LINE.finditer(text))
    if not sums and not lines:
        return None
    blocks = {block[1]: block[2] for block in _CARGO_BLOCK.finditer(text)}
    tests = {}
    for line in lines:
        block = blocks.get(line[1], "")
        file = _CARGO_FILE.search(block)
        tests[line[1]] = Ran(is_passed=line[2] == "ok", line=line[0], file=file[1] if file else "", error=_panic(block))
    return _run(tests, sums[-1][0] if sums else "", any(one[1] != "ok" for one in sums))


def _panic(block: str) -> str:
    """What was claimed in vain: since Rust 1.73 it stands behind the line with the place."""
    lines = [line.strip() for line in block.splitlines() if line.strip()]
    at = next((place for place, line in enumerate(lines) if "panicked at" in line), -1)
    return lines[at + 1] if 0 <= at < len(lines) - 1 and lines[at].endswith(":") else lines[at] if at >= 0 else ""


# go

_GO_LINE = re.compile(
    r"^ *--- (?P<now>PASS|FAIL): (?P<name>\S+) \([\d.]+s\)$"
    r"|^(?P<sum>ok|FAIL)[ \t]+(?P<package>[\w./~-]+)[ \t]+\S[^\n]*$",
    re.MULTILINE,
)
_GO_WHY = re.compile(r"\s+((?P<file>[\w./-]+_test\.go):\d+: [^\n]+)")


def _go(text: str) -> Report | None:
    tests: dict[str, Ran] = {}
    sums: list[re.Match[str]] = []
    waiting: list[re.Match[str]] = []
    for line in _GO_LINE.finditer(text):
        if line["name"]:
            waiting.append(line)
            continue
        sums.append(line)
        tests.update(_go_tests(text, waiting, f"{line['package']}."))
        waiting = []
    tests.update(_go_tests(text, waiting, ""))
    if not tests and not sums:
        return None
    return _run(tests, sums[-1][0] if sums else "", any(line["sum"] == "FAIL" for line in sums))


def _go_tests(text: str, lines: list[re.Match[str]], package: str) -> Iterator[tuple[str, Ran]]:
    """The tests of a package; one with parts fails with them, and only they tell."""
    steps = (line["name"].split("/") for line in lines)
    wholes = {"/".join(parts[:depth]) for parts in steps for depth in range(1, len(parts))}
    for line in lines:
        if line["name"] in wholes:
            continue
        is_passed = line["now"] == "PASS"
        why = None if is_passed else _GO_WHY.match(text, line.end()) or _logged(text, line)
        file, error = (why["file"], why[1]) if why else ("", "")
        yield package + line["name"], Ran(is_passed=is_passed, line=line[0].strip(), file=file, error=error)


def _logged(text: str, line: re.Match[str]) -> re.Match[str] | None:
    """What a test logged before its end, as `-v` has it."""
    begin = text.rfind(f"=== RUN   {line['name']}\n", max(0, line.start() - MAX_LOGGED_CHARS), line.start())
    return _GO_WHY.search(text, begin, line.start()) if begin >= 0 else None


# jest and vitest

_JEST_SUM = re.compile(r"^ *Tests:? +(?P<counts>[^\n]*\b(?:passed|failed)\b[^\n]*)$", re.MULTILINE)
_JEST_LINE = re.compile(
    r"^(?P<indent> *)(?:(?P<file_mark>PASS|FAIL|[✓❯×✗✔]) +(?:\|[^|\n]+\| )?"
    r"(?P<file>[\w@./\\-]+\.(?:test|spec)\.[cm]?[jt]sx?|[\w@./\\-]+/__tests__/[\w./\\-]+)(?P<path>(?: > [^\n]+?)?)"
    r"|(?P<mark>[✓✔√✕×✗]) (?P<test>[^\n]+?)|● (?P<block>[^\n]+? › [^\n]+?)|(?P<group>[^\s●✓✔√✕×✗→⎯][^\n]*))"
    r"(?: \(?\d+(?:\.\d+)? ?m?s\)?)?(?: \(\d+ tests?[^\n]*)?$",
    re.MULTILINE,
)
_JEST_WHY = re.compile(r"\s*(?:→ )?(?P<why>(?:\w*Error\b|expect|Expected|expected|TypeError|Cannot|Timeout)[^\n]*)")
_PASSED_MARKS = frozenset("✓✔√")


def _jest(text: str) -> Report | None:
    sums = _JEST_SUM.search(text)
    if sums is None:
        return None
    tests: dict[str, Ran] = {}
    for id, ran in _jest_tests(text):
        if id not in tests or (ran.error and not tests[id].error):
            tests[id] = ran
    return _run(tests, sums[0], "failed" in sums["counts"])


def _jest_tests(text: str) -> Iterator[tuple[str, Ran]]:
    """Tests by their path, `file > group > name`: the file stands above them, the groups around them by indentation."""
    file, groups, is_tree = "", dict[int, str](), True
    for line in _JEST_LINE.finditer(text):
        indent = len(line["indent"])
        if line["group"]:
            groups = {at: name for at, name in groups.items() if at < indent} | {indent: line["group"]}
            continue
        if line["file"]:
            file, groups, is_tree = line["file"], {}, line["file_mark"] in ("PASS", "FAIL")
            names, is_passed = line["path"].removeprefix(" > "), line["file_mark"] in ("PASS", *_PASSED_MARKS)
        elif line["block"]:
            names, is_passed = line["block"].replace(" › ", " > "), False
        else:
            inner = [name for at, name in groups.items() if 0 < at < indent] if is_tree else []
            names, is_passed = " > ".join((*inner, line["test"])), line["mark"] in _PASSED_MARKS
            if not is_tree and indent > VITEST_INDENT and " > " not in names:
                continue
        if names:
            why = None if is_passed else _JEST_WHY.match(text, line.end())
            ran = Ran(is_passed=is_passed, line=line[0].strip(), file=file, error=why["why"].strip() if why else "")
            yield f"{file} > {names}", ran
