from __future__ import annotations

import contextlib
import re
from pathlib import Path
from typing import Annotated, Any, Literal

import msgspec
import pytest
from hypothesis import HealthCheck, given
from hypothesis import settings as examples
from hypothesis import strategies as st

from gateway.documents import MAX_BYTES, Reader, one_of, overlay, settings
from gateway.errors import ConfigError


class Oven(msgspec.Struct, frozen=True, kw_only=True):
    degrees: Annotated[int, msgspec.Meta(ge=0, le=300)] = 180
    fan: bool = False
    mode: Literal["on", "off"] = "on"
    grill: Literal["low", "high"] | None = None


class Kitchen(msgspec.Struct, frozen=True, kw_only=True):
    name: str = "kitchen"
    hours: float = 8.0
    note: str | None = None
    oven: Oven = Oven()
    shelves: Annotated[tuple[Annotated[str, one_of("goods")], ...], msgspec.Meta(min_length=1)] = ("salt",)
    stock: dict[Annotated[str, one_of("goods")], int] = msgspec.field(default_factory=lambda: {"salt": 1, "rice": 2})
    labels: dict[str, str] = {}
    taps: dict[Literal["hot", "cold"], int] = msgspec.field(default_factory=lambda: {"hot": 1, "cold": 1})
    code: Annotated[str, msgspec.Meta(pattern="^[a-z]+$", description="small letters")] = "abc"


GOODS = {"goods": ["salt", "rice"]}


def read(path: Path, text: str | bytes, **variables: str) -> Kitchen:
    path.write_bytes(text.encode() if isinstance(text, str) else text)
    reader = Reader(words=GOODS, variables=variables)
    members = reader.document(path, Kitchen)
    reader.finish()
    return overlay(Kitchen(), members)


@pytest.fixture
def file(tmp_path: Path) -> Path:
    return tmp_path / "kitchen.yaml"


def complaints(file: Path, text: str | bytes, **variables: str) -> list[str]:
    with pytest.raises(ConfigError) as raised:
        read(file, text, **variables)
    return [line.replace(f"{file}", "kitchen.yaml") for line in str(raised.value).split("\n")]


@pytest.mark.parametrize("text", ["", "# nothing but a comment\n", "---\n", "\ufeff", "oven:\n", "oven: {}\n", "null"])
def test_what_an_empty_document_leaves_out_is_as_by_default(file: Path, text: str) -> None:
    assert read(file, text) == Kitchen()


def test_a_document_says_only_what_differs(file: Path) -> None:
    text = (
        "oven: {degrees: 200, grill: high}\nhours: 7\nstock: {rice: 9}\nshelves: [rice, salt]\nlabels: {any: thing}\n"
    )
    assert read(file, text) == Kitchen(
        oven=Oven(degrees=200, grill="high"),
        hours=7.0,
        stock={"salt": 1, "rice": 9},
        shelves=("rice", "salt"),
        labels={"any": "thing"},
    )


@pytest.mark.parametrize(
    ("text", "member", "value"),
    [
        ("oven: {mode: off}", "oven.mode", "off"),
        ("oven: {fan: true}", "oven.fan", True),
        ("name: 12:30:45", "name", "12:30:45"),
        ("name: 1.0", "name", "1.0"),
        ("name: no", "name", "no"),
        ("name: 2020-01-01", "name", "2020-01-01"),
        ("note: null", "note", None),
        ("note: ~", "note", None),
        ("note:", "note", None),
        ("note: 'null'", "note", "null"),
        ('note: ""', "note", ""),
        ("note: |\n  two\n  lines\n", "note", "two\nlines\n"),
        ("hours: 1e-1", "hours", 0.1),
    ],
)
def test_a_plain_scalar_is_read_by_the_type_it_stands_for(file: Path, text: str, member: str, value: object) -> None:
    found: Any = read(file, text)
    for name in member.split("."):
        found = getattr(found, name)
    assert found == value
    assert type(found) is type(value)


