"""What traces say: names and attributes of calls, recalls and writes."""

from __future__ import annotations

import json

import msgspec
import pytest

from gateway import spans
from gateway.spans import Call, Write
from gateway.types import Considered, Exchange, Outcome, Reply, ToolCall, Turn, Usage
from tests.exchanges import NOW, assistant, exchange, user
from tests.periods import memory

FOUND = Considered(memory="m_1", lane="episode", text="Biscuit is a dog.", score=0.5, decision="injected")
MISSED = Considered(memory="m_2", lane="episode", text="Ann has a boat.", score=0.1, decision="weak")

REPLY = Reply(
    turns=(assistant("No chicken."),),
    id="resp_1",
    model="gpt-4o-2024",
    finish_reason="stop",
    usage=Usage(prompt_tokens=900, completion_tokens=12, cached_tokens=800),
)


def call(told: Exchange | None = None, word: str = "recorded") -> Call:
    return Call(began=NOW, ended=NOW + 2, carrier={}, marks=[("recall", NOW, NOW + 1)], word=word, exchange=told)


def asked(**changes: object) -> Exchange:
    plain = exchange(
        user("What may Biscuit not eat?"),
        model="gpt-4o",
        policy="support",
        reply=REPLY,
        outcome=Outcome(status="hit", notes=1, tokens=30),
        considered=(FOUND, MISSED),
        ended_at=NOW + 1.5,
    )
    return msgspec.structs.replace(plain, **changes)


def test_a_call_is_named_by_its_operation_and_model() -> None:
    assert spans.name_of(call(asked())) == "chat gpt-4o"
    assert spans.name_of(call(asked(path="/completions", model="davinci"))) == "text_completion davinci"
    assert spans.name_of(call(asked(model=""))) == "chat"
    assert spans.name_of(call()) == "call"


def test_a_call_says_what_the_conventions_ask_for_and_what_memory_did_and_nothing_that_was_said() -> None:
    assert spans.of_call(call(asked()), has_content=False) == {
        "accrue.settled": "recorded",
        "accrue.exchange": "ex_1",
        "accrue.policy": "support",
        "accrue.memory": "hit",
        "accrue.memory.reason": "",
        "accrue.memory.notes": 1,
        "accrue.memory.tokens": 30,
        "gen_ai.operation.name": "chat",
        "gen_ai.provider.name": "openai",
        "gen_ai.request.model": "gpt-4o",
        "gen_ai.conversation.id": "s1",
        "gen_ai.agent.name": "default",
        "gen_ai.response.id": "resp_1",
        "gen_ai.response.model": "gpt-4o-2024",
        "gen_ai.response.finish_reasons": ["stop"],
        "gen_ai.usage.input_tokens": 900,
        "gen_ai.usage.output_tokens": 12,
        "gen_ai.usage.cache_read.input_tokens": 800,
        "http.response.status_code": 200,
    }


def test_a_call_that_was_never_answered_says_only_what_is_known() -> None:
    told = spans.of_call(call(asked(reply=None, status=None, path="/messages")), has_content=True)
    assert told["gen_ai.provider.name"] == "anthropic"
    assert not any(name.startswith(("gen_ai.response", "gen_ai.usage", "http")) for name in told)
    assert spans.of_call(call(asked(reply=Reply())), has_content=False).keys() == told.keys() - {
        "gen_ai.input.messages",
        "gen_ai.output.messages",
    } | {"http.response.status_code"}
    assert spans.of_call(call(word="off"), has_content=True) == {"accrue.settled": "off"}


