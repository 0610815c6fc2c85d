"""What may be worth saying for this call: candidates from the store, ranked by pure code.

Whether they fit, and where they go, is decided in gateway/compose.py.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence

import msgspec

from gateway.kinds.base import Kind
from gateway.kinds.sentences import is_empty_talk
from gateway.policy import Recall
from gateway.ports import MemoryStore
from gateway.types import Hit, Query, Ranked, Recalled, Scope

MAX_QUERY_CHARS = 2_000
"""Of the user's message are searched by; a pasted document asks nothing more with its tail."""

DUPLICATE_OVERLAP = 0.8
"""Share of words in common above which two lines say the same."""

RECENCY_SHARE = 0.2
"""Part of a score that fades with age; relevance decides between old and new only when it is close."""

DAY_S = 86_400.0
_WORD = re.compile(r"\w+")


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
    return Recalled(pinned=found.pinned, hits=tuple(rank(found.hits, settings, now)))


def rank(hits: Sequence[Hit], settings: Recall, now: float) -> list[Ranked]:
    """Order hits by one score, best first.

    Each way of searching is normalised by its best score and weighted; adding plain ranks (RRF) instead lets a weak
    list drag a strong one down (DESIGN section 7).
    """
    best: dict[str, float] = {}
    for hit in hits:
        for way, score in hit.scores.items():
            best[way] = max(best.get(way, 0.0), score)
    scored = [_scored(hit, best, settings, now) for hit in hits]
    scored.sort(key=lambda ranked: (-ranked.score, ranked.memory.id))
    return _skipping(scored, settings.notes)


def _scored(hit: Hit, best: Mapping[str, float], settings: Recall, now: float) -> Ranked:
    relevance = sum(
        weight * max(0.0, hit.scores.get(way, 0.0)) / best[way]
        for way, weight in settings.weights.items()
        if best.get(way, 0.0) > 0
    )
    age_days = max(0.0, now - hit.memory.at) / DAY_S
    freshness = 0.5 ** (age_days / settings.half_life_days)
    score = relevance * (1.0 - RECENCY_SHARE + RECENCY_SHARE * freshness)
    is_weak = hit.scores.get("words", 0.0) <= 0.0 and hit.scores.get("dense", 0.0) < settings.min_dense
    return Ranked(memory=hit.memory, scores=hit.scores, score=score, skipped="weak" if is_weak else "")


def _skipping(ranked: Sequence[Ranked], most: int) -> list[Ranked]:
    """The same hits; those that repeat a better one, and those beyond the `most` best, marked as skipped."""
    kept: list[set[str]] = []
    result: list[Ranked] = []
    for candidate in ranked:
        reason = candidate.skipped
        words = set(_WORD.findall(candidate.memory.text.lower()))
        if not reason and any(_overlap(words, other) > DUPLICATE_OVERLAP for other in kept):
            reason = "duplicate"
        elif not reason and len(kept) == most:
            reason = "limit"
        elif not reason:
            kept.append(words)
        result.append(msgspec.structs.replace(candidate, skipped=reason))
    return result


def _overlap(one: set[str], other: set[str]) -> float:
    """Jaccard's index of two sets of words."""
    union = len(one | other)
    return len(one & other) / union if union else 1.0
