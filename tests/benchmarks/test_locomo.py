from __future__ import annotations

from pathlib import Path
from typing import Any

import msgspec
import pytest

from benchmarks import locomo
from tests.evaluation import data_dir

SAID = {
    "D1:1": ("Bo", "Hey Al!"),
    "D1:2": ("Al", "I sold the boat."),
    "D2:1": ("Al", "Rain again."),
    "D2:2": ("Al", "Mud!"),
}


def conversation(*asked: dict[str, Any]) -> dict[str, Any]:
    turns = [{"speaker": name, "dia_id": number, "text": text} for number, (name, text) in SAID.items()]
    said = {"speaker_a": "Al", "speaker_b": "Bo", "session_1_date_time": "1:56 pm on 8 May, 2023"}
    sessions = {"session_1": turns[:2], "session_2": turns[2:], "session_3": []}
    return {"sample_id": "c-1", "conversation": {**said, **sessions}, "qa": list(asked)}


def asked(evidence: list[str], category: int = 4) -> dict[str, Any]:
    return {"question": "What did Al sell?", "answer": "a boat", "evidence": evidence, "category": category}


@pytest.fixture
def file(tmp_path: Path) -> Path:
    return tmp_path / "locomo.json"


def test_the_first_speaker_is_the_user_and_has_the_first_word_and_never_the_last(file: Path) -> None:
    file.write_bytes(msgspec.json.encode([conversation()]))
    (read,) = locomo.read(file)
    assert read.id == "c-1"
    assert read.sessions == (
        (locomo.OPENING, "Hey Al!", "I sold the boat.", locomo.CLOSING),
        ("Rain again.\nMud!", locomo.CLOSING),
    )


@pytest.mark.parametrize(
    ("evidence", "texts"),
    [
        (["D1:2"], ("I sold the boat.",)),
        (["D1:2; D2:1", "D1:2"], ("I sold the boat.", "Rain again.")),
        (["D9:17", "D2:2"], ("Mud!",)),
    ],
    ids=["one turn", "two in one string, one of them twice", "one that is not there"],
)
def test_evidence_is_the_turns_that_there_are(file: Path, evidence: list[str], texts: tuple[str, ...]) -> None:
    file.write_bytes(msgspec.json.encode([conversation(asked(evidence, category=2))]))
    (question,) = locomo.read(file)[0].questions
    assert question == locomo.Question(ask="What did Al sell?", category="temporal", evidence=texts)


@pytest.mark.parametrize("question", [asked(["D1:2"], category=5), asked([]), asked(["D", "D:1:2", "D9:17"])])
def test_a_question_that_nothing_answers_is_left_out(file: Path, question: dict[str, Any]) -> None:
    file.write_bytes(msgspec.json.encode([conversation(question)]))
    assert locomo.read(file)[0].questions == ()


def test_every_turn_of_the_real_file_is_told_word_for_word() -> None:
    folder = data_dir()
    if folder is None:
        pytest.skip("ACCRUE_DATA names no folder with evaluation data")
    for read in locomo.read(folder / "locomo-dev.json"):
        told = "\n".join(message for session in read.sessions for message in session)
        assert all(len(session) % 2 == 0 for session in read.sessions)
        assert all(text in told for question in read.questions for text in question.evidence)
        assert len(read.questions) > 80
