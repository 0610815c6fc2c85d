"""The handle: start, tell, ask, end."""

from __future__ import annotations

import http.client
import os

import pytest

from gateway.testing import ScriptedUpstream, Step


def get(upstream: ScriptedUpstream, path: str, body: bytes = b"") -> tuple[int, bytes]:
    connection = http.client.HTTPConnection("127.0.0.1", upstream.port, timeout=5)
    connection.request("POST", path, body, {"X-Mine": "1"})
    answer = connection.getresponse()
    content = answer.read()
    connection.close()
    return answer.status, content


def test_it_ends_the_process_it_started() -> None:
    with ScriptedUpstream() as upstream:
        pid = upstream._process.pid
        assert get(upstream, "/v1/x") == (200, b"")
    with pytest.raises(ProcessLookupError):
        os.kill(pid, 0)
    with pytest.raises(ConnectionRefusedError):
        get(upstream, "/v1/x")


def test_the_script_is_followed_one_step_a_request_and_then_it_answers_by_itself(scripted: ScriptedUpstream) -> None:
    scripted.script([Step(status=500, chunks=[b"\xff"]), Step(status=201)])
    scripted.script([Step(chunks=[b"third"])])
    assert [get(scripted, "/v1/x", b"own") for _ in range(4)] == [
        (500, b"\xff"),
        (201, b""),
        (200, b"third"),
        (200, b"own"),
    ]


def test_a_request_is_kept_as_it_came(scripted: ScriptedUpstream) -> None:
    get(scripted, "/v1//a%2Fb?c=%20", b"\x00\xff")
    (request,) = scripted.requests()
    assert (request.method, request.target, request.body) == ("POST", "/v1//a%2Fb?c=%20", b"\x00\xff")
    assert [name for name, _ in request.headers] == [b"Host", b"Accept-Encoding", b"Content-Length", b"X-Mine"]


def test_completions_say_what_they_are_told_to(scripted: ScriptedUpstream) -> None:
    scripted.respond("{said}? Bern.")
    _, body = get(scripted, "/v1/chat/completions", b'{"messages":[{"role":"user","content":"where"}]}')
    assert b"where? Bern." in body


def test_clearing_forgets_everything(scripted: ScriptedUpstream) -> None:
    scripted.script([Step(status=500)])
    scripted.respond("else")
    get(scripted, "/v1/y")
    scripted.script([Step(status=500)])
    scripted.clear()
    assert scripted.requests() == []
    assert b"You said: " in get(scripted, "/v1/completions", b'{"prompt":"hi"}')[1]


def test_an_order_that_does_not_exist_is_refused(scripted: ScriptedUpstream) -> None:
    with pytest.raises(ValueError, match="no order 'dance'"):
        scripted._control("dance")
    assert scripted.url.startswith("http://127.0.0.1:")
