from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from typing import Any

import msgspec
import pytest

from benchmarks import client
from benchmarks.client import Chat, Question, notes_in
from benchmarks.harness import Failed
from gateway.testing import Received, ScriptedUpstream, Step

CHAT = Chat(user="ada", session="one", messages=("I moved to Lyon.", "Noted.", "And the dog too.", "Good."))


def saying(text: str, memory: str = "empty") -> Step:
    """An answer of a provider, as a gateway would pass it on."""
    body = {"choices": [{"message": {"role": "assistant", "content": text}}]}
    headers = [("content-type", "application/json"), ("x-accrue-memory", memory)]
    return Step(headers=headers, chunks=[msgspec.json.encode(body)])


def header(request: Received, name: bytes) -> bytes | None:
    return dict(request.headers).get(name)


@pytest.fixture
def other() -> Iterator[ScriptedUpstream]:
    with ScriptedUpstream() as process:
        yield process


def test_a_chat_grows_call_by_call_and_each_call_predicts_its_answer(upstream: ScriptedUpstream) -> None:
    upstream.script([saying("Noted."), saying("Good.", "hit; notes=1; tokens=9; lanes=episode:1")])
    assert client.feed(upstream.url, [CHAT]) == 2
    first, second = upstream.requests()
    expected: list[dict[str, Any]] = [
        {"role": "user", "content": "I moved to Lyon."},
        {"role": "assistant", "content": "Noted."},
        {"role": "user", "content": "And the dog too."},
    ]
    assert json.loads(first.body)["messages"] == expected[:1]
    assert json.loads(first.body)["prediction"]["content"] == "Noted."
    assert json.loads(second.body)["messages"] == expected
    assert json.loads(second.body)["prediction"]["content"] == "Good."
    assert (header(first, b"x-accrue-user"), header(first, b"x-accrue-session")) == (b"ada", b"one")
    assert header(first, b"x-accrue-memory") is None


def test_a_client_need_not_name_its_chats(upstream: ScriptedUpstream) -> None:
    upstream.script([saying("Noted."), saying("Good.")])
    client.feed(upstream.url, [msgspec.structs.replace(CHAT, session="")])
    assert all(header(request, b"x-accrue-session") is None for request in upstream.requests())


def test_chats_of_one_user_follow_each_other(upstream: ScriptedUpstream) -> None:
    chats = [Chat(user="ada", session=str(number), messages=("Hello.", "Fine.")) for number in range(5)]
    upstream.script([saying("Fine.")] * 5)
    client.feed(upstream.url, chats)
    sessions = [header(request, b"x-accrue-session") for request in upstream.requests()]
    assert sessions == [b"0", b"1", b"2", b"3", b"4"]


@pytest.mark.parametrize(
    ("answer", "complaint"),
    [
        (saying("Something else."), "was to say 'Noted.'"),
        (Step(status=503, chunks=[b"busy"]), "answered with 503: b'busy'"),
        (saying("Noted.", "timeout"), r"\{'timeout': 1\}"),
        (saying("Noted.", "off; reason=side_call"), r"\{'off': 1\}"),
        (Step(chunks=saying("Noted.").chunks), r"\{'unknown': 1\}"),
    ],
    ids=["other words", "an error", "late memory", "memory not asked", "no gateway"],
)
def test_a_call_that_would_falsify_the_figures_is_a_failure(
    upstream: ScriptedUpstream, answer: Step, complaint: str
) -> None:
    upstream.script([answer])
    with pytest.raises(Failed, match=complaint):
        client.feed(upstream.url, [msgspec.structs.replace(CHAT, messages=CHAT.messages[:2])])


def test_questions_that_the_provider_never_heard_are_a_failure(
    upstream: ScriptedUpstream, other: ScriptedUpstream
) -> None:
    upstream.script([saying("Lyon.")])
    with pytest.raises(Failed, match="1 questions were asked, and the provider heard 0"):
        client.ask(upstream.url, other, [Question(user="ada", session="two", ask="Where do I live?")])


@pytest.mark.parametrize(
    ("memory", "heard"),
    [("hit; notes=1; tokens=9; lanes=episode:1", "Where?"), ("empty", "Where? <notes>")],
    ids=["a hit without notes", "notes without a hit"],
)
def test_an_answer_that_does_not_say_what_the_provider_got_is_a_failure(
    upstream: ScriptedUpstream, monkeypatch: pytest.MonkeyPatch, memory: str, heard: str
) -> None:
    async def asked(url: str, questions: Sequence[Question]) -> list[str]:
        return [memory]

    body = msgspec.json.encode({"messages": [{"role": "user", "content": heard}]})
    request = Received(method="POST", target="/", headers=[(b"x-question", b"0")], body=body)
    monkeypatch.setattr(client, "_ask", asked)
    monkeypatch.setattr(upstream, "requests", lambda: [request])
    with pytest.raises(Failed, match="the answer says"):
        client.ask("nowhere", upstream, [Question(user="ada", session="two", ask="Where?")])


def test_notes_are_all_that_stands_beside_the_clients_own_words() -> None:
    heard = [{"content": "Be brief.\n\n<rules>"}, {"content": "Yes."}, {"content": "Where?\n\n<notes>"}]
    body = msgspec.json.encode({"messages": heard})
    assert notes_in(body, ["Be brief.", "Yes.", "Where?"]) == "\n\n<rules>\n\n<notes>"


@pytest.mark.parametrize("own", [["Where?"], ["When?", "Yes."]], ids=["a message more", "other words"])
def test_words_that_were_changed_on_the_way_are_a_failure(own: list[str]) -> None:
    body = msgspec.json.encode({"messages": [{"content": "Where?"}, {"content": "Yes."}]})
    with pytest.raises(Failed, match="the client said"):
        notes_in(body, own)
