from __future__ import annotations

import gc
import socket
import threading
from collections.abc import Iterator
from contextlib import contextmanager

import msgspec
import pytest

from gateway.embedders.http import SHORT_CHARS, HttpModel
from gateway.errors import MemoryUnavailable
from gateway.testing import ScriptedUpstream, Step


@contextmanager
def model_at(url: str, **changes: object) -> Iterator[HttpModel]:
    model = HttpModel(url, **{"model": "bag", **changes})  # type: ignore[arg-type] # a test's own choice of members
    yield model
    model.close()


def answer(*vectors: list[float]) -> Step:
    data = [{"index": index, "embedding": vector} for index, vector in enumerate(vectors)]
    return Step(chunks=[msgspec.json.encode({"data": data})])


def asked(upstream: ScriptedUpstream) -> list[dict[str, object]]:
    return [msgspec.json.decode(request.body) for request in upstream.requests()]


def complaint(model: HttpModel, texts: list[str]) -> str:
    with pytest.raises(MemoryUnavailable) as raised:
        model.vectors(texts, is_query=False)
    return str(raised.value)


def test_texts_are_sent_together_and_the_first_answer_tells_the_dimensions(upstream: ScriptedUpstream) -> None:
    with model_at(upstream.url, api_key="sk-1") as model:
        with pytest.raises(MemoryUnavailable, match="dimensions are not known"):
            _ = model.size
        tea, coffee, again = model.vectors(["tea", "coffee", "tea"], is_query=False)
        assert tea == again != coffee
        assert model.size == len(tea) == 64
    (request,) = upstream.requests()
    assert request.target == "/v1/embeddings"
    assert dict(request.headers)[b"authorization"] == b"Bearer sk-1"
    assert asked(upstream) == [{"model": "bag", "input": ["tea", "coffee", "tea"]}]


def test_dimensions_that_are_configured_are_asked_for_and_known_at_once(upstream: ScriptedUpstream) -> None:
    with model_at(upstream.url, dimensions=16) as model:
        assert (model.size, model.name) == (16, "http/bag/16")
        assert [len(vector) for vector in model.vectors(["tea"], is_query=True)] == [16]
    assert asked(upstream)[0]["dimensions"] == 16
    assert b"authorization" not in dict(upstream.requests()[0].headers)


def test_vectors_come_in_the_order_of_the_texts_whatever_that_of_the_answer(upstream: ScriptedUpstream) -> None:
    swapped = {"data": [{"index": 1, "embedding": [0, 2]}, {"index": 0, "embedding": [1.5, 0]}]}
    unnumbered = {"data": [{"embedding": [1, 0]}, {"embedding": [0, 2]}]}
    upstream.script([Step(chunks=[msgspec.json.encode(content)]) for content in (swapped, unnumbered)])
    with model_at(upstream.url) as model:
        assert model.vectors(["a", "b"], is_query=False) == [[1.5, 0.0], [0.0, 2.0]]
        assert model.vectors(["a", "b"], is_query=False) == [[1.0, 0.0], [0.0, 2.0]]


@pytest.mark.parametrize(("step", "reason"), [
    (Step(status=401, chunks=[b'{"error":"bad key sk-1"}']), "answered 401: embedder.api_key is missing or wrong"),
    (Step(status=404, chunks=[b"nothing"]), "answered 404: there is no such path, or no such model"),
    (Step(status=429, chunks=[b"slow \n down"]), "answered 429: slow down"),
    (Step(status=302, headers=[("location", "/else")]), "answered 302: "),
    (Step(chunks=[b"<html>"]), "did not answer with vectors"),
    (Step(chunks=[b'{"data":[{"embedding":"\xff"}]}']), "did not answer with vectors"),
    (Step(chunks=[b'{"data":[{"embedding":"AAAA","index":0}]}']), "did not answer with vectors"),
    (answer([1.0], [2.0]), "answered with 2 vectors for 1 texts"),
    (answer([1.0, 2.0]), "answered with 2 dimensions, expected 3"),
    (Step(framing="raw", chunks=[b"what?\r\n\r\n"], cut=9), "does not speak HTTP: BadStatusLine"),
    (Step(chunks=[b'{"data":[]}'], cut=4), "did not answer with vectors"),
])  # fmt: skip
def test_what_is_wrong_is_said(upstream: ScriptedUpstream, step: Step, reason: str) -> None:
    upstream.script([step])
    with model_at(upstream.url, dimensions=3, api_key="sk-1") as model:
        said = complaint(model, ["tea"])
    assert said.startswith(f"127.0.0.1:{upstream.port}/v1/embeddings {reason}")
    assert "sk-1" not in said
    assert len(upstream.requests()) == 1


