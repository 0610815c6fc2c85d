"""Which call goes to which upstream, and what does not go together."""

from __future__ import annotations

import pytest

from gateway.ports import Headers
from gateway.routes import (
    ANTHROPIC,
    ANTHROPICS,
    BUILT_IN,
    OPENAI,
    Route,
    RouteMatch,
    UpstreamConfig,
    faults,
    in_force,
    plain,
)

FOR_LITELLM = "provider, options and models are for kind litellm"
A = UpstreamConfig(url="https://a.example/v1")
A_ELSEWHERE = UpstreamConfig(url="https://a.example/other/v1")
A_IN_CLEAR = UpstreamConfig(url="http://a.example/v1")
B = UpstreamConfig(url="https://b.example/v1")
B_WITH_KEY = UpstreamConfig(url="https://b.example/v1", api_key="own")
BEDROCK = UpstreamConfig(kind="litellm", provider="bedrock")
OPENAI_WITH_KEY = UpstreamConfig(url=OPENAI, api_key="own")


@pytest.mark.parametrize(("match", "model", "path", "fits"), [
    (RouteMatch(), "", "/models", True),
    (RouteMatch(model=("claude-*",)), "claude-sonnet-4-5", "/messages", True),
    (RouteMatch(model=("claude-*",)), "Claude-sonnet-4-5", "/messages", False),
    (RouteMatch(model=("claude-*",)), "gpt-5", "/messages", False),
    (RouteMatch(model=("claude-*",)), "", "/messages", False),
    (RouteMatch(model=("a", "b?")), "b7", "/messages", True),
    (RouteMatch(path=("/messages*",)), "", "/messages", True),
    (RouteMatch(path=("/messages*",)), "", "/messages/count_tokens", True),
    (RouteMatch(path=("/messages*",)), "", "/threads/t/messages", False),
    (RouteMatch(path=("/audio/*", "*/messages")), "", "/threads/t/messages", True),
    (RouteMatch(model=("gpt-*",), path=("/messages",)), "gpt-5", "/responses", False),
])  # fmt: skip
def test_a_call_fits_when_model_and_path_do(match: RouteMatch, model: str, path: str, fits: bool) -> None:
    assert (match.fits_model(model) and match.fits_place(path, [])) is fits


@pytest.mark.parametrize(("models", "fits_any"), [(("*",), True), (("a", "*"), True), (("gpt-*",), False)])
def test_the_model_need_not_be_known_where_any_fits(models: tuple[str, ...], fits_any: bool) -> None:
    assert RouteMatch(model=models).fits_any_model is fits_any


@pytest.mark.parametrize(("path", "seen"), [
    ("/messages", "/messages"),
    ("//messages", "/messages"),
    ("/messages///count_tokens/", "/messages/count_tokens/"),
    ("/%6Dessages", "/messages"),
    ("%2F/messages", "/messages"),
    ("/%256Dessages", "/%6Dessages"),
    ("//v1/messages", "/messages"),
    ("/%761//v1/messages", "/messages"),
    ("/v10/messages", "/v10/messages"),
    ("", ""),
])  # fmt: skip
def test_a_path_is_the_same_to_globs_however_it_is_spelt(path: str, seen: str) -> None:
    assert plain(path) == seen


@pytest.mark.parametrize(
    ("headers", "fits"),
    [
        ([(b"anthropic-version", b"2023-06-01")], True),
        ([(b"Anthropic-Version", b"2023-06-01")], True),
        ([(b"anthropic-version", b"")], True),
        ([(b"anthropic-beta", b"x")], False),
        ([], False),
    ],
)
def test_a_call_fits_by_a_header(headers: Headers, fits: bool) -> None:
    assert ANTHROPICS[1].match.fits_place("/models", headers) is fits
    assert not RouteMatch(headers={"X-Team": "a*"}).fits_place("/models", headers)
    assert RouteMatch(headers={"X-Team": "a*"}).fits_place("/models", [*headers, (b"x-team", b"alpha")])


OWN = (Route(upstreams=("default",)),)


