"""gateway/tokens.py"""

from __future__ import annotations

import importlib.util
import json
import subprocess
import sys
from pathlib import Path

import pytest
import tiktoken
from hypothesis import given, settings
from hypothesis import strategies as st

from gateway.tokens import CACHED_CHARS, MAX_MODEL_CHARS, UNKNOWN_WINDOW, Tokens, _names

TOKENS = Tokens.from_litellm()
NOTHING = Tokens(None, None)

texts = st.text(st.characters(exclude_categories=()), max_size=60) | st.text("ab 'S\n\r\t1.!é漢🙂<|>", max_size=60)


@pytest.fixture
def reference(monkeypatch: pytest.MonkeyPatch) -> dict[str, tiktoken.Encoding]:
    """The same encodings as tiktoken itself builds them."""
    assert TOKENS._directory is not None
    monkeypatch.setenv("TIKTOKEN_CACHE_DIR", str(TOKENS._directory))
    return {name: tiktoken.get_encoding(name) for name in ("cl100k_base", "o200k_base", "o200k_harmony")}


@pytest.mark.parametrize(
    ("model", "encoding"),
    [("gpt-4", "cl100k_base"), ("gpt-4o", "o200k_base"), ("gpt-oss-120b", "o200k_harmony")],
)
def test_a_known_model_is_counted_as_tiktoken_counts(
    reference: dict[str, tiktoken.Encoding], model: str, encoding: str
) -> None:
    exact = reference[encoding]

    @settings(deadline=None, max_examples=200)
    @given(texts)
    def same(text: str) -> None:
        assert TOKENS.count(text, model) == len(exact.encode(text, disallowed_special=()))

    same()


def test_our_patterns_are_tiktokens(reference: dict[str, tiktoken.Encoding]) -> None:
    for name in ("cl100k_base", "o200k_base"):
        ours = TOKENS._encoding(name)
        assert ours is not None
        assert ours._pat_str == reference[name]._pat_str
        ranks = reference[name]._mergeable_ranks
        assert {token: ours.encode_single_token(token) for token in ranks} == ranks


@settings(deadline=None, max_examples=200)
@given(texts)
def test_estimates_err_high(text: str) -> None:
    exact = max(TOKENS.count(text, "gpt-4"), TOKENS.count(text, "gpt-4o"))
    assert exact <= TOKENS.count(text, "a-model-of-my-own") <= 1.5 * exact + 1
    assert exact <= NOTHING.count(text, "gpt-4o") == len(text.encode("utf-8", "surrogatepass"))


def test_an_unknown_model_is_counted_half_as_much_again() -> None:
    assert TOKENS.count("one two three", "gpt-4o") == 3
    assert TOKENS.count("one two three", "a-model-of-my-own") == 5


def test_a_known_model_whose_vocabulary_is_not_there_is_counted_in_bytes() -> None:
    assert TOKENS.count("one two three", "text-davinci-003") == 13


def test_special_tokens_are_text() -> None:
    assert TOKENS.count("<|endoftext|>", "gpt-4o") > 1
    assert TOKENS.count("<|endoftext|>", "gpt-oss-20b") > 1


def test_lone_surrogates_are_counted() -> None:
    assert TOKENS.count("\ud800", "gpt-4o") > 0
    assert NOTHING.count("\ud800", "gpt-4o") == 3


def test_long_texts_are_counted_but_not_kept() -> None:
    counter = Tokens(None, None)
    counter.count("x" * (CACHED_CHARS + 1), "gpt-4o")
    assert counter._count_short.cache_info().currsize == 0
    for _ in range(2):
        counter.count("x" * CACHED_CHARS, "gpt-4o")
    assert counter._count_short.cache_info().hits == 1


@pytest.mark.parametrize(
    ("model", "encoding"),
    [
        ("openai/gpt-4o", "gpt-4o"),
        ("OpenRouter/OpenAI/GPT-4o-mini", "gpt-4o"),
        ("gpt-4o-2099-01-01", "gpt-4o"),
        ("ft:gpt-4o-mini-2024-07-18:acme::a1", "gpt-4o"),
        ("ft:gpt-3.5-turbo:acme::a1", "gpt-4"),
        ("openai/ft:gpt-4o:acme::a1", "gpt-4o"),
        ("o3@20250416", "gpt-4o"),
    ],
)
def test_a_model_is_known_by_its_other_names(model: str, encoding: str) -> None:
    text = "漢字かな混じり文, naïve façade, 1234567890, don't"
    assert TOKENS.count(text, model) == TOKENS.count(text, encoding)
    assert TOKENS.count(text, "gpt-4o") != TOKENS.count(text, "gpt-4")


