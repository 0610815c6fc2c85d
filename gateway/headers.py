"""Reading raw header lines, whose names may be spelt in capitals."""

from __future__ import annotations

from gateway.ports import Headers

CREDENTIAL_HEADERS = frozenset(
    (
        b"authorization",
        b"x-api-key",
        b"api-key",
        b"x-goog-api-key",
        b"ocp-apim-subscription-key",
        b"x-litellm-api-key",
    )
)
"""In which clients send a key: OpenAI, Anthropic, Azure, Google, Azure's API management, LiteLLM."""

SECRET_HEADERS = CREDENTIAL_HEADERS | {b"cookie", b"x-openwebui-user-jwt"}
"""And what else proves to somebody who the client is."""


def first_value(headers: Headers, name: bytes) -> str:
    """The first value under a name, given in lower case; empty when there is none."""
    return next((content.decode("latin-1") for line, content in headers if line.lower() == name), "")


def is_event_stream(headers: Headers) -> bool:
    """Whether the body is server-sent events."""
    return first_value(headers, b"content-type").startswith("text/event-stream")
