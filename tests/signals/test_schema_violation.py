"""The answer is not what its JSON schema demands."""

from __future__ import annotations

import json
import socket

import pytest
from jsonschema import Draft202012Validator

from gateway.signals.base import Seen
from gateway.signals.schema_violation import DETECTOR, KEPT_SCHEMAS, MAX_CHARS, MAX_NODES
from gateway.types import Reply, ToolCall, Turn
from tests.exchanges import exchange, user

ORDER = {
    "type": "object",
    "required": ["id", "items"],
    "additionalProperties": False,
    "properties": {
        "id": {"type": "string"},
        "items": {
            "type": "array",
            "items": {"type": "object", "properties": {"qty": {"type": "integer", "minimum": 1}}},
        },
        "to": {"type": "object", "required": ["zip"], "properties": {"zip": {"type": "string", "format": "zip"}}},
    },
}
GOOD = '{"id": "W1", "items": [{"qty": 1}]}'


def said(text: str, schema: object = ORDER, reason: str = "stop", *, is_complete: bool = True) -> Seen:
    reply = Reply(turns=(Turn(role="assistant", text=text),), finish_reason=reason, is_complete=is_complete)
    return Seen(exchange=exchange(user("x"), reply=reply, schemas={"": json.dumps(schema)}))


def called(*arguments: str, schema: object = ORDER, text: str = "") -> Seen:
    calls = tuple(ToolCall(id=f"c{place}", name="order", arguments=one) for place, one in enumerate(arguments))
    reply = Reply(turns=(Turn(role="assistant", text=text, calls=calls),), finish_reason="tool_calls")
    return Seen(exchange=exchange(user("x"), reply=reply, schemas={"order": json.dumps(schema), "": json.dumps(ORDER)}))


@pytest.mark.parametrize(
    ("text", "path", "rule", "value"),
    [
        ('{"id": "W1"}', "items", "required", '{"id": "W1"}'),
        ('{"id":7,"items":[]}', "id", "type", "7"),
        ('{"id": "W1", "items": [{"qty": 1}, {"qty": 0}]}', "items.*.qty", "minimum", "0"),
        ('{"id": "W1", "items": [], "to": {}}', "to.zip", "required", "{}"),
        ('{"id": "W1", "items": [], "x": 1}', "", "additionalProperties", '{"id": "W1", "items": [], "x": 1}'),
        ('{"id": "W1", "items": {"a":  1}}', "items", "type", ""),
        ("Here is your order: W1", "", "json", "Here is your order: W1"),
        (f"```json\n{GOOD}\n```", "", "json", f"```json\n{GOOD}\n```"),
    ],
)
def test_what_breaks_which_rule_is_told_of_text_and_arguments(text: str, path: str, rule: str, value: str) -> None:
    (found,) = DETECTOR.find(said(text))
    assert (found.grade, found.is_good, found.key) == ("A", False, f"format|{path} {rule}")
    assert found.details == {"tool": "", "path": path, "rule": rule, "value": value}
    assert found.evidence == text
    (found,) = DETECTOR.find(called(text))
    assert (found.key, found.tool) == (f"order|{path} {rule}", "order")


def test_what_is_as_it_should_be_is_no_violation() -> None:
    assert not DETECTOR.find(said(GOOD))
    assert not DETECTOR.find(called(GOOD, GOOD))
    assert not DETECTOR.find(said('{"id": "W1", "items": [], "to": {"zip": "no format is checked"}}'))


def test_a_name_that_is_half_a_character_can_be_kept() -> None:
    (found,) = DETECTOR.find(said('{"\\ud800": 1}', {"additionalProperties": {"type": "string"}}))
    assert found.details["path"] == "?"


def test_any_json_will_do_where_no_more_is_asked() -> None:
    assert not DETECTOR.find(said("[1, 2]", {}))
    assert [found.details["rule"] for found in DETECTOR.find(said("One and two", {}))] == ["json"]


def test_a_call_without_arguments_gives_none() -> None:
    assert not DETECTOR.find(called("", schema={"type": "object"}))
    assert [found.details["path"] for found in DETECTOR.find(called("", schema=ORDER))] == ["id", "items"]


def test_each_rule_is_told_once_and_only_a_few_of_them() -> None:
    many = json.dumps({"id": "W1", "items": [{"qty": 0}] * 9})
    assert len(DETECTOR.find(said(many))) == 1
    wrong = {name: {"type": "string"} for name in "abcdef"}
    assert len(DETECTOR.find(said(json.dumps(dict.fromkeys("abcdef", 1)), {"properties": wrong}))) == 3


def test_words_beside_a_call_are_held_to_no_format() -> None:
    assert not DETECTOR.find(called(GOOD, text="I am ordering that."))


