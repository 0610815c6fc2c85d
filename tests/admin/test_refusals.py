"""Who was not let in is counted, and told by the log now and then."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import httpx
from starlette.requests import Request
from structlog.testing import capture_logs

from gateway.admin.refusals import TOLD_EVERY_S, Refusals
from gateway.testing import GatewayProcess, ManualClock, ScriptedUpstream
from tests.exchanges import NOW


def asked(path: bytes, client: tuple[str, int] | None = ("192.0.2.7", 5)) -> Request:
    headers = [(b"authorization", b"Bearer a-key-that-was-tried")]
    return Request({"type": "http", "raw_path": path, "client": client, "headers": headers})


def test_many_are_one_line_with_their_count_and_never_the_key() -> None:
    clock, counted = ManualClock(NOW), list[int]()
    refusals = Refusals(clock, lambda: counted.append(1))
    with capture_logs() as lines:
        for path in (b"/accrue/users", b"/accrue/report", b"/accrue/ui/signin"):
            refusals.add(asked(path))
        clock.advance(TOLD_EVERY_S)
        refusals.add(asked(b"/accrue/%0Aadmin_refused" + b"x" * 900, None))
        refusals.add(asked(b"/accrue/users"))
    told: list[Any] = [(one["event"], one["log_level"], one["peer"], one["path"][:20], one["count"]) for one in lines]
    assert told == [
        ("admin_refused", "warning", "192.0.2.7", "/accrue/users", 1),
        ("admin_refused", "warning", "unknown", "/accrue/%0Aadmin_ref", 3),
    ]
    assert (len(counted), "tried" in str(lines), len(lines[1]["path"])) == (5, False, 200)


def test_a_clock_that_was_set_back_silences_nobody_for_long() -> None:
    clock = ManualClock(NOW)
    refusals = Refusals(clock, lambda: None)
    with capture_logs() as lines:
        refusals.add(asked(b"/"))
        clock.advance(-3_600)
        refusals.add(asked(b"/"))
    assert len(lines) == 2


def test_a_wrong_key_counts_in_the_api_and_at_the_door_of_the_dashboard(
    upstream: ScriptedUpstream, tmp_path: Path
) -> None:
    with GatewayProcess(upstream.url, tmp_path) as gateway, httpx.Client(base_url=gateway.url[:-2]) as client:
        wrong = "a-key-that-is-long-enough-and-wrong"
        assert client.get("accrue/users", headers={"authorization": f"Bearer {wrong}"}).status_code == 401
        answer = client.post("accrue/ui/signin", data={"key": wrong}, headers={"sec-fetch-site": "same-origin"})
        assert answer.status_code == 401
        assert "accrue_admin_refused_total 2.0" in client.get("metrics").text
