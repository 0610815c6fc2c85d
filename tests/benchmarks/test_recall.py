from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

import pytest

from benchmarks import client, distilling, harness, past, recall, sets
from benchmarks.client import Question, Told
from benchmarks.distilling import Cost, Distiller
from benchmarks.past import Settings
from benchmarks.recall import AS_IT_IS, ROWS, TEN, THREE
from benchmarks.tables import Row
from benchmarks.trials import Result, Trial, Trials
from gateway.policy import Policy
from gateway.policybook import load_policies
from gateway.testing import ScriptedUpstream
from gateway.wiring import KINDS


def result(half: str, group: str, missing: Sequence[str] = (), stale: Sequence[str] = ()) -> Result:
    question = Question(user=f"{group}-{half}", session="1", ask="Where do I live?")
    trial = Trial(question=question, present=("Ghent",), absent=("Lyon",), half=half, group=group)
    return Result(trial=trial, missing=tuple(missing), stale=tuple(stale), notes=2, tokens=50)


RESULTS = [
    result("dev", "fact"),
    result("dev", "update", stale=["Lyon"]),
    result("heldout", "update", missing=["Ghent"]),
    result("heldout", "update"),
]
TRIALS = Trials(chats=(), trials=tuple(result.trial for result in RESULTS))

Measured = list[tuple[Trials, Sequence[str], Settings]]


@pytest.fixture
def document(tmp_path: Path) -> Path:
    return tmp_path / "benchmarks.md"


@pytest.fixture
def measured(monkeypatch: pytest.MonkeyPatch, document: Path) -> Measured:
    """What was to be measured; the results stand above."""
    calls: Measured = []

    def measure(trials: Trials, names: Sequence[str], few: Settings) -> list[Row]:
        calls.append((trials, names, few))
        return [Row(name=name, results=RESULTS, few=RESULTS[:3]) for name in names]

    monkeypatch.setattr(recall, "measure", measure)
    monkeypatch.setattr(harness, "DOCUMENT", document)
    monkeypatch.setattr(sets, "of_suite", lambda: TRIALS)
    monkeypatch.setattr(sets, "of_locomo", lambda path, limit: TRIALS)
    return calls


def cells(printed: str, name: str) -> list[list[str]]:
    """Of each line of a table that is called so."""
    lines = ([cell.strip() for cell in line.strip("|").split("|")] for line in printed.splitlines())
    return [line[1:] for line in lines if line[0] == name]


def test_the_suite_is_told_by_group_and_half(measured: Measured, capsys: pytest.CaptureFixture[str]) -> None:
    recall.main(["--suite"])
    printed = capsys.readouterr().out
    assert cells(printed, "all")[0] == ["4", "1.000", "0.500", "0.500", "1.000", "2.0", "50", "50", "0.667"]
    assert cells(printed, "fact") == [["1", "1.000", "1.000", "", "", "2.0", "50", "50", "1.000"]]
    assert cells(printed, "en") == cells(printed, "all")[:1]
    assert measured == [(TRIALS, [AS_IT_IS], THREE)]


def test_locomo_is_told_by_category_with_many_notes_and_with_ten(
    measured: Measured, capsys: pytest.CaptureFixture[str]
) -> None:
    recall.main(["--locomo"])
    printed = capsys.readouterr().out
    assert cells(printed, "all") == [["4", "0.750", "2.0", "50", "50", "0.667", "2.0", "50"]]
    assert cells(printed, "update") == [["3", "0.667", "2.0", "50", "50", "0.500", "2.0", "50"]]
    assert measured == [(TRIALS, [AS_IT_IS], TEN)]


def test_ablations_are_a_line_each(measured: Measured, capsys: pytest.CaptureFixture[str]) -> None:
    recall.main(["--ablations"])
    printed = capsys.readouterr().out
    for name in ROWS:
        locomo, suite = cells(printed, name)
        assert (locomo[0], suite[0]) == ("0.750", "4")
    assert [names for _, names, _ in measured] == [list(ROWS), list(ROWS)]


@pytest.mark.parametrize(
    ("flags", "listed", "unlisted"),
    [
        ([], [], ["stale:", "missing:"]),
        (["--list-misses"], ["update-dev: Where do I live?\n    stale:   Lyon"], ["missing:", "fact-dev"]),
        (["--list-misses", "--heldout-misses"], ["stale:   Lyon", "missing: Ghent"], ["fact-dev"]),
    ],
    ids=["not asked for", "dev", "both halves"],
)
def test_misses_of_the_half_that_measures_are_only_told_when_that_is_asked_for(
    measured: Measured,
    capsys: pytest.CaptureFixture[str],
    flags: list[str],
    listed: list[str],
    unlisted: list[str],
) -> None:
    recall.main(["--suite", *flags])
    printed = capsys.readouterr().out
    assert all(text in printed for text in listed)
    assert not any(text in printed for text in unlisted)


def test_a_section_is_written_only_when_that_is_asked_for(measured: Measured, document: Path) -> None:
    recall.main(["--suite"])
    assert not document.exists()
    recall.main(["--suite", "--write"])
    recall.main(["--suite", "--write"])
    assert document.read_text().count("\n## Recall, ") == 1


