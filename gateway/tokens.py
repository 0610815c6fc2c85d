"""Tokens and context windows by model name, from files on this machine: never from the network.

tiktoken would fetch its vocabularies at first use, into a place that only the environment can name. litellm ships the
two that matter, and a table of context windows; both are read here as data, and litellm is never imported.
"""

from __future__ import annotations

import binascii
import hashlib
import importlib.util
import math
import re
import threading
from collections.abc import Iterator
from functools import cached_property, lru_cache
from pathlib import Path
from typing import Any, Self

import msgspec
from tiktoken import Encoding
from tiktoken.model import encoding_name_for_model

UNKNOWN_WINDOW = 8_192
"""Tokens; what nearly every model served today has at least."""

UNKNOWN_MODEL_FACTOR = 1.5
"""Other vocabularies (32 k of Llama 2, 100 k of Claude) are smaller or older than OpenAI's and need more tokens."""

CACHED_TEXTS = 4_096
CACHED_CHARS = 2_000
"""Notes are shorter, and are counted again and again; 4,096 of them stay below 10 MB."""


MAX_MODEL_CHARS = 256
"""No model is called longer; a name is looked up piece by piece."""


class _Vocabulary(msgspec.Struct, frozen=True, kw_only=True):
    """One byte-pair encoding; special tokens are left out, since to us they are text like any other."""

    url: str
    """Where tiktoken would fetch it; its SHA-1 is the file's name."""
    sha256: str
    pattern: str
    """Splits a text into the pieces that are encoded each by itself."""


_CONTRACTIONS = "(?i:'s|'t|'re|'ve|'m|'ll|'d)?"
_UPPER = r"[\p{Lu}\p{Lt}\p{Lm}\p{Lo}\p{M}]"
_LOWER = r"[\p{Ll}\p{Lm}\p{Lo}\p{M}]"

_VOCABULARIES = {
    "cl100k_base": _Vocabulary(
        url="https://openaipublic.blob.core.windows.net/encodings/cl100k_base.tiktoken",
        sha256="223921b76ee99bde995b7ff738513eef100fb51d18c93597a113bcffe865b2a7",
        pattern="|".join(
            [
                r"'(?i:[sdmt]|ll|ve|re)",
                r"[^\r\n\p{L}\p{N}]?+\p{L}++",
                r"\p{N}{1,3}+",
                r" ?[^\s\p{L}\p{N}]++[\r\n]*+",
                r"\s++$",
                r"\s*[\r\n]",
                r"\s+(?!\S)",
                r"\s",
            ]
        ),
    ),
    "o200k_base": _Vocabulary(
        url="https://openaipublic.blob.core.windows.net/encodings/o200k_base.tiktoken",
        sha256="446a9538cb6c348e3516120d7c08b09f57c36495e2acfffe59a5bf8b0cfb1a2d",
        pattern="|".join(
            [
                rf"[^\r\n\p{{L}}\p{{N}}]?{_UPPER}*{_LOWER}+{_CONTRACTIONS}",
                rf"[^\r\n\p{{L}}\p{{N}}]?{_UPPER}+{_LOWER}*{_CONTRACTIONS}",
                r"\p{N}{1,3}",
                r" ?[^\s\p{L}\p{N}]+[\r\n/]*",
                r"\s*[\r\n]+",
                r"\s+(?!\S)",
                r"\s+",
            ]
        ),
    ),
}

_SAME_TEXT_TOKENS = {"o200k_harmony": "o200k_base"}
"""Encodings that differ from another in special tokens only."""

_VERSION = re.compile(r"[-@:](?:\d+|latest)\Z")


class _Limits(msgspec.Struct, frozen=True, kw_only=True):
    """An entry of litellm's table, whose types are not to be relied on."""

    max_input_tokens: Any = None
    max_tokens: Any = None

    @property
    def window(self) -> int | None:
        return next((limit for limit in (self.max_input_tokens, self.max_tokens) if isinstance(limit, int)), None)


_TABLE = msgspec.json.Decoder(dict[str, _Limits])


