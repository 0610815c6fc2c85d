"""Which heads are let in."""

from __future__ import annotations

import pytest

from gateway.errors import RequestError
from gateway.heads import Head, check
from gateway.ports import Headers
from gateway.sections import Server

LIMITS = Server(max_header_bytes=1_024, max_body_bytes=100)
HOST = (b"host", b"localhost:8080")


def judged(
    *headers: tuple[bytes, bytes],
    target: bytes = b"/v1/models",
    method: bytes = b"POST",
    version: str = "1.1",
    is_handshake: bool = False,
) -> int:
    """The status that a head gets: 200 when it is let in."""
    head = Head(method=method, target=target, version=version, headers=list(headers))
    try:
        check(head, LIMITS, is_handshake=is_handshake)
    except RequestError as error:
        return error.status
    return 200


@pytest.mark.parametrize(
    ("hosts", "version", "status"),
    [
        ([b"x"], "1.1", 200),
        ([b"my_service.internal:8080"], "1.1", 200),
        ([b"[::1]:8080"], "1.1", 200),
        ([b"[fe80::1%25eth0]"], "1.1", 200),
        ([], "1.0", 200),
        ([], "1.1", 400),
        ([b"x", b"x"], "1.1", 400),
        ([b"x", b"y"], "1.0", 400),
        ([b""], "1.1", 400),
        ([b"x/../y"], "1.1", 400),
        ([b"a@b"], "1.1", 400),
        ([b"x, y"], "1.1", 400),
        ([b"x:http"], "1.1", 400),
        ([b"x\xc3\xa9"], "1.1", 400),
        ([b"[::1"], "1.1", 400),
    ],
)
def test_a_request_names_one_host(hosts: list[bytes], version: str, status: int) -> None:
    assert judged(*((b"host", host) for host in hosts), version=version) == status


@pytest.mark.parametrize(
    ("target", "status"),
    [
        (b"/", 200),
        (b"//v1/models", 200),
        (b"/v1/models?a=/b", 200),
        (b"http://localhost:8080/v1/models", 200),
        (b"http://elsewhere/v1/models", 400),
        (b"http://localhost:8080", 400),
        (b"http://me@localhost:8080/", 400),
        (b"rtsp://localhost:8080/", 400),
        (b"*", 400),
        (b"localhost:443", 400),
    ],
)
def test_a_target_is_a_path_on_that_host(target: bytes, status: int) -> None:
    assert judged(HOST, target=target) == status


@pytest.mark.parametrize(
    ("framing", "status"),
    [
        ([(b"content-length", b"5")], 200),
        ([(b"content-length", b"100")], 200),
        ([(b"content-length", b"101")], 413),
        ([(b"content-length", b"9" * 19)], 413),
        ([(b"content-length", b"9" * 20)], 400),
        ([(b"content-length", b"+5")], 400),
        ([(b"content-length", b"-5")], 400),
        ([(b"content-length", b"5, 5")], 400),
        ([(b"content-length", b"")], 400),
        ([(b"content-length", b"5"), (b"content-length", b"5")], 400),
        ([(b"transfer-encoding", b"chunked")], 200),
        ([(b"transfer-encoding", b"Chunked")], 200),
        ([(b"transfer-encoding", b"xchunked")], 400),
        ([(b"transfer-encoding", b"gzip, chunked")], 400),
        ([(b"transfer-encoding", b"identity")], 400),
        ([(b"transfer-encoding", b"chunked"), (b"transfer-encoding", b"chunked")], 400),
        ([(b"transfer-encoding", b"chunked"), (b"content-length", b"5")], 400),
    ],
)
def test_there_is_one_way_to_tell_where_a_body_ends(framing: Headers, status: int) -> None:
    assert judged(HOST, *framing) == status


def test_a_client_of_http_1_0_knows_no_chunks() -> None:
    assert judged(HOST, (b"transfer-encoding", b"chunked"), version="1.0") == 400


@pytest.mark.parametrize("version", ["0.9", "2.0"])
def test_other_versions_are_not_spoken(version: str) -> None:
    assert judged(HOST, version=version) == 400


@pytest.mark.parametrize("method", [b"CONNECT", b"TRACE", b"PROPFIND", b"DESCRIBE"])
def test_no_api_has_the_methods_of_other_protocols(method: bytes) -> None:
    assert judged(HOST, method=method) == 400


@pytest.mark.parametrize("value", [b"a" * 980, b"a" * 1_100])
def test_the_whole_head_counts(value: bytes) -> None:
    assert judged(HOST, (b"x", value)) == (200 if len(value) < 1_000 else 431)


@pytest.mark.parametrize("framing", [(b"content-length", b"5"), (b"transfer-encoding", b"chunked")])
def test_a_handshake_has_no_body(framing: tuple[bytes, bytes]) -> None:
    assert judged(HOST, framing, is_handshake=True) == 400
    assert judged(HOST, (b"content-length", b"0"), is_handshake=True) == 200


@pytest.mark.parametrize(
    ("lines", "status"),
    [
        ({b"host": b"127.0.0.1:8080"}, 200),
        ({b"host": b"LOCALHOST"}, 200),
        ({b"host": b"[::1]:8080"}, 200),
        ({b"host": b"host.docker.internal:8080"}, 200),
        ({b"host": b"evil.example:8080"}, 403),
        ({b"host": b"127.0.0.1.evil.example"}, 403),
        ({b"host": b"localhost", b"origin": b"http://localhost:3000"}, 200),
        ({b"host": b"localhost", b"origin": b"https://evil.example"}, 403),
        ({b"host": b"localhost", b"origin": b"null"}, 200),
        ({b"host": b"localhost", b"origin": b"vscode-webview://1"}, 200),
    ],
)
def test_where_only_the_address_guards_the_door_no_page_of_elsewhere_is_let_in(
    lines: dict[bytes, bytes], status: int
) -> None:
    head = Head(method=b"GET", target=b"/v1/models", version="1.1", headers=list(lines.items()))
    check(head, LIMITS, is_handshake=False)
    found = 200
    try:
        check(head, LIMITS, is_handshake=False, is_local_only=True)
    except RequestError as error:
        found = error.status
    assert found == status
