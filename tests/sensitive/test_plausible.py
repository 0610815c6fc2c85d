from __future__ import annotations

import pytest

from gateway.sensitive.plausible import CHECKS, entropy, is_basic, is_cookie, is_password, is_token


@pytest.mark.parametrize("value", ["hunter2", "Tr0ub4dor&3", "pa$$word!x", "correcthorseBatteryStaple", "s3cret pass"])
def test_somebody_would_log_in_with_it(value: str) -> None:
    assert is_password(value)


@pytest.mark.parametrize(
    "value",
    [
        "password", "null", "<password>", "${DB_PASSWORD}", "{{ vault.db }}", "os.environ['X1']", "get_password()",
        "your-password-1", "config.db2.password", "/run/secrets/db1", "******", "Enter your password", "changeme123",
    ],
)  # fmt: skip
def test_nobody_would_log_in_with_it(value: str) -> None:
    assert not is_password(value)


@pytest.mark.parametrize("value", ["9f86d081884c7d659a2feaa0c55ad015", "AbCdEfGhIjKlMnOpQrSt", "k3yV4lu3-9xZ2-qW8"])
def test_chance_made_it(value: str) -> None:
    assert is_token(value)


@pytest.mark.parametrize(
    "value",
    [
        "short1", "my-service-account-prod-01", "2024-05-20T10:11", "12345678901234", "session.user.token",
        "getAccessTokenFromRequest", "https://acme.dev/a1b2c3", "1111111111111111", "YOUR_API_KEY_HERE_1",
    ],
)  # fmt: skip
def test_no_chance_made_it(value: str) -> None:
    assert not is_token(value)


def test_basic_is_a_name_and_a_password_in_base64() -> None:
    assert is_basic("YWRtaW46aHVudGVyMg==")
    assert is_basic("YWRtaW46aHVudGVyMg")
    assert not is_basic("authentication")
    assert not is_basic("a")


def test_a_cookie_holds_a_token_or_is_let_be() -> None:
    assert is_cookie("theme=dark; sid=9f86d081884c7d659a2f")
    assert not is_cookie("theme=dark; lang=en")


def test_what_has_a_form_of_its_own_is_not_judged() -> None:
    assert CHECKS[""]("anything")
    assert entropy("") == 0.0
