from __future__ import annotations

import json
from typing import Any

import pytest
from qdrant_client.http import models
from structlog.testing import capture_logs

from gateway.errors import MemoryUnavailable
from gateway.experience import Lesson
from gateway.memories import Memory
from gateway.ports import Held
from gateway.sealing import NO_SEAL, Seal
from gateway.stores.qdrant.points import held_of, newest_first, payload_of, point_id, point_of, readables, storable
from tests.stores.samples import ANN, BOB, memory

SEALS = pytest.mark.parametrize("seal", [NO_SEAL, Seal(b"k" * 32)], ids=["open", "sealed"])


def held(one: Memory | None = None, owner: str = ANN.owner) -> Held:
    return Held(owner=owner, tenant="acme", memory=one or memory("m1", "green tea"))


def record(payload: dict[str, Any]) -> models.Record:
    return models.Record(id=1, payload=payload)


@SEALS
def test_a_memory_comes_back_as_it_was(seal: Seal) -> None:
    lesson = Lesson(key="k", state="active", grade="B", triggers=("when it rains",))
    full = held(memory("m1", "Grüße 世界 \0", lesson=lesson, ended_at=9.5, before="m0", count=3))
    stored = json.loads(json.dumps(payload_of(full, seal)))
    assert held_of(stored, seal) == full


def test_words_are_sealed_and_what_is_found_by_stays_readable() -> None:
    payload = payload_of(held(memory("m1", "a secret tea", evidence="a secret", slot="drink")), Seal(b"k" * 32))
    assert not {word for word in ("tea", "secret", "drink") if word in json.dumps(payload)}
    assert (payload["owner"], payload["tenant"], payload["id"], payload["at"]) == (ANN.owner, "acme", "m1", 1.0)


@pytest.mark.promise("P7")
def test_what_is_sealed_opens_for_its_owner_and_id_only() -> None:
    seal = Seal(b"k" * 32)
    payload = payload_of(held(), seal)
    for moved in ({**payload, "owner": BOB.owner}, {**payload, "id": "m2"}):
        with pytest.raises(MemoryUnavailable, match="cannot be read"):
            held_of(moved, seal)
    for other in (NO_SEAL, Seal(b"o" * 32)):
        with pytest.raises(MemoryUnavailable, match="memory m1 cannot be read"):
            held_of(payload, other)


@pytest.mark.parametrize(
    "damaged",
    [None, {}, {"memory": "%%%"}, {"memory": "bm90IEpTT04="}, {"memory": 7}, {"memory": {"id": 7}}, {"owner": []}],
)
def test_what_cannot_be_read_is_passed_over_and_the_log_says_which(damaged: dict[str, Any] | None) -> None:
    sound = payload_of(held(), NO_SEAL)
    points = [record({**sound, **damaged} if damaged else damaged or {}), record(sound)]
    with capture_logs() as logs:
        assert [one.id for _, one in readables(points, ANN.owner, NO_SEAL)] == ["m1"]
    assert [entry["event"] for entry in logs] == ["memory_unreadable"]


@pytest.mark.promise("P7")
def test_a_point_of_somebody_else_is_never_told() -> None:
    assert list(readables([record(payload_of(held(owner=BOB.owner), NO_SEAL))], ANN.owner, NO_SEAL)) == []


def test_every_owner_and_id_has_a_point_of_its_own_and_always_the_same() -> None:
    pairs = [("1:au1:b", "c"), ("1:au2:bc", ""), ("1:au1:", "bc"), ("a", "bc"), ("ab", "c"), ("a", "bd")]
    ids = [point_id(*pair) for pair in pairs]
    assert len(set(ids)) == len(pairs)
    assert point_id("a", "bc") == ids[3] == "8144675b-d599-5342-93af-30ed91a8df08"  # or nothing is found any more
    assert point_id("a", "half \ud800") == point_id("a", "half ?")


def test_what_holds_no_longer_has_no_vectors_and_lies_elsewhere() -> None:
    over = held(memory("m1", "green tea", ended_at=3.0))
    point = point_of(over, payload_of(over, NO_SEAL), None)
    assert point.vector == {}
    assert "lacks" not in (point.payload or {})
    assert payload_of(over, NO_SEAL)["shelf"] == payload_of(held(), NO_SEAL)["shelf"] + "/ended"


@pytest.mark.parametrize(
    ("dense", "ways", "lacks"),
    [
        ([0.5, 0.5], {"words", "chars", "dense"}, False),
        ([0.0, 0.0], {"words", "chars"}, False),
        ((), {"words", "chars"}, False),
        (None, {"words", "chars"}, True),
    ],
)
def test_a_vector_that_is_not_known_yet_is_lacking_and_one_of_nothing_is_not(
    dense: list[float] | None, ways: set[str], lacks: bool
) -> None:
    point = point_of(held(), payload_of(held(), NO_SEAL), dense)
    assert set(point.vector) == ways
    assert ("lacks" in (point.payload or {})) is lacks


def test_a_text_with_nothing_in_it_counts_as_one_without_words() -> None:
    empty = models.SparseVector(indices=[], values=[])
    assert point_of(held(memory("m1", "")), {}, ()).vector == {"words": empty, "chars": empty}


def test_half_a_surrogate_pair_is_stored_as_a_question_mark() -> None:
    odd = storable(memory("m \ud800", "half \ud800 pair"))
    assert (odd.id, odd.text, odd.at) == ("m ?", "half ? pair", 1.0)


def test_what_was_said_at_the_same_time_is_always_in_the_same_order() -> None:
    said = [memory("a", at=2.0), memory("b", at=2.0), memory("c", at=1.0), memory("d", at=2.0, recorded_at=9.0)]
    assert (
        [one.id for one in newest_first(said)] == [one.id for one in newest_first(said[::-1])] == ["d", "b", "a", "c"]
    )
