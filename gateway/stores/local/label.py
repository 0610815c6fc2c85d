"""What an index was made for and how far it is: a file beside its shard."""

from __future__ import annotations

from pathlib import Path

import msgspec

from gateway.datadir import write_whole

FORMAT = 5
"""Raised whenever the same text would be indexed otherwise; an index of another format is made anew."""

LABEL = "label.json"


class Label(msgspec.Struct, frozen=True, kw_only=True):
    """What an index was made for, and how far it is; a file beside the shard."""

    format: int = FORMAT
    embedder: str = ""
    """Name; empty for an index without vectors of any."""
    size: int = 0
    reached: int | None
    """The point up to which the truth has been walked; None when the index is whole."""
    is_outworn: bool = False
    """Its files hold traces of somebody who was erased: another one is to take its place."""
    packed: int = 0
    """Points when it was packed."""
    is_stained: bool = False
    """A point that was packed has been forgotten: its vector stays in a file until that is packed anew."""

    @property
    def space(self) -> tuple[str, int]:
        """Of its vectors: those of the same space can stand in one index."""
        return self.embedder, self.size


def read_label(folder: Path) -> Label | None:
    """What the index of a folder was made for; None when there is none that this version could use."""
    try:
        label = msgspec.json.decode((folder / LABEL).read_bytes(), type=Label)
    except (OSError, msgspec.DecodeError):
        return None
    return label if label.format == FORMAT else None


def write_label(folder: Path, label: Label) -> None:
    """Put it down on disk. Raises `OSError`, and what `write_whole` raises."""
    write_whole(folder / LABEL, msgspec.json.encode(label))
