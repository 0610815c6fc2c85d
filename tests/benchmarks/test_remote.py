from __future__ import annotations

from typing import Any, cast

from benchmarks.remote import LOCAL, MEMORIES, REMOTE, Asked, Counting, Outcome, section


class Client:
    async def collection_exists(self, name: str) -> bool:
        return bool(name)


async def test_a_question_to_the_server_is_a_round_trip() -> None:
    client = Counting(cast("Any", Client()))
    assert client.trips == 0
    assert await client.collection_exists("any")
    assert await client.collection_exists("") is False
    assert client.trips == 2


def outcome(*, is_real: bool) -> Outcome:
    local = Asked(ms=2.0, cpu_ms=1.5, trips=0, hits=9)
    remote = [Asked(ms=3.0, cpu_ms=4.0, trips=1, hits=9), Asked(ms=3.5, cpu_ms=6.0, trips=4, hits=9)]
    return Outcome(is_real=is_real, rounds={10: [{LOCAL: [local, local], REMOTE: remote}]}, trip_ms=[0.5, 1.0, 9.0])


def test_a_server_is_held_against_the_local_store_and_a_round_trip() -> None:
    text = section(outcome(is_real=True))
    assert "3.50 ms; to reach: 4.00, which are 1.5 × 2.00 and the round trip." in text
    assert "in a Qdrant server" in text


def test_of_a_stand_in_only_what_our_side_costs_is_shown() -> None:
    text = section(outcome(is_real=False))
    rows = [[cell.strip() for cell in line.split("|")[1:-1]] for line in text.splitlines() if line.startswith("|")]
    assert rows[2] == [f"{MEMORIES // 10}", LOCAL, "2.00", "2.00", "1.50", "0.0", "0", "9.0"]
    assert rows[3] == [f"{MEMORIES // 10}", REMOTE, "", "", "5.00", "2.5", "4", "9.0"]
    assert "in the stand-in for a Qdrant server" in text
