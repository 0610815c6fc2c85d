"""Standing instructions: what the assistant shall always or never do, in the user's own words.

A rule finds them by how people say that something is to last ("always", "from now on", "every answer"), or by what is
seldom said for once (a language to answer in, "don't" with a plural, "keep answers short"). An instruction that does
neither is a wish of the moment ("keep it short") and is not kept; nor is what the user says about themself.
Every rule begins where the sentence begins: "why does it always fail" has the words and is no instruction.
"""

from __future__ import annotations

import re
from collections.abc import Sequence

from gateway.kinds.base import day
from gateway.kinds.sentences import is_off_the_record, is_passing, is_question, plain, sentences
from gateway.memories import Memory, Span
from gateway.types import Turn

_POLITE = r"(?:(?:please|pls|and|also|so|ok(?:ay)?|but|hey|listen|just|kindly)[,\s]+)*"
_VERB = (
    r"(?:use|write|answer|reply|respond|speak|talk|format|keep|call|address|include|avoid|add|sign|start|begin|end|"
    r"make|put|give|show|explain|say|cite|check|run|ask|tell|mention|stick|follow|assume|send|translate|name|wrap|"
    r"return|be|prefer|remove|quote|round|treat|prefix|commit|push|deploy|delete|share|suggest|recommend)"
)
_ALWAYS = r"(?:always|never)"
_REMARK = (
    r"(?:mind|again|ever|a|an|the|in|been|seen|heard|had|did|was|is|has|got|knew|thought|found|felt|met|understood|"
    r"saw|nice|good|great|happy|glad|fun|here|up|something|gonna|once|on|and|too|so|enough|better|worse|more|late|early|"
    r"really|quite|my|your|his|her|its|our|their|this|that|there|to|for|with|alone|easy|hard|sure|ready|true|wrong|right|"
    r"made|went|came|took|gave|said|told|could|would|will|does|do i|say never|"
    r"(?!embed|exceed|feed|proceed)\w+ed|(?!bring|ping|sing)\w+ing)"
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
_LANGUAGE = (
    r"(?:(?:british|american|brazilian|european|simple|plain|simplified|traditional|informal|formal|swiss|canadian) )*"
    r"(?:english|german|french|spanish|italian|portuguese|dutch|swedish|norwegian|danish|finnish|polish|czech|russian|"
    r"ukrainian|greek|turkish|arabic|hebrew|hindi|urdu|bengali|tamil|chinese|mandarin|japanese|korean|vietnamese|thai|"
    r"indonesian|romanian|hungarian|catalan|latin|esperanto|welsh|irish)"
)
_END = r",?(?: please)?\W*$"
_MANY = r"(?!(?:this|is|was|yes|always|unless|as|less|its|us|guess|worries|thanks|errors)\b)[\w-]{2,}s"
"""A plural without an article: what is said of all of a sort is seldom meant for once."""
_HERE = r"(?!.*\b(?:here|yet|now|this|that|these|those|them|before|again|until|first|unless)\b)"
_LASTING = r"(?:always(?:,? please)?\W*$|from (?:now|here) on|going forward|at all times|every (?:single )?time)"
_STYLE = r"(?:use|write|keep|follow|avoid|prefer|include|format|start|begin|end|sign|prefix|answer|reply|respond)"
_CHANGE = (
    r"(?:add|use|include|write|put|insert|modify|edit|touch|change|delete|rename|commit|mention|suggest|recommend|"
    r"propose|start|begin|end|open|close)"
)
_OUTPUTS = (
    r"(?:answers|replies|responses|messages|explanations|summaries|commits|commit messages|functions|lines|emails)"
)
_PATTERNS = [
    rf"{_ALWAYS} (?!{_REMARK}\b)\w+",
    r"(?:from (?:now|here|today) on|going forward)\b,?:? (?!(?:i|we|he|she|it|they|there|this|my|our)\b)",
    rf"(?:in (?:the )?future|as a rule|by default|every time|each time|whenever)(?: [^,]{{1,80}},|,?) {_ORDER}",
    rf"(?:if|when|for|in(?! my)|on|with|before|after)\b[^,]{{1,80}}, (?:please )?{_ALWAYS} (?!{_REMARK}\b)\w+",
    rf"never ever (?!{_REMARK}\b)\w+",
    rf"you (?:must|should|shall|have to|need to|will|are to) {_ALWAYS} (?!{_REMARK}\b)\w+",
    rf"i(?:'d like| would like| want| need| expect) you to {_ALWAYS}\b",
    r"i (?:always|never) want (?:you|to (?:see|hear))\b",
    r"i (?:always|never) (?:want|expect) (?!to\b|it\b|this\b|that\b|more\b|less\b)\w+ \w+",
    rf"i (?:want|need|expect) {_EACH} {_OUTPUT}\b",
    r"(?:do not|don't|dont|stop) .*\b(?:ever|again|any ?more|from now on)\b",
    r"stop (?:using|apologi[sz]ing|adding|saying|calling|suggesting|including|starting|ending|repeating|"
    r"telling me|asking me|reminding me)\b",
    r"no \w+(?: \w+)?,? ever\b",
    r"under no circumstances\b",
    rf"{_VERB}\b{_PLAINLY}\b{_LASTING}",
    rf"{_STYLE}(?:\b{_PLAINLY}\b(?:to|for|with|at the (?:start|end) of))? {_EACH} {_OUTPUT}\b",
    rf"{_STYLE}\b{_PLAINLY}\bin {_EACH} {_THING}\b",
    rf"{_VERB}\b [^,]{{2,80}}, (?:and |but )?never (?!{_REMARK}\b)\w+",
    rf"(?:don't|do not|dont) {_CHANGE} (?:any )?{_HERE}(?:[\w-]+ ){{0,2}}?{_MANY}\b",
    rf"(?:answer|reply|respond|write|speak|talk)(?: (?:to|with) me| back)? in {_LANGUAGE}{_END}",
    rf"speak {_LANGUAGE}(?: (?:to|with) me)?{_END}",
    rf"keep (?:all |your |the |all your )?{_OUTPUTS} (?:\w+ )*(?:short|brief|concise|terse|to|under|below|within|in|"
    r"simple|formal|informal|friendly|free)\b",
    r"(?:make sure|ensure)(?: that)? (?:every|each|all)(?: of)?(?: your| my| the)? "
    rf"(?:[\w-]+ )?{_THING} (?:has|have|is|are|uses?|includes?|contains?|ends?|starts?|begins?|comes?) ",
    rf"let's (?:{_ALWAYS} (?!{_REMARK}\b)\w+|\w+\b{_PLAINLY}\b{_LASTING})",
    rf"no (?:[\w-]+ )?{_MANY},? please\W*$",
    rf"please,? no (?:[\w-]+ )?{_MANY}\W*$",
    rf"(?:only|exclusively) ever {_VERB}\b",
    r"only (?:answer|reply|respond|speak|write|talk)(?: to me)? in\b",
    r"(?:answer|reply|respond|speak|write|talk)(?: to me)? (?:only|exclusively) in\b",
    rf"(?:remember|be sure|try|don't forget|make sure|take care) to {_ALWAYS}\b",
    rf"(?:remember|make sure|ensure)(?: that)?,? (?:you )?{_ALWAYS}\b",
    rf"{_EACH} {_THING} (?:must|should|shall|have to|has to|needs? to|are to)\b",
    rf"(?:your|my|the|all) (?:{_THING}|\w+s) (?:must|should|shall|have to|need to) {_ALWAYS}\b",
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
    half_life_days = 365.0

    def find(self, turn: Turn, *, is_first: bool = False) -> Sequence[Span]:
        """Sentences of a user that say how the assistant is to behave from then on."""
        if turn.role != "user" or is_off_the_record(turn.text):
            return []
        return [Span(text=sentence) for sentence in sentences(turn.text) if _is_standing(sentence)]

    def line(self, memory: Memory) -> str:
        """The sentence with its date, so that a newer one is seen to win."""
        return f"({day(memory.at)}) {memory.text} [{memory.id}]"


def _is_standing(sentence: str) -> bool:
    said = plain(sentence)
    if is_passing(said):
        return False
    return (_REQUEST if is_question(said) else _STANDING).match(said) is not None


KIND = Constraint()
