"""What is deployed, as text and as data: the image, the fleet of compose.yaml, that of Kubernetes.

What is right about it is known by tests/test_deploy.py.
"""

from __future__ import annotations

import re
import shlex
import tomllib
from collections.abc import Mapping
from functools import cache
from pathlib import Path
from typing import Any

import yaml

ROOT = Path(__file__).parent.parent
MANIFESTS = ROOT / "deploy" / "kubernetes"
GIVEN = "x" * 32
"""In the place of each secret that is left open."""

REDIS = "redis://redis:6379/0"


def dockerfile() -> str:
    """What makes the image."""
    return (ROOT / "Dockerfile").read_text(encoding="utf-8")


def compose() -> str:
    """What runs a fleet on one machine."""
    return (ROOT / "compose.yaml").read_text(encoding="utf-8")


def kubernetes() -> str:
    """All that `kubectl apply` would take, and the example of a secret."""
    files = [*sorted(MANIFESTS.glob("*.yaml")), MANIFESTS / "secret.yaml.example"]
    return "\n---\n".join(file.read_text(encoding="utf-8") for file in files)


def everything() -> str:
    """All files that are deployed, and what is written about them."""
    others = [(ROOT / name).read_text(encoding="utf-8") for name in (".env.example", "docs/scaling.md")]
    return "\n".join((dockerfile(), compose(), kubernetes(), *others))


def instructions(text: str) -> list[tuple[str, str]]:
    """Name and rest of each instruction of a Dockerfile."""
    lines = "\n".join(line for line in text.splitlines() if not line.startswith("#")).replace("\\\n", " ")
    pairs = [line.split(maxsplit=1) for line in lines.splitlines() if line.strip()]
    return [(name, " ".join(rest.split())) for name, rest in pairs]


def image_environment(text: str) -> dict[str, str]:
    """What the image sets."""
    settings = [shlex.split(rest) for name, rest in instructions(text) if name == "ENV"]
    return dict(setting.split("=", 1) for setting in settings[-1])


def filled(environment: Mapping[str, str]) -> dict[str, str]:
    """Variables as they are when somebody has filled in what is left open."""
    values = {name: re.sub(r"\$\{[^}]*\}", GIVEN, value) for name, value in environment.items()}
    return {name: value or (REDIS if name.endswith("URL") else GIVEN) for name, value in values.items()}


def all_of(text: str, kind: str) -> list[dict[str, Any]]:
    """The manifests of a kind."""
    return [document for document in yaml.safe_load_all(text) if document["kind"] == kind]


def one(text: str, kind: str) -> dict[str, Any]:
    """The only manifest of its kind."""
    (found,) = all_of(text, kind)
    return found


@cache
def project() -> dict[str, Any]:
    """The package as pyproject.toml has it."""
    found: dict[str, Any] = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    return found
