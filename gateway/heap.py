"""Memory that C's allocator keeps: large blocks go back to the system as soon as they are free.

A few answers of some megabytes otherwise leave a process larger by a hundred, for as long as it lives: glibc raises the
size from which it maps a block of its own whenever such a block is freed, and keeps what is smaller.
"""

from __future__ import annotations

import ctypes
import sys

MAPPED_BYTES = 256 * 1024
"""Blocks from here on are mapped one by one; smaller ones are mostly needed again. 5 MB of events and 20 MB of
whitespace then leave 14 MB in place of 95."""

_M_MMAP_THRESHOLD = -3
"""From malloc.h."""


def give_back_large_blocks() -> None:
    """Fix the size from which blocks are mapped; where the C library is not glibc, nothing happens."""
    mallopt = getattr(ctypes.CDLL(None), "mallopt", None) if sys.platform == "linux" else None
    if mallopt is not None:
        mallopt(_M_MMAP_THRESHOLD, MAPPED_BYTES)
