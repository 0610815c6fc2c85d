"""Logs of past calls: a form in which people keep them each, with a module-level `FORMAT` (gateway/logs/base.py)."""

SHARED = ("base",)
"""Files of this folder that are not formats."""
