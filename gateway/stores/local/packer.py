"""A program of its own: packs the shard in a folder. It knows nothing of Accrue, so that little has to be loaded.

Points that were written one by one lie in lists that are in memory; packing puts them into files that are looked up
where they lie, and leaves out what was deleted. How, says the shard's own configuration (index.py). Run by packing.py,
because the shard holds the interpreter lock all the while: two seconds for 20,000 points.
"""

from __future__ import annotations

import os
import sys
from pathlib import Path

from qdrant_edge import EdgeShard

NICENESS = 10
"""Calls come first."""


def pack(folder: str) -> None:
    """Pack the shard that lies in a folder and that nobody has open, and bring it to disk.

    Raises whatever the shard does, and `OSError`.
    """
    shard = EdgeShard.load(folder)
    shard.optimize()
    shard.flush()
    shard.close()
    for path in (Path(folder), *Path(folder).rglob("*")):
        _synced(path)


def _synced(path: Path) -> None:
    """What the copy and the packing wrote must not be lost with the power once it has taken another's place."""
    opened = os.open(path, os.O_RDONLY)
    try:
        os.fsync(opened)
    finally:
        os.close(opened)


if __name__ == "__main__":
    os.nice(NICENESS)
    pack(sys.argv[1])