@pytest.mark.parametrize(
    ("text", "complaint"),
    [
        ("oven: {degres: 1}", "1: $.oven.degres: unknown key (did you mean degrees?), known here: "
         "degrees, fan, mode, grill"),
        ("oven:\n  zzz: 1", "2: $.oven.zzz: unknown key, known here: degrees, fan, mode, grill"),
        ("taps: {warm: 1}", "1: $.taps.warm: unknown key, known here: hot, cold"),
        ("stock: {rise: 1}", "1: $.stock.rise: unknown key (did you mean rice?), known here: salt, rice"),
        ("shelves: [salt, mud]", "1: $.shelves[1]: found 'mud', expected one of salt, rice"),
        ("shelves: []", "1: $.shelves: found an empty list, expected a list of length >= 1"),
        ("shelves: salt", "1: $.shelves: found 'salt', expected a list"),
        ("shelves: {salt: 1}", "1: $.shelves: found a mapping, expected a list"),
        ("oven: {degrees: hot}", "1: $.oven.degrees: found 'hot', expected a whole number"),
        ("oven: {degrees: '180'}", "1: $.oven.degrees: found '180', expected a whole number"),
        ("oven: {degrees: 1.5}", "1: $.oven.degrees: found '1.5', expected a whole number"),
        ("oven: {degrees: 301}", "1: $.oven.degrees: found '301', expected a whole number <= 300"),
        ("oven: {degrees: }", "1: $.oven.degrees: found nothing, expected a whole number"),
        ("oven: {degrees: [1]}", "1: $.oven.degrees: found a list, expected a whole number"),
        ("oven: {degrees: {a: 1}}", "1: $.oven.degrees: found a mapping, expected a whole number"),
        ("oven: {fan: yes}", "1: $.oven.fan: found 'yes', expected true or false"),
        ("oven: {mode: of}", "1: $.oven.mode: found 'of', expected one of on, off (did you mean off?)"),
        ("oven: {grill: hgh}", "1: $.oven.grill: found 'hgh', expected one of low, high (did you mean high?)"),
        ("oven: [1]", "1: $.oven: found a list, expected a mapping"),
        ("oven: hot", "1: $.oven: found 'hot', expected a mapping"),
        ("oven: ''", "1: $.oven: found nothing, expected a mapping"),
        ("stock:", "1: $.stock: found nothing, expected a mapping"),
        ("labels: {a: [1]}", "1: $.labels.a: found a list, expected a text"),
        ("note: [1]", "1: $.note: found a list, expected a text or null"),
        ("hours: soon", "1: $.hours: found 'soon', expected a number"),
        ("code: A1", "1: $.code: found 'A1', expected small letters"),
        ("name: a\nname: b", "2: $.name: given twice"),
        ("? [a]\n: b", "1: $: a key is a single word"),
        ("- a", "1: $: found a list, expected a mapping"),
        ("kitchen", "1: $: found 'kitchen', expected a mapping"),
    ],
)  # fmt: skip
def test_a_mistake_is_told_with_its_line_its_path_and_what_would_be_right(
    file: Path, text: str, complaint: str
) -> None:
    assert complaints(file, text) == [f"kitchen.yaml:{complaint}"]


@pytest.mark.parametrize(
    ("text", "complaint"),
    [
        ("name: a\n\tb: c", ":2: while scanning for the next token: found character '\\t' that cannot start any token"),
        ("oven: {", ":1: while parsing a flow node: expected the node content, but found '<stream end>'"),
        ("a: 1\n---\nb: 2", ":2: expected a single document in the stream: but found another document"),
        ("name: *", ":1: while scanning an alias: expected alphabetic or numeric character, but found '\\x00'"),
        ("a: &x [1]", ":1: found a YAML anchor; a text that begins with &, * or ! stands in quotes"),
        ("a: b\nc: *glob", ":2: found a YAML anchor; a text that begins with &, * or ! stands in quotes"),
        ("&a [*a]", ":1: found a YAML anchor; a text that begins with &, * or ! stands in quotes"),
        ("a: !!python/name:os.system", ":1: found a YAML tag; a text that begins with &, * or ! stands in quotes"),
        ("a: b\nc: \a", ":2: special characters are not allowed"),
        ("[" * 100_000, ": nested too deeply"),
        (b"a: b\nc: \xff", ":2: not UTF-8"),
        ("name: kitchen\n".encode("utf-16"), ":1: not UTF-8"),
        (b"#" * (MAX_BYTES + 1), ": longer than 1048576 bytes"),
    ],
)
def test_what_is_not_a_document_is_refused_in_a_line(file: Path, text: str | bytes, complaint: str) -> None:
    assert complaints(file, text) == [f"kitchen.yaml{complaint}"]


def test_the_longest_document_is_still_read(file: Path) -> None:
    assert read(file, b"#" * MAX_BYTES) == Kitchen()


def test_all_mistakes_are_told_at_once(file: Path) -> None:
    text = "name: [a]\nzzz: 1\nzzz: 2\noven:\n  degrees: -1\n  mode: maybe\nshelves:\n  - mud\n  - [salt]\n  - rice\n"
    assert complaints(file, text) == [
        "kitchen.yaml:1: $.name: found a list, expected a text",
        "kitchen.yaml:2: $.zzz: unknown key, known here: name, hours, note, oven, shelves, stock, labels, taps, code",
        "kitchen.yaml:3: $.zzz: given twice",
        "kitchen.yaml:5: $.oven.degrees: found '-1', expected a whole number >= 0",
        "kitchen.yaml:6: $.oven.mode: found 'maybe', expected one of on, off",
        "kitchen.yaml:8: $.shelves[0]: found 'mud', expected one of salt, rice",
        "kitchen.yaml:9: $.shelves[1]: found a list, expected one of salt, rice",
    ]


