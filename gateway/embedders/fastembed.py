"""A model in this process: one of those that fastembed knows, run by ONNX Runtime on the processor.

Its files are fetched from Hugging Face when they are not in the folder, at the first vector that is asked for: slow.py
asks at the start, in the background. Importing this takes seconds and the extra `fastembed`, so that wiring imports it
only when it is configured.
"""

from __future__ import annotations

import os
from collections.abc import Sequence
from functools import cached_property
from pathlib import Path

from fastembed import TextEmbedding

from gateway.documents import meant
from gateway.errors import ConfigError, MemoryUnavailable

THREADS = max(1, (os.cpu_count() or 1) // 2)
"""Of the processor's; what is left serves requests while memories are embedded."""


class FastEmbedModel:
    """A model by the name that fastembed has for it. Raises `ConfigError` for one that it does not know."""

    def __init__(self, model: str, folder: Path) -> None:
        names = [known["model"] for known in TextEmbedding.list_supported_models()]
        if model.lower() not in map(str.lower, names):
            raise ConfigError(f"$.embedder.model: fastembed has no {model}{meant(model, names)}")
        self.size = TextEmbedding.get_embedding_size(model)
        self.name = f"fastembed/{model}/{self.size}"
        self._model = model
        self._folder = folder

    def vectors(self, texts: Sequence[str], *, is_query: bool) -> list[list[float]]:
        """One vector per text, in order. Raises `MemoryUnavailable` when the files cannot be had or read."""
        try:
            embed = self._loaded.query_embed if is_query else self._loaded.passage_embed
            return [vector.tolist() for vector in embed(list(texts))]
        except Exception as error:  # fastembed raises what its five libraries raise, bare ones among them
            raise MemoryUnavailable(f"fastembed: {error}") from error

    def close(self) -> None:
        """Nothing: its memory goes with it."""

    @cached_property
    def _loaded(self) -> TextEmbedding:
        return TextEmbedding(self._model, cache_dir=str(self._folder), threads=THREADS)
