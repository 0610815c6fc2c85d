from __future__ import annotations

import pytest

from gateway.errors import ScopeError
from gateway.stores.storable import encodable, owner_of
from gateway.types import Scope


def test_an_owner_is_the_scopes_own_key() -> None:
    scope = Scope(tenant="acme", user="ann")
    assert owner_of(scope) == scope.owner


@pytest.mark.promise("P7")
@pytest.mark.parametrize("scope", [Scope(tenant="acme", user=None), Scope(tenant="acme", user="half \ud800 pair")])
def test_a_scope_that_names_nobody_who_can_be_told_from_others_is_refused(scope: Scope) -> None:
    with pytest.raises(ScopeError):
        owner_of(scope)


def test_half_a_surrogate_pair_becomes_a_question_mark_and_all_other_text_stays() -> None:
    assert encodable("half \ud800 pair, 世界 \0") == "half ? pair, 世界 \0"
