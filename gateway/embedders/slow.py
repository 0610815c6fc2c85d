"""An `Embedder` over a model that takes its time, or is away: a server, or files that have yet to be fetched.

Texts are prepared and sent in batches, and the vectors of queries are kept. A search waits for its vector for a moment
only; one that comes late serves whoever asks the same again. A model that fails is left alone, but for a word now and
then, until it answers. What the model is, and how it is reached, is not known here.
"""

from __future__ import annotations

import threading
from collections import OrderedDict
from collections.abc import Sequence
from concurrent.futures import CancelledError, Future, ThreadPoolExecutor
from typing import Protocol

import numpy as np
import structlog

from gateway.errors import MemoryUnavailable

EMBEDDED_CHARS = 8_000
"""Text beyond this is not read: models read 512 to 8,192 tokens, and a vector of more says less."""

QUERIES_KEPT = 256
"""12 MB at 1,536 dimensions. A query comes again when a client retries, and while an agent works on one message."""

QUERY_THREADS = 4
"""Queries asked of the model at once; a server answers several, and one that hangs must not hold up the next."""

RETRY_S = 10.0
"""Between two words to a model that is away: it is missed no longer than this, and hardly bothered."""

PROBE = "memory"

log = structlog.get_logger()


class Model(Protocol):
    """What makes the vectors. Blocking, and called by several threads at once."""

    @property
    def name(self) -> str:
        """Of its vector space."""
        ...

    @property
    def size(self) -> int:
        """Dimensions. Raises `MemoryUnavailable` while they are not known."""
        ...

    def vectors(self, texts: Sequence[str], *, is_query: bool) -> list[list[float]]:
        """One vector per text, in order and of any length but 0. Raises `MemoryUnavailable`."""
        ...

    def close(self) -> None:
        """Release what it holds."""
        ...


class SlowEmbedder:
    """Starts asking for the model at once, in the background; raises `MemoryUnavailable` for as long as it is away."""

    def __init__(
        self,
        model: Model,
        *,
        query_prefix: str = "",
        passage_prefix: str = "",
        batch: int = 32,
        patience_s: float = 0.025,
        retry_s: float = RETRY_S,
    ) -> None:
        """Prefixes are what the model wants before a text; `patience_s` is how long a search waits for its vector."""
        self.name = f"{model.name} {passage_prefix!r}" if passage_prefix else model.name
        self._model = model
        self._query_prefix = query_prefix
        self._passage_prefix = passage_prefix
        self._batch = batch
        self._patience_s = patience_s
        self._retry_s = retry_s
        self._lock = threading.Lock()
        self._asked: OrderedDict[str, Future[list[float]]] = OrderedDict()
        self._queries = ThreadPoolExecutor(QUERY_THREADS, thread_name_prefix="embed-query")
        self._closing = threading.Event()
        self._away = "the embedder has not answered yet"
        self._is_tried = threading.Event()
        self._seek()

    @property
    def size(self) -> int:
        """Dimensions. Raises `MemoryUnavailable` while they are not known."""
        return self._model.size

    def wait_until_tried(self, timeout_s: float) -> None:
        """Return when the model has answered or failed for the first time, or when the time is over."""
        self._is_tried.wait(timeout_s)

    def embed(self, texts: Sequence[str]) -> list[list[float]]:
        """One vector of length 1 per text, in order (all zeros for a text with nothing in it)."""
        return self._unit_vectors(texts, self._passage_prefix, is_query=False)

    def query(self, text: str) -> list[float]:
        """The vector of a text to search by. Raises `MemoryUnavailable` when it is not there within the patience."""
        try:
            return self._asked_for(text).result(self._patience_s)
        except (TimeoutError, CancelledError) as error:
            raise MemoryUnavailable(f"no vector within {self._patience_s * 1000:g} ms") from error

    def close(self) -> None:
        """Stop asking and release the model; nothing is asked for any more."""
        self._closing.set()
        self._queries.shutdown(wait=False, cancel_futures=True)
        self._model.close()

    def _asked_for(self, text: str) -> Future[list[float]]:
        """The answer to a query, known, under way or just asked for."""
        with self._lock:
            if text not in self._asked:
                self._check()
                self._asked[text] = self._queries.submit(self._answer, text)
                if len(self._asked) > QUERIES_KEPT:
                    self._asked.popitem(last=False)[1].cancel()
            self._asked.move_to_end(text)
            return self._asked[text]

    def _answer(self, text: str) -> list[float]:
        try:
            (vector,) = self._unit_vectors([text], self._query_prefix, is_query=True)
        except MemoryUnavailable:
            with self._lock:
                self._asked.pop(text, None)  # what failed is not what to remember
            raise
        return vector

    def _unit_vectors(self, texts: Sequence[str], prefix: str, *, is_query: bool) -> list[list[float]]:
        self._check()
        written = [place for place, text in enumerate(texts) if text.strip()]
        readable = [prefix + _readable(texts[place]) for place in written]
        raw: list[list[float]] = []
        try:
            for start in range(0, len(readable), self._batch):
                raw += self._model.vectors(readable[start : start + self._batch], is_query=is_query)
            unit = np.zeros((len(texts), self._model.size))
        except MemoryUnavailable as error:
            self._lose(str(error))
            raise
        if raw:
            lengths = np.linalg.norm(raw, axis=1, keepdims=True)
            unit[written] = raw / np.where(lengths > 0, lengths, 1)
        vectors: list[list[float]] = unit.tolist()
        return vectors

    def _check(self) -> None:
        if self._away:
            raise MemoryUnavailable(self._away)

    def _lose(self, reason: str) -> None:
        """Leave the model alone from now on, and seek it; the first thread to say so does."""
        with self._lock:
            is_news = not self._away
            self._away = reason
        if is_news:
            log.warning("embedder_away", embedder=self.name, reason=reason)
            self._seek()

    def _seek(self) -> None:
        # A daemon: it may be fetching a model when the process is told to end.
        threading.Thread(target=self._until_found, name="embedder", daemon=True).start()

    def _until_found(self) -> None:
        while not self._closing.is_set():
            try:
                self._model.vectors([self._query_prefix + PROBE], is_query=True)
            except MemoryUnavailable as error:
                if str(error) != self._away:
                    log.warning("embedder_away", embedder=self.name, reason=str(error))
                self._away = str(error)
                self._is_tried.set()
                self._closing.wait(self._retry_s)
            else:
                with self._lock:  # or a failure that is being noted would be nobody's to look after
                    self._away = ""
                log.info("embedder_found", embedder=self.name, size=self._model.size)
                self._is_tried.set()
                return


def _readable(text: str) -> str:
    return text[:EMBEDDED_CHARS].encode(errors="replace").decode()
