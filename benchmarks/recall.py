"""How much of what matters memory brings back, at which cost in tokens, as the provider hears it over HTTP.

A past is told to a running gateway as ordinary chats, and once it has learnt all of it, questions are asked in fresh
chats. How that is done is in benchmarks/client.py, benchmarks/past.py and benchmarks/distilling.py, what is told and
asked in benchmarks/sets.py, what counts as found in benchmarks/trials.py, and what is printed in benchmarks/tables.py.
"""

from __future__ import annotations

import argparse
import os
import sys
import tempfile
from collections.abc import Mapping, Sequence
from pathlib import Path

from benchmarks import client, distilling, harness, past, sets, tables
from benchmarks.distilling import Cost, Distiller
from benchmarks.past import Settings
from benchmarks.tables import Results, Row
from benchmarks.trials import Trials, judge
from gateway.testing import ScriptedUpstream
from gateway.tokens import Tokens

AS_IT_IS = "as it is"

ROWS: Mapping[str, Settings] = {
    AS_IT_IS: {},
    "without words (stems in common)": {"weights": {"words": 0.0}},
    "without chars (spelling)": {"weights": {"chars": 0.0}},
    "without dense (meaning)": {"weights": {"dense": 0.0}},
    "without time (dates asked for)": {"weights": {"time": 0.0}},
    "without neighbours (what was said beside it)": {"neighbours": 0.0},
    "without voices (who said it)": {"voices": 1.0},
    "without min_share (least score)": {"min_share": 0.0},
    "without min_dense (any meaning relates)": {"min_dense": 0.0},
    "candidates: 25 (of 100)": {"candidates": 25},
}
"""What a policy's `recall` is changed to, each time in one thing. `notes` is not among them: beyond it the budget is
the limit, and nothing changes."""

TEN: Settings = {
    "recall": {"notes": 10},
    "budget": {"lanes": {"constraint": 0, "preference": 0, "fact": 0, "lesson": 0, "correction": 0}},
}
"""For recall@10: ten memories of what was said and nothing else, since ten turns are what others count."""

THREE: Settings = {"recall": {"notes": 3}}
"""A case of the suite has so short a past that all that is related fits: only among few does their order count. What is
pinned comes to it."""

DATA = Path(__file__).parent.parent.parent / "shared" / "data"
LOCOMO = "locomo-dev.json"
PACKAGES = ("accrue", "qdrant-edge-py", "wordllama", "numpy")


def main(arguments: Sequence[str] | None = None) -> None:
    """Run the benchmark and print its section; `--write` puts it into docs/benchmarks.md as well."""
    given = _arguments(arguments)
    distiller = Distiller(model=given.distil, url=given.distil_url) if given.distil else None
    names = list(ROWS) if given.ablations else [AS_IT_IS]
    parts = [_preamble()]
    is_all = not (given.locomo or given.suite)
    if given.locomo or is_all:
        trials = _named(sets.of_locomo(given.data / LOCOMO, given.conversations), given)
        rows, paid = _rows(trials, names, TEN, distiller)
        parts += [*tables.of_locomo(rows), *paid]
    if given.suite or is_all:
        rows, paid = _rows(_named(sets.of_suite(), given), names, THREE, distiller)
        parts += [*tables.of_suite(rows), *paid]
        if given.list_misses:
            print(_misses(rows[0].results, ["dev", *(["heldout"] if given.heldout_misses else [])]))
    harness.report("Recall", "\n\n".join(parts), is_written=given.write)


def _rows(
    trials: Trials, names: Sequence[str], few: Settings, distiller: Distiller | None
) -> tuple[list[Row], list[str]]:
    """What is measured of a set, and a word on what distilling it cost."""
    rows = measure(trials, names, few)
    if distiller is None:
        return rows, []
    distilled, cost = measure_distilled(trials, few, distiller)
    return [*rows, distilled], [_paid(distiller, cost)]


def measure(trials: Trials, names: Sequence[str], few: Settings) -> list[Row]:
    """Tell the past once, then ask everything anew under each row's policy, and under it with few notes.

    Raises `Failed`.
    """
    with tempfile.TemporaryDirectory() as folder, ScriptedUpstream() as upstream:
        learnt = Path(folder)
        calls = past.learn(learnt, upstream, trials.chats)
        print(f"{calls} calls learnt", file=sys.stderr, flush=True)
        return [_row(name, trials, learnt, upstream, ROWS[name], few) for name in names]


