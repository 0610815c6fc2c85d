"""The endpoints that are augmented and recorded: one file each, with a `SHAPE` (gateway/shapes/base.py)."""

SHARED = ("base", "blocks", "items", "slots", "splice", "wire")
"""Files of this folder that are no endpoint."""
