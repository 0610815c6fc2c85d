from __future__ import annotations

from pathlib import Path

import pytest

from gateway.errors import ConfigError
from gateway.sensitive.secrets import SECRETS, Secrets
from gateway.sensitive.views import View

TOKEN = "ghp_" + "aB3dE6gH9" * 4


def found(text: str) -> list[tuple[str, str]]:
    data = text.encode()
    return [(span.name, data[span.start : span.end].decode()) for span in SECRETS.find(View(data))]


def test_a_secret_is_found_where_it_stands() -> None:
    assert found(f"push with {TOKEN}, please") == [("github-token", TOKEN)]


def test_what_is_escaped_is_found_with_its_escapes() -> None:
    assert found(r"say \"ghp\u005f" + TOKEN[4:] + r"\" to it") == [("github-token", r"ghp\u005f" + TOKEN[4:])]


def test_a_token_that_is_broken_over_two_lines_is_found() -> None:
    assert found(f"{TOKEN[:20]}\n{TOKEN[20:]} it is") == [("github-token", f"{TOKEN[:20]}\n{TOKEN[20:]}")]


def test_a_whole_token_ends_with_its_line() -> None:
    assert found(f"{TOKEN}\nplease") == [("github-token", TOKEN)]


def test_who_knows_best_names_it() -> None:
    assert found(f"https://bot:{TOKEN}@github.com/acme/app") == [("github-token", TOKEN)]


@pytest.mark.parametrize(
    "text",
    [
        "",
        "a password is needed",
        "password = None",
        "token: str",
        "https://user:password@host",
        "Authorization: Bearer <token>",
    ],
)
def test_a_place_for_a_secret_is_none(text: str) -> None:
    assert found(text) == []


def test_a_text_full_of_secrets_is_gone_through_once() -> None:
    assert len(found(f"{TOKEN} " * 2_000)) == 2_000


@pytest.mark.parametrize(
    ("rule", "complaint"),
    [
        ("{keywords: [a], patterns: ['(']}", r"\$\.rules\.odd\.patterns\[0\]: missing \)"),
        ("{keywords: [A], patterns: [a]}", r"\$\.rules\.odd\.keywords: expected words in lower case"),
        ("{keywords: [a], patterns: [a], check: guess}", r"expected one of"),
        ("{keywords: [a]}", r"expected patterns"),
    ],
)
def test_a_mistake_in_a_rule_is_told_with_its_place(tmp_path: Path, rule: str, complaint: str) -> None:
    file = tmp_path / "secrets.yaml"
    file.write_text(f"rules:\n  odd: {rule}\n")
    with pytest.raises(ConfigError, match=complaint):
        Secrets(file)
