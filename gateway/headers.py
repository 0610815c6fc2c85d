"""Reading raw header lines, whose names may be spelt in capitals."""

from __future__ import annotations

from urllib.parse import unquote

from gateway.ports import Headers

CREDENTIAL_HEADERS = (
    b"authorization",
    b"x-api-key",
    b"api-key",
    b"x-goog-api-key",
    b"ocp-apim-subscription-key",
    b"x-litellm-api-key",
)
"""In which clients send a key: OpenAI, Anthropic, Azure, Google, Azure's API management, LiteLLM."""

KEY_PARAMETERS = ("key", "api-key", "api_key")
"""Where a key stands in a query: Google, Azure, and servers that copy either."""

KEY_PROTOCOL = "openai-insecure-api-key."
"""How browsers send a key with a WebSocket: as the beginning of a subprotocol (OpenAI's Realtime API)."""

SECRET_HEADERS = frozenset((*CREDENTIAL_HEADERS, b"cookie", b"x-openwebui-user-jwt"))
"""And what else proves to somebody who the client is."""


def is_key_parameter(part: str) -> bool:
    """Whether a part of a query (`name=value`) is a key."""
    return unquote(part.partition("=")[0]).lower() in KEY_PARAMETERS


def protocols(headers: Headers) -> list[str]:
    """The WebSocket subprotocols that are offered."""
    lines = (value.decode("latin-1") for name, value in headers if name.lower() == b"sec-websocket-protocol")
    return [name.strip() for line in lines for name in line.split(",")]


def is_key_protocol(name: str) -> bool:
    """Whether a subprotocol is a key."""
    return name.lower().startswith(KEY_PROTOCOL)


def first_value(headers: Headers, name: bytes) -> str:
    """The first value under a name, given in lower case; empty when there is none."""
    return next((content.decode("latin-1") for line, content in headers if line.lower() == name), "")


def is_event_stream(headers: Headers) -> bool:
    """Whether the body is server-sent events."""
    return first_value(headers, b"content-type").startswith("text/event-stream")
