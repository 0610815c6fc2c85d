"""`/v1/embeddings` as the scripted upstream speaks it: words hashed into a bag."""

from __future__ import annotations

import base64
import math
import re
import struct
import zlib
from typing import Any

import msgspec

from gateway.testing.scripted import Step
from gateway.testing.wire import as_json

EMBEDDING_SIZE = 64


class _Embed(msgspec.Struct):
    input: str | list[Any]
    model: str = ""
    encoding_format: str = "float"
    dimensions: int = EMBEDDING_SIZE


def reply(body: bytes) -> Step:
    """One vector per text. Raises `msgspec.MsgspecError` for what the API would refuse."""
    call = msgspec.json.decode(body, type=_Embed)
    texts = [call.input] if isinstance(call.input, str) else [str(item) for item in call.input]
    vectors: list[Any] = [_embedding(text, call.dimensions) for text in texts]
    if call.encoding_format == "base64":
        vectors = [base64.b64encode(struct.pack(f"<{len(vector)}f", *vector)).decode() for vector in vectors]
    data = [{"object": "embedding", "index": index, "embedding": vector} for index, vector in enumerate(vectors)]
    usage = {"prompt_tokens": len(texts), "total_tokens": len(texts)}
    return as_json({"object": "list", "data": data, "model": call.model, "usage": usage})


def _embedding(text: str, size: int) -> list[float]:
    """Texts that share words are near each other."""
    vector = [0.0] * size
    for word in re.findall(r"\w+", text.lower()):
        vector[zlib.crc32(word.encode()) % size] += 1.0
    length = math.hypot(*vector) or 1.0
    return [value / length for value in vector]
