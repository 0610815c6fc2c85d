from __future__ import annotations

import json
from random import Random

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from gateway.experience import Feedback
from gateway.redact import clean, clean_feedback, cleaned
from gateway.types import Considered, Exchange, Note, Reply, Scope, ToolCall, Turn
from tests.security.planted import SEEN
from tests.security.planted_unseen import UNSEEN

TOKEN = "glpat-x1Y2z3A4b5C6d7E8f9G0"
SAID = f"use {TOKEN} for it"
CLEAN = "use [redacted:gitlab-token] for it"

FORMS = [form for forms in (SEEN, UNSEEN) for form in forms.values()]
PIECES = st.one_of(
    st.text(max_size=12),
    st.sampled_from(
        ["password = ", "token: ", '"', "\n", "\\u002d", "%3D", "[redacted:jwt]", "Bearer ", "://a:", "@h "]
    ),
    st.builds(lambda form, seed: form(Random(seed))[1], st.sampled_from(FORMS), st.integers(0, 99)),
)


def test_a_placeholder_says_what_it_was() -> None:
    assert cleaned(SAID, "secrets") == CLEAN
    assert cleaned(SAID, "off") == SAID


def test_a_text_without_any_is_the_same_text() -> None:
    text = "What should my dog not eat?"
    assert cleaned(text, "pii") is text


def test_personal_data_is_replaced_where_the_policy_says_so() -> None:
    said = "write to anna@acme.org or call +49 171 1234567"
    assert cleaned(said, "secrets") == said
    assert cleaned(said, "pii") == "write to [redacted:email] or call [redacted:phone]"


@pytest.mark.parametrize(
    "document",
    [
        {"env": f"TOKEN={TOKEN}\n", "n": 1},
        {"card": 4111111111111111, "next": [4111111111111111, True]},
        {"nested": json.dumps({"password": 'a"b\\c1!', "x": f"{TOKEN}/"})},
        [SAID, {"phone": "+49 171 1234567"}],
        SAID,
    ],
)
def test_json_stays_json(document: object) -> None:
    text = json.dumps(document)
    result = cleaned(text, "pii")
    assert "[redacted:" in json.dumps(json.loads(result))
    assert TOKEN not in result
    assert "4111111111111111" not in result


def test_what_only_begins_like_json_is_cleaned_as_text() -> None:
    assert cleaned("{" + SAID, "secrets") == "{" + CLEAN


def test_half_a_surrogate_pair_is_no_hindrance() -> None:
    assert cleaned(f"\ud83d {SAID}", "secrets") == f"\ud83d {CLEAN}"


@settings(deadline=None, max_examples=150)
@given(st.lists(PIECES, max_size=6).map("".join), st.sampled_from(["secrets", "pii"]))
def test_cleaning_twice_changes_nothing(text: str, level: str) -> None:
    once = cleaned(text, level)  # type: ignore[arg-type] # one of the two
    assert cleaned(once, level) == once  # type: ignore[arg-type] # one of the two


def test_every_text_of_an_exchange_is_cleaned() -> None:
    call = ToolCall(id="call_1", name="push", arguments=json.dumps({"token": TOKEN}))
    turn = Turn(role="user", text=SAID, calls=(call,), name=TOKEN)
    exchange = Exchange(
        id="ex_1",
        scope=Scope(tenant="t", user="u", session="s"),
        at=1.0,
        path="/chat/completions",
        turns=(turn,),
        context=(turn,),
        asked=(call,),
        considered=(Considered(memory="m_1", lane="fact", text=SAID, decision="weak"),),
        openings=(SAID, "A reply that begins like this"),
        schemas={"push": json.dumps({"default": TOKEN})},
        reply=Reply(turns=(turn,)),
    )
    result = clean(exchange)
    assert TOKEN not in repr(result)
    assert result.turns[0].text == CLEAN
    assert result.openings == ("A reply that begins like this",)
    assert clean(result) == result


def test_what_the_policy_leaves_alone_is_left_alone() -> None:
    exchange = Exchange(id="ex_1", scope=Scope(tenant="t", user="u"), at=1.0, path="/", redact="off")
    assert clean(exchange) is exchange


def test_notes_and_ids_stay() -> None:
    note = Note(where=TOKEN, text=SAID)
    exchange = Exchange(id=TOKEN, scope=Scope(tenant="t", user=TOKEN), at=1.0, path="/", notes=(note,), told=(TOKEN,))
    assert clean(exchange) == exchange


def test_feedback_is_cleaned_in_all_its_words() -> None:
    words = dict.fromkeys(("metric", "label", "comment", "correction", "demonstration"), SAID)
    feedback = msgspec.convert({"id": "fb_1", "tenant": "t", "exchange": "ex_1", "at": 1.0, **words}, Feedback)
    result = clean_feedback(feedback, "secrets")
    assert msgspec.structs.asdict(result) | words == msgspec.structs.asdict(feedback)
    assert TOKEN not in repr(result)