def test_a_server_without_dimensions_has_no_vectors(upstream: ScriptedUpstream) -> None:
    upstream.script([answer([])])
    with model_at(upstream.url) as model:
        assert "answered with 0 dimensions, expected 1" in complaint(model, ["tea"])


def test_a_model_that_becomes_another_is_not_believed(upstream: ScriptedUpstream) -> None:
    upstream.script([answer([1.0, 0.0]), answer([1.0, 0.0, 0.0])])
    with model_at(upstream.url) as model:
        model.vectors(["tea"], is_query=False)
        assert "answered with 3 dimensions, expected 2" in complaint(model, ["tea"])


@pytest.mark.parametrize("url", ["http://127.0.0.1:1/v1", "http://a..b/v1"])
def test_a_server_that_is_not_there_cannot_be_reached(url: str) -> None:
    with model_at(url) as model:
        assert "cannot be reached: " in complaint(model, ["tea"])


def test_a_server_that_is_silent_is_waited_for_no_longer_than_told(upstream: ScriptedUpstream) -> None:
    upstream.script([Step(chunks=[b"{}"], hold=[0])])
    with model_at(upstream.url, timeout_s=0.05) as model:
        assert complaint(model, ["tea"]).endswith("did not answer within 50 ms")
    upstream.release()


def test_https_is_spoken_where_the_address_says_so(upstream: ScriptedUpstream) -> None:
    with model_at(upstream.url.replace("http:", "https:")) as model:
        assert "cannot be reached" in complaint(model, ["tea"])


@pytest.mark.parametrize("status", [400, 413, 422, 500])
def test_texts_that_are_refused_together_go_one_by_one_and_then_cut_short(
    upstream: ScriptedUpstream, status: int
) -> None:
    refusal = Step(status=status, chunks=[b"too long"])
    upstream.script([refusal, answer([1.0]), refusal, answer([2.0])])
    with model_at(upstream.url) as model:
        assert model.vectors(["short", "long " * 200], is_query=False) == [[1.0], [2.0]]
    assert [request["input"] for request in asked(upstream)] == [
        ["short", "long " * 200],
        ["short"],
        ["long " * 200],
        [("long " * 200)[:SHORT_CHARS]],
    ]


def test_a_short_text_that_is_refused_alone_is_refused(upstream: ScriptedUpstream) -> None:
    upstream.script([Step(status=400, chunks=[b"no such member: dimensions"])])
    with model_at(upstream.url) as model:
        assert complaint(model, ["tea"]).endswith("answered 400: no such member: dimensions")
    assert len(upstream.requests()) == 1


def test_a_connection_is_kept_and_made_anew_when_the_server_has_closed_it() -> None:
    body = msgspec.json.encode({"data": [{"embedding": [1.0]}]})
    wire = b"HTTP/1.1 200 OK\r\ncontent-length: %d\r\n\r\n%b" % (len(body), body)
    served: list[int] = []

    def serve(listener: socket.socket) -> None:
        for count in (2, 1):  # answers over the first connection, and over the second
            connection, _ = listener.accept()
            with connection:
                for _ in range(count):
                    received = b""
                    while not received.endswith(b'["tea"]}'):
                        received += connection.recv(65_536)
                    connection.sendall(wire)
                served.append(count)

    with socket.create_server(("127.0.0.1", 0)) as listener:
        thread = threading.Thread(target=serve, args=[listener])
        thread.start()
        with model_at(f"http://127.0.0.1:{listener.getsockname()[1]}/v1") as model:
            assert [model.vectors(["tea"], is_query=False) for _ in range(3)] == [[[1.0]]] * 3
        thread.join(10)
    assert served == [2, 1]


def test_what_is_answered_after_the_end_is_not_kept_open(upstream: ScriptedUpstream) -> None:
    model = HttpModel(upstream.url, model="bag")
    model.close()
    model.vectors(["tea"], is_query=False)
    del model  # a connection left open would now be a warning, and so an error
    gc.collect()
