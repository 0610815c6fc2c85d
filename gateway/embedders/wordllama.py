"""The embedded embedder: WordLlama's static word vectors, from the files its package ships. Nothing is downloaded.

Importing this costs up to 0.7 s and sets up root logging (the library calls `basicConfig`), so wiring imports it only
when it is configured, and before telemetry has the last word on logging. What the vectors are for is not known here.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np
import wordllama

EMBEDDED_CHARS = 8_000
"""Text beyond this is not read: it bounds one text at 4 ms, and the mean of more words than these says less."""


class WordLlamaEmbedder:
    """The default embedder: 256 dimensions, 0.03 ms a sentence, good for paraphrases beside a search by words."""

    name = "wordllama-l2-supercat-256"
    size = 256

    def __init__(self) -> None:
        self._model = wordllama.WordLlama.load(
            dim=self.size, cache_dir=Path(wordllama.__file__).parent, disable_download=True
        )

    def embed(self, texts: Sequence[str]) -> list[list[float]]:
        """One vector of length 1 per text, in order (all zeros for a text with nothing in it)."""
        readable = [text[:EMBEDDED_CHARS].encode(errors="replace").decode().strip() for text in texts]
        # A batch is padded to its longest text: batches of one keep the memory bounded.
        vectors = self._model.embed(readable, norm=False, batch_size=1)
        lengths = np.linalg.norm(vectors, axis=1, keepdims=True)
        unit: list[list[float]] = (vectors / np.where(lengths > 0, lengths, 1)).tolist()
        return unit

    def query(self, text: str) -> list[float]:
        """The vector of a text to search by, which is the same as to find it by, and always there at once."""
        return self.embed([text])[0]
