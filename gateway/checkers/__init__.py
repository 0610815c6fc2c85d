"""Checkers: one file each, with a module-level `CHECKER` (gateway/checkers/base.py says what it offers)."""

SHARED = ("answers", "base", "instructions", "spoken")
"""Files of this folder that are not checkers."""