def test_sessions_can_go_without_names(measured: Measured) -> None:
    recall.main(["--suite", "--unnamed"])
    assert measured[0][0] == TRIALS.without_session_names()


def test_each_row_is_asked_under_its_own_policy_with_many_notes_and_with_few(monkeypatch: pytest.MonkeyPatch) -> None:
    policies: list[Settings] = []

    @contextmanager
    def remembering(learnt: Path, upstream: ScriptedUpstream, changes: Settings) -> Iterator[str]:
        policies.append(changes)
        yield "nowhere"

    monkeypatch.setattr(past, "learn", lambda folder, upstream, chats: 0)
    monkeypatch.setattr(past, "remembering", remembering)
    monkeypatch.setattr(client, "ask", lambda url, upstream, asked: [Told(header="empty", notes="")] * len(asked))
    other = "without voices (who said it)"
    rows = recall.measure(TRIALS, [AS_IT_IS, other], TEN)
    assert policies == [
        {"recall": {}},
        TEN,
        {"recall": {"voices": 1.0}},
        {**TEN, "recall": {"voices": 1.0, "notes": 10}},
    ]
    assert [row.name for row in rows] == [AS_IT_IS, other]
    assert all(len(row.results) == len(row.few) == len(TRIALS.trials) for row in rows)
    assert rows[0].results[0].missing == ("Ghent",)


@pytest.mark.parametrize("few", [{}, TEN, THREE], ids=["many", "ten", "three"])
def test_every_row_is_a_policy_that_changes_something(tmp_path: Path, few: Settings) -> None:
    for name, changes in ROWS.items():
        policy_file = {**few, "recall": {**changes, **few.get("recall", {})}}
        (tmp_path / "default.yaml").write_text(json.dumps(policy_file))
        (policy,) = load_policies(tmp_path, KINDS).policies
        assert (policy == Policy()) == (name == AS_IT_IS and not few)


@pytest.fixture
def distilled(monkeypatch: pytest.MonkeyPatch, measured: Measured) -> list[Distiller]:
    """Who was to distil; the results are worse than those above, and dearer."""
    asked: list[Distiller] = []

    def measure_distilled(trials: Trials, few: Settings, by: Distiller) -> tuple[Row, Cost]:
        asked.append(by)
        row = Row(name=f"distilled by {by.name}", results=RESULTS[1:3], few=RESULTS[1:3])
        return row, Cost(tokens=12_345, sessions=67, unusable=3, facts=89, unproved=5)

    monkeypatch.setattr(recall, "measure_distilled", measure_distilled)
    return asked


def test_distilling_is_a_line_beside_the_line_without_and_says_what_it_cost(
    distilled: list[Distiller], capsys: pytest.CaptureFixture[str]
) -> None:
    recall.main(["--distil", "some-model", "--distil-url", "https://provider.example/v1"])
    printed = capsys.readouterr().out
    assert distilled == [Distiller(model="some-model", url="https://provider.example/v1")] * 2
    assert [line[0] for line in cells(printed, AS_IT_IS)] == ["0.750", "4"]
    assert [line[0] for line in cells(printed, "distilled by some-model")] == ["0.500", "2"]
    assert printed.count("12,345 tokens in 70 calls, 89 facts kept, 5 dropped") == 2
    assert "3 answers could not be used" in printed
    assert "stand-in" not in printed


def test_a_stand_in_is_not_taken_for_a_model(distilled: list[Distiller], capsys: pytest.CaptureFixture[str]) -> None:
    recall.main(["--suite", "--distil", "some-model"])
    printed = capsys.readouterr().out
    assert cells(printed, "distilled by a stand-in")
    assert "is no model" in printed
    assert "some-model" not in printed


@pytest.mark.parametrize(
    ("flags", "complaint"),
    [
        (["--distil-url", "https://provider.example/v1"], "the model that --distil names"),
        (["--distil", client.MODEL], "name another model"),
    ],
    ids=["no model", "the model of the chats"],
)
def test_a_distiller_that_could_not_be_told_apart_is_refused(
    measured: Measured, capsys: pytest.CaptureFixture[str], flags: list[str], complaint: str
) -> None:
    with pytest.raises(SystemExit):
        recall.main(flags)
    assert complaint in capsys.readouterr().err
    assert not measured


def test_a_distilled_past_is_asked_under_the_policy_as_it_is(monkeypatch: pytest.MonkeyPatch) -> None:
    policies: list[Settings] = []

    @contextmanager
    def remembering(learnt: Path, upstream: ScriptedUpstream, policy: Settings) -> Iterator[str]:
        policies.append(policy)
        yield "nowhere"

    paid = Cost(tokens=9, sessions=1, unusable=0, facts=1, unproved=0)
    monkeypatch.setattr(distilling, "learn", lambda folder, upstream, chats, by: (0, paid))
    monkeypatch.setattr(past, "remembering", remembering)
    monkeypatch.setattr(client, "ask", lambda url, upstream, asked: [Told(header="empty", notes="")] * len(asked))
    row, cost = recall.measure_distilled(TRIALS, THREE, Distiller(model="some-model"))
    assert policies == [{"recall": {}}, THREE]
    assert (row.name, cost) == ("distilled by a stand-in", paid)
