"""What every detector must do, whatever it looks for: the family is the files of gateway/signals."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import get_args

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from gateway import signals
from gateway.experience import Feedback, Grade
from gateway.memories import Memory
from gateway.registry import family
from gateway.signals.base import MAX_EVIDENCE_CHARS, Detector, Seen
from gateway.types import Reply, ToolCall, Turn
from tests.exchanges import ANN, NOW, exchange

DETECTORS: dict[str, Detector] = {name: module.DETECTOR for name, module in family(signals).items()}

TEXTS = st.one_of(
    st.text(max_size=60),
    st.sampled_from(
        [
            "",
            "Error: flight HAT030 not available on date 2024-05-13",
            '{"error": {"code": 429, "message": "Slow \\"down\\""}}',
            "Traceback (most recent call last):\n  File 'a.py'\nKeyError: 'x'",
            "Exit code 1\nFAILED tests/test_a.py::test_x - assert 1 == 2\n1 failed in 0.1s",
            "tests/test_a.py::test_x PASSED\n1 passed in 0.1s",
            "--- FAIL: TestAdd (0.00s)\n    a_test.go:1: no\nFAIL\tx/y\t0.1s",
            "test a::b ... ok\ntest result: ok. 1 passed; 0 failed",
            "FAIL src/a.test.js\n  ✕ adds (1 ms)\n\nTests:       1 failed, 1 total",
            "I'm sorry, but I can't help with that.",
            '{"id": 7}',
            '{"id": "W1", "items": []}',
            "No, that's wrong. I meant the blue one, not the red one.",
            "Thanks, that works perfectly!",
            "Please answer in German, and never use bullet points.",
            "1. Book the flight\n2. Write to Ann\n3. Send me the bill",
            "As I said: never use bullet points!",
            "It should be refund_not_showing_up, not card_arrival.",
            "label: card_arrival",
            "- one\n- two",
            "Please book the flight and then write to Ann.",
        ]
    ),
)
ARGUMENTS = st.one_of(
    TEXTS, st.dictionaries(st.sampled_from(["id", "command", "path", "items"]), TEXTS, max_size=3).map(json.dumps)
)
CALLS = st.builds(
    ToolCall,
    id=st.sampled_from(["c1", "c2", "c3"]),
    name=st.sampled_from(["book", "bash", "read_file"]),
    arguments=ARGUMENTS,
)
TURNS = st.one_of(
    st.builds(Turn, role=st.just("user"), text=TEXTS),
    st.builds(Turn, role=st.just("tool"), text=TEXTS, answers=st.sampled_from(["c1", "c2", "c3", None])),
)
REPLIES = st.builds(
    Reply,
    turns=st.lists(
        st.builds(Turn, role=st.just("assistant"), text=TEXTS, calls=st.lists(CALLS, max_size=2).map(tuple)), max_size=2
    ).map(tuple),
    finish_reason=st.sampled_from(["stop", "length", "content_filter", "tool_calls", None]),
    is_complete=st.booleans(),
)
SCHEMAS = st.dictionaries(
    st.sampled_from(["", "book", "bash"]),
    st.sampled_from(["{}", "{", '{"type": "object", "required": ["id"], "properties": {"id": {"type": "string"}}}']),
    max_size=2,
)


@st.composite
def sessions(draw: st.DrawFn) -> Seen:
    exchanges = [
        exchange(
            *draw(st.lists(TURNS, max_size=4)),
            id=f"ex_{place}",
            at=NOW + 60 * place,
            ended_at=NOW + 60 * place + 5,
            asked=tuple(draw(st.lists(CALLS, max_size=2))),
            context=tuple(draw(st.lists(TURNS.filter(lambda turn: turn.role == "user"), max_size=2))),
            reply=draw(st.none() | REPLIES),
            schemas=draw(SCHEMAS),
        )
        for place in range(draw(st.integers(1, 5)))
    ]
    return Seen(
        exchange=exchanges[-1],
        earlier=tuple(exchanges[:-1]),
        rules=tuple(memory(text) for text in draw(st.lists(TEXTS.filter(bool), max_size=2))),
        feedback=tuple(draw(st.lists(feedbacks(), max_size=1))),
        is_over=draw(st.booleans()),
    )


def feedbacks() -> st.SearchStrategy[Feedback]:
    return st.builds(
        Feedback,
        id=st.just("fb_1"),
        tenant=st.just(ANN.tenant),
        exchange=st.sampled_from(["ex_0", ""]),
        session=st.just(ANN.session),
        at=st.just(NOW),
        metric=TEXTS,
        value=st.sampled_from([None, True, False, 0.0, 0.4, 1.0]),
        label=TEXTS,
        comment=TEXTS,
        correction=TEXTS,
        demonstration=TEXTS,
    )


def memory(text: str) -> Memory:
    return Memory(
        id="me_1",
        kind="constraint",
        text=text,
        key=text,
        origin="user",
        exchange="ex_0",
        session="s1",
        at=NOW,
        recorded_at=NOW,
    )


@pytest.mark.parametrize("name", DETECTORS)
def test_a_detector_goes_by_the_name_of_its_file_and_says_which_version_it_is(name: str) -> None:
    detector = DETECTORS[name]
    assert detector.name == name
    assert detector.version >= 1
    assert detector.grade in get_args(Grade)


@pytest.mark.parametrize("name", DETECTORS)
@settings(deadline=None, max_examples=60)
@given(seen=sessions())
def test_whatever_happened_is_looked_at_and_what_is_seen_stands_there(name: str, seen: Seen) -> None:
    found = DETECTORS[name].find(seen)
    said = tuple(strings(seen))
    for one in found:
        assert (one.name, one.version) == (name, DETECTORS[name].version)
        assert (one.exchange, one.session, one.at) == (seen.exchange.id, ANN.session, seen.exchange.at)
        assert 0 < len(one.evidence) <= MAX_EVIDENCE_CHARS
        assert any(one.evidence in text for text in said), one.evidence
        assert all(isinstance(value, str) for value in one.details.values())
    assert list(DETECTORS[name].find(seen)) == list(found)


@pytest.mark.parametrize("name", DETECTORS)
def test_where_nothing_happened_nothing_is_seen(name: str) -> None:
    assert not DETECTORS[name].find(Seen(exchange=exchange()))
    assert not DETECTORS[name].find(Seen(exchange=exchange(reply=None)))


def strings(value: object) -> Iterator[str]:
    """All texts in what there is to look at."""
    if isinstance(value, str):
        yield value
    elif isinstance(value, bool | float):
        yield msgspec.json.encode(value).decode()
    elif isinstance(value, tuple | list):
        for item in value:
            yield from strings(item)
    elif isinstance(value, dict):
        yield from strings(tuple(value.values()))
    elif isinstance(value, msgspec.Struct):
        yield from strings(tuple(getattr(value, name) for name in value.__struct_fields__))
