"""What may be worth saying for this call: candidates from the store, ranked by pure code.

Whether they fit, and where they go, is decided in gateway/compose.py.
"""

from __future__ import annotations

import heapq
import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from functools import lru_cache, partial
from operator import attrgetter, itemgetter

from gateway.kinds.base import DAY_S, Kind
from gateway.kinds.sentences import is_empty_talk, is_question
from gateway.memories import TAUGHT, Found, Hit, Memory, Query, Ranked, Recalled
from gateway.policy import Recall
from gateway.ports import MemoryStore
from gateway.series import Series, is_asking, series_of
from gateway.telling import mention_of, telling
from gateway.times import has_time, is_when, span_asked
from gateway.types import Scope
from gateway.voices import is_personal, voice_asked
from gateway.wordsets import WordSets, words

MAX_QUERY_CHARS = 2_000
"""Of the user's message are searched by; a pasted document asks nothing more with its tail."""

DUPLICATE_OVERLAP = 0.8
"""Share of words in common above which two lines say the same."""

EXPLAINED = 10
"""Hits that are skipped and kept all the same, so that it can be said what just missed."""

RECENCY_SHARE = 0.2
"""Part of a score that fades with age; relevance decides between old and new only when it is close."""

REACH = 3
"""Episodes to either side that share in a score, each half as much as the one before it; a fourth adds nothing."""

LENDERS = 40
"""Best hits whose neighbours take part although they were not found: as many as the budget has room for."""

GUESSES = 5
"""Memories told where none is related to a question that asks after memory: the best of them are right more often than
not ("What's my sibling's profession?", "My brother is a pilot"), and cost little."""

_has_time = lru_cache(maxsize=2_048)(has_time)
"""Reading a text for times takes as long as all else that is done with it, and the same memories are found again."""

_telling = lru_cache(maxsize=2_048)(telling)
"""The same memories are pinned at every call."""

DATED_BONUS = 1.15
"""For a text that holds a time, where the question is when."""

_FORMERLY = re.compile(
    r"\b(?:used to|previous(?:ly)?|former(?:ly)?|before|earlier|originally|initially|at first|in the past|back then|"
    r"no longer|any ?more|changed?|switched|(?<!how )(?<!years )(?<!year )old|last time|until|nicht mehr|früher|vorher|"
    r"damals|zuvor|ursprünglich|geändert|ya no|antes|anterior(?:mente)?|solía|cambi\w+|avant|auparavant|autrefois|"
    r"précédent\w*|ancien\w*|changé)\b|以前|之前|原来|曾经",
    re.IGNORECASE,
)
"""A question that is after what held once."""

_SIDES = (attrgetter("before"), attrgetter("after"))

Relation = Callable[[Hit], bool]
"""Whether a hit has to do with the question."""

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
    found_by_words = tuple(name for name, kind in kinds.items() if not (kind.is_pinned or name in TAUGHT))
    since, until = span_asked(text, now) or (None, None)
    query = Query(
        text=text,
        kinds=() if is_empty_talk(text) else found_by_words,
        pinned=tuple(name for name, kind in kinds.items() if kind.is_pinned),
        limit=settings.candidates,
        has_ended=_FORMERLY.search(text) is not None,
        since=since,
        until=until,
    )
    found = await store.search(scope, query)
    half_lives = {name: settings.half_life_days.get(name, kind.half_life_days) for name, kind in kinds.items()}
    candidates = (*found.hits, *await _neighbours(store, scope, found.hits, text, settings))
    ranked = (
        candidate
        for name in found_by_words
        for candidate in rank([hit for hit in candidates if hit.memory.kind == name], text, settings, half_lives, now)
    )
    pinned = tuple(_pinned(found, text))
    by_hand = {memory.id for memory in pinned if memory.is_pinned}  # told in any case, and so not for what they say
    hits = tuple(candidate for candidate in (*_past(found, text), *ranked) if candidate.memory.id not in by_hand)
    return Recalled(pinned=pinned, hits=hits)


async def _neighbours(
    store: MemoryStore, scope: Scope, hits: Sequence[Hit], question: str, settings: Recall
) -> list[Hit]:
    """Episodes next to the best hits that were not found themselves."""
    if not settings.neighbours:
        return []
    episodes = [hit for hit in hits if hit.memory.before or hit.memory.after]
    scores = _relevance(episodes, _relation(episodes, question, settings), settings)
    best = heapq.nlargest(LENDERS, scores, key=lambda id: scores[id])
    found = {hit.memory.id for hit in hits}
    near = await store.get(scope, best, reach=REACH) if best else []
    return [Hit(memory=memory, scores={}) for memory in near if memory.id not in found and memory.ended_at is None]


def _pinned(found: Found, question: str) -> list[Memory]:
    """What is pinned and holds: what a person pinned first, then what has to do with the question, for where there is
    no room for all."""
    asked = telling(question)
    holding = [memory for memory in found.pinned if memory.ended_at is None]
    return sorted(holding, key=lambda memory: (memory.is_pinned, len(asked & _telling(memory.text))), reverse=True)


def _past(found: Found, question: str) -> Iterator[Ranked]:
    """What held once and is asked after; a rule that was taken back is never told again."""
    is_asked = mention_of(telling(question))
    for memory in found.pinned:
        if memory.ended_at is not None and memory.kind != "constraint" and is_asked(memory.text):
            yield Ranked(memory=memory, scores={}, score=1.0)


