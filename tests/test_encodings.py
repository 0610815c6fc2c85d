"""Compressed bodies are read for the record: whole, cut off or not at all, and never beyond a bound."""

from __future__ import annotations

import gzip
import subprocess
import sys
import zlib
from collections.abc import Callable

import brotli
import pytest
import zstandard
from hypothesis import given, settings
from hypothesis import strategies as st

from gateway.encodings import MAX_CODINGS, MAX_DECODED_BYTES, decode

TEXT = b"".join(b"data: {%d}\n\n" % number for number in range(20_000))


def raw_deflate(body: bytes) -> bytes:
    deflate = zlib.compressobj(wbits=-zlib.MAX_WBITS)
    return deflate.compress(body) + deflate.flush()


def zstd_stream(body: bytes) -> bytes:
    """As servers send it while they do not know the size."""
    compressor = zstandard.ZstdCompressor().compressobj()
    return compressor.compress(body) + compressor.flush()


Compress = Callable[[bytes], bytes]
CODINGS: list[tuple[str, Compress]] = [
    ("gzip", gzip.compress),
    ("x-gzip", gzip.compress),
    ("deflate", zlib.compress),
    ("deflate", raw_deflate),
    ("br", brotli.compress),
    ("zstd", zstandard.compress),
    ("zstd", zstd_stream),
]
each_coding = pytest.mark.parametrize(("coding", "compress"), CODINGS)


@each_coding
@pytest.mark.parametrize("body", [b"", b"x", TEXT], ids=["nothing", "a byte", "a stream"])
def test_each_coding_is_undone(coding: str, compress: Compress, body: bytes) -> None:
    assert decode(compress(body), coding) == body


@settings(deadline=None, max_examples=50)
@given(st.binary(max_size=2_000), st.lists(st.sampled_from(CODINGS), max_size=MAX_CODINGS))
def test_stacked_codings_are_undone_from_the_last_to_the_first(
    body: bytes, codings: list[tuple[str, Compress]]
) -> None:
    sent = body
    for _, compress in codings:
        sent = compress(sent)
    assert decode(sent, " , ".join(coding.upper() for coding, _ in codings)) == body


def test_more_codings_than_anybody_means_are_not_undone() -> None:
    sent = gzip.compress(gzip.compress(gzip.compress(b"text")))
    assert decode(sent, "gzip, gzip, gzip") is None
    assert decode(sent, "gzip, gzip") == gzip.compress(b"text")
    assert decode(b"text", "identity, identity, identity") is None


@pytest.mark.parametrize("encoding", ["", "identity", " ,identity,", "Identity"])
def test_a_body_without_a_coding_is_as_it_is(encoding: str) -> None:
    assert decode(b"plain", encoding) == b"plain"


@pytest.mark.parametrize("encoding", ["compress", "gzip2", "gzip, unknown", "unknown, gzip", "aes128gcm"])
def test_an_unknown_coding_is_not_read(encoding: str) -> None:
    assert decode(gzip.compress(b"text"), encoding) is None


@each_coding
def test_of_a_body_that_was_cut_off_the_readable_part_is_read(coding: str, compress: Compress) -> None:
    whole = compress(TEXT)
    part = decode(whole[: len(whole) * 3 // 4], coding)
    assert part is not None
    assert TEXT.startswith(part)
    assert len(part) > len(TEXT) // 3


@each_coding
def test_a_body_cut_in_its_first_bytes_is_empty_not_broken(coding: str, compress: Compress) -> None:
    assert decode(compress(TEXT)[:1], coding) == b""


@each_coding
def test_what_is_not_compressed_at_all_is_not_read(coding: str, compress: Compress) -> None:
    assert decode(b'{"error": {"message": "not compressed"}}' * 5, coding) is None


@each_coding
def test_a_body_may_be_as_large_as_the_limit_and_no_larger(coding: str, compress: Compress) -> None:
    assert decode(compress(TEXT), coding, limit=len(TEXT)) == TEXT
    assert decode(compress(TEXT), coding, limit=len(TEXT) - 1) is None
    assert decode(compress(TEXT), coding, limit=10) is None


def test_a_bomb_inside_a_coding_is_found_at_its_own_layer() -> None:
    assert decode(gzip.compress(brotli.compress(TEXT)), "br, gzip", limit=len(TEXT) - 1) is None


BOMBS = """
import resource, zlib
import brotli, zstandard
from gateway.encodings import decode

zeros, deflate, gzip = bytes(1 << 20), zlib.compressobj(1), zlib.compressobj(1, wbits=31)
br, zstd = brotli.Compressor(quality=1), zstandard.ZstdCompressor().compressobj()
bombs = {
    "deflate": b"".join([*(deflate.compress(zeros) for _ in range(1024)), deflate.flush()]),
    "gzip": b"".join([*(gzip.compress(zeros) for _ in range(1024)), gzip.flush()]),
    "br": b"".join([*(br.process(zeros) for _ in range(1024)), br.finish()]),
    "zstd": b"".join([*(zstd.compress(zeros) for _ in range(1024)), zstd.flush()]),
}
before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
assert [coding for coding, bomb in bombs.items() if decode(bomb, coding) is not None] == []
print(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before)
"""


def test_a_gigabyte_of_zeros_is_given_up_within_bounded_memory() -> None:
    """In a process of its own, whose peak is then its own."""
    grown = subprocess.run([sys.executable, "-c", BOMBS], check=True, capture_output=True, timeout=120).stdout
    assert int(grown) * 1024 < 4 * MAX_DECODED_BYTES
