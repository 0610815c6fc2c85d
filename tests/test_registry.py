"""A family is the files of its package."""

from __future__ import annotations

import sys
from importlib import import_module
from pathlib import Path

import pytest

from gateway import kinds, shapes
from gateway.registry import family


def test_the_members_are_the_files_in_alphabetical_order_without_the_shared_ones(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    package = tmp_path / "menagerie"
    package.mkdir()
    (package / "__init__.py").write_text("SHARED = ('base',)\n")
    for name in ("zebra", "ant", "base"):
        (package / f"{name}.py").write_text(f"NAME = {name!r}\n")
    monkeypatch.syspath_prepend(tmp_path)
    members = family(import_module("menagerie"))
    assert [(name, module.NAME) for name, module in members.items()] == [("ant", "ant"), ("zebra", "zebra")]
    assert "menagerie.base" not in sys.modules


def test_every_kind_goes_by_the_name_of_its_file_and_no_two_share_a_lane() -> None:
    found = {name: module.KIND for name, module in family(kinds).items()}
    assert [kind.name for kind in found.values()] == list(found)
    assert len({kind.order for kind in found.values()}) == len(found)


def test_no_two_shapes_share_a_path() -> None:
    paths = [module.SHAPE.path for module in family(shapes).values()]
    assert "/chat/completions" in paths
    assert len(set(paths)) == len(paths)
