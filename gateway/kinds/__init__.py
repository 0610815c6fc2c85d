"""Kinds of memory: one file each, with a module-level `KIND` (gateway/kinds/base.py says what it offers)."""

SHARED = ("base", "own", "pasted", "sentences", "statements")
"""Files of this folder that are not kinds."""
