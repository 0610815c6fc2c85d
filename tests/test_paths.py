"""Which paths are passed on; and that ours never are, however they are written."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from gateway.errors import BadRequest, Forbidden, NotFound
from gateway.paths import target_of

OURS = ["/accrue/report", "/accrue", "/v1/accrue/report", "/ACCRUE/report", "/v1/v1/Accrue"]


@pytest.mark.parametrize(
    ("path", "target"),
    [
        ("/v1/chat/completions", "/chat/completions"),
        ("/chat/completions", "/chat/completions"),
        ("/v1/v1/models", "/models"),
        ("/v1/files/a%2Fb//c", "/files/a%2Fb//c"),
        ("/v1/files/100%25", "/files/100%25"),
        ("/v1/models/accrue/report", "/models/accrue/report"),
        ("/accrued/report", "/accrued/report"),
        ("/a/x", "/a/x"),
        ("/files/%25252525252520", "/files/%25252525252520"),
    ],
)
def test_a_path_goes_upstream_as_it_was_written(path: str, target: str) -> None:
    assert target_of("GET", path) == target


@pytest.mark.promise("P7")
@pytest.mark.parametrize(
    "path",
    [
        *OURS,
        "/accrue//report",
        "//accrue/report",
        "/%2faccrue/report",
        "/%61ccrue/report",
        "/%2561ccrue/report",
        "/accrue%2freport",
        "/accrue;a=b/report",
        "/\\accrue\\report",
        "/%5caccrue/report",
        "/v1/a/x/accrue/report",
        "/u/x/a/y/accrue/report",
        "/s/%2e/accrue/report",
    ],
)
def test_our_own_paths_never_go_upstream(path: str) -> None:
    with pytest.raises((NotFound, BadRequest)):
        target_of("GET", path)


@pytest.mark.promise("P7")
@settings(deadline=None, max_examples=200)
@given(
    st.sampled_from(OURS),
    st.lists(st.sampled_from(["/", "/v1", "/a/x", "/u/x", "/s/x"]), max_size=4),
    st.lists(st.integers(0, 40), max_size=6),
    st.integers(0, 2),
)
def test_no_disguise_helps(path: str, before: list[str], places: list[int], times: int) -> None:
    disguised = "".join(before) + path
    for _ in range(times):
        at = {place % len(disguised) for place in places} - {0}
        disguised = "".join(
            f"%{ord(character):02x}" if place in at else character for place, character in enumerate(disguised)
        )
    with pytest.raises(NotFound):
        target_of("POST", disguised)


@pytest.mark.parametrize("path", ["chat", "/x/../y", "/x/%2e%2e/y", "/./x", "/x\\..\\y", "/%252e%252e/x", ""])
def test_a_path_that_climbs_is_refused(path: str) -> None:
    with pytest.raises(BadRequest, match="is no path of an API"):
        target_of("GET", path)


def test_a_proxy_for_anything_is_nobody_here() -> None:
    with pytest.raises(BadRequest):
        target_of("CONNECT", "/v1/chat/completions")


@pytest.mark.parametrize("path", ["/v1/organization/keys", "/projects", "/webhook_endpoints/x", "/v1//organization"])
def test_administration_of_the_provider_is_refused(path: str) -> None:
    with pytest.raises(Forbidden):
        target_of("GET", path)
