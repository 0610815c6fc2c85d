"""gateway/signals/tasks.py: tasks of parts that can be counted, and the parts that an answer lacks."""

from __future__ import annotations

import pytest

from gateway.signals.tasks import missing, task_of

LIST = "Please write a launch plan with these sections:\n1. Pricing\n2. Marketing\n3. Support\n4. Hiring"


@pytest.mark.parametrize(
    ("text", "shape", "parts"),
    [
        (LIST, "list", ("Pricing", "Marketing", "Support", "Hiring")),
        (
            "I need:\n- a logo\n\n- a slogan\n  - short\n- a colour scheme",
            "list",
            ("a logo", "a slogan", "a colour scheme"),
        ),
        ("1) Who wrote Faust?\n2) Who painted Guernica?\n3) Why?", "list", None),
        ("* tests\n* docs\n* types\n\nAdd all of them to the module.", "list", ("tests", "docs", "types")),
        (
            "Do three things: (1) sort the list (2) print it (3) save it",
            "list",
            ("sort the list", "print it", "save it"),
        ),
        ("Explain inflation, unemployment and growth.", "series", ("inflation", "unemployment", "growth")),
        ("Write a plan covering pricing, marketing, support, and hiring", "series", None),
        ("Give one example for each of Python, Go, and Rust", "series", ("Python", "Go", "Rust")),
        ("Write a section on: wind; water; sun and coal", "series", ("wind", "water", "sun", "coal")),
        ("Erkläre mir Inflation, Zinsen und Wachstum.", "series", ("Inflation", "Zinsen", "Wachstum")),
        ("Explica la inflación, el empleo y el crecimiento", "series", ("inflación", "el empleo", "el crecimiento")),
        ("Expliquez les prix, les salaires et la croissance", "series", ("prix", "les salaires", "la croissance")),
    ],
)
def test_a_task_has_its_parts(text: str, shape: str, parts: tuple[str, ...] | None) -> None:
    task = task_of(text)
    assert task is not None
    assert task.shape == shape
    assert parts is None or task.parts == parts


@pytest.mark.parametrize(
    "text",
    [
        "",
        "Explain inflation and growth.",
        "I like apples, pears and plums.",
        "1. One-way\n2. Economy\n3. Just me\n4. No insurance",
        "Please make a booking:\n- date: May 3\n- from: Rome\n- to: Oslo",
        "Do this:\n1. sort\n2. print",
        "Do this:\n" + "\n".join(f"{number}. thing" for number in range(1, 12)),
        "Write this up:\n1. one\n2. two\n\nand then the others\n1. three\n2. four",
        "List dishes without nuts, eggs and milk",
        "Explain to me, when you have the time for it, that which he said, and why",
        "Do (1) this and (3) that and (4) more",
        "It happened (1) in Rome (2) in Oslo (3) in Bern",
        "请解释通货膨胀、失业和增长",
        "Explain a, b and c" + " " * 4_000,
    ],
)
def test_what_cannot_be_counted_is_no_task(text: str) -> None:
    assert task_of(text) is None


def test_a_part_is_missing_when_none_of_its_words_is_in_the_answer() -> None:
    task = task_of(LIST)
    assert task is not None
    assert missing(task, "Pricing: 10 a month. Marketing by mail. We hire two people.") == ("Support",)
    assert missing(task, "We price it at 10, market it by mail, support it by phone, and hire two.") == ()
    assert missing(task, "Pricing: 10. Our supporters market it. Hiring: two.") == ()


def test_an_answer_with_as_many_entries_lacks_nothing() -> None:
    task = task_of(LIST)
    assert task is not None
    assert missing(task, "1. It costs 10.\n2. Mail.\n3. Phone.\n4. Two people, Pricing, Hiring.") == ()
    assert missing(task, "## Cost\n10 Pricing\n## Ads\nHiring\n## Help\nx\n## Team\ny") == ()


def test_an_answer_in_words_of_its_own_lacks_nothing() -> None:
    task = task_of(LIST)
    assert task is not None
    assert missing(task, "Pricing first; the rest follows from what you charge.") == ()


def test_parts_without_words_of_their_own_are_not_looked_for() -> None:
    task = task_of("Do these:\n1. Write the parser\n2. Write the lexer\n3. Write it")
    assert task is not None
    assert missing(task, "The parser and the lexer are there.") == ()
