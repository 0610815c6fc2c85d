"""A data directory with memories of one user in it, written by the store itself before a gateway is started."""

from __future__ import annotations

from pathlib import Path

from benchmarks.corpus import memory_text
from gateway.clock import SystemClock
from gateway.credentials import credential, tenant
from gateway.datadir import DataDir
from gateway.embedders.wordllama import WordLlamaEmbedder
from gateway.filling import counted
from gateway.kinds.episode import KIND
from gateway.memories import Memory
from gateway.stores.local import LocalStore
from gateway.tokens import Tokens
from gateway.types import Scope

CREDENTIAL = "Bearer benchmark"
USER = "benchmark"

BATCH = 500
PER_SESSION = 20
APART_S = 60.0
"""Seconds between two statements, so that ten thousand reach a week into the past."""


async def seed(folder: Path, memories: int) -> None:
    """Make the data directory and put the memories into it."""
    data = DataDir(folder)
    data.hold()
    scope = Scope(tenant=tenant(credential([(b"authorization", CREDENTIAL.encode())]), data.secret()), user=USER)
    store = LocalStore(data.memories, data.index, WordLlamaEmbedder())
    counter = Tokens.from_litellm()
    now = SystemClock().now()
    made = [counted(_memory(number, now - number * APART_S), {KIND.name: KIND}, counter) for number in range(memories)]
    for start in range(0, memories, BATCH):
        await store.put(scope, made[start : start + BATCH])
    await store.aclose()
    data.release()


def _memory(number: int, at: float) -> Memory:
    text, session = memory_text(number), f"seed-{number // PER_SESSION}"
    return Memory(
        id=f"m_{number:012x}",
        kind=KIND.name,
        text=text,
        key=text,
        origin="user",
        exchange=f"seed-{number}",
        session=session,
        at=at,
        recorded_at=at,
    )
