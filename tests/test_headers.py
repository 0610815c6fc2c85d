"""Reading raw header lines."""

from __future__ import annotations

import pytest

from gateway import headers
from gateway.identify import tenant


def test_a_value_is_found_however_its_name_is_spelt_and_the_first_one_counts() -> None:
    lines = [(b"X-One", b"a"), (b"x-one", b"b"), (b"x-two", b"\xe9")]
    assert headers.first_value(lines, b"x-one") == "a"
    assert headers.first_value(lines, b"x-two") == "é"
    assert headers.first_value(lines, b"x-three") == ""


@pytest.mark.promise("P7")
@pytest.mark.parametrize(
    ("name", "is_credential"), [(b"x-litellm-api-key", True), (b"cookie", False), (b"x-openwebui-user-jwt", False)]
)
def test_every_credential_makes_a_tenant_and_nothing_else_does(name: bytes, is_credential: bool) -> None:
    key = (b"authorization", b"Bearer sk-1")
    assert (tenant([key, (name, b"a")], b"s") != tenant([key, (name, b"b")], b"s")) is is_credential


@pytest.mark.parametrize(
    ("kind", "is_stream"), [(b"text/event-stream; charset=utf-8", True), (b"application/json", False), (b"", False)]
)
def test_an_event_stream_is_known_by_its_content_type(kind: bytes, is_stream: bool) -> None:
    assert headers.is_event_stream([(b"Content-Type", kind)]) is is_stream
