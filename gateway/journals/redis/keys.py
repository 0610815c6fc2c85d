"""Where things lie in Redis: the names of its keys, which every script and every lookup goes by.

Persons are divided among partitions by their owner key, so that all that concerns one person lies in one partition:
one script sees it whole, one gateway learns it in its order, and in a cluster one node has it (the braces are Redis's
hash tag). `WHO` (`owner_of`) and `SESSION` stand for digests: no name is in a key. One thing lies elsewhere: anchors by
which sessions of nobody's are found are the tenant's (`anchored_at`), because who looks for one does not know it yet.

| key | type | holds |
| --- | --- | --- |
| `accrue:epoch` | string | drawn by the first gateway that finds none: another one means that Redis has forgotten all |
| `accrue:gateways` | sorted set | gateways by the time they were last heard of |
| `accrue:erasures` | stream | tombstones in the order in which they were set; the later of two of a subject counts |
| `accrue:stale-log` | string | there while Redis's log on disk holds what was removed from Redis |
| `accrue:{P}:lease` | string | which gateway learns the partition, and its token; expires |
| `accrue:{P}:token` | string | the newest token: who comes with an older one may write nothing |
| `accrue:{P}:stream` | stream | `id` and `version` of exchanges as they ended, for the group `learner` |
| `accrue:{P}:exchange:ID` | hash | `payload`, `version`, `who`, `session`, `at`, `policy`; `learnt`: a version |
| `accrue:{P}:session:WHO:SESSION` | hash | notes by place, each after its number; under `""` the session's name |
| `accrue:{P}:anchor:WHO:DIGEST` | string, set | newest exchange and session of a strong one; a weak one's sessions |
| `accrue:{P}:openings:WHO` | list | the newest openings of replies, each with its session and its time |
| `accrue:{P}:sessions:WHO` | sorted set | a person's sessions (`SESSION`) by the time they were last heard of |
| `accrue:{P}:talk:WHO:SESSION` | sorted set | a session's exchanges by their time |
| `accrue:steps` | string | the newest position drawn in the order of learning |
| `accrue:{P}:feedback:WHO:ID` | hash | `payload`, `state`, `exchange`; `step` once it is learnt; `ID` is a digest |
| `accrue:{P}:whose:ID` | set | by whose exchanges (`WHO`) there is feedback of an id |
| `accrue:{P}:given` | sorted set | feedback that waits to be learnt (`WHO:ID`), by its time |
| `accrue:{P}:step:WHO:ID` | hash | what a step of learning came to (`Taught` in steps.py): `payload`, `exchange` |
| `accrue:{P}:learnt` | sorted set | steps of learning (`WHO:ID`) by their position |
| `accrue:{P}:dead` | hash | dead letters by exchange |
| `accrue:{P}:erased` | hash | by subject until when nothing of theirs may come (`AT IS_OUT`), whoever ships it |
| `accrue:{P}:persons` | hash | `Person` (gateway/erasures.py) by `WHO` |

What hangs on an exchange (`step:WHO:ID`, `feedback:WHO:ID`) stands in it as an empty field, and goes with it.
Payloads are MessagePack under the seal (gateway/sealing.py), each bound to the key under which it lies, a note to its
place as well and an exchange to `WHO`, so that nobody who can write to Redis makes one person's another's. All but
tokens, tombstones and letters expire.
"""

from __future__ import annotations

from hashlib import blake2b

import msgspec

from gateway.journals.sqlite.records import pack, well_formed
from gateway.types import Scope

EPOCH = "accrue:epoch"
GATEWAYS = "accrue:gateways"
ERASURES = "accrue:erasures"
STALE_LOG = "accrue:stale-log"
STEPS = "accrue:steps"

GROUP = "learner"
"""The consumer group by which streams are learnt."""

DIGEST_BYTES = 16


class Partition(msgspec.Struct, frozen=True):
    """One part of everything."""

    number: int

    def key(self, *parts: str) -> str:
        """A key in it."""
        return ":".join(("accrue", f"{{{self.number}}}", *parts))


class Owner(msgspec.Struct, frozen=True):
    """Whose things they are, and where they lie."""

    partition: Partition
    who: str
    """`WHO` in their keys."""

    def key(self, kind: str, *parts: str) -> str:
        """A key of theirs: `session`, `anchor`, `openings`, `sessions`, `talk`, …"""
        return self.partition.key(kind, self.who, *parts)


def owner_of(scope: Scope, partitions: int) -> Owner:
    """The named user, else the session in which nobody was named. Raises `ScopeError` where there is neither."""
    return _owner(pack(scope)[0].owner, partitions)


def anchored_at(scope: Scope, partitions: int) -> Owner:
    """Under whom sessions of a scope are looked up by anchors: the named user, else the tenant."""
    return _owner(pack(scope if scope.user is not None else scope.common)[0].owner, partitions)


def partition_of(owner: str, partitions: int) -> Partition:
    """Where a person's things lie.

    Args:
        owner: `Scope.owner`: of a named user, else of the session in which nobody was named.
    """
    found = blake2b(_encoded(owner), digest_size=8, person=b"partition").digest()
    return Partition(int.from_bytes(found) % partitions)


def digest(*names: str) -> str:
    """Names as they stand in keys; no two lists of names share one."""
    parts = b"".join(b"%d:%b" % (len(name), name) for name in map(_encoded, names))
    return blake2b(parts, digest_size=DIGEST_BYTES).hexdigest()


def _owner(owner: str, partitions: int) -> Owner:
    return Owner(partition_of(owner, partitions), digest(owner))


def _encoded(name: str) -> bytes:
    return well_formed(name).encode()
