"""Who may ask our own API: whoever holds the admin key, wherever they ask from and whatever the path says."""

from __future__ import annotations

import hmac
import secrets

import structlog
from starlette.requests import Request

from gateway.admin.refusals import OnRefused
from gateway.config import Config
from gateway.datadir import DataDir, write_whole
from gateway.errors import DataDirError, Unauthorized
from gateway.headers import first_value
from gateway.sections import MIN_SECRET_CHARS
from gateway.types import Operator

BEARER = "bearer "

log = structlog.get_logger()

FILE = "admin.key"
"""In the data directory: the key, unless one is configured."""

RANDOM_BYTES = 32


class Operators:
    """Tells operators from everybody else."""

    def __init__(self, admin_key: str, on_refused: OnRefused = lambda request: None) -> None:
        self._admin_key = admin_key.encode()
        self._on_refused = on_refused

    def admitted(self, request: Request) -> Operator:
        """The authority of who sent this. Raises `Unauthorized` for anybody but an operator."""
        sent = first_value(request.headers.raw, b"authorization")
        key = sent[len(BEARER) :] if sent.lower().startswith(BEARER) else ""
        if not hmac.compare_digest(key.strip().encode("latin-1"), self._admin_key):
            self._on_refused(request)
            raise Unauthorized("this needs the admin key, as `Authorization: Bearer …`", code="admin_key_required")
        return Operator()


def admin_key(config: Config, data: DataDir) -> str:
    """The key of operators: the one that is configured, else that of the data directory, made at first use.

    It is readable by its owner only. Raises `DataDirError`.
    """
    file, made = data.path / FILE, secrets.token_urlsafe(RANDOM_BYTES)
    if config.auth.admin_key is None and not file.exists():
        try:
            write_whole(file, made.encode())
        except OSError as error:  # a bad disk keeps operators out, and nobody else
            log.warning("admin_key_unwritten", file=str(file), reason=error.strerror)
            return made
    return known_key(config, data)


def known_key(config: Config, data: DataDir) -> str:
    """The same, where there is one. Raises `DataDirError` where there is none, or none that can be read."""
    if config.auth.admin_key is not None:
        return config.auth.admin_key
    file = data.path / FILE
    try:
        key = file.read_text(encoding="ascii").strip()
    except FileNotFoundError as error:
        wanted = "set auth.admin_key, or name a --data-dir that has one"
        raise DataDirError(f"there is no admin key in {data.path}: {wanted}") from error
    except (OSError, UnicodeDecodeError) as error:
        raise DataDirError(f"{file}: {error}") from error
    if len(key) < MIN_SECRET_CHARS:
        raise DataDirError(f"{file}: expected a key of at least {MIN_SECRET_CHARS} characters; delete it for a new one")
    return key
