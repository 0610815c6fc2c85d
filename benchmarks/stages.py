"""How long a running gateway's calls spent in each stage, by `/metrics`; between two readings is what a load took."""

from __future__ import annotations

from collections.abc import Mapping
from http.client import HTTPConnection

import msgspec
from prometheus_client.parser import text_string_to_metric_families

from benchmarks.harness import Failed

HISTOGRAM = "accrue_stage_seconds"


class Spent(msgspec.Struct, frozen=True, kw_only=True):
    """Of one stage."""

    calls: int
    seconds: float

    @property
    def mean_ms(self) -> float:
        """Of one call; 0 where there was none."""
        return self.seconds * 1e3 / self.calls if self.calls else 0.0


def read(port: int) -> dict[str, Spent]:
    """All stages since the gateway was started."""
    connection = HTTPConnection("127.0.0.1", port, timeout=10)
    connection.request("GET", "/metrics")
    answer = connection.getresponse()
    text = answer.read().decode()
    connection.close()
    if answer.status != 200:
        raise Failed(f"the gateway gives no figures: {answer.status}")
    return parsed(text)


def parsed(text: str) -> dict[str, Spent]:
    """The stages in a page of metrics, in the order in which they stand there."""
    counts: dict[str, int] = {}
    seconds: dict[str, float] = {}
    for family in text_string_to_metric_families(text):
        for sample in family.samples:
            if sample.name == f"{HISTOGRAM}_count":
                counts[sample.labels["stage"]] = int(sample.value)
            elif sample.name == f"{HISTOGRAM}_sum":
                seconds[sample.labels["stage"]] = sample.value
    return {stage: Spent(calls=calls, seconds=seconds[stage]) for stage, calls in counts.items()}


def between(before: Mapping[str, Spent], after: Mapping[str, Spent]) -> dict[str, Spent]:
    """What was spent from one reading to the next."""
    nothing = Spent(calls=0, seconds=0.0)
    return {
        stage: Spent(
            calls=spent.calls - before.get(stage, nothing).calls,
            seconds=spent.seconds - before.get(stage, nothing).seconds,
        )
        for stage, spent in after.items()
    }
