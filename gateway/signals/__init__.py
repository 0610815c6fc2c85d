"""Signals: one pure detector per file, with a module-level `DETECTOR` (gateway/signals/base.py says what it offers)."""

SHARED = ("base", "calls", "errors", "items", "outputs", "reports", "runners", "talk", "tasks", "words")
"""Files of this folder that are not detectors."""
