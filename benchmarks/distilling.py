"""A past that a model has distilled as well: which model, how it is waited for, and what it cost.

A chat is distilled when it is over and before its user's next one begins, as where people are not in a hurry: what a
later chat takes back must have been noted by then. Knows nothing of what is asked afterwards.
"""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Iterable
from http.client import HTTPConnection
from itertools import zip_longest
from pathlib import Path
from urllib.parse import urlsplit

import msgspec
from prometheus_client.parser import text_string_to_metric_families

from benchmarks import client, past
from benchmarks.client import Chat
from benchmarks.harness import Failed
from benchmarks.past import Settings
from gateway.backlog import Backlog
from gateway.datadir import DataDir
from gateway.testing import GatewayProcess, ScriptedUpstream

DISTIL_S = 7_200.0
"""For a round of chats. A model is asked one question at a time, and takes seconds for each."""

NEVER_S = 86_400.0
KEY = "${OPENAI_API_KEY}"
"""Read from the environment by the gateway; nobody else needs to know it."""

OUTCOMES, FACTS = "accrue_distilled_total", "accrue_distilled_facts_total"
"""Counters of gateway/telemetry.py."""


class Distiller(msgspec.Struct, frozen=True, kw_only=True):
    """Who distils."""

    model: str
    url: str = ""
    """Base URL of the provider, ending in `/v1`. Empty: the scripted provider, which takes sentences as they are."""

    @property
    def name(self) -> str:
        """What a table calls it."""
        return self.model if self.url else "a stand-in"

    def config(self, upstream: ScriptedUpstream) -> Settings:
        """A configuration in which calls for the model, and no others, go to its provider."""
        provider = {"url": self.url, "api_key": KEY} if self.url else {"url": upstream.url, "api_key": "none"}
        route = {"match": {"model": [self.model]}, "upstreams": ["distiller"]}
        return {"upstreams": {"distiller": provider}, "routes": [route]}

    def policy(self, quiet_s: float) -> Settings:
        """A policy by which no session is left for another day."""
        return {"learn": {"distil": {"model": self.model, "tokens_per_day": 10**9, "quiet_s": quiet_s}}}


class Cost(msgspec.Struct, frozen=True, kw_only=True):
    """What came of distilling."""

    tokens: int
    """Of prompts and answers, as the provider counts them."""
    sessions: int
    unusable: int
    """Sessions of which the model would not speak, or not as it was asked to."""
    facts: int
    """That were kept."""
    unproved: int
    """Facts that the user's words do not bear out, and that were dropped."""


def learn(folder: Path, upstream: ScriptedUpstream, chats: Iterable[Chat], by: Distiller) -> tuple[int, Cost]:
    """As `past.learn`, and have it all distilled; how many calls of clients that took, and what it cost.

    Raises `Failed` where a session was not distilled and that is not the model's doing.
    """
    calls, counted = 0, Counter[str]()
    config = by.config(upstream)
    for each in rounds(chats):
        with past.serving(folder, upstream, by.policy(NEVER_S), config) as gateway:
            calls += client.feed(gateway.url, each)
            past.wait_until_learnt(gateway.process, DataDir(folder / "data").journal, calls)
            counted += _counters(gateway.url)
        # Stopped, it has written down what waits: only now can it be seen whether something does.
        with past.serving(folder, upstream, by.policy(0.0), config) as gateway:
            wait_until_distilled(gateway, DataDir(folder / "data").distil)
            counted += _counters(gateway.url)
    lost = counted[f"{OUTCOMES} dropped"] + counted[f"{OUTCOMES} error"]
    if lost:
        raise Failed(f"{lost} sessions were never distilled: more than may wait, or by a fault of ours")
    return calls, Cost(
        tokens=counted["accrue_distil_tokens_total"],
        sessions=counted[f"{OUTCOMES} done"],
        unusable=counted[f"{OUTCOMES} unreadable"] + counted[f"{OUTCOMES} refused"],
        facts=counted[f"{FACTS} kept"],
        unproved=counted[f"{FACTS} unproved"],
    )


def rounds(chats: Iterable[Chat]) -> list[list[Chat]]:
    """The first chats of all users, then their second ones, and so on."""
    people: dict[str, list[Chat]] = {}
    for chat in chats:
        people.setdefault(chat.user, []).append(chat)
    return [[chat for chat in each if chat is not None] for each in zip_longest(*people.values())]


def wait_until_distilled(gateway: GatewayProcess, backlog: Path) -> None:
    """Wait until nothing waits for the model. Raises `Failed` when that never comes."""
    until = time.perf_counter() + DISTIL_S
    while waiting := len(Backlog(backlog)):
        if time.perf_counter() > until or not past.runs_for(gateway.process, past.POLL_S):
            raise Failed(f"{waiting} sessions waited for the distilling model in vain")


def _counters(url: str) -> Counter[str]:
    """What the gateway has counted of distilling, by name and outcome."""
    connection = HTTPConnection(urlsplit(url).netloc, timeout=client.CALL_S)
    connection.request("GET", "/metrics")
    text = connection.getresponse().read().decode()
    connection.close()
    families = (family for family in text_string_to_metric_families(text) if family.name.startswith("accrue_distil"))
    return Counter(
        {
            " ".join((sample.name, *sample.labels.values())): int(sample.value)
            for family in families
            for sample in family.samples
            if sample.name.endswith("_total")
        }
    )
