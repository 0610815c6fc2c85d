"""Answers that are to be JSON and nothing else."""

from __future__ import annotations

import re

import msgspec

from gateway.checkers.answers import opening
from gateway.checkers.base import Check
from gateway.checkers.instructions import FLAGS, OUTPUT

_JSON = r"(?:a )?(?:single )?(?:raw |valid |plain |strict |pure |well-formed )*json(?: (?:format|objects?|only))?"
_WANTED = re.compile(
    rf"(?:only )?(?:answer|reply|respond|write|return|output|format {OUTPUT}|give me {OUTPUT}|speak|talk|send)"
    rf"(?: {OUTPUT})?(?: only| exclusively| strictly)*(?: (?:in|as|with|using))?(?: only|"
    rf" nothing but)* {_JSON}(?: only)?"
    rf"|{OUTPUT} (?:must|should|has to|have to|needs? to) be (?:only )?(?:in )?{_JSON}|(?:only )?{_JSON} only|"
    rf"only {_JSON}"
    rf"|nothing but {_JSON}"
    rf"|antworte(?:n sie)? (?:nur|ausschließlich) (?:in|mit|als) (?:gültigem )?json|nur json"
    rf"|responde (?:solo|sólo|únicamente) (?:en|con) json|solo json|réponds (?:uniquement|seulement) en json"
    rf"|(?:只|仅)?(?:用|以|返回|输出)json(?:格式)?(?:回答|回复|输出)?",
    FLAGS,
)
_FENCED = re.compile(r"```(?:json5?|jsonc)?[ \t]*\n(?P<inside>.*)\n```", re.DOTALL | re.IGNORECASE)


class Json(msgspec.Struct, frozen=True, kw_only=True):
    """Readable as JSON from the first character to the last; one fence around all of it is let be."""

    matter: re.Pattern[str] = re.compile(r"\b(?:yaml|xml|csv|markdown|prose|plain text|explain|why)\b", FLAGS)

    def violation(self, answer: str) -> str | None:
        """How an answer begins that is none."""
        text = answer.strip()
        fenced = _FENCED.fullmatch(text)
        try:
            msgspec.json.decode(fenced["inside"] if fenced else text)
        except (msgspec.DecodeError, RecursionError):
            return opening(answer)
        return None


class JsonOnly:
    """See the module."""

    name = "json_only"

    def check(self, clause: str) -> Check | None:
        """A check where answers are to be JSON."""
        return Json() if _WANTED.fullmatch(clause) else None


CHECKER = JsonOnly()
