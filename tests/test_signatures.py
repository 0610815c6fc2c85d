"""A token is believed when it was signed with the secret, in time, by whom it says."""

from __future__ import annotations

from typing import Any

import aiohttp
import jwt
import pytest

from gateway.errors import Unauthorized
from gateway.sections import Auth
from gateway.signatures import LEEWAY_S, OpenWebUi
from gateway.testing import ManualClock, ScriptedUpstream
from tests.conftest import Serve

SECRET = "a secret of at least thirty-two bytes"
NOW = 1_800_000_000.0


def token(secret: str = SECRET, algorithm: str = "HS256", **claims: Any) -> str:
    given = {"sub": "ann", "iss": "open-webui", "iat": NOW + 900, "exp": NOW + 300, "role": "user", **claims}
    said = {name: value for name, value in given.items() if value is not None}
    return jwt.encode(said, "" if algorithm == "none" else secret, algorithm=algorithm)


def user(value: str) -> str | None:
    return OpenWebUi(secret=SECRET, clock=ManualClock(NOW)).user([(b"X-OpenWebUI-User-Jwt", value.encode())])


def test_whom_it_signed_for_is_the_user() -> None:
    assert user(token()) == "ann"
    assert user(token(exp=NOW - LEEWAY_S)) == "ann"
    assert OpenWebUi(secret=SECRET, clock=ManualClock(NOW)).user([]) is None


@pytest.mark.promise("P7")
@pytest.mark.parametrize(
    "forged",
    [
        token("another secret of thirty-two bytes!"),
        token(algorithm="none"),
        token("a secret of at least thirty-two bytes, and for this algorithm sixty-four", algorithm="HS512"),
        token(exp=NOW - LEEWAY_S - 1),
        token(exp=None),
        token(sub=None),
        token(iss=None),
        token(iss="somebody else"),
        token()[:-2],
        "ann",
        "..",
    ],
)
def test_any_other_token_is_refused(forged: str) -> None:
    with pytest.raises(Unauthorized, match="x-openwebui-user-jwt is not valid"):
        user(forged)


@pytest.mark.promise("P7")
async def test_where_users_are_signed_for_a_name_that_is_only_claimed_is_nobody(
    serve: Serve, upstream: ScriptedUpstream
) -> None:
    body = {"model": "m", "messages": [{"role": "user", "content": "hi"}]}
    async with (
        serve(auth=Auth(openwebui_jwt_secret=SECRET)) as served,
        aiohttp.ClientSession() as http,
    ):

        async def owner(**headers: str) -> tuple[int, str | None]:
            async with http.post(f"{served.url}/chat/completions", json=body, headers=headers) as answer:
                exchange = answer.headers.get("x-accrue-exchange", "")
                await answer.read()
            return answer.status, await served.user_of(exchange) if exchange else None

        assert await owner(**{"x-openwebui-user-id": "ann"}) == (200, "(credential)")
        assert await owner(**{"x-openwebui-user-jwt": token(exp=4_000_000_000)}) == (200, "ann")
        assert await owner(**{"x-openwebui-user-jwt": token("forged" * 6, exp=4_000_000_000)}) == (401, None)
    assert len(upstream.requests()) == 2
