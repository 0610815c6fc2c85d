"""Reading raw header lines."""

from __future__ import annotations

import pytest

from gateway import headers


def test_a_value_is_found_however_its_name_is_spelt_and_the_first_one_counts() -> None:
    lines = [(b"X-One", b"a"), (b"x-one", b"b"), (b"x-two", b"\xe9")]
    assert headers.first_value(lines, b"x-one") == "a"
    assert headers.first_value(lines, b"x-two") == "é"
    assert headers.first_value(lines, b"x-three") == ""


@pytest.mark.parametrize("name", [*headers.CREDENTIAL_HEADERS, b"cookie", b"x-openwebui-user-jwt"])
def test_whatever_proves_who_a_client_is_counts_as_secret(name: bytes) -> None:
    assert name in headers.SECRET_HEADERS


@pytest.mark.parametrize(
    ("kind", "is_stream"), [(b"text/event-stream; charset=utf-8", True), (b"application/json", False), (b"", False)]
)
def test_an_event_stream_is_known_by_its_content_type(kind: bytes, is_stream: bool) -> None:
    assert headers.is_event_stream([(b"Content-Type", kind)]) is is_stream
