from __future__ import annotations

from gateway.sensitive.spans import Span, apart, beside


def span(start: int, end: int, name: str = "a", order: int = 0) -> Span:
    return Span(start=start, end=end, name=name, order=order)


def test_places_that_overlap_are_one_named_by_who_knows_best() -> None:
    merged = apart([span(4, 9, "password", 7), span(0, 2), span(6, 12, "github-token", 3)])
    assert merged == [span(0, 2), span(4, 12, "github-token", 3)]


def test_places_that_only_touch_stay_two() -> None:
    assert apart([span(2, 4), span(0, 2)]) == [span(0, 2), span(2, 4)]


def test_what_overlaps_others_is_left_out() -> None:
    assert beside([span(0, 3), span(3, 5), span(8, 9)], [span(4, 8)]) == [span(0, 3), span(8, 9)]