@pytest.mark.parametrize("reason", ["length", "content_filter"])
def test_what_was_cut_off_or_refused_is_told_elsewhere(reason: str) -> None:
    assert not DETECTOR.find(said('{"id": "W', reason=reason))


def test_an_answer_that_did_not_end_is_not_judged() -> None:
    assert not DETECTOR.find(said('{"id": "W', is_complete=False))
    assert not DETECTOR.find(Seen(exchange=exchange(user("x"), reply=None, schemas={"": "{}"})))
    assert not DETECTOR.find(said("  "))


def doubling(levels: int) -> dict[str, object]:
    """A schema that applies its last rule 2 ** levels times."""
    twice = {f"d{n}": {"allOf": [{"$ref": f"#/$defs/d{n + 1}"}] * 2} for n in range(levels)}
    return {"$ref": "#/$defs/d0", "$defs": {**twice, f"d{levels}": {"type": "integer"}}}


@pytest.mark.parametrize(
    "schema",
    [
        {"type": "strin"},
        {"type": 7},
        {"$ref": "#"},
        {"$ref": "#/$defs/none"},
        {"$ref": "http://127.0.0.1:9/schema.json"},
        {"pattern": "(a+)+$"},
        {"pattern": "("},
        {"additionalProperties": False, "patternProperties": {"(a+)+$": {}}},
        {"type": "array", "items": {"type": "integer"}, "uniqueItems": True, "maxItems": 1},
        doubling(60),
        "no schema",
        7,
        True,
    ],
)
def test_a_schema_that_is_broken_or_made_to_keep_us_busy_is_no_violation(schema: object) -> None:
    values: list[object] = ["a" * 40 + "!", {"a" * 40 + "!": 1}, [1], 12]
    found = [DETECTOR.find(said(json.dumps(value), schema)) for value in values]
    assert all(one.details["rule"] in ("type", "additionalProperties") for each in found for one in each)
    assert not found[2] or schema == doubling(60)


def test_nothing_is_fetched_for_a_schema() -> None:
    with socket.create_server(("127.0.0.1", 0)) as server:
        server.setblocking(False)
        address = f"http://127.0.0.1:{server.getsockname()[1]}/schema.json"
        assert not DETECTOR.find(said("12", {"$ref": address}))
        with pytest.raises(BlockingIOError):  # nobody has knocked
            server.accept()


def test_a_schema_that_multiplies_itself_is_given_up() -> None:
    assert not DETECTOR.find(said("12", doubling(60)))
    assert DETECTOR.find(said('"x"', doubling(3)))


def test_a_schema_that_is_no_json_and_a_long_text_are_passed_over() -> None:
    reply = Reply(turns=(Turn(role="assistant", text="{}"),), finish_reason="stop")
    assert not DETECTOR.find(Seen(exchange=exchange(user("x"), reply=reply, schemas={"": "{"})))
    assert not DETECTOR.find(said("x" * (MAX_CHARS + 1)))
    assert [found.details["rule"] for found in DETECTOR.find(said("[" * 50_000, {}))] == ["json"]


@pytest.mark.parametrize(("nodes", "is_judged"), [(MAX_NODES, True), (MAX_NODES + 1, False)])
def test_a_schema_of_too_many_values_is_not_applied(nodes: int, is_judged: bool) -> None:
    schema = {"type": "string", "enum": ["x"] * (nodes - 3)}  # itself, two rules and what is listed
    assert bool(DETECTOR.find(said("7", schema))) is is_judged


def test_a_schema_is_checked_once(monkeypatch: pytest.MonkeyPatch) -> None:
    checked: list[object] = []
    monkeypatch.setattr(Draft202012Validator, "check_schema", checked.append)
    schema = {"type": "integer", "title": "checked once"}
    assert [len(DETECTOR.find(said(text, schema))) for text in ('"x"', "1", '"y"')] == [1, 0, 1]
    assert checked == [schema]
    assert KEPT_SCHEMAS > 1


@pytest.mark.parametrize(
    ("schema", "text"),
    [
        ({"multipleOf": 0.1}, "1" * 400),
        ({"multipleOf": 2.5}, "Infinity"),
        ({"$ref": "#/minimum", "minimum": 1}, "1"),
        ({"$ref": "#/required", "required": ["a"]}, "1"),
    ],
)
def test_what_cannot_be_reckoned_costs_no_other_signal(schema: object, text: str) -> None:
    calls = (ToolCall(id="c0", name="odd", arguments=text), ToolCall(id="c1", name="order", arguments='{"id": 7}'))
    reply = Reply(turns=(Turn(role="assistant", text="", calls=calls),), finish_reason="tool_calls")
    schemas = {"odd": json.dumps(schema), "order": json.dumps({"properties": {"id": {"type": "string"}}})}
    found = DETECTOR.find(Seen(exchange=exchange(user("x"), reply=reply, schemas=schemas)))
    assert [one.tool for one in found] == ["order"]
