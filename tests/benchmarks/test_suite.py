from __future__ import annotations

import re
from collections import Counter
from pathlib import Path
from typing import get_args

import pytest

from benchmarks.suite import Case, Chat, Group, Half, Language, Probe, read, read_fillers
from gateway.errors import ConfigError

HALVES: tuple[Half, ...] = get_args(Half)
CASES = {half: read(half) for half in HALVES}
EVERY = [case for cases in CASES.values() for case in cases]
PROBES = [(case, probe) for case in EVERY for probe in case.probes]
POOL = read_fillers()

MANY: dict[Group, int] = {
    "standing": 40,
    "preference": 30,
    "fact": 25,
    "update": 30,
    "contradiction": 20,
    "revocation": 30,
    "paraphrase": 25,
    "distractor": 20,
    "session": 15,
    "temporal": 15,
    "code": 15,
    "negative": 25,
}
"""Probes a group has at least, in both halves together."""

LEAST_OF_A_LANGUAGE = 12
TELLING_GROUPS = ("standing", "preference", "update", "revocation")
"""Groups that depend on how a language says things; every language has probes in each."""

SENTENCE_END = re.compile(r"(?<=[.!?。！？])(?<!Dr\.)\s|\n")

# Words that a question has whatever it is about. A word a line would be a hundred lines.
# fmt: off
COMMON = frozenset((
    "about", "according", "after", "and", "any", "are", "before", "being", "did", "does", "for", "from", "gave", "get",
    "give", "given", "got", "had", "has", "have", "how", "its", "kind", "like", "long", "many", "much", "one", "our",
    "out", "put", "said", "say", "should", "that", "the", "their", "them", "there", "they", "this", "was", "were",
    "what", "when", "where", "which", "who", "why", "will", "with", "would", "you", "your",
))
# fmt: on


def own_messages(case: Case) -> list[str]:
    return [message for chat in case.chats for message in chat.messages if chat.session]


def others_messages(case: Case) -> list[str]:
    return [message for messages in case.others for message in messages]


def content_words(text: str) -> set[str]:
    """Words cut to five letters, which is stem enough to see that two are the same word."""
    return {word[:5] for word in re.findall(r"[a-z0-9]+", text.lower()) if word not in COMMON and len(word) > 2}


def written(folder: Path, case: str, fillers: str = "chats: {en: [[Hi, Hello]]}") -> Path:
    """A suite of one case, in which `dev/a.yaml` holds the case from its second line on."""
    (folder / "dev").mkdir()
    (folder / "dev" / "a.yaml").write_text(f"cases:\n{case}")
    (folder / "fillers.yaml").write_text(fillers)
    return folder


GOOD = "  - {id: x, group: fact, language: en, sessions: [[I sing, Fine]], probes: [{ask: And I, present: [sing]}]}\n"


def test_a_case_is_read_as_it_is_written(tmp_path: Path) -> None:
    (case,) = read("dev", written(tmp_path, GOOD))
    assert case.chats == (Chat(messages=("I sing", "Fine"), session=1),)
    assert case.probes == (Probe(ask="And I", present=("sing",)),)


def test_the_id_of_a_case_alone_decides_its_fillers_and_where_they_lie(tmp_path: Path) -> None:
    pool = [[f"Question {number}", f"Answer {number}"] for number in range(30)]
    eight = GOOD.replace("probes", "fillers: 8, probes")
    folder = written(tmp_path, eight + eight.replace("id: x", "id: y"), f"chats: {{en: {pool}}}")
    first, second = read("dev", folder)
    assert read("dev", folder) == (first, second)
    assert len({chat.messages for chat in first.chats}) == 9
    own = [[chat.session for chat in case.chats].index(1) for case in (first, second)]
    assert own[0] != own[1]
    assert set(first.chats) != set(second.chats)


@pytest.mark.parametrize(
    ("old", "new", "complaint"),
    [
        ("fact", "fakt", r"a.yaml:2: $.cases[0].group: found 'fakt', expected one of standing, preference, fact"),
        ("ask:", "asks:", r"a.yaml:2: $.cases[0].probes[0].asks: unknown key (did you mean ask?)"),
        ("group: fact, ", "", r"a.yaml:2: $.cases[0]: Object missing required field `group`"),
        ("id: x", "id: x, id: y", r"a.yaml:2: $.cases[0].id: given twice"),
        ("[sing]", "sing", r"a.yaml:2: $.cases[0].probes[0].present: found 'sing', expected a list"),
        ("ask:", "session: -1, ask:", r"a.yaml:2: $.cases[0].probes[0].session: found '-1'"),
        ("ask:", "session: 2, ask:", r"a.yaml: x: 'And I' goes on with session 2, there are 1"),
        (
            "{ask: And I, present: [sing]}",
            "{session: 1, ask: And I}, {session: 1, ask: And you}",
            r"a.yaml: x: two probes go on with one session",
        ),
        ("[I sing, Fine]", "[I sing]", r"a.yaml: x: a chat ends with the assistant's words, not like ('I sing',)"),
        ("[I sing, Fine]", "[]", r"a.yaml: x: a chat ends with the assistant's words, not like ()"),
        ("probes:", "others: [[I dance]], probes:", r"a.yaml: x: a chat ends with the assistant's words"),
        ("probes:", "fillers: 2, probes:", r"a.yaml: x: 2 fillers, there are 1 in en"),
        ("en,", "de, fillers: 1,", r"a.yaml: x: 1 fillers, there are 0 in de"),
        ("[{ask: And I, present: [sing]}]", "[]", r"a.yaml: x: nothing is asked"),
    ],
)
def test_a_case_that_cannot_be_played_is_told_with_its_place(
    tmp_path: Path, old: str, new: str, complaint: str
) -> None:
    with pytest.raises(ConfigError, match=re.escape(complaint)):
        read("dev", written(tmp_path, GOOD.replace(old, new, 1)))