def test_what_was_said_is_told_where_it_is_asked_for_in_the_form_of_the_conventions() -> None:
    tool = ToolCall(id="c1", name="feed", arguments='{"dog": "Biscuit"}')
    turns = (Turn(role="tool", text="fed", answers="c0"), Turn(role="assistant", text="", calls=(tool,)), user("And?"))
    told = spans.of_call(call(asked(turns=turns)), has_content=True)
    assert json.loads(str(told["gen_ai.input.messages"])) == [
        {"role": "tool", "parts": [{"type": "tool_call_response", "id": "c0", "response": "fed"}]},
        {
            "role": "assistant",
            "parts": [{"type": "tool_call", "id": "c1", "name": "feed", "arguments": '{"dog": "Biscuit"}'}],
        },
        {"role": "user", "parts": [{"type": "text", "content": "And?"}]},
    ]
    assert json.loads(str(told["gen_ai.output.messages"]))[0]["parts"] == [{"type": "text", "content": "No chicken."}]


def test_a_recall_says_how_many_memories_it_looked_at_and_which_were_told_where_that_is_asked_for() -> None:
    assert spans.of_search(call(asked()), has_content=False) == {
        "gen_ai.operation.name": "search_memory",
        "gen_ai.memory.record.count": 2,
    }
    told = spans.of_search(call(asked()), has_content=True)
    assert told["gen_ai.memory.query.text"] == "What may Biscuit not eat?"
    assert json.loads(str(told["gen_ai.memory.records"])) == [
        {"id": "m_1", "content": "Biscuit is a dog.", "score": 0.5}
    ]
    assert spans.of_search(call(), has_content=True) == {"gen_ai.operation.name": "search_memory"}


@pytest.mark.parametrize("word", ["journal", "error"])
def test_what_is_not_on_record_was_perhaps_never_cleaned_and_is_not_told(word: str) -> None:
    told = call(asked(), word)
    said = {**spans.of_call(told, has_content=True), **spans.of_search(told, has_content=True)}
    assert "Biscuit" not in str(said)


def test_a_write_says_how_many_memories_it_holds_and_their_texts_where_that_is_asked_for() -> None:
    one, other = memory("m_1", "Answer in French."), memory("m_2", "Be brief.", exchange="ex_8", last="ex_9")
    write = Write(began=NOW, ended=NOW, memories=[one])
    assert spans.of_write(write, has_content=False) == {
        "gen_ai.operation.name": "upsert_memory",
        "gen_ai.memory.record.count": 1,
        "gen_ai.memory.record.id": "m_1",
    }
    both = Write(began=NOW, ended=NOW, memories=[one, other])
    told = spans.of_write(both, has_content=True)
    assert "gen_ai.memory.record.id" not in told
    assert [record["content"] for record in json.loads(str(told["gen_ai.memory.records"]))] == [
        "Answer in French.",
        "Be brief.",
    ]
    assert list(both.exchanges) == ["ex_0", "ex_9", "ex_8"]


@pytest.mark.parametrize(
    ("told", "error"),
    [
        (call(asked()), ""),
        (call(asked(status=429)), "429"),
        (call(asked(state="interrupted")), "interrupted"),
        (call(asked(state="interrupted", status=502)), "502"),
        (call(word="401"), "401"),
        (call(word="error"), "error"),
        (call(word="off"), ""),
    ],
)
def test_what_went_wrong_is_one_word(told: Call, error: str) -> None:
    assert spans.error_of(told) == error


def test_a_recall_that_did_not_come_about_says_why() -> None:
    assert spans.trouble_of(call(asked(outcome=Outcome(status="timeout")))) == "timeout"
    assert spans.trouble_of(call(asked())) == spans.trouble_of(call()) == ""


def test_an_answer_goes_on_record_from_its_end_on() -> None:
    assert list(spans.stages(call(asked()))) == [("recall", NOW, NOW + 1), ("record", NOW + 1.5, NOW + 2)]
    assert list(spans.stages(call(asked(ended_at=None)))) == list(spans.stages(call())) == [("recall", NOW, NOW + 1)]


def test_a_name_that_a_client_chose_is_cut_and_can_be_sent() -> None:
    assert spans.plain("gpt-4o") == "gpt-4o"
    assert len(spans.plain("x" * 10_000)) == spans.MAX_CHARS
    assert spans.plain("a\ud800b").encode() == b"a?b"
