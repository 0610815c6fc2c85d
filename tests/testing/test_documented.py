"""docs/testing.md: each test in it is a test that passes."""

from __future__ import annotations

import inspect
import re
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

GUIDE = Path(__file__).parents[2] / "docs/testing.md"


def documented() -> Iterator[Callable[..., Any]]:
    """The tests of each piece of Python, which stands by itself."""
    for block in re.findall(r"```python\n(.*?)```", GUIDE.read_text(encoding="utf-8"), re.DOTALL):
        names: dict[str, Any] = {}
        exec(compile(block, str(GUIDE), "exec"), names)
        yield from (value for name, value in names.items() if name.startswith("test_"))


TESTS = list(documented())


def test_there_are_some() -> None:
    assert len(TESTS) == 3


@pytest.mark.parametrize("test", TESTS, ids=lambda test: test.__name__)
def test_it_passes(test: Callable[..., Any], tmp_path: Path) -> None:
    test(**({"tmp_path": tmp_path} if "tmp_path" in inspect.signature(test).parameters else {}))
