"""Every error the gateway raises on purpose.

    AccrueError
    ├── ConfigError        a file, a flag or the environment is wrong; says where, and what would be right
    ├── DataDirError       the data directory cannot be used (held by another process, newer schema, not writable)
    ├── ScopeError         a store was asked without saying whose memory: a fault of ours, never the caller's
    ├── ClientGone         the client left while it was still sending
    ├── MemoryUnavailable  a store, journal or embedder cannot answer now; callers fail open
    │   └── Damaged        it has answered, and what it has of one session or person cannot be read
    └── RequestError       an answer of ours to the client, with an HTTP status and a body clients can show
        ├── BadRequest           400
        ├── Unauthorized         401
        ├── Forbidden            403
        ├── NotFound             404
        ├── RequestTimeout       408
        ├── Conflict             409
        ├── Gone                 410
        ├── TooLarge             413
        ├── UpgradeRequired      426
        ├── TooManyRequests      429
        ├── HeadersTooLarge      431
        ├── UpstreamUnreachable  502
        ├── NotNow               503
        ├── Overloaded           503
        ├── UpstreamTimeout      504
        └── LoopDetected         508

A subclass exists only where a caller does something else because of it.
"""

from __future__ import annotations

import msgspec

CONTEXT_OVERFLOW = "context_length_exceeded"
"""OpenAI's code for a prompt that is too long for the model."""

HTTP_ERROR = 400
"""Statuses from here on are refusals, whose bodies end without an end mark and teach nothing."""


RETRY_SOON_S = 1
"""Said where it is likely to be over in a moment."""


class AccrueError(Exception):
    """Base of all errors that the gateway raises on purpose."""


class ConfigError(AccrueError):
    """Configuration is wrong. The message is complete: file, line, path and the known names."""


class DataDirError(AccrueError):
    """The data directory cannot be used."""


class ScopeError(AccrueError):
    """A store was asked without saying whose memory."""


class ClientGone(AccrueError):
    """The client left while it was still sending; there is nobody to answer."""


class MemoryUnavailable(AccrueError):
    """A store, a journal or an embedder cannot answer now."""


class Damaged(MemoryUnavailable):
    """What is kept of one session or person cannot be read; those who keep it are well."""


class RequestError(AccrueError):
    """An answer of ours to the client.

    `type` and `code` follow OpenAI's error object, which every client shows; other shapes lose the message.
    """

    status = 400
    type = "invalid_request_error"

    def __init__(
        self, message: str, *, code: str | None = None, param: str | None = None, retry_after_s: int | None = None
    ) -> None:
        super().__init__(message)
        self.code = code
        self.param = param
        self.headers: list[tuple[bytes, bytes]] = []
        """For the client beside the body: what memory did, whether to try again; added where it is known."""
        if retry_after_s is not None:
            self.headers.append((b"retry-after", b"%d" % retry_after_s))

    @property
    def body(self) -> bytes:
        """The JSON body that tells the client; with its outer `type` it is Anthropic's error object as well."""
        error = {"message": str(self), "type": self.type, "param": self.param, "code": self.code}
        return msgspec.json.encode({"error": error, "type": "error"})


class BadRequest(RequestError):
    """The request is wrong in a part that is ours to judge."""


class Unauthorized(RequestError):
    """The request says who it is from, and cannot prove it."""

    status = 401
    type = "authentication_error"


class Forbidden(RequestError):
    """The gateway does not pass this on."""

    status = 403


class NotFound(RequestError):
    """There is no such path or thing."""

    status = 404


class RequestTimeout(RequestError):
    """The client did not send its request in time."""

    status = 408


class Conflict(RequestError):
    """Something else has this name already."""

    status = 409


class Gone(RequestError):
    """There is such a thing, and it is too late for it."""

    status = 410


class TooLarge(RequestError):
    """The body does not fit where it would have to be understood."""

    status = 413


class UpgradeRequired(RequestError):
    """There is no WebSocket to be had; clients fall back to HTTP on this status."""

    status = 426


class TooManyRequests(RequestError):
    """A key has asked more than it may, for now."""

    status = 429
    type = "rate_limit_error"


class HeadersTooLarge(RequestError):
    """The head of the request, or what stands around its body, is larger than anybody needs."""

    status = 431


class UpstreamUnreachable(RequestError):
    """No answer could be had from the upstream."""

    status = 502
    type = "api_connection_error"


class NotNow(RequestError):
    """What is asked of memory itself cannot be done now; a call would go on without it."""

    status = 503
    type = "server_error"


class Overloaded(RequestError):
    """There is too much under way already."""

    status = 503
    type = "server_error"


class UpstreamTimeout(RequestError):
    """The upstream did not begin to answer in time."""

    status = 504
    type = "api_timeout_error"


class LoopDetected(RequestError):
    """The upstream is this gateway itself."""

    status = 508
    type = "server_error"
