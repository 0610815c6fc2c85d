from __future__ import annotations

from typing import Any

import msgspec
import pytest

from benchmarks.bodies import REQUESTS_PER_SESSION, Session
from benchmarks.cells import BODIES

ANSWER = b'{"choices":[{"message":{"role":"assistant","content":"it is there"}}]}'


def messages(body: bytes) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = msgspec.json.decode(body)["messages"]
    return found


def test_a_question_by_itself_is_new_each_time_and_nothing_that_was_heard_is_in_it() -> None:
    session = Session(0, is_stream=True)
    first = session.request(1)
    session.heard(ANSWER)
    second = session.request(2)
    assert [message["role"] for message in messages(second)] == ["system", "user"]
    assert messages(first)[1] != messages(second)[1]
    assert msgspec.json.decode(second)["stream"] is True


def test_a_session_grows_by_the_answer_and_the_next_question() -> None:
    session = Session(6, is_stream=False)
    first = messages(session.request(1))
    session.heard(ANSWER)
    second = messages(session.request(2))
    assert second[:6] == first
    roles = [message["role"] for message in second]
    assert roles == ["system", "user", "assistant", "tool", "assistant", "user", "assistant", "user"]


def test_after_some_requests_another_session_begins_that_differs_from_its_first_words_on() -> None:
    session = Session(6, is_stream=False)
    first = messages(session.request(0))
    for number in range(1, REQUESTS_PER_SESSION):
        session.heard(ANSWER)
        session.request(number)
    session.heard(ANSWER)
    other = messages(session.request(REQUESTS_PER_SESSION))
    assert len(other) == 6
    assert other[1] != first[1]


@pytest.mark.parametrize("count", BODIES)
def test_bodies_have_as_many_messages_and_about_the_size_that_tables_say(count: int) -> None:
    body = Session(count, is_stream=False).request(1)
    number, unit = BODIES[count].split()
    stated = int(number) * {"KB": 1_000, "MB": 1_000_000}[unit]
    assert len(messages(body)) == count
    assert 0.8 * stated < len(body) < 1.25 * stated