def test_every_case_that_cannot_be_played_is_told(tmp_path: Path) -> None:
    bad = GOOD.replace("Fine", "")
    with pytest.raises(ConfigError, match=r"x: a chat.*\n.*y: a chat"):
        read("dev", written(tmp_path, bad.replace(", ]", "]") + bad.replace(", ]", "]").replace("id: x", "id: y")))


def test_a_half_without_cases_is_an_error(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="heldout: no cases"):
        read("heldout", written(tmp_path, GOOD))


def test_files_with_nothing_in_them_hold_no_cases_and_no_fillers(tmp_path: Path) -> None:
    folder = written(tmp_path, GOOD, fillers="")
    (folder / "dev" / "b.yaml").write_text("")
    assert [case.id for case in read("dev", folder)] == ["x"]


def test_ids_are_unique_and_begin_with_their_group() -> None:
    assert [name for name, count in Counter(case.id for case in EVERY).items() if count > 1] == []
    assert [case.id for case in EVERY if not re.fullmatch(rf"{case.group}-\d{{3}}", case.id)] == []


@pytest.mark.parametrize(("group", "least"), MANY.items())
def test_each_group_has_its_probes_and_half_of_them_in_each_half(group: Group, least: int) -> None:
    counts = [sum(len(case.probes) for case in CASES[half] if case.group == group) for half in HALVES]
    assert sum(counts) >= least
    assert min(counts) >= 0.4 * sum(counts)


@pytest.mark.parametrize("language", [language for language in get_args(Language) if language != "en"])
def test_each_other_language_has_probes_where_wording_tells_in_both_halves(language: Language) -> None:
    cases = [case for case in EVERY if case.language == language]
    assert sum(len(case.probes) for case in cases) >= LEAST_OF_A_LANGUAGE
    for group in TELLING_GROUPS:
        for half in HALVES:
            assert [case for case in CASES[half] if case.language == language and case.group == group] != []


def test_what_must_be_present_was_said_by_this_user_or_to_them_in_another_chat() -> None:
    for case, probe in PROBES:
        told = [message for chat in case.chats if chat.session not in (0, probe.session) for message in chat.messages]
        for piece in probe.present:
            assert any(piece in message for message in told), (case.id, piece)


def test_what_must_be_absent_was_said_too() -> None:
    for case, probe in PROBES:
        said = own_messages(case) + others_messages(case)
        for piece in probe.absent:
            assert any(piece in message for message in said), (case.id, piece)


def test_what_must_be_present_stands_in_a_sentence_without_what_must_be_absent() -> None:
    for case, probe in PROBES:
        sentences = [sentence for message in own_messages(case) for sentence in SENTENCE_END.split(message)]
        for wanted in probe.present:
            fair = [s for s in sentences if wanted in s and not any(piece in s for piece in probe.absent)]
            assert fair, (case.id, wanted)


def test_no_filler_holds_a_piece() -> None:
    fillers = [message for chats in POOL.values() for messages in chats for message in messages]
    for case, probe in PROBES:
        for piece in (*probe.present, *probe.absent):
            assert not any(piece in message for message in fillers), (case.id, piece)


def test_no_piece_could_be_part_of_an_id() -> None:
    pieces = [(case.id, piece) for case, probe in PROBES for piece in (*probe.present, *probe.absent)]
    assert [(name, piece) for name, piece in pieces if len(piece) < 4 or re.fullmatch("[0-9a-f]+", piece)] == []


def test_a_paraphrase_shares_no_content_word_with_what_is_to_be_found() -> None:
    for case, probe in PROBES:
        if case.group == "paraphrase":
            found = [message for message in own_messages(case) if any(piece in message for piece in probe.present)]
            shared = [content_words(probe.ask) & content_words(message) for message in found]
            assert shared == [set()] * len(found), case.id


def test_every_probe_wants_something_there_or_not_there() -> None:
    assert [case.id for case, probe in PROBES if not probe.present and not probe.absent] == []
    assert [case.id for case, probe in PROBES if case.group == "negative" and probe.present] == []


def test_what_others_said_is_wanted_by_no_probe_and_banned_by_every_probe_of_distractors() -> None:
    for case, probe in PROBES:
        strange = others_messages(case)
        assert not any(piece in message for piece in probe.present for message in strange), case.id
        if case.group == "distractor":
            assert any(piece in message for piece in probe.absent for message in strange), case.id


def test_no_question_is_asked_twice_of_the_same_user() -> None:
    assert [case.id for case in EVERY if len({probe.ask for probe in case.probes}) < len(case.probes)] == []


def test_the_pool_has_every_language_and_no_chat_twice() -> None:
    assert POOL.keys() == set(get_args(Language))
    assert len(POOL["en"]) >= 60
    for chats in POOL.values():
        assert len({messages[0] for messages in chats}) == len(chats)
        assert [messages for messages in chats if len(messages) % 2] == []
