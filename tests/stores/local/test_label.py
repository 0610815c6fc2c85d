from __future__ import annotations

from pathlib import Path

import pytest

from gateway.stores.local.label import FORMAT, Label, read_label, write_label


def test_a_label_is_read_as_it_was_written(tmp_path: Path) -> None:
    label = Label(embedder="words", size=16, reached=7, is_outworn=True, packed=5, is_stained=True)
    write_label(tmp_path, label)
    assert read_label(tmp_path) == label


@pytest.mark.parametrize(
    "content", [b"", b"\xff\xfe", b"{}", b'{"format":%d,"embedder":"words","size":16,"reached":1}' % (FORMAT - 1)]
)
def test_an_unreadable_label_and_one_of_another_format_are_none(tmp_path: Path, content: bytes) -> None:
    assert read_label(tmp_path) is None
    (tmp_path / "label.json").write_bytes(content)
    assert read_label(tmp_path) is None
