"""Accrue: an OpenAI-compatible reverse proxy that gives agents a memory."""

__version__ = "0.1.0"