def test_a_vocabulary_that_is_not_the_known_one_is_not_used(tmp_path: Path) -> None:
    assert TOKENS._directory is not None
    for file in TOKENS._directory.iterdir():
        if file.is_file():
            (tmp_path / file.name).write_bytes(file.read_bytes()[:-1])
    assert Tokens(tmp_path, None).count("one two three", "gpt-4o") == 13
    assert Tokens(tmp_path / "absent", None).count("one two three", "gpt-4o") == 13


def test_an_unknown_model_needs_both_vocabularies(tmp_path: Path) -> None:
    assert TOKENS._directory is not None
    biggest = max(
        (file for file in TOKENS._directory.iterdir() if file.name.isalnum()), key=lambda file: file.stat().st_size
    )
    (tmp_path / biggest.name).symlink_to(biggest)
    tokens = Tokens(tmp_path, None)
    assert tokens.count("one two three", "gpt-4o") == 3
    assert tokens.count("one two three", "a-model-of-my-own") == 13


def table(tmp_path: Path, models: object) -> Tokens:
    file = tmp_path / "models.json"
    file.write_text(json.dumps(models))
    return Tokens(None, file)


def test_a_window_is_found_by_the_most_telling_name(tmp_path: Path) -> None:
    tokens = table(
        tmp_path,
        {
            "gpt-4o": {"max_input_tokens": 100, "max_tokens": 5},
            "gpt-4o-2024-08-06": {"max_input_tokens": 90},
            "azure/gpt-4o": {"max_tokens": 80},
            "Acme/Big": {"max_input_tokens": 70},
            "ft:gpt-4o": {"max_input_tokens": 60},
        },
    )
    assert tokens.window("gpt-4o") == 100
    assert tokens.window("gpt-4o-2024-08-06") == 90
    assert tokens.window("gpt-4o-2024-08-06", needed=5_000) == 90
    assert tokens.window("nobody-knows", needed=9_000) == 9_000
    assert tokens.window("azure/gpt-4o") == 80
    assert tokens.window("openai/gpt-4o") == 100
    assert tokens.window("acme/big") == 70
    assert tokens.window("ft:gpt-4o:acme::x") == 100
    assert tokens.window("gpt-4o-2099-01-01") == 100
    assert tokens.window("gpt-4o@20990101") == 100
    assert tokens.window("gpt-4o-latest") == 100
    assert tokens.window("gpt-4o-mini") == UNKNOWN_WINDOW
    assert tokens.window("llama3:8b") == UNKNOWN_WINDOW
    assert tokens.window("") == UNKNOWN_WINDOW


def test_of_an_endless_name_only_the_beginning_is_looked_up(tmp_path: Path) -> None:
    tokens = table(tmp_path, {"gpt-4o": {"max_input_tokens": 100}})
    endless = "gpt-4o" + "-1" * 5_000
    assert tokens.window(endless) == 100
    assert len(list(_names(endless))) <= MAX_MODEL_CHARS


def test_a_window_that_is_no_number_is_not_known(tmp_path: Path) -> None:
    sloppy = {"a": {"max_input_tokens": "many", "max_tokens": 7}, "b": {"max_input_tokens": None}, "c": {}}
    tokens = table(tmp_path, sloppy)
    assert [tokens.window(model) for model in "abc"] == [7, UNKNOWN_WINDOW, UNKNOWN_WINDOW]


def test_an_unreadable_table_knows_no_model(tmp_path: Path) -> None:
    assert table(tmp_path, ["not a table"]).window("gpt-4o") == UNKNOWN_WINDOW
    assert Tokens(None, tmp_path / "absent.json").window("gpt-4o") == UNKNOWN_WINDOW
    assert NOTHING.window("gpt-4o") == UNKNOWN_WINDOW


def test_litellms_table_is_read() -> None:
    assert TOKENS.window("gpt-4o") == 128_000
    assert TOKENS.window("sample_spec") == UNKNOWN_WINDOW


def test_without_litellm_every_figure_is_cautious(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(importlib.util, "find_spec", lambda name: None)
    tokens = Tokens.from_litellm()
    tokens.warm()
    assert tokens.count("four", "gpt-4o") == 4
    assert tokens.window("gpt-4o") == UNKNOWN_WINDOW


def test_litellm_is_never_imported_and_the_network_never_used() -> None:
    program = """
import socket, sys
def refuse(*args, **kwargs): raise AssertionError("the network")
socket.socket.connect = refuse
socket.getaddrinfo = refuse
from gateway.tokens import Tokens
tokens = Tokens.from_litellm()
tokens.warm()
print(tokens.count("one two three", "gpt-4o"), tokens.window("gpt-4o"))
print(sorted(name for name in ("litellm", "requests", "aiohttp") if name in sys.modules))
"""
    result = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, timeout=60, check=True)
    assert result.stdout.splitlines() == ["3 128000", "[]"]