class Tokens:
    """Counts with OpenAI's vocabularies: exactly for the models that use them, else so that it errs high."""

    def __init__(self, directory: Path | None, models: Path | None) -> None:
        """Reads nothing yet.

        Args:
            directory: holds vocabularies under the names tiktoken caches them by.
            models: litellm's table of models.
        """
        self._directory = directory
        self._models = models
        self._encodings: dict[str, Encoding | None] = {}
        self._loading = threading.Lock()
        self._count_short = lru_cache(maxsize=CACHED_TEXTS)(self._count)

    @classmethod
    def from_litellm(cls) -> Self:
        """With the files of the installed litellm; without them every figure is a cautious one."""
        spec = importlib.util.find_spec("litellm")
        if spec is None or not spec.submodule_search_locations:
            return cls(None, None)
        package = Path(spec.submodule_search_locations[0])
        return cls(
            package / "litellm_core_utils" / "tokenizers", package / "model_prices_and_context_window_backup.json"
        )

    def warm(self) -> None:
        """Load everything now (about a second), so that no later call waits for it."""
        for name in _VOCABULARIES:
            self._encoding(name)
        self.window("")

    def count(self, text: str, model: str) -> int:
        """Tokens of a text; special tokens such as `<|endoftext|>` are text."""
        count = self._count_short if len(text) <= CACHED_CHARS else self._count
        return count(text, _encoding_name(model))

    def window(self, model: str, *, needed: int = 0) -> int:
        """The most tokens a prompt may have; of an unknown model no less than its client evidently takes it to have."""
        known = (self._windows[name] for name in _names(model) if name in self._windows)
        return next(known, max(UNKNOWN_WINDOW, needed))

    def _count(self, text: str, encoding: str | None) -> int:
        needed = [encoding] if encoding else list(_VOCABULARIES)
        encodings = [loaded for loaded in map(self._encoding, needed) if loaded]
        if len(encodings) < len(needed):
            # A byte-level encoding never has more tokens than bytes.
            return len(text.encode("utf-8", "surrogatepass"))
        most = max(len(each.encode_ordinary(text)) for each in encodings)
        return most if encoding else math.ceil(UNKNOWN_MODEL_FACTOR * most)

    def _encoding(self, name: str) -> Encoding | None:
        with self._loading:
            if name not in self._encodings:
                self._encodings[name] = _load(self._directory, name)
            return self._encodings[name]

    @cached_property
    def _windows(self) -> dict[str, int]:
        try:
            table = _TABLE.decode(self._models.read_bytes()) if self._models else {}
        except (OSError, msgspec.DecodeError):
            return {}
        return {name.lower(): limits.window for name, limits in table.items() if limits.window}


def _load(directory: Path | None, name: str) -> Encoding | None:
    """The encoding, or None when its file is missing or not the one we know."""
    vocabulary = _VOCABULARIES.get(name)
    if directory is None or vocabulary is None:
        return None
    file = directory / hashlib.sha1(vocabulary.url.encode(), usedforsecurity=False).hexdigest()
    try:
        content = file.read_bytes()
    except OSError:
        return None
    if hashlib.sha256(content).hexdigest() != vocabulary.sha256:
        return None
    lines = (line.split() for line in content.splitlines())
    ranks = {binascii.a2b_base64(token): int(rank) for token, rank in lines}
    encoding = Encoding(name, pat_str=vocabulary.pattern, mergeable_ranks=ranks, special_tokens={})
    encoding._mergeable_ranks = {}  # for pickling only, and 28 MB: tiktoken counts with a copy of its own
    return encoding


def _encoding_name(model: str) -> str | None:
    """The encoding of a model tiktoken knows by any of its names; else None."""
    for name in _names(model):
        try:
            encoding = encoding_name_for_model(name)
        except KeyError:
            continue
        return _SAME_TEXT_TOKENS.get(encoding, encoding)
    return None


def _names(model: str) -> Iterator[str]:
    """What a model may be listed as in lower case, most telling first.

    As it is called; without its providers (`openai/gpt-4o`); the model a fine-tuned one was made from
    (`ft:gpt-4o:acme::id`); and each of these without its version (`gpt-4o-2099-01-01`), piece by piece.
    """
    name = model.lower()[:MAX_MODEL_CHARS]
    plain = name.rsplit("/", 1)[-1]
    base = plain.split(":")[1] if plain.startswith("ft:") else plain
    yield from dict.fromkeys((name, plain, base))
    while (shorter := _VERSION.sub("", base)) != base:
        base = shorter
        yield base
