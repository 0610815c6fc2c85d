"""gateway/journals/configured.py: the record that is asked for, and nothing of the other one."""

from __future__ import annotations

import sys

import pytest

from gateway.errors import ConfigError
from gateway.journals.redis import RedisJournal
from gateway.journals.sqlite import SqliteJournal
from gateway.sections import Auth, JournalConfig
from tests.conftest import Serve

SHARED = Auth(shared_secret="the same on every gateway of a fleet")
NOWHERE = JournalConfig(kind="redis", url="redis://127.0.0.1:9/0", partitions=4)


async def test_a_journal_of_its_own_lies_in_a_file(serve: Serve) -> None:
    async with serve() as served:
        assert isinstance(served.parts.journal, SqliteJournal)


async def test_a_shared_one_is_opened_whether_redis_is_there_or_not(serve: Serve) -> None:
    async with serve(journal=NOWHERE, auth=SHARED) as served:
        assert isinstance(served.parts.journal, RedisJournal)


async def test_what_is_not_installed_is_named(serve: Serve, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "gateway.journals.redis.record", None)
    with pytest.raises(ConfigError, match=r"\$\.journal\.kind: redis needs pip install 'accrue\[fleet\]'"):
        async with serve(journal=NOWHERE, auth=SHARED):
            pass
