"""What may be worth saying for this call: candidates from the store, ranked by pure code.

Whether they fit, and where they go, is decided in gateway/compose.py.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from operator import itemgetter

from gateway.kinds.base import DAY_S, Kind
from gateway.kinds.sentences import is_empty_talk, is_question
from gateway.memories import Hit, Query, Ranked, Recalled
from gateway.policy import Recall
from gateway.ports import MemoryStore
from gateway.telling import mention_of, telling
from gateway.types import Scope

MAX_QUERY_CHARS = 2_000
"""Of the user's message are searched by; a pasted document asks nothing more with its tail."""

DUPLICATE_OVERLAP = 0.8
"""Share of words in common above which two lines say the same."""

EXPLAINED = 10
"""Hits that are skipped and kept all the same, so that it can be said what just missed."""

RECENCY_SHARE = 0.2
"""Part of a score that fades with age; relevance decides between old and new only when it is close."""

_ASKING = re.compile(r"[^.!\n]{1,300}[?？]")
"""A question alone tells nothing; its answer is found by it all the same, through its window."""


async def recall(
    store: MemoryStore, scope: Scope, question: str, kinds: Mapping[str, Kind], settings: Recall, now: float
) -> Recalled:
    """Recall for a scope. Raises `MemoryUnavailable` when the store cannot answer.

    Args:
        question: what the user just said; without anything to search by, only pinned kinds are recalled.
        now: Unix seconds, for recency.
    """
    text = question[:MAX_QUERY_CHARS].strip()
    searched = () if is_empty_talk(text) else tuple(name for name, kind in kinds.items() if not kind.is_pinned)
    pinned = tuple(name for name, kind in kinds.items() if kind.is_pinned)
    query = Query(text=text, kinds=searched, pinned=pinned, limit=settings.candidates)
    found = await store.search(scope, query)
    return Recalled(pinned=found.pinned, hits=tuple(rank(found.hits, text, settings, now)))


def rank(hits: Sequence[Hit], question: str, settings: Recall, now: float) -> list[Ranked]:
    """Order hits by one score, best first; of those that are skipped only the best few are kept, to be explained.

    Each way of searching is normalised by its best score and weighted; adding plain ranks (RRF) instead lets a weak
    list drag a strong one down (DESIGN section 7). Hits that have nothing telling in common with the question do not
    take part: normalised, the best of them would look as good as any.
    """
    is_asked = mention_of(telling(question))
    related = [hit for hit in hits if _is_related(hit, is_asked, settings)]
    best: dict[str, float] = {}
    for hit in related:
        for way, score in hit.scores.items():
            best[way] = max(best.get(way, 0.0), score)
    weights: dict[str, float] = {
        way: weight / best[way] for way, weight in settings.weights.items() if best.get(way, 0.0) > 0.0
    }
    scored = [(-_score(hit, weights, settings.half_life_days, now), hit.memory.id, hit) for hit in related]
    scored.sort(key=itemgetter(0, 1))
    floor = -scored[0][0] * settings.min_share if scored else 0.0
    kept: list[frozenset[str]] = []
    ranked: list[Ranked] = []
    for negated, _, hit in scored:
        explained = len(ranked) - len(kept)
        skipped = "weak" if -negated < floor else _reason(hit, kept, settings)
        if not skipped or explained < EXPLAINED:
            ranked.append(Ranked(memory=hit.memory, scores=hit.scores, score=-negated, skipped=skipped))
    return ranked


def _is_related(hit: Hit, is_asked: Callable[[str], bool], settings: Recall) -> bool:
    """Whether a hit shares a telling word with the question, or is near to it in meaning."""
    is_near = hit.scores.get("dense", 0.0) >= settings.min_dense
    return is_near or (hit.scores.get("words", 0.0) > 0.0 and is_asked(hit.memory.key))


def _score(hit: Hit, weights: Mapping[str, float], half_life_days: float, now: float) -> float:
    """One score; `weights` are per way of searching and already divided by the way's best score."""
    relevance = 0.0
    for way, score in hit.scores.items():
        if score > 0.0:
            relevance += weights.get(way, 0.0) * score
    age_days = max(0.0, now - hit.memory.at) / DAY_S
    return float(relevance * (1.0 - RECENCY_SHARE + RECENCY_SHARE * 0.5 ** (age_days / half_life_days)))


def _reason(hit: Hit, kept: list[frozenset[str]], settings: Recall) -> str:
    """Why a hit is skipped; one that is not joins what is kept."""
    text = hit.memory.text.strip()
    if hit.memory.speaker == "user" and _ASKING.fullmatch(text) and is_question(text):
        return "question"
    if len(kept) == settings.notes:
        return "limit"
    words = frozenset(text.lower().split())
    if _is_repeated(words, kept):
        return "duplicate"
    kept.append(words)
    return ""


def _is_repeated(words: frozenset[str], kept: Sequence[frozenset[str]]) -> bool:
    """Whether Jaccard's index with any of the kept sets of words is above the bound."""
    for other in kept:
        common = len(words & other)
        if common > DUPLICATE_OVERLAP * (len(words) + len(other) - common):
            return True
    return False
