"""What is stated in each language beside English, what only sounds like it, and what is taken back."""

from __future__ import annotations

import pytest

from gateway.kinds.sentences import is_off_the_record
from tests.languages import chinese, french, german, spanish
from tests.stated import ended, kinds_of, stated

LANGUAGES = (german, spanish, french, chinese)


@pytest.mark.parametrize(("kind", "text"), [case for language in LANGUAGES for case in language.STATED])
def test_what_is_stated_is_kept(kind: str, text: str) -> None:
    assert kinds_of(text) == [kind]


@pytest.mark.parametrize("text", [text for language in LANGUAGES for text in language.NOTHING])
def test_what_only_sounds_like_it_is_not_kept(text: str) -> None:
    assert kinds_of(text) == []


@pytest.mark.parametrize(("before", "message"), [case for language in LANGUAGES for case in language.ENDED])
def test_what_is_replaced_or_taken_back_ends(before: str, message: str) -> None:
    assert set(ended(before, message)) == {stated(before)[0].text}


@pytest.mark.parametrize(("before", "message"), [case for language in LANGUAGES for case in language.LEFT])
def test_in_doubt_nothing_ends(before: str, message: str) -> None:
    assert ended(before, message) == {}


@pytest.mark.parametrize("text", [text for language in LANGUAGES for text in language.OFF_THE_RECORD])
def test_a_message_may_be_off_the_record(text: str) -> None:
    assert is_off_the_record(text)


@pytest.mark.parametrize("text", [text for language in LANGUAGES for text in language.HERE])
def test_an_order_for_this_chat_holds_in_it(text: str) -> None:
    assert [(memory.kind, memory.reach) for memory in stated(text)] == [("constraint", "session")]


@pytest.mark.parametrize("text", [language.OPENING for language in LANGUAGES])
def test_the_orders_that_open_a_chat_hold_in_it(text: str) -> None:
    assert [memory.reach for memory in stated(text, is_first=True)] == ["session"] * 2
