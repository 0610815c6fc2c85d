"""Texts as they lie on disk when a key is given: encrypted, so that who has the disk has nothing to read.

A value says by its first bytes whether it is sealed, so that a directory may hold both: what was stored before there
was a key is still read. Each is bound to its place (a file; a row and a column), so that it opens nowhere else. Names
and ids, by which rows are found, are not texts and stay readable. This file knows neither tables nor files.
"""

from __future__ import annotations

import os
from collections.abc import Iterable
from typing import Any

import msgspec
from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.kdf.scrypt import Scrypt

BYTES, TEXT = b"\xc1\x01", b"\xc1\x02"
"""How what is sealed begins: neither MessagePack nor UTF-8 has 0xC1. Both are AES-256-GCM under scrypt's key; another
cipher would be another number."""

NONCE_BYTES = 12
"""By chance, which is safe for 2³² values of a key (NIST SP 800-38D, 8.3)."""

KEY_BYTES = 32
SCRYPT_COST, SCRYPT_BLOCK = 2**14, 8
"""16 MB and 50 ms, once at the start: the key may be a phrase that somebody thought of."""


class Sealed(msgspec.DecodeError):
    """What is sealed cannot be opened: without its key, in another place, or because it was changed."""


class Seal:
    """The key of a data directory."""

    def __init__(self, key: bytes | None) -> None:
        """Take a key of `KEY_BYTES`; without one everything is stored as it is."""
        self._cipher = None if key is None else AESGCM(key)

    @classmethod
    def of(cls, phrase: str, secret: bytes) -> Seal:
        """The seal of a directory by its secret and what was configured: either alone opens nothing."""
        derive = Scrypt(salt=secret, length=KEY_BYTES, n=SCRYPT_COST, r=SCRYPT_BLOCK, p=1)
        return cls(derive.derive(phrase.encode()))

    def close(self, plain: str | bytes, *place: str) -> str | bytes:
        """What to store at a place. Nothing needs no seal."""
        if self._cipher is None or not plain:
            return plain
        mark, data = (TEXT, plain.encode()) if isinstance(plain, str) else (BYTES, plain)
        nonce = os.urandom(NONCE_BYTES)
        return mark + nonce + self._cipher.encrypt(nonce, data, _bound(mark, place))

    def open(self, stored: Any, *place: str) -> Any:
        """What is stored at a place, sealed or not: the text or the bytes that were closed. Raises `Sealed`."""
        if not is_sealed(stored):
            return stored
        if self._cipher is None:
            raise Sealed("sealed, and there is no key")
        begin = len(BYTES)
        mark, nonce, rest = stored[:begin], stored[begin : begin + NONCE_BYTES], stored[begin + NONCE_BYTES :]
        try:
            data = self._cipher.decrypt(nonce, rest, _bound(mark, place))
        except (InvalidTag, ValueError) as error:
            raise Sealed("sealed with another key, for another place, or damaged") from error
        return data.decode() if mark == TEXT else data


def is_sealed(stored: object) -> bool:
    """Whether somebody sealed it."""
    return isinstance(stored, bytes) and stored.startswith((BYTES, TEXT))


def _bound(mark: bytes, place: Iterable[str]) -> bytes:
    """The place in bytes; parts are length-prefixed, so that no two places are one."""
    parts = [part.encode("utf-8", "surrogatepass") for part in place]
    return mark + b"".join(b"%d:%b" % (len(part), part) for part in parts)


NO_SEAL = Seal(None)
"""Of a directory without a key."""
