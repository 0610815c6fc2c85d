"""gateway/journals/redis/parcels.py: which end of an exchange stands above which, and what is sealed."""

from __future__ import annotations

import msgspec

from gateway.journals.redis.parcels import Parcels, version_of
from gateway.journals.sqlite.records import pack
from gateway.sealing import KEY_BYTES, Seal
from gateway.types import Exchange
from tests.journals.redis.gateways import KEEP_S, PARTITIONS, subject
from tests.journals.samples import exchange, intent, scope


def rank(changed: Exchange) -> str:
    return version_of(*pack(changed)).rpartition(":")[0]


def test_a_whole_answer_stands_above_all_else_and_then_the_later_attempt() -> None:
    done = exchange("e1", scope("s1"))
    again = msgspec.structs.replace(done, attempts=12)
    refused, broken = msgspec.structs.replace(again, status=429), msgspec.structs.replace(again, state="interrupted")
    assert rank(again) > rank(done) > rank(refused) == rank(broken)


def test_the_same_end_has_the_same_version_and_other_words_another() -> None:
    one, other = exchange("e1", scope("s1")), exchange("e1", scope("s1"), text="else")
    assert version_of(*pack(one)) == version_of(*pack(one)) != version_of(*pack(other))


def test_nothing_that_was_said_is_readable_without_the_key() -> None:
    said = msgspec.structs.replace(
        exchange("e1", scope("s1"), text="likes tea", notes={"head": "tea it is"}, anchors=("s:call_1",)),
        openings=("tea is best at noon",),
    )
    parcels = Parcels(partitions=PARTITIONS, keep_s=KEEP_S, subject=subject, seal=Seal(bytes(KEY_BYTES)))
    for run in [*parcels.ended(*pack(said)), parcels.begun(intent("e2", scope("s1"), notes={"head": "tea it is"}))]:
        for value in (*run.keys, *run.arguments):
            assert b"tea" not in (value if isinstance(value, bytes) else str(value).encode())


def test_what_leads_to_no_session_has_no_anchors_to_write() -> None:
    parcels = Parcels(partitions=PARTITIONS, keep_s=KEEP_S, subject=subject)
    assert [run.script for run in parcels.ended(*pack(exchange("e1", scope("s1"))))] == ["ship"]
    assert [run.script for run in parcels.ended(*pack(exchange("e1", scope("s1"), anchors=("w:a",))))] == [
        "ship",
        "anchor",
    ]
