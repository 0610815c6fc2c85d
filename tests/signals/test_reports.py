"""What a JSON object says of how a call went. More of it stands in the tables of test_errors.py."""

from __future__ import annotations

from collections.abc import Mapping

import pytest

from gateway.signals.reports import is_success, reported, statuses


@pytest.mark.parametrize(
    ("members", "words"),
    [
        ({"error": "no such user"}, "no such user"),
        ({"error": True, "message": "no such user"}, "no such user"),
        ({"error": True}, ""),
        ({"error": 12, "msg": "bad"}, "bad"),
        ({"error": {"details": [{"reason": "bad zip"}]}}, "bad zip"),
        ({"errors": ["first", "second"]}, "first"),
        ({"success": False}, ""),
        ({"is_error": True, "content": [{"text": "boom"}]}, "boom"),
        ({"status": 500}, ""),
        ({"status": "fail", "message": "bad"}, "bad"),
        ({"errors": {"a": {"b": {"c": {"d": {"e": "too deep"}}}}}, "success": False}, ""),
    ],
)
def test_an_error_is_reported_with_its_words(members: Mapping[str, object], words: str) -> None:
    assert reported(members) == words


@pytest.mark.parametrize(
    "members",
    [
        {},
        {"error": None},
        {"error": "None"},
        {"error": 12},
        {"error": False},
        {"error": []},
        {"error": {}},
        {"status": "error"},
        {"status": 200, "message": "ok"},
        {"status": True},
        {"code": 404, "name": "Boeing"},
    ],
)
def test_other_objects_report_none(members: Mapping[str, object]) -> None:
    assert reported(members) is None


def test_an_object_may_say_that_all_went_well() -> None:
    assert is_success({"success": True, "error": "shown"})
    assert not is_success({"success": "yes"})


def test_statuses_are_those_of_the_object_and_of_its_error() -> None:
    assert list(statuses({"status": 200, "code": "x", "error": {"code": 429}})) == [200, 429]
