"""What the figures of recall look like in the document. Knows nothing of how they were come by."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence

import msgspec

from benchmarks import harness, sets
from benchmarks.trials import Result, figures

Results = Sequence[Result]
NameOf = Callable[[Result], str]

_SUITE_TABLES: Mapping[str, NameOf] = {
    "probes": lambda result: result.trial.group,
    "language": lambda result: result.trial.language,
}


class Row(msgspec.Struct, frozen=True, kw_only=True):
    """A set under one policy: with as many notes as it allows, and with few."""

    name: str
    results: Results
    few: Results


def of_locomo(rows: Sequence[Row]) -> list[str]:
    """Evidence recall by category, and by row where there are several."""
    groups = _groups(rows[0].results, lambda result: result.trial.group)
    few = _groups(rows[0].few, lambda result: result.trial.group)
    lines = [[name, *_locomo_cells(results, few[name])] for name, results in groups.items()]
    header = ["questions", "number", "recall", "notes", "tokens", "tokens p99", "recall@10", "notes", "tokens"]
    text = (
        "**LoCoMo**: share of a question's evidence turns that stand in its notes word for word, the mean over the "
        "questions of the categories 1–4 that name any. These conversations were looked at while recall was "
        "made. `recall@10`: with the ten memories found by relevance alone."
    )
    parts = [text, harness.table(header, lines)]
    if len(rows) > 1:
        ablations = [[row.name, *_locomo_cells(row.results, row.few)[1:]] for row in rows]
        parts.append(harness.table(["LoCoMo", *header[2:]], ablations))
    return parts


def _locomo_cells(results: Results, few: Results) -> list[str]:
    found, ten = figures(results), figures(few)
    return [
        str(found.questions),
        _share(found.found),
        f"{found.notes:.1f}",
        f"{found.tokens:.0f}",
        str(found.tokens_p99),
        _share(ten.found),
        f"{ten.notes:.1f}",
        f"{ten.tokens:.0f}",
    ]


def of_suite(rows: Sequence[Row]) -> list[str]:
    """Present and absent by half, then by group and language; and by row where there are several."""
    header = ["number", *(f"{half} {what}" for half in sets.HALVES for what in ("present", "absent"))]
    header += ["notes", "tokens", "tokens p99", "present@3"]
    parts = [
        "**Suite**: share of the probes with all that must be present in their notes, and of those with nothing that "
        "must be absent; by half of the suite. `present@3`: of both halves, with three memories found by relevance, "
        "and the pinned ones. Where nothing helps (`negative`), `notes` and `tokens` say what was told all the same."
    ]
    for what, name_of in _SUITE_TABLES.items():
        results, few = _groups(rows[0].results, name_of), _groups(rows[0].few, name_of)
        lines = [[name, *_suite_cells(of, few[name])] for name, of in results.items()]
        parts.append(harness.table([what, *header], lines))
    if len(rows) > 1:
        ablations = [[row.name, *_suite_cells(row.results, row.few)] for row in rows]
        parts.append(harness.table(["suite", *header], ablations))
    return parts


def _suite_cells(results: Results, few: Results) -> list[str]:
    whole = figures(results)
    halves = _groups(results, lambda result: result.trial.half)
    cells = [str(whole.questions)]
    for half in sets.HALVES:
        of = figures(halves[half]) if half in halves else None
        cells += [_share(of.complete), _share(of.clean)] if of else ["", ""]
    return [*cells, f"{whole.notes:.1f}", f"{whole.tokens:.0f}", str(whole.tokens_p99), _share(figures(few).complete)]


def _groups(results: Results, name_of: NameOf) -> dict[str, list[Result]]:
    """All results, and those of each name in the order in which it is first met."""
    groups = {"all": list(results)}
    for result in results:
        groups.setdefault(name_of(result), []).append(result)
    return groups


def _share(share: float | None) -> str:
    return "" if share is None else f"{share:.3f}"
