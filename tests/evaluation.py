"""Where the evaluation data lies; the one place of the tests that asks the environment for it."""

from __future__ import annotations

import os
from pathlib import Path


def data_dir() -> Path | None:
    """The folder named by `ACCRUE_DATA`; None when there is none, and then tests that need it are skipped."""
    name = os.environ.get("ACCRUE_DATA")  # noqa: TID251 - gateway/config.py is not asked where test data lies
    return Path(name) if name else None
