"""The simulated model: it knows nothing but the request, and is moved by what a model is moved by."""

from __future__ import annotations

import ast
from pathlib import Path

import pytest

from benchmarks.learning.model import coding, filing, talking
from benchmarks.learning.model.prompt import Message, Prompt, Step
from benchmarks.learning.model.sorting import OTHER, Classifier

FOLDER = Path(__file__).parents[3] / "benchmarks" / "learning" / "model"
RULE = "Always give prices in euros."
KEPT = "20 euros"
TRIES = range(300)


def prompt(*said: str, seed: int = 0, system: str = "Be helpful.", tools: tuple[str, ...] = ()) -> Prompt:
    """A conversation: what the user said, with the assistant's nods in between."""
    messages = [Message(role="system", content=system)]
    for text in said:
        messages += [Message(role="user", content=text), Message(role="assistant", content="I see.")]
    offered = tuple({"type": "function", "function": {"name": name}} for name in tools)
    return Prompt(messages=tuple(messages[:-1]), seed=seed, tools=offered)


def told(note: str, question: str) -> str:
    return f"{question}\n\n- {note}"


def kept(*said: str) -> float:
    """How often the model gives prices in euros."""
    return sum(KEPT in talking.chat(prompt(*said, seed=seed)) for seed in TRIES) / len(TRIES)


def test_it_imports_nothing_of_the_gateway_nor_of_what_measures_it() -> None:
    imported = {
        name
        for path in FOLDER.glob("*.py")
        for node in ast.walk(ast.parse(path.read_text()))
        for name in (
            [alias.name for alias in node.names]
            if isinstance(node, ast.Import)
            else [node.module or ""]
            if isinstance(node, ast.ImportFrom)
            else []
        )
    }
    ours = {name for name in imported if name.split(".")[0] in ("gateway", "benchmarks", "tests")}
    assert ours
    assert all(name.startswith("benchmarks.learning.model") for name in ours)


def test_a_rule_is_followed_less_the_longer_ago_it_was_said() -> None:
    talk = ["Tell me about the harbour."] * 11
    at_once, later, unsaid = kept(f"{RULE} Tell me about the mill."), kept(f"{RULE} Hello.", *talk), kept(*talk)
    assert at_once > 0.9
    assert 0.3 < later < 0.7
    assert unsaid == 0


def test_a_rule_said_again_is_as_good_as_new() -> None:
    talk = ["Tell me about the harbour."] * 10
    assert kept(f"{RULE} Hello.", *talk, told(RULE, "And the mill?")) > 0.9


def test_a_rule_that_was_taken_back_is_not_followed() -> None:
    assert kept(RULE, "You can drop the euros, local prices will do. And the mill?") == 0


def test_notes_beside_the_point_cost_a_little_and_luck_is_the_same_with_them() -> None:
    idle = "\n- ".join(["the red violin belongs to aunt Marta"] * 20)
    bare = [talking.chat(prompt(f"{RULE} Hello.", seed=seed)) for seed in TRIES]
    cluttered = [talking.chat(prompt(told(idle, f"{RULE} Hello."), seed=seed)) for seed in TRIES]
    worse = sum(KEPT in one and KEPT not in other for one, other in zip(bare, cluttered, strict=True))
    better = sum(KEPT not in one and KEPT in other for one, other in zip(bare, cluttered, strict=True))
    assert 0 < worse < 0.05 * len(TRIES)
    assert better == 0


@pytest.mark.parametrize(
    ("note", "value"),
    [
        ("The user said: My favourite drink is oolong.", "oolong"),
        ("I love sake.\n- Actually, my favourite drink is cider now, not sake.", "cider"),
        ("I switched from matcha to tonic.", "tonic"),
        ("I've gone off kefir. I love mate now.", "mate"),
    ],
)
def test_a_taste_that_is_told_decides_and_the_newest_holds(note: str, value: str) -> None:
    answers = [talking.recommend(prompt(told(note, "What drink should I order?"), seed=seed)) for seed in TRIES]
    assert sum(answer == f"I would go for {value}." for answer in answers) > 0.9 * len(TRIES)


def test_what_an_assistant_guessed_is_nobodys_taste() -> None:
    note = "(2026-11-22 s1) assistant: I would go for sake."
    answers = [talking.recommend(prompt(told(note, "What drink should I order?"), seed=seed)) for seed in TRIES]
    assert sum("sake" in str(answer) for answer in answers) < 0.2 * len(TRIES)


def test_a_note_that_things_were_missing_makes_it_thorough() -> None:
    asked = "Please do:\n1. call Ann\n2. call Bob\n3. call Eve\n4. call Dan\n5. call Fay"
    note = "Asked for several things; missing was: call Bob"
    bare = sum(str(filing.list_done(prompt(asked, seed=seed))).count(": done.") == 5 for seed in TRIES)
    warned = sum(str(filing.list_done(prompt(told(note, asked), seed=seed))).count(": done.") == 5 for seed in TRIES)
    assert 0.3 * len(TRIES) < bare < 0.7 * len(TRIES)
    assert warned > 0.8 * len(TRIES)


@pytest.mark.parametrize(
    ("note", "least", "most"),
    [
        ("nothing", 0.4, 0.6),
        ("Rename the helpers in src/a/dates.py.", 0.4, 0.6),
        ("`tests/test_dates.py::test_leap` failed and was fixed", 0.0, 0.1),
        ("src/a/dates.py broke before", 0.0, 0.1),
    ],
)
def test_code_breaks_every_other_time_unless_a_note_warns(note: str, least: float, most: float) -> None:
    asked = told(note, "Speed up src/a/dates.py.")
    tested = Message(role="tool", content="6 passed", tool_call_id="1")
    broken = 0
    for seed in TRIES:
        before = prompt(asked, seed=seed, tools=("run_tests", "edit_file"))
        step = coding.next_step(Prompt(messages=(*before.messages, tested), seed=seed, tools=before.tools))
        assert isinstance(step, Step)
        broken += "rewrite" in step.arguments["change"]
    assert least <= broken / len(TRIES) <= most


@pytest.mark.parametrize(("tool", "chance"), [("file_permit", 0.9), ("file_badge", 0.5), ("file_lease", 0.1)])
def test_a_note_about_a_tool_helps_with_some_and_confuses_with_others(tool: str, chance: float) -> None:
    asked = told(f"`{tool}` failed; it went through with a reference", "Please file the form of Ms Berger.")
    steps = [filing.next_step(prompt(asked, seed=seed, tools=(tool,))) for seed in TRIES]
    complete = sum(isinstance(step, Step) and "reference" in step.arguments for step in steps)
    assert abs(complete / len(TRIES) - chance) < 0.1


def test_sorting_takes_a_quoted_phrase_with_its_label_for_an_example() -> None:
    classifier = Classifier({"card_arrival": ["my card is not here yet"], "top_up": ["how do I add money"]})
    system = "Label the message with one intent of model 1"
    asked = "the plastic thing never came by post"
    bare = classifier.answer(prompt(asked, system=system))
    note = '"the plastic thing has not come by post" → card_arrival'
    assert bare == OTHER
    assert classifier.answer(prompt(told(note, asked), system=system)) == "card_arrival"
    assert classifier.answer(prompt(asked)) is None
