"""gateway/triggers.py: which lessons a call calls for, and which it does not."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from gateway.memories import Memory
from gateway.templates import labelled
from gateway.triggers import WAYS, triggered
from gateway.types import Call, ToolCall, Turn
from tests.exchanges import NOW, assistant, user
from tests.lessons import lesson

TOOLS = [{"type": "function", "function": {"name": name}} for name in ("book_flight", "send_mail", "bash")]
ERROR = "Error: number of passengers does not match"
SIGNATURE = "error: number of passengers does not match"
TEST = "tests/test_cart.py::test_total"

LATE = ("My new card has still not arrived", "When will my card arrive?", "The card you sent is not here yet")
LOST = ("I lost my card on the train", "My card was stolen", "Someone took my card")
RATE = ("What exchange rate do you use?", "Is the exchange rate good today?")


def call(*turns: Turn, offers: Sequence[Mapping[str, object]] = TOOLS, **fields: object) -> Call:
    members = {name: msgspec.Raw(msgspec.json.encode(value)) for name, value in fields.items()}
    if offers:
        members["tools"] = msgspec.Raw(msgspec.json.encode(offers))
    return Call(body=b"", fields=members, model="gpt-4o", turns=turns, slots=())


def keys(lessons: Sequence[Memory], made: Call, question: str = "") -> list[str]:
    asked = question or next((turn.text for turn in reversed(made.turns) if turn.role == "user"), "")
    return [one.memory.lesson.key for one in triggered(lessons, made, asked) if one.memory.lesson is not None]


def label(name: str, *items: str, **changes: object) -> Memory:
    return lesson(f"label|{name}", kind="correction", text=labelled(items[-3:], name), triggers=items, **changes)


LABELS = [label("late", *LATE), label("lost", *LOST), label("rate", *RATE)]


# By what the call shows


def failed_with(text: str, *after: Turn, tool: str = "book_flight") -> Call:
    calls = (ToolCall(id="c1", name=tool, arguments="{}"),)
    return call(
        user("Go."), Turn(role="assistant", text="", calls=calls), Turn(role="tool", text=text, answers="c1"), *after
    )


def test_an_error_that_comes_back_calls_for_its_lesson() -> None:
    known = lesson(f"book_flight|{SIGNATURE}", tools=("book_flight",), signature=SIGNATURE)
    (found,) = triggered([known], failed_with(ERROR), "Go.")
    assert (found.memory, found.score, dict(found.scores)) == (known, 1.0, {"signature": 1.0})
    other = lesson("send_mail|no such address", tools=("send_mail",), signature="no such address")
    assert keys([other, known], failed_with(ERROR))[0] == f"book_flight|{SIGNATURE}"
    assert dict(triggered([known], failed_with("Booked."), "Go.")[0].scores) == {"tool": 0.6}
    long_ago = failed_with(ERROR, *[assistant("Hm."), user("Go on.")] * 6)
    assert dict(triggered([known], long_ago, "Go.")[0].scores) == {"offered": 0.2}


def test_a_result_of_no_known_call_is_passed_over() -> None:
    known = lesson(f"book_flight|{SIGNATURE}", signature=SIGNATURE)
    assert keys([known], call(user("Go."), Turn(role="tool", text=ERROR, answers="c9"))) == []


def test_a_tool_that_is_not_offered_calls_for_nothing() -> None:
    known = lesson(
        f"book_flight|{SIGNATURE}", tools=("book_flight",), signature=SIGNATURE, triggers=("Book me a flight",)
    )
    made = call(user("Book me a flight"), offers=[])
    assert keys([known], made) == []
    assert keys([known], call(user("Book me a flight"))) == [known.lesson.key if known.lesson else ""]


@pytest.mark.parametrize(
    ("question", "way"),
    [("Book me a flight", "tool"), ("Is there any flight?", "tool"), ("How are you today?", "offered")],
)
def test_words_of_a_tools_name_call_for_its_lessons_before_those_of_others(question: str, way: str) -> None:
    known = lesson("book_flight|x", tools=("book_flight",))
    assert way in triggered([known], call(user(question)), question)[0].scores


def test_of_tools_that_are_merely_offered_the_best_known_lessons_are_told() -> None:
    seen_in = [tuple(f"s{number}" for number in range(count)) for count in (2, 5, 3, 8, 2)]
    known = [lesson(f"bash|{n}", tools=("bash",), sessions=sessions) for n, sessions in enumerate(seen_in)]
    assert keys(known, call(user("Hello, how are you?"))) == ["bash|3", "bash|1", "bash|2"]
    assert len(keys(known, call(user("Run it in bash")))) == WAYS["tool"].limit


@pytest.mark.parametrize("text", ["Look at src/cart.py, please", f"run {TEST}", "now change total_price"])
def test_work_that_touches_a_place_calls_for_its_lesson(text: str) -> None:
    known = lesson(TEST, places=(TEST, "src/cart.py", "total_price"))
    assert keys([known], call(user(text))) == [TEST]


def test_a_place_in_a_tools_arguments_is_touched_as_well() -> None:
    known = lesson(TEST, places=(TEST, "src/cart.py"))
    edit = ToolCall(id="c", name="edit", arguments='{"path": "/repo/src/cart.py"}')
    assert keys([known], call(user("Go on."), Turn(role="assistant", text="", calls=(edit,)))) == [TEST]
    assert keys([known], call(user("Change src/mail.py, please"))) == []


def test_several_things_asked_for_call_for_what_was_left_out_once() -> None:
    known = [lesson("partial_task|list", triggers=("x",)), lesson("partial_task|series")]
    listed = "Answer these questions:\n1. Who built the tower?\n2. How high is it?\n3. When was it opened?"
    assert keys(known, call(user(listed))) == ["partial_task|list"]
    assert keys(known, call(user("Who built the tower?"))) == []


def test_an_answer_held_to_a_format_calls_for_what_broke_it() -> None:
    known = lesson("format|$ json")
    assert keys([known], call(user("Hi."), response_format={"type": "json_object"})) == ["format|$ json"]
    assert keys([known], call(user("Hi."))) == []


# By what is asked


def test_labels_of_items_like_this_are_told_with_the_nearest_items() -> None:
    first, *_ = triggered(LABELS, call(user("hey"), offers=[]), "Why has my card not arrived yet?")
    assert first.memory.text == f'"{LATE[0]}", "{LATE[1]}" → late'
    assert first.memory.tokens == 0
    assert (first.memory.id, first.memory.lesson) == (LABELS[0].id, LABELS[0].lesson)
    assert set(first.scores) == {"label", "alike"}


def test_an_item_is_found_among_instructions() -> None:
    prompt = f"Classify the message: late ({LATE[0]}), lost, rate.\n\nMessage: My card was stolen yesterday\nLabel:"
    assert keys(LABELS, call(user(prompt), offers=[])) == ["label|lost"]


def test_several_items_that_are_near_say_more_than_one_that_is_nearest() -> None:
    one = label("one", "I lost my card on the train today", "I left my card on a bus", "My train was late")
    many = label("many", "I lost my card on a tram", "I lost cards on the train", "I lost my cat on the train")
    question = "I lost my card on the train"
    first, (alone,) = triggered([one, many], call(offers=[]), question)[0], triggered([one], call(offers=[]), question)
    assert (first.memory.id, alone.memory.id) == (many.id, one.id)
    assert first.scores["alike"] < alone.scores["alike"]


@pytest.mark.parametrize(
    "question",
    ["How do I bake a cake?", "What is the weather like today?", "Tell me a joke", "Thanks!", "", "?", "我的猫饿了"],
)
def test_out_of_scope_nothing_is_told(question: str) -> None:
    assert keys(LABELS, call(user(question), offers=[]), question) == []


def test_likeness_without_a_telling_word_in_common_is_not_enough() -> None:
    known = label("x", "What do you do when it does not do what it should do?")
    assert keys([known], call(offers=[]), "What did you do when it did not do what it would do?") == []
    assert keys([known], call(offers=[]), "What do you do when it does not do what it should do") == ["label|x"]


def test_labels_far_behind_the_best_are_left_out() -> None:
    near = label("near", "I lost my card on the train", "I lost my card on a train", "I lost my card in the train")
    far = label("far", "I lost my phone, train or bus", "Where is the bus?", "How much is the fish?")
    question = "I lost my card on the train!"
    assert keys([far], call(offers=[]), question) == ["label|far"]
    assert keys([near, far], call(offers=[]), question) == ["label|near"]


def test_a_word_in_common_is_not_enough() -> None:
    assert keys(LABELS, call(offers=[]), "Does the museum's restaurant accept a student card?") == []


def test_one_answer_is_told_only_for_the_same_question() -> None:
    known = lesson("answer|1", kind="correction", text="At ten.", triggers=("When does the train to Bern leave?",))
    found = triggered([known], call(offers=[]), "When does the train leave to Bern?")
    assert [one.memory for one in found] == [known]
    assert found[0].score == pytest.approx(WAYS["phrase"].score * found[0].scores["alike"])
    assert keys([known], call(offers=[]), "When does the museum in Bern close?") == []


def test_what_it_was_wrong_for_is_nearer_than_what_it_was_right_for() -> None:
    wrong = label("late", *LATE, when_not=("My card has arrived, but broken",))
    assert keys([wrong], call(offers=[]), "My card arrived broken") == []
    assert keys([wrong], call(offers=[]), "When does my card arrive?") == ["label|late"]


@pytest.mark.parametrize("changes", [{"state": "proposed"}, {"state": "retired"}])
def test_only_active_lessons_are_told(changes: dict[str, object]) -> None:
    assert keys([label("late", *LATE, **changes)], call(offers=[]), LATE[0]) == []
    ended = msgspec.structs.replace(label("late", *LATE), ended_at=NOW)
    other = msgspec.structs.replace(label("late", *LATE), lesson=None)
    assert keys([ended, other], call(offers=[]), LATE[0]) == []


def test_a_lesson_about_a_tool_is_no_label_whatever_the_tool_is_called() -> None:
    known = lesson("label|no such thing", tools=("label",), triggers=(LATE[0],))
    assert keys([known], call(offers=[{"name": "label"}]), LATE[0]) == ["label|no such thing"]


@pytest.mark.promise("P12")
@settings(deadline=None, max_examples=60)
@given(
    question=st.text(max_size=80) | st.sampled_from([*LATE, *LOST, *RATE]), turns=st.text(max_size=80), data=st.data()
)
def test_whatever_is_asked_the_best_comes_first_and_order_changes_nothing(
    question: str, turns: str, data: st.DataObject
) -> None:
    known = [*LABELS, lesson(TEST, places=(TEST, "src/cart.py")), lesson("bash|x", tools=("bash",)), lesson("odd")]
    made = call(user(turns), Turn(role="tool", text=turns, answers="c1"))
    found = triggered(known, made, question)
    assert [one.score for one in found] == sorted((one.score for one in found), reverse=True)
    assert triggered(data.draw(st.permutations(known)), made, question) == found


def test_how_one_asks_is_not_what_one_asks_after() -> None:
    trade = label("exchange", "What is the best way to exchange currency?", "How do I exchange my dollars?")
    pay = label("pay", "How do I top up with Apple Pay?", "Can I use Apple Pay here?")
    for beside in ("What is the best way to tune a violin?", "How do I prune an apple tree?"):
        assert keys([trade, pay], call(offers=[]), beside) == []
    assert keys([trade, pay], call(offers=[]), "What is the best way to exchange dollars?") == ["label|exchange"]
