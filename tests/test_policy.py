"""gateway/policy.py: what ships, what is documented and what is built in are the same."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import msgspec

from gateway.documents import Reader, settings
from gateway.policy import Policy

ROOT = Path(__file__).parent.parent
KINDS = ("constraint", "preference", "fact", "lesson", "correction", "episode")


def plain(value: object) -> Any:
    """As it would be written: lists are lists, however they are held."""
    return msgspec.json.decode(msgspec.json.encode(value))


def test_the_shipped_default_names_every_key_with_its_built_in_value() -> None:
    reader = Reader(words={"kinds": KINDS})
    built_in = plain(Policy())
    del built_in["match"], built_in["name"]
    assert plain(reader.document(ROOT / "policies/default.yaml", Policy)) == built_in
    reader.finish()


def test_the_documentation_has_a_row_for_every_key_and_no_other(tmp_path: Path) -> None:
    text = (ROOT / "docs/configuration.md").read_text().partition("\n## Policies")[2]
    rows = re.findall(r"^\| `([\w.]+)` \| `(.+?)` \| \S.* \|$", text, re.MULTILINE)
    assert [key for key, _ in rows] == [".".join(path) for path, _ in settings(Policy)]
    for number, (key, default) in enumerate(rows):
        *sections, name = key.split(".")
        line = f"{name}: {default}"
        for section in reversed(sections):
            line = f"{section}: {{{line}}}"
        file = tmp_path / f"{number}.yaml"
        file.write_text(line)
        reader = Reader(words={"kinds": KINDS})
        said = plain(reader.document(file, Policy))
        reader.finish()
        built_in = plain(Policy())
        for section in key.split("."):
            said, built_in = said[section], built_in[section]
        assert said == built_in, key
