"""Names of people and sessions in paths: whatever their clients called them, slashes and line ends included."""

from __future__ import annotations

from typing import Annotated

from msgspec import Meta
from starlette.convertors import Convertor, register_url_convertor

Name = Annotated[str, Meta(max_length=1_024)]
Given = Annotated[str, Meta(min_length=1, max_length=1_024)]
"""A name that has to be there."""

Place = Annotated[str, Meta(max_length=8_192)]
"""Where a page of a listing ended: it holds names."""

WHOLE = "whole"
"""In a path, behind a member's name and a colon: all that is left of the path is its value."""


class _Whole(Convertor[str]):
    regex = r"(?s:.*)"

    def convert(self, value: str) -> str:
        return value

    def to_string(self, value: str) -> str:
        return value


register_url_convertor(WHOLE, _Whole())
