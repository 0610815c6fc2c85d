"""Standing instructions: what the assistant shall always or never do, in the user's own words.

A rule finds them by how people say that something is to last ("always", "from now on", "every answer"). An
instruction that does not say so is a wish of the moment and is not kept; nor is what the user says about themself.
Every rule begins where the sentence begins: "why does it always fail" has the words and is no instruction.
"""

from __future__ import annotations

import re
from collections.abc import Sequence

from gateway.kinds.base import day
from gateway.kinds.sentences import is_passing, is_question, plain, sentences
from gateway.types import Memory, Turn

_POLITE = r"(?:(?:please|pls|and|also|so|ok(?:ay)?|but|hey|listen|just|kindly)[,\s]+)*"
_VERB = (
    r"(?:use|write|answer|reply|respond|speak|talk|format|keep|call|address|include|avoid|add|sign|start|begin|end|"
    r"make|put|give|show|explain|say|cite|check|run|ask|tell|mention|stick|follow|assume|send|translate|name|wrap|"
    r"return|be|prefer|remove|quote|round|treat|prefix|commit|push|deploy|delete|share|suggest|recommend)"
)
_ALWAYS = r"(?:always|never)"
_REMARK = (
    r"(?:mind|again|ever|a|an|the|in|been|seen|heard|had|did|was|is|has|got|knew|thought|found|felt|met|understood|"
    r"saw|nice|good|great|happy|glad|fun|here|up|something|(?!embed|exceed|feed|proceed)\w+ed|(?!bring|ping|sing)\w+ing)"
)
"""After "always" and "never" these make a remark: "never heard of it", "always happy to help"."""
_ORDER = (
    rf"(?:{_ALWAYS} (?!{_REMARK}\b)\w+|(?:please )?(?:{_VERB}|only|don't|do not|stop|no)\b|you (?:must|should|will)\b)"
)
_OUTPUT = r"(?:answers?|repl(?:y|ies)|responses?|messages?|explanations?|summar(?:y|ies)|commits?|commit messages?)"
_THING = rf"(?:{_OUTPUT}|files?|code|functions?|examples?|lines?|tests?|emails?)"
_EACH = r"(?:all|every|each)(?: of)?(?: (?:your|my|the|new|single))?"
_PLAINLY = r"(?:(?!\b(?:why|how|whether|what|where|when|if|that|which|who|because)\b).)*"
"""What may stand between a verb and "every time": no clause in which it could say something of another matter."""
_LASTING = r"(?:always(?:,? please)?\W*$|from (?:now|here) on|going forward|at all times|every (?:single )?time)"
_STYLE = r"(?:use|write|keep|follow|avoid|prefer|include|format|start|begin|end|sign|prefix|answer|reply|respond)"
_PATTERNS = [
    rf"{_ALWAYS} (?!{_REMARK}\b)\w+",
    r"(?:from (?:now|here|today) on|going forward)\b,?:? (?!(?:i|we|he|she|it|they|there|this|my|our)\b)",
    rf"(?:in (?:the )?future|as a rule|by default|every time|each time|whenever)(?: [^,]{{1,80}},|,?) {_ORDER}",
    rf"(?:if|when|for|in(?! my)|on|with|before|after)\b[^,]{{1,80}}, (?:please )?{_ALWAYS} (?!{_REMARK}\b)\w+",
    rf"you (?:must|should|shall|have to|need to|will|are to) {_ALWAYS} {_VERB}\b",
    rf"i(?:'d like| would like| want| need| expect) you to {_ALWAYS}\b",
    r"i (?:always|never) want (?:you|to (?:see|hear))\b",
    rf"i (?:want|need|expect) {_EACH} {_OUTPUT}\b",
    r"(?:do not|don't|dont|stop) .*\b(?:ever|again|any ?more|from now on)\b",
    r"stop (?:using|apologi[sz]ing|adding|saying|calling|suggesting|including|starting|ending|repeating)\b",
    r"no \w+(?: \w+)?,? ever\b",
    r"under no circumstances\b",
    rf"{_VERB}\b{_PLAINLY}\b{_LASTING}",
    rf"{_STYLE}(?:\b{_PLAINLY}\b(?:to|for|with|at the (?:start|end) of))? {_EACH} {_OUTPUT}\b",
    rf"{_STYLE}\b{_PLAINLY}\bin {_EACH} {_THING}\b",
    rf"(?:only|exclusively) ever {_VERB}\b",
    r"only (?:answer|reply|respond|speak|write|talk)(?: to me)? in\b",
    r"(?:answer|reply|respond|speak|write|talk)(?: to me)? (?:only|exclusively) in\b",
    rf"(?:remember|be sure|try|don't forget|make sure|take care) to {_ALWAYS}\b",
    rf"(?:remember|make sure|ensure)(?: that)?,? (?:you )?{_ALWAYS}\b",
    rf"{_EACH} {_THING} (?:must|should|shall|have to|has to|needs? to|are to)\b",
    rf"(?:your|my|the) {_THING} (?:must|should|shall|have to|need to) {_ALWAYS}\b",
]
_STANDING = re.compile(rf"{_POLITE}(?:{'|'.join(_PATTERNS)})", re.IGNORECASE)
_REQUEST = re.compile(
    rf"{_POLITE}(?:can|could|would|will) you (?:please )?(?:{_ALWAYS} {_VERB}|from now on|stop \w+ing)\b", re.IGNORECASE
)


class Constraint:
    """See the module."""

    name = "constraint"
    order = 1
    is_pinned = True
    is_rule = True

    def find(self, turn: Turn) -> Sequence[str]:
        """Sentences of a user that say how the assistant is to behave from then on."""
        return [sentence for sentence in sentences(turn.text) if _is_standing(sentence)] if turn.role == "user" else []

    def line(self, memory: Memory) -> str:
        """The sentence with its date, so that a newer one is seen to win."""
        return f"({day(memory.at)}) {memory.text} [{memory.id}]"


def _is_standing(sentence: str) -> bool:
    said = plain(sentence)
    if is_passing(said):
        return False
    return (_REQUEST if is_question(said) else _STANDING).match(said) is not None


KIND = Constraint()
