"""Who is let in where keys are issued, and how often."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import closing
from pathlib import Path

import msgspec
import pytest
import structlog

from gateway.admission import Issued, Open, issued
from gateway.errors import Forbidden, RequestError, TooManyRequests, Unauthorized
from gateway.identify import Claims, claims
from gateway.keys import Key, KeyFile
from gateway.testing import ManualClock
from gateway.usage import CountedUpstream
from tests.test_usage import Scripted, outgoing, said

SECRET = b"s" * 32

Issue = Callable[..., str]


@pytest.fixture
def clock() -> ManualClock:
    return ManualClock()


@pytest.fixture
def issue(tmp_path: Path, clock: ManualClock) -> Issue:
    """Issues a key as the command line does, beside the gateway."""

    def create(name: str = "ci", **settings: object) -> str:
        with closing(KeyFile(tmp_path, SECRET, clock)) as file:
            return file.create(Key(name=name, **settings))[1]  # type: ignore[arg-type] # a test's own choice of members

    return create


@pytest.fixture
async def admission(tmp_path: Path, clock: ManualClock) -> AsyncIterator[Issued]:
    async with issued(tmp_path, SECRET, clock) as opened:
        yield opened


def bearing(key: str) -> Claims:
    return claims([(b"authorization", f"Bearer {key}".encode())], "/v1/models", SECRET)


def refusal(admission: Issued, key: str) -> RequestError:
    with pytest.raises(RequestError) as refused:
        admission.admit(bearing(key), "call")
    return refused.value


def headers_of(error: RequestError) -> dict[bytes, bytes]:
    return dict(error.headers)


async def spend(admission: Issued, key: str, tokens: int) -> None:
    upstream = Scripted(said(prompt_tokens=tokens))
    answer = await admission.upstream(bearing(key), upstream).send(outgoing())
    async for _ in answer.chunks:
        pass


@pytest.mark.promise("P7")
async def test_a_key_opens_the_memory_of_its_tenant(admission: Issued, issue: Issue) -> None:
    keys = [issue("a", tenant="team"), issue("b", tenant="team"), issue("c")]
    await admission.synchronise()
    tenants = [admission.admit(bearing(key), "call").tenant for key in keys]
    assert tenants[:2] == ["team", "team"]
    assert tenants[2] != "team"


@pytest.mark.promise("P4")
@pytest.mark.promise("P7")
async def test_nobody_else_is_let_in(admission: Issued, issue: Issue) -> None:
    plain = issue()
    await admission.synchronise()
    for key in ("", "sk-other", plain[:-1], plain + "x", plain.upper()):
        with pytest.raises(Unauthorized) as refused:
            admission.admit(bearing(key), "call")
        assert refused.value.code == "invalid_api_key"
    with pytest.raises(Unauthorized):
        admission.admit(claims([], "/v1/models", SECRET), "call")


async def test_a_key_may_what_it_was_issued_for(admission: Issued, issue: Issue) -> None:
    caller, judge = issue("a", rights=("call",)), issue("b", rights=("feedback",))
    await admission.synchronise()
    admission.admit(bearing(caller), "call")
    admission.admit(bearing(judge), "feedback")
    for key, right in ((caller, "feedback"), (judge, "call")):
        with pytest.raises(Forbidden) as refused:
            admission.admit(bearing(key), right)  # type: ignore[arg-type] # one of the two
        assert refused.value.code == "insufficient_scope"


async def test_a_key_expires(admission: Issued, issue: Issue, clock: ManualClock) -> None:
    plain = issue(expires=clock.now() + 10)
    await admission.synchronise()
    admission.admit(bearing(plain), "call")
    clock.advance(10)
    assert (refusal(admission, plain).status, refusal(admission, plain).code) == (401, "invalid_api_key")


async def test_a_key_that_is_revoked_or_rotated_lets_nobody_in(
    admission: Issued, issue: Issue, tmp_path: Path, clock: ManualClock
) -> None:
    plain = issue()
    await admission.synchronise()
    with closing(KeyFile(tmp_path, SECRET, clock)) as file:
        key, new = file.rotate(file.all()[0].id)
        await admission.synchronise()
        assert refusal(admission, plain).status == 401
        admission.admit(bearing(new), "call")
        file.revoke(key.id)
        await admission.synchronise()
        assert refusal(admission, new).status == 401


async def test_a_key_may_ask_so_often_a_minute(admission: Issued, issue: Issue) -> None:
    plain, other = issue("a", calls_per_minute=3), issue("b", calls_per_minute=3)
    await admission.synchronise()
    for _ in range(3):
        admission.admit(bearing(plain), "call")
    error = refusal(admission, plain)
    assert isinstance(error, TooManyRequests)
    assert (error.status, error.code) == (429, "rate_limit_exceeded")
    assert 1 <= int(headers_of(error)[b"retry-after"]) <= 61
    admission.admit(bearing(other), "call")


@pytest.mark.parametrize(
    ("limit", "code", "is_final"),
    [
        ("tokens_per_minute", "rate_limit_exceeded", False),
        ("tokens_per_day", "insufficient_quota", True),
        ("tokens_per_month", "insufficient_quota", True),
    ],
)
async def test_a_key_may_spend_so_much(admission: Issued, issue: Issue, limit: str, code: str, is_final: bool) -> None:
    plain = issue(**{limit: 100})
    await admission.synchronise()
    await spend(admission, plain, 99)
    admission.admit(bearing(plain), "call")
    await spend(admission, plain, 1)
    error = refusal(admission, plain)
    assert (error.status, error.code) == (429, code)
    assert int(headers_of(error)[b"retry-after"]) > 0
    assert (headers_of(error).get(b"x-should-retry") == b"false") is is_final


async def test_what_was_spent_survives_a_restart(tmp_path: Path, clock: ManualClock, issue: Issue) -> None:
    plain = issue(tokens_per_day=100)
    async with issued(tmp_path, SECRET, clock) as first:
        await spend(first, plain, 100)
    async with issued(tmp_path, SECRET, clock) as second:
        assert refusal(second, plain).code == "insufficient_quota"
        clock.advance(86_400)
        second.admit(bearing(plain), "call")


async def test_only_what_a_limited_key_asks_is_counted(admission: Issued, issue: Issue) -> None:
    free, limited = issue("a"), issue("b", calls_per_minute=1)
    await admission.synchronise()
    upstream = Scripted()
    assert admission.upstream(bearing(free), upstream) is upstream
    assert admission.upstream(bearing("unknown"), upstream) is upstream
    assert isinstance(admission.upstream(bearing(limited), upstream), CountedUpstream)


async def test_it_keeps_in_step_by_itself(admission: Issued, issue: Issue) -> None:
    plain = issue()
    seen = asyncio.Event()

    def look() -> None:
        try:
            admission.admit(bearing(plain), "call")
        except Unauthorized:
            asyncio.get_running_loop().call_later(0.02, look)
        else:
            seen.set()

    look()
    async with asyncio.timeout(10):
        await seen.wait()


@pytest.mark.promise("P4")
async def test_while_the_file_cannot_be_used_all_stays_as_it_was(
    tmp_path: Path, clock: ManualClock, issue: Issue
) -> None:
    plain = issue(tokens_per_day=100)
    file = KeyFile(tmp_path, SECRET, clock)
    admission = Issued(file, clock)
    file.close()
    with structlog.testing.capture_logs() as logs:
        await spend(admission, plain, 60)
        await admission.synchronise()
        await admission.synchronise()
        admission.admit(bearing(plain), "call")
        admission._file = KeyFile(tmp_path, SECRET, clock)
        await admission.synchronise()
        await admission.synchronise()
    assert [entry["event"] for entry in logs] == ["keys_away", "keys_found"]
    assert set(admission._file.spent(["1970-01-01", "1970-01"]).values()) <= {60}
    admission._file.close()


def test_where_no_keys_are_issued_everybody_is_whoever_their_credential_says() -> None:
    claimed, upstream = bearing("sk-1"), Scripted()
    assert Open().admit(claimed, "call") == claimed
    assert Open().upstream(claimed, upstream) is upstream
    assert msgspec.structs.asdict(claimed)["tenant"]
