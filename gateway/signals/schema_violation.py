"""The answer is not what its JSON schema demands: its text that of the response format, arguments that of their tool.

Schemas are the client's own and may be made to keep us busy, so reading one is bounded: patterns are left out, nothing
is fetched, and what takes too many steps is not judged. Nor is what was cut off, which gateway/signals/truncation.py
tells.
"""

from __future__ import annotations

import functools
import itertools
import json
from collections.abc import Iterator, Sequence
from typing import Any

import msgspec
from jsonschema import Draft202012Validator, validators
from jsonschema.exceptions import SchemaError, ValidationError
from referencing import Registry
from referencing.exceptions import Unresolvable

from gateway.experience import Grade, Signal
from gateway.signals.base import MAX_EVIDENCE_CHARS, Detector, Seen, reply_of, signal
from gateway.signals.refusal import REFUSED
from gateway.signals.truncation import CUT

MAX_CHARS = 64 * 1024
"""Of a schema, and of what is held to it."""

MAX_NODES = 2_000
"""Values in a schema: whether it is one is checked by rules without a bound."""

KEPT_SCHEMAS = 64
"""Checked ones that are remembered: a session's tools come again with each call."""

MAX_STEPS = 20_000
"""Rules that are applied to one value: thousands are a large schema, more are one that multiplies itself."""

MAX_VIOLATIONS = 3
"""Told of one value: what follows is mostly of one cause."""

_UNCHECKED = frozenset(("format", "pattern", "uniqueItems"))
"""Rules that can take exponential or square time by themselves."""

_PATTERNS = '"patternProperties"'
"""Members by their pattern: other rules ask for it as well, so schemas with it are not applied."""


class SchemaViolation:
    """See the module."""

    name = "schema_violation"
    version = 2
    grade: Grade = "A"

    def find(self, seen: Seen) -> Sequence[Signal]:
        """Up to three for the text and each call; their key is `tool|path rule`, or `format|path rule`."""
        turn, reply, schemas = reply_of(seen.exchange), seen.exchange.reply, seen.exchange.schemas
        if turn is None or reply is None or not reply.is_complete or reply.finish_reason in CUT | REFUSED:
            return ()
        texts = [(call.name, call.arguments or "{}") for call in turn.calls if call.name]
        if turn.text.strip() and not turn.calls:
            texts.append(("", turn.text))
        found = ((tool, text, each) for tool, text in texts if tool in schemas for each in _broken(schemas[tool], text))
        return [self._signal(seen, tool, text, each) for tool, text, each in found]

    def _signal(self, seen: Seen, tool: str, text: str, broken: _Broken) -> Signal:
        return signal(
            self,
            seen,
            text,
            is_good=False,
            key=f"{tool or 'format'}|{broken.path} {broken.rule}",
            tool=tool,
            details={"tool": tool, "path": broken.path, "rule": broken.rule, "value": broken.value},
        )


DETECTOR: Detector = SchemaViolation()


class _Broken(msgspec.Struct, frozen=True, kw_only=True):
    """A rule of a schema that is broken."""

    path: str
    """Dotted, with `*` for any place in a list; of what is missing the path that it should have."""
    rule: str
    """The schema's word for it; `json` where there is no JSON at all."""
    value: str
    """That breaks it, verbatim; empty where it does not stand there as one span."""


class _TooMuch(Exception):
    """A schema takes too long to apply."""


def _broken(schema: str, text: str) -> list[_Broken]:
    """What is wrong with a text; nothing where the schema is at fault."""
    if len(schema) > MAX_CHARS or len(text) > MAX_CHARS:
        return []
    try:
        value = json.loads(text)
    except (ValueError, RecursionError):
        return [_Broken(path="", rule="json", value=text[:MAX_EVIDENCE_CHARS])]
    rules = _rules(schema)
    if rules is None:
        return []
    try:
        errors = list(itertools.islice(_errors(rules, value), MAX_VIOLATIONS))
    except (Unresolvable, RecursionError, _TooMuch):
        return []
    except (ArithmeticError, AttributeError, LookupError, TypeError, ValueError):
        return []  # numbers beyond reckoning, and references to what is no schema, which no check sees
    found = (_Broken(path=_path(error), rule=str(error.validator), value=_value(error, text)) for error in errors)
    return list({(one.path, one.rule): one for one in found}.values())


@functools.lru_cache(maxsize=KEPT_SCHEMAS)
def _rules(schema: str) -> Any:
    """A schema that may be applied; None for any other."""
    try:
        rules = json.loads(schema)
        if _PATTERNS in json.dumps(rules) or _is_large(rules):
            return None
        Draft202012Validator.check_schema(rules)
    except (ValueError, SchemaError, RecursionError):
        return None
    return rules


def _is_large(rules: Any) -> bool:
    """Whether a schema holds more values than are read."""
    rest, count = [rules], 0
    while rest and count <= MAX_NODES:
        node = rest.pop()
        count += 1
        rest += node.values() if isinstance(node, dict) else node if isinstance(node, list) else ()
    return count > MAX_NODES


def _errors(rules: Any, value: Any) -> Iterator[ValidationError]:
    steps = itertools.count()

    def counted(check: Any) -> Any:
        def step(*args: Any) -> Iterator[ValidationError]:
            if next(steps) >= MAX_STEPS:
                raise _TooMuch
            return check(*args) or iter(())

        return step

    known = Draft202012Validator.VALIDATORS
    bounded = {name: counted(check) for name, check in known.items() if name not in _UNCHECKED}
    validator = validators.create(meta_schema=Draft202012Validator.META_SCHEMA, validators=bounded)
    errors: Iterator[ValidationError] = validator(rules, registry=Registry()).iter_errors(value)
    return errors


def _path(error: ValidationError) -> str:
    steps = ["*" if isinstance(step, int) else str(step) for step in error.absolute_path]
    if error.validator == "required":  # one error for each that is missing, which only its message names
        steps += [name for name in error.validator_value if error.message.startswith(repr(name))][:1]
    return ".".join(steps).encode(errors="replace").decode()[:MAX_EVIDENCE_CHARS]  # JSON may name half a character


def _value(error: ValidationError, text: str) -> str:
    forms = (json.dumps(error.instance, separators=pair, ensure_ascii=False) for pair in ((",", ":"), (", ", ": ")))
    return next((form for form in forms if form in text), "")[:MAX_EVIDENCE_CHARS]
