from __future__ import annotations

from pathlib import Path

import msgspec
import pytest

from benchmarks import sets
from benchmarks.client import Chat, Question

CASE = """
cases:
  - id: {id}
    group: update
    language: en
    sessions:
      - ["I live in Lyon.", "Noted."]
      - ["I moved to Ghent.", "Nice."]
    others:
      - ["I live in Bruges.", "Oh."]
    probes:
      - {{ask: "Where do I live?", present: ["Ghent"], absent: ["I live in Lyon"]}}
      - {{ask: "And the weather?", session: 2}}
"""


@pytest.fixture
def suite(tmp_path: Path) -> Path:
    (tmp_path / "fillers.yaml").write_text('chats: {en: [["Hello.", "Hi."]]}')
    for number, half in enumerate(sets.HALVES):
        (tmp_path / half).mkdir()
        (tmp_path / half / "update.yaml").write_text(CASE.format(id=f"update-{number}"))
    return tmp_path


def test_a_case_is_a_user_and_each_of_the_others_is_another(suite: Path) -> None:
    chats = sets.of_suite(suite).chats
    assert chats[:3] == (
        Chat(user="update-0", session="update-0/1", messages=("I live in Lyon.", "Noted.")),
        Chat(user="update-0", session="update-0/2", messages=("I moved to Ghent.", "Nice.")),
        Chat(user="update-0/other-1", session="update-0/other-1/1", messages=("I live in Bruges.", "Oh.")),
    )
    assert [chat.user for chat in chats[3:]] == ["update-1", "update-1", "update-1/other-1"]


def test_a_probe_is_asked_in_a_chat_of_its_own_or_as_the_next_turn_of_one(suite: Path) -> None:
    alone, next_turn, *others = sets.of_suite(suite).trials
    assert alone.question == Question(user="update-0", session="update-0/question-1", ask="Where do I live?")
    assert (alone.present, alone.absent) == (("Ghent",), ("I live in Lyon",))
    assert next_turn.question == Question(
        user="update-0", session="update-0/2", ask="And the weather?", before=("I moved to Ghent.", "Nice.")
    )
    assert (alone.half, alone.group, alone.language) == ("dev", "update", "en")
    assert [trial.half for trial in others] == ["heldout", "heldout"]


def test_a_conversation_of_locomo_is_a_user_with_a_chat_for_each_session(tmp_path: Path) -> None:
    turns = [
        {"speaker": "Al", "dia_id": "D1:1", "text": "I sold the boat."},
        {"speaker": "Bo", "dia_id": "D1:2", "text": "A pity."},
    ]
    said = {"speaker_a": "Al", "speaker_b": "Bo", "session_1": turns, "session_2": turns}
    asked = [{"question": "What did Al sell?", "evidence": ["D1:1"], "category": 4}]
    conversations = [{"sample_id": name, "conversation": said, "qa": asked} for name in ("c-1", "c-2")]
    file = tmp_path / "locomo.json"
    file.write_bytes(msgspec.json.encode(conversations))
    first = sets.of_locomo(file, limit=1)
    assert first.chats == (
        Chat(user="c-1", session="c-1/1", messages=("I sold the boat.", "A pity.")),
        Chat(user="c-1", session="c-1/2", messages=("I sold the boat.", "A pity.")),
    )
    (trial,) = first.trials
    assert trial.question == Question(user="c-1", session="c-1/question-1", ask="What did Al sell?")
    assert (trial.present, trial.absent, trial.group) == (("I sold the boat.",), (), "single-hop")
    assert len(sets.of_locomo(file).trials) == 2
