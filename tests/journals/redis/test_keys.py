"""gateway/journals/redis/keys.py: persons lie apart, each in one place that is the same for every gateway."""

from __future__ import annotations

from collections import Counter

import pytest

from gateway.errors import ScopeError
from gateway.journals.redis.keys import Partition, anchored_at, digest, owner_of, partition_of
from tests.journals.samples import scope


def test_a_person_lies_where_they_lay_with_earlier_versions() -> None:
    owner = owner_of(scope("s1"), 64)
    assert owner.key("talk", digest("s1")) == (
        "accrue:{24}:talk:b4bb5cc4f631afb231fc5dd88446f174:2e9a9b63806bdcdd43e68ed549e05871"
    )


@pytest.mark.promise("P7")
def test_no_two_persons_share_a_key() -> None:
    scopes = [scope("s1"), scope("s1", user="bob"), scope("s1", user=None), scope("s2", user=None)]
    scopes += [scope("s1", tenant="evil"), scope("s1", user=None, tenant="evil")]
    assert len({owner_of(one, 64).who for one in scopes}) == len(scopes)
    assert digest("a", "bc") != digest("ab", "c")


def test_all_sessions_of_a_user_lie_together_and_those_of_nobody_apart() -> None:
    assert owner_of(scope("s1"), 64) == owner_of(scope("s2"), 64) == anchored_at(scope(), 64)
    assert owner_of(scope("s1", user=None), 64) != owner_of(scope("s2", user=None), 64)
    assert anchored_at(scope("s1", user=None), 64) == anchored_at(scope(user=None), 64)
    with pytest.raises(ScopeError):
        owner_of(scope(user=None), 64)


def test_half_a_character_is_looked_for_as_it_is_stored() -> None:
    assert owner_of(scope(user="u\ud83d\ude00\udfff"), 64) == owner_of(scope(user="u\U0001f600\ufffd"), 64)
    assert digest("s\ud800") == digest("s\ufffd")


def test_persons_are_spread_over_all_partitions() -> None:
    sizes = Counter(partition_of(f"owner {number}", 16).number for number in range(4_000))
    assert set(sizes) == set(range(16))
    assert max(sizes.values()) < 1.5 * 4_000 / 16


def test_everything_in_a_partition_has_its_hash_tag() -> None:
    assert Partition(7).key("exchange", "ex_1") == "accrue:{7}:exchange:ex_1"
