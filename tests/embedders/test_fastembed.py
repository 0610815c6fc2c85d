"""With fastembed itself: a model made here, of five words, in a folder as the library keeps those it has fetched."""

from __future__ import annotations

import json
import struct
from pathlib import Path

import numpy as np
import pytest
from fastembed import TextEmbedding
from fastembed.common.model_description import ModelSource, PoolingType
from tokenizers import Tokenizer
from tokenizers.models import WordLevel
from tokenizers.pre_tokenizers import Whitespace

from gateway.embedders.configured import configured_embedder
from gateway.embedders.fastembed import FastEmbedModel
from gateway.errors import ConfigError, MemoryUnavailable
from gateway.sections import EmbedderConfig

NAME = "accrue/five-words"
WORDS = ["[PAD]", "[UNK]", "tea", "coffee", "train"]
TABLE = [[0.0, 0.0, 1.0], [0.0, 0.0, 1.0], [3.0, 1.0, 0.0], [3.0, 2.0, 0.0], [0.0, -2.0, 5.0]]
FLOAT, INT64 = 1, 7
"""TensorProto.DataType of ONNX."""


def field(number: int, value: int | str | bytes) -> bytes:
    """A member of a protobuf message; every number and length here is below 128, and so one byte, but for the table."""
    if isinstance(value, int):
        return bytes([number << 3, value])
    content = value.encode() if isinstance(value, str) else value
    length = len(content)
    return bytes([number << 3 | 2, *([length] if length < 128 else [length & 127 | 128, length >> 7])]) + content


def tensor_type(name: str, kind: int, dimensions: int) -> bytes:
    shape = b"".join(field(1, field(2, f"{name}{number}")) for number in range(dimensions))
    return field(1, name) + field(2, field(1, field(1, kind) + field(2, shape)))


def gather_model() -> bytes:
    """An ONNX model (ModelProto) of one node: the row of the table for each token."""
    node = field(1, "table") + field(1, "input_ids") + field(2, "hidden") + field(4, "Gather")
    rows = b"".join(struct.pack("<3f", *row) for row in TABLE)
    table = field(1, len(TABLE)) + field(1, 3) + field(2, FLOAT) + field(8, "table") + field(9, rows)
    graph = field(1, node) + field(2, "words") + field(5, table)
    graph += field(11, tensor_type("input_ids", INT64, 2)) + field(12, tensor_type("hidden", FLOAT, 3))
    return field(1, 8) + field(8, field(2, 13)) + field(7, graph)


def fetched(folder: Path) -> Path:
    """The folder with the model in it, as Hugging Face's library lays it out."""
    repository = folder / f"models--{NAME.replace('/', '--')}"
    files = repository / "snapshots" / "first"
    files.mkdir(parents=True)
    (repository / "refs").mkdir()
    (repository / "refs" / "main").write_text("first")
    tokenizer = Tokenizer(WordLevel({word: number for number, word in enumerate(WORDS)}, unk_token="[UNK]"))
    tokenizer.pre_tokenizer = Whitespace()
    tokenizer.save(str(files / "tokenizer.json"))
    (files / "tokenizer_config.json").write_text(json.dumps({"model_max_length": 8, "pad_token": "[PAD]"}))
    (files / "special_tokens_map.json").write_text(json.dumps({"pad_token": "[PAD]", "unk_token": "[UNK]"}))
    (files / "config.json").write_text("{}")
    (files / "model.onnx").write_bytes(gather_model())
    return folder


@pytest.fixture(scope="module", autouse=True)
def known_to_fastembed() -> None:
    source = ModelSource(hf=NAME)
    TextEmbedding.add_custom_model(NAME, PoolingType.MEAN, False, source, dim=3, model_file="model.onnx")


@pytest.fixture(autouse=True)
def offline(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HF_HUB_OFFLINE", "1")


@pytest.mark.parametrize("is_query", [False, True])
def test_texts_become_vectors_in_order_whatever_stands_beside_them(tmp_path: Path, is_query: bool) -> None:
    model = FastEmbedModel(NAME, fetched(tmp_path))
    vectors = model.vectors(["tea", "coffee train", "tea tea tea coffee", "unheard"], is_query=is_query)
    assert vectors == [[3.0, 1.0, 0.0], [1.5, 0.0, 2.5], [3.0, 1.25, 0.0], [0.0, 0.0, 1.0]]
    assert model.vectors(["coffee train"], is_query=is_query) == vectors[1:2]
    model.close()


def test_name_and_size_are_known_before_anything_is_read(tmp_path: Path) -> None:
    model = FastEmbedModel(NAME, tmp_path / "nothing")
    assert (model.name, model.size) == ("fastembed/accrue/five-words/3", 3)
    assert not (tmp_path / "nothing").exists()


def test_a_model_that_fastembed_does_not_have_is_a_mistake(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match=r"fastembed has no accrue/five-word \(did you mean accrue/five-words\?\)"):
        FastEmbedModel("accrue/five-word", tmp_path)


def test_files_that_cannot_be_had_are_looked_for_again_each_time(tmp_path: Path) -> None:
    model = FastEmbedModel(NAME, tmp_path)
    for _ in range(2):
        with pytest.raises(MemoryUnavailable, match="fastembed: Could not load model accrue/five-words"):
            model.vectors(["tea"], is_query=False)
    fetched(tmp_path)
    assert model.vectors(["tea"], is_query=False) == [[3.0, 1.0, 0.0]]


def test_a_file_that_is_broken_makes_the_model_one_that_is_away(tmp_path: Path) -> None:
    model = FastEmbedModel(NAME, fetched(tmp_path))
    (broken,) = tmp_path.rglob("model.onnx")
    broken.write_bytes(b"no model")
    with pytest.raises(MemoryUnavailable, match="fastembed: "):
        model.vectors(["tea"], is_query=False)


def test_a_model_that_has_another_way_with_queries_is_asked_in_that_way(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    model = FastEmbedModel(NAME, fetched(tmp_path))
    monkeypatch.setattr(TextEmbedding, "query_embed", lambda _, texts: iter([np.ones(3)] * len(texts)))
    assert model.vectors(["tea"], is_query=True) == [[1.0, 1.0, 1.0]]
    assert model.vectors(["tea"], is_query=False) == [[3.0, 1.0, 0.0]]


def test_it_is_an_embedder_by_configuration(tmp_path: Path) -> None:
    embedder = configured_embedder(EmbedderConfig(kind="fastembed", model=NAME, patience_ms=10_000), fetched(tmp_path))
    assert embedder.embed(["train", ""]) == [pytest.approx([0.0, -2 / 29**0.5, 5 / 29**0.5]), [0.0, 0.0, 0.0]]
    assert embedder.query("tea") == pytest.approx([0.9**0.5, 0.1**0.5, 0.0])
    embedder.close()


def test_numbers_are_plain_ones(tmp_path: Path) -> None:
    ((number, *_),) = FastEmbedModel(NAME, fetched(tmp_path)).vectors(["tea"], is_query=False)
    assert type(number) is float
    assert not isinstance(number, np.floating)
