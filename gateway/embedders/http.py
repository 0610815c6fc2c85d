"""A model behind any server that speaks OpenAI's `/embeddings`: one request, one answer, and what can be wrong with it.

Blocking, over connections that are kept alive. Nothing is asked again because it failed; when and whether to ask is
decided in slow.py.
"""

from __future__ import annotations

import http.client
from collections import deque
from collections.abc import Sequence
from urllib.parse import quote, urlsplit

import msgspec

from gateway.errors import MemoryUnavailable

MAX_ANSWER_BYTES = 64 * 1024 * 1024
"""A batch of 500 vectors of 4,096 dimensions takes 45 MB as JSON."""

SHORT_CHARS = 400
"""Fits 512 tokens, the least that models read, in any writing."""

QUOTED_CHARS = 200
"""Of what the server says are told on."""

OK = 200

REFUSES_TEXTS = frozenset({400, 413, 422, 500})
"""Statuses with which servers refuse a text that is too long, or too many at once (500: llama.cpp)."""

HINTS = {
    401: "embedder.api_key is missing or wrong",
    403: "embedder.api_key may not use this model",
    404: "there is no such path, or no such model: look at embedder.url and embedder.model",
}


class _Refused(MemoryUnavailable):
    """These texts are not taken; fewer or shorter ones may be."""


class _Item(msgspec.Struct):
    embedding: list[float]
    index: int = 0
    """Servers that leave it out answer in order."""


class _Answer(msgspec.Struct):
    data: list[_Item]


class HttpModel:
    """Vectors from a server.

    Every method raises `MemoryUnavailable` with what went wrong: no connection, no answer in time, a refusal, an answer
    that is none, vectors of another size than before.
    """

    def __init__(
        self,
        url: str,
        *,
        model: str,
        api_key: str | None = None,
        dimensions: int | None = None,
        timeout_s: float = 10.0,
    ) -> None:
        """Prepare to ask; nothing is sent yet.

        Args:
            url: its base, down to and including `/v1`.
            dimensions: asked of the server, for models that can shorten their vectors; without them the first answer
                tells.
            timeout_s: the longest silence while connecting and while waiting for the answer.
        """
        parts = urlsplit(url)
        self.name = f"http/{model}" + (f"/{dimensions}" if dimensions else "")
        self._address = (parts.hostname or "", parts.port)
        self._connection = http.client.HTTPSConnection if parts.scheme == "https" else http.client.HTTPConnection
        self._path = quote(parts.path.rstrip("/"), safe="/%:@!$&'()*+,;=~") + "/embeddings"
        self._place = f"{parts.netloc}{self._path}"
        self._headers = {"content-type": "application/json"} | (
            {"authorization": f"Bearer {api_key}"} if api_key else {}
        )
        self._settings: dict[str, str | int] = {"model": model} | ({"dimensions": dimensions} if dimensions else {})
        self._size = dimensions
        self._timeout_s = timeout_s
        self._kept: deque[http.client.HTTPConnection] = deque()
        self._is_closed = False

    @property
    def size(self) -> int:
        """Dimensions, as configured, else as the first answer had them."""
        if self._size is None:
            raise MemoryUnavailable(f"{self._place} has not answered yet, so its dimensions are not known")
        return self._size

    def vectors(self, texts: Sequence[str], *, is_query: bool) -> list[list[float]]:
        """One vector per text, in order. Texts that are refused together go one by one, and then cut short."""
        try:
            return self._vectors(texts)
        except _Refused:
            if len(texts) > 1:
                return [self.vectors([text], is_query=is_query)[0] for text in texts]
            if len(texts[0]) <= SHORT_CHARS:
                raise
            return self._vectors([texts[0][:SHORT_CHARS]])

    def close(self) -> None:
        """Close connections; those in use when their answer is there."""
        self._is_closed = True
        while self._kept:
            self._kept.pop().close()

    def _vectors(self, texts: Sequence[str]) -> list[list[float]]:
        status, content = self._post(msgspec.json.encode({**self._settings, "input": texts}))
        if status != OK:
            refused = _Refused if status in REFUSES_TEXTS else MemoryUnavailable
            raise refused(f"{self._place} answered {status}: {_said(status, content)}")
        try:
            items = msgspec.json.decode(content, type=_Answer).data
        except msgspec.DecodeError as error:
            raise MemoryUnavailable(f"{self._place} did not answer with vectors: {error}") from error
        if len(items) != len(texts):
            raise MemoryUnavailable(f"{self._place} answered with {len(items)} vectors for {len(texts)} texts")
        vectors = [item.embedding for item in sorted(items, key=lambda item: item.index)]
        size = self._size or max(1, len(vectors[0]))
        for other in {len(vector) for vector in vectors} - {size}:
            raise MemoryUnavailable(f"{self._place} answered with {other} dimensions, expected {size}")
        self._size = size
        return vectors

    def _post(self, body: bytes) -> tuple[int, bytes]:
        """Status and content of the answer."""
        try:
            return self._exchanged(body)
        except TimeoutError as error:
            message = f"{self._place} did not answer within {self._timeout_s * 1000:g} ms"
            raise MemoryUnavailable(message) from error
        except (OSError, UnicodeError) as error:  # of a host whose name cannot be one
            reason = getattr(error, "strerror", None) or error
            raise MemoryUnavailable(f"{self._place} cannot be reached: {reason}") from error
        except http.client.HTTPException as error:
            raise MemoryUnavailable(f"{self._place} does not speak HTTP: {type(error).__name__}") from error

    def _exchanged(self, body: bytes) -> tuple[int, bytes]:
        """Over a kept connection while there is one that its server has not closed meanwhile, else over a new one."""
        while True:
            try:
                connection = self._kept.pop()
            except IndexError:
                host, port = self._address
                return self._exchange(self._connection(host, port, timeout=self._timeout_s), body)
            try:
                return self._exchange(connection, body)
            except ConnectionError:
                continue

    def _exchange(self, connection: http.client.HTTPConnection, body: bytes) -> tuple[int, bytes]:
        is_reusable = False
        try:
            connection.request("POST", self._path, body, self._headers)
            with connection.getresponse() as answer:
                content = answer.read(MAX_ANSWER_BYTES)
                is_reusable = answer.isclosed() and not answer.will_close and not self._is_closed
        finally:
            if is_reusable:
                self._kept.append(connection)
            else:
                connection.close()
        return answer.status, content


def _said(status: int, content: bytes) -> str:
    """Why, in our words where those of the server would tell less, or part of a key."""
    return HINTS.get(status) or " ".join(content[:QUOTED_CHARS].decode(errors="replace").split())
