"""The one credential of a request, and what it is known by."""

from __future__ import annotations

import hashlib
from itertools import combinations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from gateway.credentials import credential, fingerprint, tenant
from gateway.errors import BadRequest
from gateway.headers import CREDENTIAL_HEADERS
from gateway.ports import Headers

SECRET = b"s" * 32
KEY = (b"authorization", b"Bearer sk-1")
PROTOCOL = (b"sec-websocket-protocol", b"realtime, openai-insecure-api-key.sk-1")

keys = st.text(st.characters(min_codepoint=33, max_codepoint=126), min_size=1, max_size=40)


def of(headers: Headers, query: str = "") -> str:
    return tenant(credential(headers, query), SECRET)


def in_header(name: bytes, key: str) -> tuple[bytes, bytes]:
    return name, (b"Bearer " if name == b"authorization" else b"") + key.encode()


def as_before(name: bytes, value: bytes) -> str:
    """The tenant as earlier versions made it, by which directories know whose memory is whose."""
    digest = hashlib.blake2b(key=SECRET, person=b"tenant", digest_size=16)
    digest.update(b"%s %d:%s" % (name, len(value), value))
    return digest.hexdigest()


@pytest.mark.promise("P7")
@settings(deadline=None, max_examples=100)
@given(st.sampled_from(CREDENTIAL_HEADERS), keys)
def test_the_memory_of_earlier_versions_is_found_again(name: bytes, key: str) -> None:
    line = in_header(name, key)
    assert of([line]) == as_before(*line)
    assert of([(name, b" " + line[1] + b"\t")]) == as_before(*line)


@pytest.mark.promise("P7")
def test_the_memory_of_other_places_is_found_again_too() -> None:
    assert of([PROTOCOL]) == as_before(b"sec-websocket-protocol", b"openai-insecure-api-key.sk-1")
    assert of([], "x=1&api%2Dkey=a") == as_before(b"query", b"api%2Dkey=a")
    assert of([(b"authorization", b"Bearer ")]) == as_before(b"authorization", b"Bearer")
    assert of([]) == hashlib.blake2b(key=SECRET, person=b"tenant", digest_size=16).hexdigest()


@pytest.mark.promise("P7")
@settings(deadline=None, max_examples=100)
@given(keys, keys)
def test_two_keys_are_two_tenants(one: str, other: str) -> None:
    tenants = {of([in_header(b"authorization", key)]) for key in (one, other)}
    assert len(tenants) == len({one, other})


@pytest.mark.promise("P7")
@pytest.mark.parametrize(("one", "other"), list(combinations(CREDENTIAL_HEADERS, 2)))
def test_a_key_in_two_places_is_one_credential_and_two_keys_are_refused(one: bytes, other: bytes) -> None:
    twice = [in_header(other, "sk-1"), in_header(one, "sk-1")]
    assert of(twice) == of(twice[::-1]) == of([in_header(one, "sk-1")])
    with pytest.raises(BadRequest) as refused:
        credential([in_header(one, "sk-1"), in_header(other, "sk-2")])
    assert (refused.value.status, refused.value.code) == (400, "ambiguous_credentials")
    assert f"({one.decode()}, {other.decode()})" in str(refused.value)
    assert "sk-" not in str(refused.value)


@pytest.mark.promise("P7")
@pytest.mark.parametrize(
    ("headers", "query"),
    [
        ([KEY, (b"authorization", b"Bearer sk-2")], ""),
        ([KEY, (b"authorization", b"Basic sk-1")], ""),
        ([KEY], "api-key=sk-2"),
        ([], "key=sk-1&api_key=sk-2"),
        ([PROTOCOL, (b"api-key", b"sk-2")], ""),
        ([(b"sec-websocket-protocol", b"openai-insecure-api-key.a, openai-insecure-api-key.b")], ""),
    ],
)
def test_two_keys_are_refused_in_whatever_places(headers: Headers, query: str) -> None:
    with pytest.raises(BadRequest, match="different credentials"):
        credential(headers, query)


@pytest.mark.parametrize(
    ("headers", "query"),
    [
        ([KEY, KEY], ""),
        ([KEY, (b"Authorization", b"bearer  sk-1")], ""),
        ([KEY, (b"x-api-key", b"")], ""),
        ([(b"x-api-key", b" "), KEY], "key="),
        ([KEY, PROTOCOL], "api-key=sk%2D1"),
        ([KEY, (b"openai-organization", b"org-1"), (b"cookie", b"a=b")], "beta=true&monkey=a"),
    ],
)
def test_one_key_is_one_credential_however_often_it_is_sent(headers: Headers, query: str) -> None:
    found = credential(headers, query)
    assert found is not None
    assert (found.key, of(headers, query)) == ("sk-1", of([KEY]))


def test_a_request_without_a_credential_has_none() -> None:
    assert credential([(b"cookie", b"a=b")], "page=2") is None


@pytest.mark.promise("P7")
def test_neither_tenant_nor_fingerprint_is_to_be_had_without_the_secret() -> None:
    assert tenant(credential([KEY]), SECRET) != tenant(credential([KEY]), b"t" * 32)
    assert fingerprint("sk-1", SECRET) not in (fingerprint("sk-2", SECRET), fingerprint("sk-1", b"t" * 32))
    assert b"sk-1" not in fingerprint("sk-1", SECRET)
