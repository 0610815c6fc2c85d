"""Values say what they are: whose memory a scope means, and what the client is told of an outcome."""

from __future__ import annotations

import msgspec
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from gateway.errors import ScopeError
from gateway.types import Outcome, Scope, Turn

names = st.text("a:1us", min_size=1, max_size=4)
scopes = st.builds(Scope, tenant=names, user=st.none() | names, session=names, agent=names)


@pytest.mark.promise("P7")
def test_a_scope_without_a_tenant_or_with_an_empty_user_is_an_error() -> None:
    with pytest.raises(ScopeError, match="needs a tenant"):
        Scope(tenant="", user="ann")
    with pytest.raises(ScopeError, match="never an empty name"):
        Scope(tenant="acme", user="")


@pytest.mark.promise("P7")
def test_nobody_in_no_session_owns_nothing() -> None:
    with pytest.raises(ScopeError, match="needs a session"):
        _ = Scope(tenant="acme", user=None).owner


@pytest.mark.promise("P7")
@settings(deadline=None, max_examples=500)
@given(scopes, scopes)
@example(Scope(tenant="a", user="u1:x"), Scope(tenant="au4:", user="x"))
def test_two_scopes_have_one_owner_only_where_one_person_is_meant(one: Scope, other: Scope) -> None:
    def meant(scope: Scope) -> tuple[str, str | None, str]:
        return scope.tenant, scope.user, scope.session if scope.user is None else ""

    assert (one.owner == other.owner) is (meant(one) == meant(other))


@pytest.mark.parametrize(
    ("outcome", "header"),
    [
        (Outcome(status="empty"), "empty"),
        (Outcome(status="off", reason="write"), "off; reason=write"),
        (
            Outcome(status="hit", notes=3, tokens=212, lanes={"episode": 2, "constraint": 1}),
            "hit; notes=3; tokens=212; lanes=constraint:1,episode:2",
        ),
        (
            Outcome(status="timeout", notes=1, tokens=9, lanes={"constraint": 1}, reason="late"),
            "timeout; notes=1; tokens=9; lanes=constraint:1; reason=late",
        ),
    ],
)
def test_an_outcome_is_one_line_in_a_header(outcome: Outcome, header: str) -> None:
    assert outcome.header == header


def test_a_turn_that_was_kept_before_errors_were_marked_is_read_as_it_was() -> None:
    kept = msgspec.json.encode({"role": "tool", "text": "found", "answers": "call_1"})
    assert msgspec.json.decode(kept, type=Turn) == Turn(role="tool", text="found", answers="call_1", is_error=False)
