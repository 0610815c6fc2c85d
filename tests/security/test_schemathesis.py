"""Requests made from specifications, right ones and wrong ones: OpenAI's, and that of our own paths.

OpenAI's is made from the types of its own package, so that it is what clients of today send.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest
import requests
import schemathesis
import yaml
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from openai.types import completion_create_params as completions
from openai.types import embedding_create_params as embeddings
from openai.types.chat import completion_create_params as chat
from openai.types.responses import response_create_params as responses
from pydantic import TypeAdapter
from schemathesis import GenerationMode
from schemathesis.checks import CheckFunction, not_a_server_error
from schemathesis.core.failures import FailureGroup
from schemathesis.specs.openapi.checks import (
    content_type_conformance,
    response_schema_conformance,
    status_code_conformance,
)

import gateway.admin
from gateway.testing import GatewayProcess, ScriptedUpstream, Step
from tests.faults.mutants import Mutant
from tests.faults.scale import scaled

OPENAI_EXAMPLES = scaled(150, 1_500)
OWN_EXAMPLES = scaled(120, 800)

ADMIN_KEY = "an-admin-key-that-is-long-enough-for-a-test"
CONFIG = f"auth: {{admin_key: {ADMIN_KEY}}}"
KEY = {"authorization": f"Bearer {ADMIN_KEY}"}
HANG_S = 10.0

Spec = dict[str, Any]

OPENAI: dict[str, Any] = {
    "/v1/chat/completions": chat.CompletionCreateParams,
    "/v1/responses": responses.ResponseCreateParams,
    "/v1/completions": completions.CompletionCreateParams,
    "/v1/embeddings": embeddings.EmbeddingCreateParams,
}
SAFE: Sequence[CheckFunction] = (not_a_server_error,)
CONFORMING: Sequence[CheckFunction] = (
    *SAFE,
    status_code_conformance,
    content_type_conformance,
    response_schema_conformance,
)


def openai_spec() -> Spec:
    """What OpenAI's endpoints take."""
    asked: list[tuple[Any, Any, TypeAdapter[Any]]] = [
        (path, "validation", TypeAdapter(params)) for path, params in OPENAI.items()
    ]
    bodies, shared = TypeAdapter.json_schemas(asked, ref_template="#/components/schemas/{model}")
    paths = {
        path: {
            "post": {
                "requestBody": {"required": True, "content": {"application/json": {"schema": body}}},
                "responses": {"default": {"description": "whatever the upstream says"}},
            }
        }
        for (path, _), body in bodies.items()
    }
    about = {"title": "OpenAI", "version": "installed"}
    return {"openapi": "3.1.0", "info": about, "paths": paths, "components": {"schemas": shared["$defs"]}}


def own_spec(exchange: str = "ex", feedback: str = "fb") -> Spec:
    """What our own paths take and answer, narrowed so that every other request is about what is there."""
    spec: Spec = yaml.safe_load(Path(gateway.admin.__file__).with_name("openapi.yaml").read_text())
    given = spec["components"]["schemas"]["Feedback"]
    given["required"] = ["exchange"]
    given["properties"]["exchange"] = {"enum": [exchange, "unknown"]}
    del given["properties"]["session"]  # a judgement is of the one or of the other
    spec["paths"]["/v1/feedback/{id}"]["get"]["parameters"][0]["schema"] = {"enum": [feedback, "unknown"]}
    return spec


def found(spec: Spec, at: str, checks: Sequence[CheckFunction], examples: int) -> list[str]:
    """What checks find, of requests that follow a specification and of such that do not; of the first that fails."""
    schema = schemathesis.openapi.from_dict(spec)
    cases = st.one_of([schema.as_strategy(generation_mode=mode) for mode in GenerationMode])
    base = at.removesuffix("/v1")

    @settings(max_examples=examples, deadline=None, database=None, suppress_health_check=list(HealthCheck))
    @given(case=cases)
    def each(case: schemathesis.Case[Any]) -> None:
        case.call_and_validate(base, headers=KEY, checks=list(checks), timeout=HANG_S)

    try:
        each()
    except FailureGroup as failures:
        return [str(failure) for failure in failures.exceptions]
    return []


@pytest.fixture
def directory(tmp_path: Path) -> Path:
    (tmp_path / "config.yaml").write_text(CONFIG)
    return tmp_path


@pytest.fixture
def agreeing(upstream: ScriptedUpstream) -> ScriptedUpstream:
    """An upstream to which everything is right."""
    upstream.script([Step(chunks=[b"{}"])] * OPENAI_EXAMPLES * 20)
    return upstream


def test_no_request_that_openai_would_take_or_not_is_an_error_of_ours(
    agreeing: ScriptedUpstream, directory: Path
) -> None:
    with GatewayProcess(agreeing.url, directory) as gateway:
        assert found(openai_spec(), gateway.url, SAFE, OPENAI_EXAMPLES) == []


def test_our_own_paths_do_what_is_said_of_them(upstream: ScriptedUpstream, directory: Path) -> None:
    with GatewayProcess(upstream.url, directory) as gateway:
        asked: Any = {"model": "m", "messages": [{"role": "user", "content": "hi"}]}
        answer = requests.post(f"{gateway.url}/chat/completions", json=asked, headers=KEY, timeout=HANG_S)
        exchange = answer.headers["x-accrue-exchange"]
        given: Any = {"id": "given", "exchange": exchange, "value": True}
        assert requests.post(f"{gateway.url}/feedback", json=given, headers=KEY, timeout=HANG_S).status_code == 202
        assert found(own_spec(exchange, "given"), gateway.url, CONFORMING, OWN_EXAMPLES) == []


FAILING = """
import gateway.app as app
handle = app.handle
async def broken(gateway, request, *rest):
    if request.path.endswith("/embeddings"):
        raise ValueError
    return await handle(gateway, request, *rest)
app.handle = broken
"""
LYING = """
import gateway.errors as errors
errors.RequestError.body = b'{"error":"no"}'
"""


def test_an_error_of_ours_is_found(agreeing: ScriptedUpstream, directory: Path) -> None:
    with Mutant(FAILING, agreeing.url, directory) as gateway:
        assert any("Server error" in failure for failure in found(openai_spec(), gateway.url, SAFE, 50))


def test_an_answer_of_another_form_is_found(upstream: ScriptedUpstream, directory: Path) -> None:
    with Mutant(LYING, upstream.url, directory) as gateway:
        assert any("violates schema" in failure for failure in found(own_spec(), gateway.url, CONFORMING, 50))
