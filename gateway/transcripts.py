"""Logs of past calls, from files: JSON Lines, a JSON array or one document, plain, in gzip, or in a ZIP archive.

In which forms calls are kept, and how each is read, is known by gateway/logs. What becomes of a call, and whose it is,
is not known here.
"""

from __future__ import annotations

import gzip
import io
import re
import zipfile
import zlib
from collections.abc import Iterator
from operator import attrgetter
from pathlib import Path, PurePosixPath

import msgspec

from gateway import logs
from gateway.errors import ConfigError
from gateway.logs.base import FIELDS, Format, LoggedCall, Transcript, Verdict
from gateway.registry import family
from gateway.shapes.splice import understood

__all__ = ["Fault", "Log", "LoggedCall", "Transcript", "Verdict", "read_log"]

FORMATS: list[Format] = sorted((module.FORMAT for module in family(logs).values()), key=attrgetter("order"))

GZIP_MAGIC = b"\x1f\x8b"
ZIP_MAGIC = b"PK\x03\x04"
BYTE_ORDER_MARK = b"\xef\xbb\xbf"

IN_ARCHIVES = re.compile(r"conversations(?:-\d+)?\.json|.+\.jsonl")
"""Files of an archive that are logs: a data export of ChatGPT holds much besides its conversations."""

MAX_UNPACKED_BYTES = 4 << 30
"""Of an archive or a gzip file are read. The largest exports are some hundred megabytes."""


class Fault(msgspec.Struct, frozen=True, kw_only=True):
    """A part of a log from which nothing can be learnt."""

    where: str
    reason: str


class Log(msgspec.Struct, frozen=True, kw_only=True):
    """A file as read, in its order."""

    transcripts: tuple[Transcript, ...] = ()
    faults: tuple[Fault, ...] = ()


_ITEMS = msgspec.json.Decoder(list[msgspec.Raw])
_ANYTHING = msgspec.json.Decoder(msgspec.Raw)


def read_log(path: Path) -> Log:
    """Everything in a file, which is held in memory. Raises `ConfigError` when it cannot be opened."""
    try:
        files = list(_files(path.read_bytes()))
    except OSError as error:
        raise ConfigError(f"{path}: {error.strerror or error}") from error
    except (EOFError, zlib.error) as error:
        raise ConfigError(f"{path}: a broken gzip file: {error}") from error
    except (zipfile.BadZipFile, ValueError, RuntimeError, NotImplementedError) as error:
        raise ConfigError(f"{path}: an archive that cannot be read: {error}") from error
    transcripts, faults = [], []
    for place, content in files:
        for where, document in _documents(content.removeprefix(BYTE_ORDER_MARK)):
            try:
                transcripts.append(_transcript(place + where, document))
            except (ValueError, RecursionError) as error:  # of JSON, of UTF-8, of a date, or raised by a form
                faults.append(Fault(where=place + where, reason=str(error)))
    return Log(transcripts=tuple(transcripts), faults=tuple(faults))


def _files(content: bytes) -> Iterator[tuple[str, bytes]]:
    """What is in a file: of each file of an archive the beginning of its places, and the content.

    Raises what `zipfile` and `gzip` raise, and `ValueError` for an archive without a log.
    """
    if content.startswith(GZIP_MAGIC):
        with gzip.GzipFile(fileobj=io.BytesIO(content)) as packed:
            content = packed.read(MAX_UNPACKED_BYTES + 1)
        if len(content) > MAX_UNPACKED_BYTES:
            raise ValueError(f"unpacked it is more than {MAX_UNPACKED_BYTES >> 30} GB")
    if not content.startswith(ZIP_MAGIC):
        yield "", content
        return
    with zipfile.ZipFile(io.BytesIO(content)) as archive:
        found = [one for one in archive.infolist() if IN_ARCHIVES.fullmatch(PurePosixPath(one.filename).name)]
        if not found:
            raise ValueError("it holds no conversations.json and no .jsonl")
        if sum(one.file_size for one in found) > MAX_UNPACKED_BYTES:
            raise ValueError(f"unpacked it is more than {MAX_UNPACKED_BYTES >> 30} GB")
        for one in sorted(found, key=attrgetter("filename")):
            yield f"{one.filename}, ", archive.read(one)


def _documents(content: bytes) -> Iterator[tuple[str, bytes]]:
    """Where each conversation or call stands, and its JSON."""
    lines = [(f"line {number}", line) for number, line in enumerate(content.splitlines(), 1) if line.strip()]
    if len(lines) > 1 and _legible(lines[0][1]) is None and _legible(content) is not None:
        lines = [("the file", content)]  # written over several lines
    for where, line in lines:
        document = _legible(line) or line
        items = _items(document)
        if not items or any(map(_is_message, items)):
            yield where, document
        else:
            yield from ((f"item {number}", bytes(item)) for number, item in enumerate(items, 1))


def _transcript(where: str, document: bytes) -> Transcript:
    """Raises `ValueError` with what is wrong."""
    bare = _items(document) is not None
    fields = {"messages": msgspec.Raw(document)} if bare else FIELDS.decode(document)
    form = next(form for form in FORMATS if form.is_form_of(fields))
    return form.read(where, document, fields)


def _items(document: bytes | msgspec.Raw) -> list[msgspec.Raw] | None:
    """The members of a JSON array; None when it is none."""
    try:
        return _ITEMS.decode(document)
    except (ValueError, RecursionError):
        return None


def _is_message(item: msgspec.Raw) -> bool:
    try:
        return "role" in FIELDS.decode(item)
    except (ValueError, RecursionError):
        return False


def _legible(document: bytes) -> bytes | None:
    """The same document without lone surrogates, which decoders refuse; None when it is no JSON."""

    def checked(legible: bytes) -> bytes:
        _ANYTHING.decode(legible)
        return legible

    return understood(document, checked)
