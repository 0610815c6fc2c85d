"""gateway/logs/base.py: what all forms of log read in the same way."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from tests.logs.samples import TALK, only, read


@pytest.mark.parametrize(
    ("written", "at"),
    [
        ({"created": 1_700_000_000}, 1_700_000_000),
        ({"timestamp": 1_700_000_000_500}, 1_700_000_000.5),
        ({"created_at": "2023-11-14T22:13:20Z"}, 1_700_000_000),
        ({"created_at": "2023-11-14T22:13:20"}, 1_700_000_000),
        ({"timestamp": "2023-11-15T00:13:20+02:00"}, 1_700_000_000),
        ({"created": None, "timestamp": 5}, 5),
        ({}, None),
    ],
)
def test_times_are_seconds_milliseconds_or_dates(tmp_path: Path, written: Any, at: float | None) -> None:
    assert only(read(tmp_path, {"messages": TALK, **written})).at == at
