"""An `Embedder` over a model that takes its time, or is away: a server, or files that have yet to be fetched.

Texts are prepared and sent in batches, and the vectors of queries are kept. A search waits for its vector for a moment
only; one that comes late serves whoever asks the same again. A model that is late or fails is left alone behind a
breaker, but for a probe now and then, until it answers in time. What the model is, and how it is reached, is not known
here.
"""

from __future__ import annotations

import threading
from collections import OrderedDict
from collections.abc import Callable, Sequence
from concurrent.futures import CancelledError, Future, ThreadPoolExecutor
from contextlib import suppress
from functools import partial
from typing import Protocol

import numpy as np

from gateway.breaker import Breaker
from gateway.errors import MemoryUnavailable

EMBEDDED_CHARS = 8_000
"""Text beyond this is not read: models read 512 to 8,192 tokens, and a vector of more says less."""

QUERIES_KEPT = 256
"""12 MB at 1,536 dimensions. A query comes again when a client retries, and while an agent works on one message."""

QUERY_THREADS = 4
"""Queries asked of the model at once; a server answers several, and one that hangs must not hold up the next."""

PROBE = "memory"


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
        breaker: Breaker,
        *,
        query_prefix: str = "",
        passage_prefix: str = "",
        batch: int = 32,
        patience_s: float = 0.025,
        probes: int = 1,
    ) -> None:
        """Prepare to embed.

        Args:
            query_prefix: what the model wants before a text to search by; `passage_prefix` before one to be found.
            patience_s: how long a search waits for its vector.
            probes: that may be under way at once. More than one finds a server that has swallowed the one before.
        """
        self.name = f"{model.name} {passage_prefix!r}" if passage_prefix else model.name
        self._model = model
        self._breaker = breaker
        self._query_prefix = query_prefix
        self._passage_prefix = passage_prefix
        self._batch = batch
        self._patience_s = patience_s
        self._probes = threading.Semaphore(probes)
        self._lock = threading.Lock()
        self._asked: OrderedDict[str, Future[list[float]]] = OrderedDict()
        self._queries = _threads()
        self._wanted = PROBE
        """The last text for which there is no vector yet: a probe that fetches it is of use besides."""
        self._away = "the embedder has not answered yet"
        """Why nothing at all is asked of the model; empty where it answers, if late."""
        self._is_sought = False
        self._times_found = 0
        self._is_closed = False
        self._news = threading.Event()
        self._is_tried = threading.Event()
        self._begin_to_seek()

    @property
    def size(self) -> int:
        """Dimensions. Raises `MemoryUnavailable` while they are not known."""
        return self._model.size

    def wait_until_tried(self, timeout_s: float) -> None:
        """Return when the model has answered or failed for the first time, or when the time is over."""
        self._is_tried.wait(timeout_s)

    def embed(self, texts: Sequence[str]) -> list[list[float]]:
        """One vector of length 1 per text, in order (all zeros for a text with nothing in it)."""
        self._check()
        return self._unit_vectors(texts, self._passage_prefix, is_query=False)

    def query(self, text: str) -> list[float]:
        """The vector of a text to search by. Raises `MemoryUnavailable` when it is not there within the patience."""
        patience_s = 0 if self._breaker.is_open else self._patience_s
        answer = self._asked_for(text)
        try:
            return answer.result(patience_s)
        except (TimeoutError, CancelledError) as error:
            reason = f"no vector within {self._patience_s * 1000:g} ms"
            if self._breaker.failed(reason):
                self._lose(reason)
            raise MemoryUnavailable(reason) from error

    def close(self) -> None:
        """Stop asking and release the model; nothing is asked for any more."""
        self._is_closed = True
        self._news.set()
        self._queries.shutdown(wait=False, cancel_futures=True)
        self._model.close()

    def _asked_for(self, text: str) -> Future[list[float]]:
        """The answer to a query, known, under way or just asked for."""
        with self._lock:
            if text not in self._asked:
                self._wanted = text
                self._check()
                self._breaker.check()
                self._keep(text, self._queries.submit(self._answer, text))
            self._asked.move_to_end(text)
            return self._asked[text]

    def _keep(self, text: str, answer: Future[list[float]]) -> None:
        self._asked[text] = answer
        if len(self._asked) > QUERIES_KEPT:
            self._asked.popitem(last=False)[1].cancel()

    def _answer(self, text: str) -> list[float]:
        try:
            (vector,) = self._unit_vectors([text], self._query_prefix, is_query=True)
        except MemoryUnavailable:
            with self._lock:
                self._asked.pop(text, None)  # what failed is not what to remember
            raise
        self._breaker.answered()
        self._wanted = PROBE
        return vector

    def _unit_vectors(self, texts: Sequence[str], prefix: str, *, is_query: bool) -> list[list[float]]:
        found = self._times_found
        written = [place for place, text in enumerate(texts) if text.strip()]
        readable = [prefix + _readable(texts[place]) for place in written]
        raw: list[list[float]] = []
        try:
            for start in range(0, len(readable), self._batch):
                raw += self._model.vectors(readable[start : start + self._batch], is_query=is_query)
            unit = np.zeros((len(texts), self._model.size))
        except MemoryUnavailable as error:
            if found == self._times_found:  # else it was asked before the model went away, and has come back since
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
        """Leave the model alone from now on, and seek it."""
        self._away = reason
        self._breaker.open(reason)
        self._begin_to_seek()

    def _begin_to_seek(self) -> None:
        with self._lock:
            is_sought, self._is_sought = self._is_sought, True
        if not is_sought:
            _in_background(self._seek)

    def _seek(self) -> None:
        """Probe until the model answers in time; one that is late is used by nobody who waits."""
        while not self._is_closed:
            if self._probes.acquire(blocking=False):
                answer: Future[list[float]] = Future()
                _in_background(partial(self._probe, self._wanted, answer))
                with suppress(TimeoutError, MemoryUnavailable):
                    answer.result(self._patience_s)
                    return self._found()
                self._breaker.open(self._away or "late")
            self._news.wait(self._breaker.pause_s())
            self._news.clear()
        return None

    def _probe(self, text: str, answer: Future[list[float]]) -> None:
        try:
            (vector,) = self._unit_vectors([text], self._query_prefix, is_query=True)
        except MemoryUnavailable as error:
            answer.set_exception(error)
        else:
            answer.set_result(vector)
            with self._lock:
                self._keep(text, answer)
                self._wanted = PROBE
                was_away, self._away = self._away, ""
            if was_away:
                self._news.set()
        finally:
            self._probes.release()
            self._is_tried.set()

    def _found(self) -> None:
        """Ask again, with new threads: the old ones may wait for answers that never come."""
        old, self._queries = self._queries, _threads()
        old.shutdown(wait=False, cancel_futures=True)
        with self._lock:
            for text in [text for text, answer in self._asked.items() if not answer.done()]:
                del self._asked[text]
            self._away, self._is_sought = "", False
            self._times_found += 1
        self._breaker.close()


def _threads() -> ThreadPoolExecutor:
    return ThreadPoolExecutor(QUERY_THREADS, thread_name_prefix="embed-query")


def _in_background(work: Callable[[], None]) -> None:
    # A daemon: it may be fetching a model when the process is told to end.
    threading.Thread(target=work, name="embedder", daemon=True).start()


def _readable(text: str) -> str:
    return text[:EMBEDDED_CHARS].encode(errors="replace").decode()
