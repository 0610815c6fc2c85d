"""What is installed: bounded, locked to digests, and nothing that nobody declared."""

from __future__ import annotations

import ast
import re
import sys
import tomllib
from collections.abc import Iterator
from importlib.metadata import packages_distributions
from pathlib import Path

import pytest
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name
from packaging.version import Version

ROOT = Path(__file__).parent.parent.parent
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
EXTRAS: dict[str, list[str]] = PROJECT["optional-dependencies"]
LOCKS = [*sorted((ROOT / "requirements").glob("*.txt")), *sorted((ROOT / "tests/clients/requirements").glob("*.txt"))]

POISONED = {"litellm": ("1.82.7", "1.82.8")}
"""Releases that stole credentials: https://osv.dev/vulnerability/MAL-2026-2144."""

PINNED = re.compile(r"^(?P<name>[A-Za-z0-9._-]+)(?:\[[^]]*\])?==(?P<version>[^\s;\\]+)", re.MULTILINE)


def declared(*extras: str) -> list[Requirement]:
    texts = [*PROJECT["dependencies"], *(text for extra in extras for text in EXTRAS[extra])]
    return [Requirement(text) for text in texts if not text.startswith("accrue")]


def is_bounded(requirement: Requirement) -> bool:
    """Whether neither an older release than was tried nor a later major one is taken."""
    operators = {bound.operator for bound in requirement.specifier}
    return ">=" in operators and "<" in operators


def pins(lock: str) -> Iterator[tuple[str, Version, int]]:
    """Name, version and number of digests of every package in a lock."""
    found = list(PINNED.finditer(lock))
    for pin, end in zip(found, [*(pin.start() for pin in found[1:]), len(lock)], strict=True):
        digests = lock[pin.start() : end].count("--hash=sha256:")
        yield canonicalize_name(pin["name"]), Version(pin["version"]), digests


def undeclared(text: str, allowed: set[str]) -> set[str]:
    """Top-level names that a module imports and nobody declared."""
    tree = ast.parse(text)
    names = {alias.name for node in ast.walk(tree) if isinstance(node, ast.Import) for alias in node.names}
    names |= {node.module or "" for node in ast.walk(tree) if isinstance(node, ast.ImportFrom) and not node.level}
    modules = {name.partition(".")[0] for name in names}
    return modules - set(sys.stdlib_module_names) - allowed - {"gateway", "tests", "benchmarks", ""}


def modules_of(requirements: list[Requirement]) -> set[str]:
    wanted = {canonicalize_name(requirement.name) for requirement in requirements}
    owners = packages_distributions()
    return {module for module, names in owners.items() if wanted & set(map(canonicalize_name, names))}


@pytest.mark.parametrize("requirement", declared(*EXTRAS), ids=lambda requirement: requirement.name)
def test_every_dependency_is_bounded_on_both_sides(requirement: Requirement) -> None:
    assert is_bounded(requirement)


def test_a_dependency_without_bounds_is_seen() -> None:
    assert not is_bounded(Requirement("requests"))
    assert not is_bounded(Requirement("requests>=2"))


@pytest.mark.parametrize("lock", LOCKS, ids=lambda lock: lock.name)
def test_every_package_of_a_lock_has_digests_and_no_release_is_known_to_be_poisoned(lock: Path) -> None:
    found = list(pins(lock.read_text(encoding="utf-8")))
    assert found
    assert [name for name, _, digests in found if not digests] == []
    assert [name for name, version, _ in found if str(version) in POISONED.get(name, ())] == []


@pytest.mark.parametrize(("lock", "extras"), [("image.txt", ()), ("dev.txt", tuple(EXTRAS))])
def test_a_lock_is_what_the_project_asks_for(lock: str, extras: tuple[str, ...]) -> None:
    """`scripts/lock` makes it so again."""
    locked: dict[str, list[Version]] = {}
    for name, version, _ in pins((ROOT / "requirements" / lock).read_text(encoding="utf-8")):
        locked.setdefault(name, []).append(version)
    for requirement in declared(*extras):
        versions = locked[canonicalize_name(requirement.name)]
        assert all(version in requirement.specifier for version in versions), requirement


def test_no_bound_lets_a_poisoned_release_in() -> None:
    bounds = {canonicalize_name(requirement.name): requirement.specifier for requirement in declared(*EXTRAS)}
    for name, versions in POISONED.items():
        assert [version for version in versions if version in bounds[canonicalize_name(name)]] == []


def test_the_gateway_imports_nothing_that_is_not_declared() -> None:
    allowed = modules_of(declared("fastembed", "fleet", "mcp", "otel"))
    sources = {path: path.read_text(encoding="utf-8") for path in sorted((ROOT / "gateway").rglob("*.py"))}
    found = {str(path.relative_to(ROOT)): undeclared(text, allowed) for path, text in sources.items()}
    assert {path: names for path, names in found.items() if names} == {}


def test_tests_and_benchmarks_import_nothing_that_is_not_declared() -> None:
    allowed = modules_of(declared(*EXTRAS))
    paths = [*(ROOT / "tests").rglob("*.py"), *(ROOT / "benchmarks").rglob("*.py")]
    driven = [path for path in paths if not path.name.startswith("drive_")]  # each in an environment of its own
    found = {str(path.relative_to(ROOT)): undeclared(path.read_text(encoding="utf-8"), allowed) for path in driven}
    assert {path: names for path, names in found.items() if names} == {}


def test_an_import_that_nobody_declared_is_seen() -> None:
    assert undeclared("import requests.adapters\nfrom os import path\nfrom . import x\n", {"msgspec"}) == {"requests"}
