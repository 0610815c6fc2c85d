"""No text is gone through more than a few times for its size, whatever it repeats of what the rules look for."""

from __future__ import annotations

import time
from collections.abc import Sequence
from random import Random
from typing import Any

import msgspec
import pytest
import re2
import yaml

from gateway.redact import cleaned
from gateway.sensitive.secrets import RULES, SECRETS
from tests.security.planted import SEEN
from tests.security.planted_unseen import UNSEEN

SIZE = 100_000
AT_MOST = 4
"""Times as long for a text twice as long: twice is linear, four times is quadratic."""
SHORTEST_S = 0.05
"""What is measured below it is chance, and no hindrance to anyone."""

SORTS = {sort.name: sort for sort in SECRETS._sorts}
KEYWORDS: dict[str, Sequence[str]] = {
    name: rule["keywords"] for name, rule in yaml.safe_load(RULES.read_text(encoding="utf-8"))["rules"].items()
}
OPENINGS = {
    "private-key": (
        "-----BEGIN PRIVATE KEY-----\n",
        "-----BEGIN PRIVATE KEY-----",
        "-----BEGIN PRIVATE KEY-----A-\n",
        "A" * 64 + "\n",
        "LS0tLS1CRUdJTiBQUklWQVRF",
    ),
    "url-password": ("a://b:", "a://b:c1/", "a://"),
    "url-token": ("https://" + "a1B" * 6,),
    "cookie": ("cookie: a=b; ", "a=b; "),
    "password": (
        "password: ",
        "| password ",
        "<password>",
        "password</b>",
        'name: password value: "',
        "密码是",
        "password\n",
        "password: a1&",
        'value: "a1b2c3" ',
        "(a)",
    ),
    "secret": ("api key: ", "| api key ", "<apiKey>", 'name: api_key value: "', "token\n", "clé api : "),
    "encoded-header": ("QXV0aG9yaXphdGlvb", "QUFB"),
    "jwt": ("eyJhbGciOiJIUzI1NiJ9.", "eyJhbGci-"),
}


def took(sort: Any, data: bytes) -> float:
    begin = time.process_time()
    for _ in sort.find(data):
        pass
    return time.process_time() - begin


@pytest.mark.parametrize("name", SORTS)
def test_a_rule_takes_as_long_as_its_text_is(name: str) -> None:
    units = [word + gap for word in KEYWORDS[name] for gap in ("", " ", "\n", ": ", "=x1y2Z3")]
    units += [word.upper() + "Ab3" for word in KEYWORDS[name]] + [*OPENINGS.get(name, ())]
    for unit in units:
        short, long = (unit.encode() * (size // len(unit.encode())) for size in (SIZE, 2 * SIZE))
        spent = took(SORTS[name], long)
        assert spent < SHORTEST_S or spent < AT_MOST * took(SORTS[name], short), unit


@pytest.mark.parametrize("form", [*SEEN.values(), *UNSEEN.values()])
def test_a_text_of_the_openings_of_secrets_is_gone_through_in_time(form: Any) -> None:
    secret, said = form(Random(1))
    opening = said[: said.index(secret) + len(secret) // 2]
    texts = [opening * (size // len(opening)) for size in (SIZE, 2 * SIZE)]
    spent = []
    for text in texts:
        begin = time.process_time()
        cleaned(text, "secrets")
        spent.append(time.process_time() - begin)
    assert spent[1] < SHORTEST_S or spent[1] < AT_MOST * spent[0], opening


def test_a_rule_that_is_quadratic_is_caught() -> None:
    rule = rb"-----BEGIN PRIVATE KEY-----(?:[A-Za-z0-9+/=\s:,.-]*?-----END PRIVATE KEY-----|[A-Za-z0-9+/=\s]*)"
    quadratic = msgspec.structs.replace(SORTS["private-key"], patterns=[re2.compile(rule)])
    unit = b"-----BEGIN PRIVATE KEY-----\n"
    assert took(quadratic, unit * (SIZE // len(unit))) > 10 * took(SORTS["private-key"], unit * (SIZE // len(unit)))
