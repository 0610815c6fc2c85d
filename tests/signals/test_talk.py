"""gateway/signals/talk.py: what is said now, and what came before it."""

from __future__ import annotations

import msgspec

from gateway.experience import Feedback
from gateway.signals.base import Seen
from gateway.signals.talk import before, first_line, heard, question_of, said, typed
from gateway.types import Turn
from tests.exchanges import NOW, assistant, exchange, user
from tests.signals.talked import asked, follows, opens


def test_a_message_is_judged_once() -> None:
    seen = follows("That's wrong.")
    fed = Feedback(id="fb_1", tenant="acme", exchange="ex_1", at=NOW, value=True)
    assert said(seen) == "That's wrong."
    assert said(msgspec.structs.replace(seen, is_over=True)) == ""
    assert said(msgspec.structs.replace(seen, feedback=(fed,))) == ""
    assert said(follows("That's wrong.", status=503)) == ""


def test_what_is_off_the_record_and_what_tools_say_is_nothing_of_the_users() -> None:
    assert said(follows("Keep this off the record: that's wrong.")) == ""
    assert said(Seen(exchange=exchange(Turn(role="tool", text="ok", answers="call_1")))) == ""


def test_what_coding_agents_put_before_a_message_was_not_typed() -> None:
    assert (
        typed("<system-reminder>\nBe kind.\n</system-reminder>\n<env>x</env>\nNo, the other one") == "No, the other one"
    )
    assert typed("a <b>bold</b> word") == "a <b>bold</b> word"


def test_the_answer_before_is_what_the_client_sends_back() -> None:
    earlier = before(follows("And?", question="When?", answer="At ten."))
    assert earlier is not None
    assert (earlier.question, earlier.answer, earlier.exchange) == ("When?", "At ten.", "ex_0")


def test_an_answer_that_was_edited_is_known_by_its_question() -> None:
    seen = follows("And?", question="When?", answer="At eleven.")
    earlier = before(
        msgspec.structs.replace(seen, earlier=(asked("Who?", "Ann."), asked("When?", "At ten.", id="ex_2")))
    )
    assert earlier is not None
    assert earlier.exchange == "ex_2"


def test_an_answer_that_is_on_no_record_has_no_exchange() -> None:
    earlier = before(msgspec.structs.replace(follows("And?"), earlier=()))
    assert earlier is not None
    assert earlier.exchange == ""


def test_the_first_message_follows_nothing() -> None:
    assert before(opens("Hello", "Hi!")) is None
    only_user = exchange(user("Hello?"), context=(user("Hello"),))
    assert before(Seen(exchange=only_user)) is None


def test_where_the_upstream_keeps_the_conversation_the_record_tells_what_came_before() -> None:
    title = exchange(id="ex_t", is_aside=True)
    now = exchange(user("And?"), id="ex_1", path="/responses")
    earlier = before(Seen(exchange=now, earlier=(asked("When?", "At ten."), title)))
    assert earlier is not None
    assert (earlier.question, earlier.answer, earlier.exchange) == ("When?", "At ten.", "ex_0")
    assert before(Seen(exchange=now, earlier=(asked("When?", ""),))) is None


def test_a_request_of_its_own_follows_nothing_of_its_session() -> None:
    earlier = (asked("When?", "At ten."),)
    stateless = exchange(user("And?"), id="ex_1")
    begun = exchange(Turn(role="system", text="Be brief."), user("And?"), id="ex_1", path="/responses")
    assert before(Seen(exchange=stateless, earlier=earlier)) is None
    assert before(Seen(exchange=begun, earlier=earlier)) is None


def test_the_question_may_stand_before_the_tool_calls() -> None:
    result = Turn(role="tool", text="ok", answers="call_1")
    assert question_of(exchange(result, context=(user("Book it"), assistant("One moment.")))) == "Book it"
    assert question_of(exchange(result)) == ""


def test_calls_about_a_session_are_not_heard_in_it() -> None:
    talk, title = asked("When?", "At ten."), exchange(id="ex_t", is_aside=True)
    assert heard(Seen(exchange=talk, earlier=(talk, title))) == [talk]


def test_a_message_is_told_by_its_first_line() -> None:
    assert first_line("\n No.\nIt's ten.") == "No."