@pytest.mark.parametrize(("path", "why"), [("absent.yaml", "No such file or directory"), (".", "Is a directory")])
def test_a_file_that_cannot_be_read_is_named(tmp_path: Path, path: str, why: str) -> None:
    reader = Reader(words={})
    assert reader.document(tmp_path / path, Kitchen) == {}
    with pytest.raises(ConfigError, match=re.escape(f"{tmp_path / path}: {why}")):
        reader.finish()


def test_a_variable_stands_for_its_text_and_a_missing_one_is_a_mistake(file: Path) -> None:
    text = 'name: ${WHO}\nnote: "${WHAT}"\noven: {degrees: "${HEAT}"}\n'
    assert read(file, text, WHO="null", WHAT="x", HEAT="9") == Kitchen(name="null", note="x", oven=Oven(degrees=9))
    assert complaints(file, text, WHO="null", WHAT="") == [
        "kitchen.yaml:2: $.note: the environment variable WHAT is not set",
        "kitchen.yaml:3: $.oven.degrees: the environment variable HEAT is not set",
    ]


def test_a_complaint_about_a_variable_does_not_tell_its_text(file: Path) -> None:
    assert complaints(file, "code: ${SECRET}", SECRET="sk-1") == [
        "kitchen.yaml:1: $.code: found '${SECRET}', expected small letters"
    ]


def test_without_variables_a_reference_stands_for_itself(file: Path) -> None:
    file.write_text("name: ${WHO}")
    assert Reader(words=GOODS).document(file, Kitchen) == {"name": "${WHO}"}


def test_a_word_whose_list_is_not_given_is_any_text(file: Path) -> None:
    file.write_text("shelves: [mud]\nstock: {mud: 1}")
    reader = Reader(words={})
    assert reader.document(file, Kitchen) == {"shelves": ["mud"], "stock": {"mud": 1}}
    reader.finish()


def test_a_setting_is_read_like_a_plain_scalar() -> None:
    reader = Reader(words={})
    hints = dict(settings(Kitchen))
    assert reader.setting("DEGREES", "200", hints["oven", "degrees"]) == 200
    assert reader.setting("NAME", "200", hints["name",]) == "200"
    assert reader.setting("DEGREES", "hot", hints["oven", "degrees"]) is None
    with pytest.raises(ConfigError, match=r"^DEGREES: found 'hot', expected a whole number$"):
        reader.finish()


def test_settings_are_the_paths_of_every_single_value() -> None:
    assert [".".join(path) for path, _ in settings(Kitchen)] == [
        "name", "hours", "note", "oven.degrees", "oven.fan", "oven.mode", "oven.grill",
        "shelves", "stock", "labels", "taps.hot", "taps.cold", "code",
    ]  # fmt: skip


def test_a_later_layer_wins_member_by_member() -> None:
    under = {"oven": {"degrees": 1, "fan": True}, "stock": {"rice": 5}, "shelves": ["rice"]}
    over = {"oven": {"degrees": 2}, "stock": {"salt": 6}, "shelves": ["salt"]}
    assert overlay(Kitchen(), under, over) == Kitchen(
        oven=Oven(degrees=2, fan=True), stock={"salt": 6, "rice": 5}, shelves=("salt",)
    )


YAML_LIKE = st.text(alphabet=st.sampled_from("oven:{}[]\n\t -#'\"&*!|>?%@,12~degrees\x00é"))


@given(data=st.binary() | (YAML_LIKE | st.text()).map(lambda text: text.encode("utf-8", "surrogatepass")))
@examples(deadline=None, max_examples=200, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_anything_at_all_is_either_read_or_refused(file: Path, data: bytes) -> None:
    with contextlib.suppress(ConfigError):
        assert isinstance(read(file, data), Kitchen)


@given(degrees=st.integers(-400, 400), fan=st.booleans(), name=st.text())
@examples(deadline=None, max_examples=100, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_what_is_written_is_what_is_read(file: Path, degrees: int, fan: bool, name: str) -> None:
    document = {"name": name, "oven": {"degrees": degrees, "fan": fan}}
    text = msgspec.yaml.encode(document)
    if 0 <= degrees <= 300:
        assert read(file, text) == Kitchen(name=name, oven=Oven(degrees=degrees, fan=fan))
    else:
        assert len(complaints(file, text)) == 1
