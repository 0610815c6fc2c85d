"""A profile: what a user says of themself that stays true, in their own words. What they like, dislike or want to be
called; where they live, what they do, what they must not eat, what they work with.

Reactions ("I like that"), requests ("I would like a table") and what will have passed by next time ("I am tired",
"I'm at the station", "I have a question") are none of it.
"""

from __future__ import annotations

import re
from collections.abc import Sequence

from gateway.kinds.base import day
from gateway.kinds.sentences import is_off_the_record, is_passing, is_question, plain, sentences
from gateway.memories import Memory, Span
from gateway.types import Turn

_OFTEN = r"(?:(?:really|much|still|now|always|usually|generally|strongly|absolutely|also|do|just|totally|especially) )*"
_TASTE = (
    r"(?:prefer|like|love|hate|dislike|enjoy|detest|adore|(?:can't|cannot) stand|"
    r"(?:don't|do not) (?:really )?(?:like|enjoy))"
)
_CALLED = (
    r"(?!(?:back|when|if|at|on|in|once|later|after|before|again|today|any\w*|as|by|an?|the|crazy|for|to|every|all|"
    r"only|and|or|so|out|up|names|lots|most|with|about|from|because)\b)[\w\"]"
)
_NOT_ASIDE = "".join(
    f"(?<!{word} )"
    for word in ("what", "why", "how", "if", "whether", "says", "said", "thinks", "thing", "things", "ones")
)
"""After these, "I like" is a clause about something else: "let me know if I like it", "the ones I love"."""
_WHICH = r"(?:first|last|full|middle|real|given|family|pen|all-time|absolute|personal)"
_TASTES = [
    rf"{_NOT_ASIDE}\bI(?:'m| am) (?:(?!not|so|no)\w+ )?"
    r"(?:allergic|intolerant|vegan|vegetarian|pescatarian|coeliac|celiac|diabetic|left-handed|"
    r"colou?r-?blind|dyslexic|autistic|deaf|epileptic|asthmatic|married(?! to (?:that|this|the))|divorced|widowed|"
    r"retired|\d{1,3} years old)\b",
    rf"{_NOT_ASIDE}\bI (?:don't|do not|can't|cannot|never|only) (?:eat|drink)\b",
    rf"{_NOT_ASIDE}\bI {_OFTEN}{_TASTE}(?! to\W*$) [\w\"']",
    r"\bI(?:'d| would) (?:much )?rather\b.*\bthan\b",
    r"\bI(?:'m| am) (?:\w+ )?(?:not a fan|a (?:big |huge )?fan)\b",
    rf"\bI go by\b|\b(?:everyone|everybody|people|my friends) calls? me {_CALLED}",
    rf"\bmy (?:{_WHICH} )?(?:favou?rite|preferred|pronouns|nickname)\b[^.!?]*"
    r"\b(?:is|are)\b(?! (?:not|wrong|too)\b)",
    rf"^(?:(?:please|you can|and|just|hi|hello|hey)[,\s]+)*call me {_CALLED}",
]
_NAME = r"(?-i:[A-ZÀ-Þ][a-zß-ÿ'][\w'-]*)"
_SAID_SO = (
    r"(?!(?-i:Sorry|Ok|Okay|Sure|Happy|Good|Fine|Back|Done|Here|Not|Also|Glad|Very|Just|So|In|On|At|Ready|Afraid)\b)"
)
_KIN = (
    r"(?:wife|husband|partner|spouse|girlfriend|boyfriend|fianc[eé]e?|son|daughter|kid|child|baby|brother|sister|"
    r"mother|mom|mum|father|dad|dog|cat|puppy|kitten|pet|boss|manager)"
)
_JOB = (
    r"(?:nurse|doctor|physician|surgeon|dentist|pharmacist|vet|teacher|professor|lecturer|student|engineer|developer|"
    r"programmer|designer|architect|lawyer|attorney|accountant|scientist|researcher|physicist|chemist|biologist|"
    r"mathematician|economist|journalist|writer|author|editor|translator|artist|musician|photographer|chef|cook|baker|"
    r"farmer|gardener|pilot|driver|electrician|plumber|carpenter|mechanic|freelancer|consultant|therapist|psychologist|"
    r"librarian|firefighter|police officer|soldier|paramedic|social worker|product manager|project manager|"
    r"data analyst|(?:single )?(?:mother|father|mom|mum|dad|parent)|native speaker)"
)
_AILMENT = (
    r"(?:allerg(?:y|ies)(?! (?:question|test|season|app))|intolerance|diabetes|asthma|adhd|add|dyslexia|epilepsy|"
    r"celiac disease|coeliac disease|arthritis|autism|migraines|high blood pressure|tinnitus|insomnia)"
)
_TOOL = (
    r"(?:mac(?:book|os)?|macs|iphone|ipad|android|linux|ubuntu|debian|fedora|arch(?: linux)?|windows|chromebook|vim|"
    r"neovim|emacs|nano|vs ?code|pycharm|intellij|xcode|postgres(?:ql)?|mysql|sqlite|git|github|gitlab|docker|"
    r"kubernetes|python|rust|typescript|jira|slack|notion|firefox|chrome|safari|zsh|fish|tmux|dvorak|colemak)"
)
_SELF = [
    rf"I have (?:an? |some )?(?:(?!question|problem|issue)[\w-]+ ){{0,2}}{_AILMENT}\b",
    r"I have (?:type [12] diabetes|(?:an?|one|two|three|four|five|\d) (?:\w+ )?(?:kids?|child(?:ren)?|sons?|daughters?|"
    r"dogs?|cats?|brothers?|sisters?|twins)\b)(?! (?:in|question|problem|issue|file|picture|photo)\b)",
    r"I (?:currently |now |still )?live (?:in|near|outside|close to|on the|with my)\b"
    r"(?! (?:fear|hope|a world|it|this|that)\b)",
    rf"I(?:'m| am) (?:originally |based )(?:in|from) \w|I(?:'m| am) from {_NAME}",
    r"my (?:birthday|date of birth|wedding anniversary|anniversary)(?: is|'s) (?:on )?(?:the )?"
    r"(?:\d|jan|feb|mar(?!r)|apr|may\b|jun|jul|aug|sep|oct|nov|dec)",
    rf"I was born (?:on|in) (?:the )?(?:\d|{_NAME})",
    rf"I(?:'m| am) {_SAID_SO}{_NAME}(?: {_NAME})?(?=[.!,]|$| and\b| from\b)",
    rf"my (?:{_WHICH} )?name(?: is|'s) (?!not\b|wrong|too\b|missing|misspel)\w",
    rf"I(?:'m| am) called {_NAME}",
    r"I work (?:as an? |at (?!the moment|night|it\b)|for (?!this|that|it\b|you\b|me\b)|in (?!this|that|it\b|progress)|"
    r"from home\b|part[- ]time|night shifts|nights\b)",
    rf"I(?:'m| am) an? (?:[\w-]+ ){{0,2}}{_JOB}\b",
    r"my (?:time ?zone|native language|mother tongue|first language|job|occupation|profession|blood type|home ?town)"
    r"(?: is|'s) (?!not\b|wrong|set\b|off\b|broken|missing|too\b|so\b|very\b|really\b|boring|hard|done|at risk)\w",
    r"my e-?mail(?: address)?(?: is|'s) \S+@\S",
    rf"I(?:'ve| have)? ?(?:just |recently )?moved (?:back )?to {_NAME}",
    rf"I (?:mostly |mainly |usually |always |only |still )?use (?:an? |the )?{_TOOL}\b",
    rf"(?:at work,? )?we (?:all |mostly |mainly |always )?use {_TOOL}\b",
    r"I speak (?:(?:fluent|native|some|a little|good) )?(?-i:[A-Z])\w+",
    rf"I (?:drive|own|ride) an? {_NAME}",
    rf"my {_KIN}(?:'s name(?: is|'s)| is (?:called|named)) {_NAME}",
    rf"(?:at work,? |at my company,? )we use {_NAME}",
]
"""What somebody says of themself that stays true; in the present, and where a clause of its own begins."""
_BEGINS = (
    r"(?:^|[,;:(–—-] ?|^(?:hi|hello|hey|ok|okay|well|actually|also|btw|by the way|fyi)[ ,!]+)"
    r"(?:(?:and|but|so|because|since|as|note that|remember that|remember,?|i think)[ ,]+)*"
)
_SUPPOSED = re.compile(
    r"^\W*(?:if|what if|when|suppose|supposing|imagine|pretend|assume|assuming|say|let's say|unless|whether|once|as if|"
    r"how (?:do|would|to))\b",
    re.IGNORECASE,
)
_FOREIGN = re.compile(r"^\W*(?:please )?(?:translate|rephrase|rewrite|correct|spell|say|type)\b", re.IGNORECASE)
"""Tasks in whose sentence the first person is somebody else."""
_LIKED = re.compile("|".join(f"(?:{pattern})" for pattern in _TASTES), re.IGNORECASE)
_TRUE = re.compile(rf"{_BEGINS}(?:{'|'.join(f'(?:{pattern})' for pattern in _SELF)})", re.IGNORECASE)
_REACTION = re.compile(
    r"\bI(?:'m)? (?:\S+ ){0,2}(?:like|love|hate|enjoy|prefer|stand|fan of) "
    r"(?:it|that|this|these|those|how|what|where|you|your|to (?:say|see|bother|think|interrupt|admit)|option|"
    r"the (?:way|idea|look|sound|result|new|old|first|second|third|last|latter|former|other|one))\b",
    re.IGNORECASE,
)


class Preference:
    """See the module."""

    name = "preference"
    order = 2
    is_pinned = True
    is_rule = False
    half_life_days = 365.0

    def find(self, turn: Turn, *, is_first: bool = False) -> Sequence[Span]:
        """Sentences in which a user says something lasting of themself."""
        if turn.role != "user" or is_off_the_record(turn.text):
            return []
        return [Span(text=sentence) for sentence in sentences(turn.text) if _is_stated(sentence)]

    def line(self, memory: Memory) -> str:
        """The sentence with its date, so that a newer one is seen to win."""
        return f"({day(memory.at)}) The user said: {memory.text} [{memory.id}]"


def _is_stated(sentence: str) -> bool:
    said = plain(sentence)
    if is_question(said) or is_passing(said):
        return False
    is_liked = _LIKED.search(said) is not None and _REACTION.search(said) is None
    is_true = _TRUE.search(said) is not None and _SUPPOSED.match(said) is None
    return (is_liked or is_true) and _FOREIGN.match(said) is None


KIND = Preference()