def rank(
    hits: Sequence[Hit], question: str, settings: Recall, half_lives: Mapping[str, float], now: float
) -> list[Ranked]:
    """Order hits by one score, best first; of those that are skipped only the best few are kept, to be explained.

    Each way of searching is normalised by its best score and weighted; adding plain ranks (RRF) instead lets a weak
    list drag a strong one down (DESIGN section 7). Where no hit has anything telling in common with the question there
    is nothing to say: normalised, the best of them would look as good as any. A few are guessed all the same where only
    memory can have the answer.
    """
    is_related = _relation(hits, question, settings)
    scores = _spread(_relevance(hits, is_related, settings), hits, settings.neighbours)
    voice = voice_asked(question, [hit.memory for hit in hits]) if scores else None
    is_dated = _has_time if is_when(question) else _never
    scored = []
    for hit in hits:
        memory, score = hit.memory, scores.get(hit.memory.id, 0.0)
        if score > 0.0:
            score *= 1.0 if voice is None or voice(memory) else settings.voices
            score *= DATED_BONUS if is_dated(memory.text) else 1.0
            score *= _recency(memory, half_lives[memory.kind], now)
            scored.append((-score, memory.id, hit))
    scored.sort(key=itemgetter(0, 1))
    series = series_of(question, (hit.memory for hit in hits))
    return _chosen(scored, settings, min(settings.notes, GUESSES) if is_related is _always else settings.notes, series)


def _chosen(
    scored: Sequence[tuple[float, str, Hit]], settings: Recall, limit: int, series: Series | None
) -> list[Ranked]:
    floor = -scored[0][0] * settings.min_share if scored else 0.0
    kept = WordSets(DUPLICATE_OVERLAP)
    ranked: list[Ranked] = []
    for negated, _, hit in scored:
        is_over = -negated < floor or len(kept) == limit  # and so is all that follows
        explained = len(ranked) - len(kept)
        if is_over and explained >= EXPLAINED:
            break
        skipped = "weak" if -negated < floor else _reason(hit.memory, kept, limit, series)
        if not skipped or explained < EXPLAINED:
            ranked.append(Ranked(memory=hit.memory, scores=hit.scores, score=-negated, skipped=skipped))
    return ranked


def _relevance(hits: Sequence[Hit], is_related: Relation, settings: Recall) -> dict[str, float]:
    """Of hits by id: their scores, each as a share of the best, weighted. Empty when none is related.

    The best is that of a hit that is related. Zero is the last of a list that was cut off at its limit: of so many
    there are always some that are somehow alike.
    """
    relevance: dict[str, float] = {}
    for way, weight in settings.weights.items():
        found = sorted(((hit.scores[way], hit) for hit in hits if way in hit.scores), key=itemgetter(0), reverse=True)
        zero = found[-1][0] if len(found) >= settings.candidates else 0.0
        best = next((score for score, hit in found if is_related(hit)), zero)
        if best > zero:
            for score, hit in found:
                share = min(max(score - zero, 0.0) / (best - zero), 1.0)
                relevance[hit.memory.id] = relevance.get(hit.memory.id, 0.0) + weight * share
    return relevance


def _spread(scores: Mapping[str, float], hits: Sequence[Hit], share: float) -> Mapping[str, float]:
    """The scores with what episodes lend their neighbours: an answer is worth saying with its question."""
    if not share or not scores:
        return scores
    linked = {hit.memory.id: hit.memory for hit in hits}
    shares = [share / 2**step for step in range(REACH)]
    spread = {}
    for id, memory in linked.items():
        spread[id] = scores.get(id, 0.0)
        for side in _SIDES:
            neighbour = memory
            for lent in shares:
                if side(neighbour) not in linked:
                    break
                neighbour = linked[side(neighbour)]
                spread[id] += lent * scores.get(neighbour.id, 0.0)
    return spread


def _relation(hits: Sequence[Hit], question: str, settings: Recall) -> Relation:
    """Says of a hit whether it is related to the question; of all, where none is and only memory can answer."""
    is_related = partial(_is_related, is_asked=mention_of(telling(question)), settings=settings)
    if any(map(is_related, hits)):
        return is_related
    return _always if is_personal(question) else _never


def _is_related(hit: Hit, is_asked: Callable[[str], bool], settings: Recall) -> bool:
    """Whether a hit shares a telling word with the question, is near to it in meaning, or of the time it asks after."""
    scores = hit.scores
    if scores.get("dense", 0.0) >= settings.min_dense or "time" in scores:
        return True
    return (scores.get("words", 0.0) > 0.0 or scores.get("chars", 0.0) > 0.0) and is_asked(hit.memory.key)


def _always(_: object) -> bool:
    return True


def _never(_: object) -> bool:
    return False


def _recency(memory: Memory, half_life_days: float, now: float) -> float:
    age_days = max(0.0, now - memory.at) / DAY_S
    return float(1.0 - RECENCY_SHARE + RECENCY_SHARE * 0.5 ** (age_days / half_life_days))


def _reason(memory: Memory, kept: WordSets, limit: int, series: Series | None) -> str:
    """Why a memory is skipped; one that is not joins what is kept."""
    text = memory.text.strip()
    if memory.speaker == "user" and is_asking(text) and _ASKING.fullmatch(text) and is_question(text):
        return "question"
    if len(kept) == limit:
        return "limit"
    if series is not None and (objection := series.objection(memory)):
        return objection
    said = words(text)
    if kept.has_alike(said):
        return "duplicate"
    kept.add(said)
    if series is not None:
        series.tell(memory)
    return ""