def measure_distilled(trials: Trials, few: Settings, by: Distiller) -> tuple[Row, Cost]:
    """As `measure`, of a past that a model has distilled, under the policy as it is; and what that cost."""
    with tempfile.TemporaryDirectory() as folder, ScriptedUpstream() as upstream:
        learnt = Path(folder)
        calls, cost = distilling.learn(learnt, upstream, trials.chats, by)
        print(f"{calls} calls learnt and distilled", file=sys.stderr, flush=True)
        return _row(f"distilled by {by.name}", trials, learnt, upstream, {}, few), cost


def _row(name: str, trials: Trials, learnt: Path, upstream: ScriptedUpstream, recall: Settings, few: Settings) -> Row:
    return Row(
        name=name,
        results=_asked(trials, learnt, upstream, {"recall": recall}),
        few=_asked(trials, learnt, upstream, {**few, "recall": {**recall, **few["recall"]}}),
    )


def _asked(trials: Trials, learnt: Path, upstream: ScriptedUpstream, policy: Settings) -> Results:
    counter = Tokens.from_litellm()
    with past.remembering(learnt, upstream, policy) as url:
        told = client.ask(url, upstream, [trial.question for trial in trials.trials])
    return [judge(trial, notes, counter) for trial, notes in zip(trials.trials, told, strict=True)]


def _arguments(arguments: Sequence[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=str(__doc__).splitlines()[0])
    parser.add_argument("--locomo", action="store_true", help="only LoCoMo, or with --suite both")
    parser.add_argument("--suite", action="store_true", help="only the suite of our own")
    parser.add_argument("--ablations", action="store_true", help="once more without each part of recall")
    parser.add_argument("--distil", metavar="MODEL", default="", help="once more with a past that it has distilled")
    parser.add_argument(
        "--distil-url", default="", help="of its provider, whose key is OPENAI_API_KEY; else a stand-in"
    )
    parser.add_argument("--conversations", type=int, help="of LoCoMo, from the first")
    parser.add_argument("--data", type=Path, default=_data(), help=f"folder that holds {LOCOMO}")
    parser.add_argument("--unnamed", action="store_true", help="as a client that does not name its sessions")
    parser.add_argument("--list-misses", action="store_true", help="of the suite's dev half")
    parser.add_argument("--heldout-misses", action="store_true", help="of the other as well, which spoils it")
    parser.add_argument("--write", action="store_true", help="write the section into docs/benchmarks.md")
    given = parser.parse_args(arguments)
    if given.distil_url and not given.distil:
        parser.error("--distil-url is of the model that --distil names")
    if given.distil == client.MODEL:
        parser.error(f"calls for {client.MODEL} are those of the chats; name another model")
    return given


def _data() -> Path:
    return Path(os.environ.get("ACCRUE_DATA") or DATA)  # noqa: TID251 - no setting of the gateway


def _named(trials: Trials, given: argparse.Namespace) -> Trials:
    return trials.without_session_names() if given.unnamed else trials


def _preamble() -> str:
    return (
        f"{harness.machine(PACKAGES)}. Told to a running gateway over HTTP as chats that grow call by call, asked in "
        "fresh chats of the same user, and read from what the provider got beside the client's own words. Embedded "
        f"embedder, default policy with its budget of 2,000 tokens; only the deadline is {past.DEADLINE_MS:,} ms, so "
        "that other work of the machine costs no recall. `tokens` are all that was added to a call, `notes` the "
        "memories in it."
    )


def _paid(by: Distiller, cost: Cost) -> str:
    """What distilling cost, and what is to be thought of the row."""
    text = (
        f"Distilling by {by.name}: {cost.tokens:,} tokens in {cost.sessions + cost.unusable:,} calls, {cost.facts:,} "
        f"facts kept, {cost.unproved:,} dropped because the user's words do not bear them out; {cost.unusable:,} "
        "answers could not be used. Each chat is distilled before its user's next one begins."
    )
    note = (
        " The stand-in is no model: it takes each of the user's sentences in the first person for a fact, as it "
        "stands. So the row shows that the path works and what it costs, not what a model would be worth."
    )
    return text if by.url else text + note


def _misses(results: Results, halves: Sequence[str]) -> str:
    lines = []
    for result in results:
        if result.trial.half in halves and (result.missing or result.stale):
            lines.append(f"{result.trial.question.user}: {result.trial.question.ask}")
            lines += [f"    missing: {text}" for text in result.missing]
            lines += [f"    stale:   {text}" for text in result.stale]
    return "\n".join(lines)


if __name__ == "__main__":
    main()