@pytest.mark.parametrize(("routes", "upstreams", "found"), [
    ((), BUILT_IN, ANTHROPICS),
    ((), {**BUILT_IN, "default": UpstreamConfig(url="https://API.openai.com:443/v1/")}, ANTHROPICS),
    ((), {**BUILT_IN, "default": OPENAI_WITH_KEY}, ()),
    ((), {"anthropic": UpstreamConfig(url=ANTHROPIC, api_key="own"), "default": OPENAI_WITH_KEY}, ANTHROPICS),
    ((), {**BUILT_IN, "anthropic": UpstreamConfig(url=ANTHROPIC, api_key="own")}, ANTHROPICS),
    ((), {**BUILT_IN, "default": UpstreamConfig(url=ANTHROPIC)}, ()),
    ((), {**BUILT_IN, "default": UpstreamConfig(url="http://api.openai.com/v1")}, ()),
    ((), {**BUILT_IN, "default": UpstreamConfig(url="https://api.openai.com.example/v1")}, ()),
    ((), {**BUILT_IN, "default": BEDROCK}, ()),
    ((), {"default": UpstreamConfig(url=OPENAI)}, ()),
    (OWN, BUILT_IN, OWN),
])  # fmt: skip
def test_anthropics_paths_leave_a_default_that_is_openai_itself_unless_clients_hold_a_token_of_ours(
    routes: tuple[Route, ...], upstreams: dict[str, UpstreamConfig], found: tuple[Route, ...]
) -> None:
    assert in_force(routes, upstreams) == found


@pytest.mark.parametrize(("first", "fallback", "is_fault"), [
    (A, A, False),
    (A, A_ELSEWHERE, False),
    (A, A_IN_CLEAR, True),
    (A, UpstreamConfig(url="https://A.example:443"), False),
    (A, UpstreamConfig(url="https://a.example:8443/v1"), True),
    (A, UpstreamConfig(url="http://a.example:443/v1"), True),
    (A_IN_CLEAR, UpstreamConfig(url="http://a.example:80/"), False),
    (A, B, True),
    (A, B_WITH_KEY, False),
    (A, BEDROCK, False),
    (BEDROCK, A, True),
    (B_WITH_KEY, A, True),
    (B_WITH_KEY, B, True),
    (B_WITH_KEY, B_WITH_KEY, False),
])  # fmt: skip
def test_no_fallback_is_sent_a_credential_that_clients_have_for_somebody_else(
    first: UpstreamConfig, fallback: UpstreamConfig, is_fault: bool
) -> None:
    upstreams = {"default": A, "first": first, "fallback": fallback}
    found = list(faults([Route(upstreams=("first", "fallback"))], upstreams))
    message = "fallback would be sent the credential that clients have for first; it needs an api_key"
    assert found == ([("$.routes[0].upstreams[1]", message)] if is_fault else [])


def test_the_first_of_a_route_may_be_sent_the_clients_own_credential() -> None:
    assert list(faults([Route(upstreams=("b",)), *ANTHROPICS], {**BUILT_IN, "b": B})) == []


@pytest.mark.parametrize(("upstreams", "found"), [
    ({"default": UpstreamConfig()}, ["an upstream of kind http needs a url"]),
    ({"default": UpstreamConfig(kind="litellm")}, ["an upstream of kind litellm needs a provider"]),
    ({"default": UpstreamConfig(url=OPENAI, provider="x")}, [FOR_LITELLM]),
    ({"default": UpstreamConfig(url=OPENAI, options={"a": "b"})}, [FOR_LITELLM]),
    ({"default": UpstreamConfig(url=OPENAI, models=("m",))}, [FOR_LITELLM]),
    ({"": A}, ["a name is made of small letters, digits, - and _"]),
    ({"a.b": A}, ["a name is made of small letters, digits, - and _"]),
    ({"a-b_c": A, "a_b-c": A}, [
        "in the environment its name would be the same as that of a_b-c",
        "in the environment its name would be the same as that of a-b_c",
    ]),
])  # fmt: skip
def test_an_upstream_must_be_whole(upstreams: dict[str, UpstreamConfig], found: list[str]) -> None:
    assert [fault for _, fault in faults([], upstreams)] == found


def test_an_unknown_first_upstream_is_the_only_fault_of_its_route() -> None:
    routes = [Route(upstreams=("clade", "b"))]
    assert list(faults(routes, {"default": A, "claude": A, "b": B})) == [
        ("$.routes[0].upstreams[0]", "found 'clade', expected one of default, claude, b (did you mean claude?)")
    ]


def test_our_own_headers_choose_no_route() -> None:
    own = Route(match=RouteMatch(headers={"X-Accrue-Agent": "critic"}), upstreams=("default",))
    ((place, fault),) = faults([own], BUILT_IN)
    assert place == "$.routes[0].match.headers"
    assert "never sent on" in fault
