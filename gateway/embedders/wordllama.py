"""The embedded embedder: WordLlama's static word vectors, from the files its package ships. Nothing is downloaded.

Importing this costs up to 0.7 s and sets up root logging (the library calls `basicConfig`), so wiring imports it only
when it is configured, and before telemetry has the last word on logging. What the vectors are for is not known here.
"""

from __future__ import annotations

import struct
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import wordllama
from numpy.typing import NDArray
from wordllama.inference import WordLlamaInference

_SHIPPED = Path(wordllama.__file__).parent

EMBEDDED_CHARS = 8_000
"""Text beyond this is not read: it bounds one text at 4 ms, and the mean of more words than these says less."""


class _Rows:
    """The table of vectors as its file has it, of which only the rows are in memory that are asked for.

    The library makes 32 MB of it, in floats; a half is the same number as a float.
    """

    def __init__(self, file: Path, size: int) -> None:
        """Map a file in the format of safetensors that holds this table alone."""
        with file.open("rb") as stream:
            (head,) = struct.unpack("<Q", stream.read(8))
        self._halves = np.memmap(file, np.float16, "r", offset=8 + head).reshape(-1, size)
        self.shape = self._halves.shape

    def __getitem__(self, rows: NDArray[np.int32]) -> NDArray[np.float32]:
        return self._halves[rows].astype(np.float32)


class WordLlamaEmbedder:
    """The default embedder: 256 dimensions, 0.03 ms a sentence, good for paraphrases beside a search by words."""

    name = "wordllama-l2-supercat-256"
    size = 256

    def __init__(self) -> None:
        tokenizer = wordllama.WordLlama.load_tokenizer(_SHIPPED / "tokenizers" / "l2_supercat_tokenizer_config.json")
        self._model = WordLlamaInference(np.zeros((1, self.size)), tokenizer)
        self._model.embedding = _Rows(_SHIPPED / "weights" / "l2_supercat_256.safetensors", self.size)

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
