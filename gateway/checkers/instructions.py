"""An instruction as checkers read it: bare of politeness and of how long it holds, in clauses.

What is left of a clause must be matched whole, so that a condition, a part of the answer or an exception that nobody
foresaw makes an instruction one that is not understood, never one that is misunderstood.
"""

from __future__ import annotations

import re
from collections.abc import Iterator

FLAGS = re.IGNORECASE

OUTPUT = (
    r"(?:(?:(?:all|any|each|every|of|the|your|my|our|future) )*(?:answers?|repl(?:y|ies)|responses?|messages?|"
    r"outputs?|explanations?)|it|them|everything(?: you (?:write|say))?|anything you (?:write|say)|things|"
    r"(?:alle )?(?:deine |ihre )?antworten|(?:todas )?(?:tus|las|sus) respuestas|(?:toutes )?(?:tes|vos) réponses)"
)
"""What the assistant says, as instructions call it."""

NEVER = (
    r"(?:never|do(?: not|n't|nt)|must(?: not|n't)|should(?: not|n't)|may not|not|stop|avoid|refrain from|quit|skip|"
    r"omit)"
    r"(?: (?:us(?:e|ing)|add(?:ing)?|includ(?:e|ing)|writ(?:e|ing)|put(?:ting)?|giv(?:e|ing)|insert(?:ing)?|"
    r"send(?:ing)?|"
    r"show(?:ing)?|mak(?:e|ing)|hav(?:e|ing)|sprinkl(?:e|ing)|(?:answer|reply|respond|writ)(?:ing|e)? (?:with|in|"
    r"using)))?"
)
_FORBIDDING = (
    rf"(?:{NEVER}|no(?: more)?|without|i(?: do not| don't|'d rather you didn't use| would rather you didn't use| never|"
    rf" hate)"
    r"(?: (?:want|like|need|wish|care for|appreciate))?(?: to see| to read| you to use| you using)?"
    rf"|{OUTPUT} (?:must|should|may|can|shall|will)(?: not|n't| never) (?:contain|include|have|use)"
    rf"|keep {OUTPUT} free of|leave out|leave off)(?: any| all| the| your| those| these)?"
    r"|(?:(?:benutze?|verwende?|nutze?|schreibe?|setze?|mach|ich will|ich möchte) )?(?:kein(?:e[nrs]?)?|nie(?:mals)?|"
    r"nie wieder|"
    r"niemals wieder)|verzichte(?:n sie)? auf|vermeide|ohne"
    r"|(?:no|nunca)(?: (?:uses|utilices|pongas|escribas|incluyas|añadas|quiero|use|utilice))?(?: más)?|sin|nada de|"
    r"evita(?: usar)?|deja de usar"
    r"|pas|plus|sans|jamais|aucune?|évite(?: d'utiliser)?|arrête(?: d'utiliser)?|"
    r"n'(?:utilise|emploie|écris|ajoute)[sz]? (?:pas|jamais|plus)|ne mets (?:pas|jamais|plus)|je ne veux (?:pas|plus)"
)
_PARTICLE = r"(?:d'|de |des |du |les |las |los |el |la |die |von )?"
_FORBIDDEN_SINCE = r"allowed|verwenden|benutzen|nutzen|verwendest|benutzt|nutzt"
_IS_FORBIDDEN = (
    r"(?:are|is) (?:forbidden|banned|prohibited|not allowed|not welcome|a no-go|off limits)|(?:sind|ist) verboten"
)
_FORBIDDING_ZH = r"(?:不要|别|不准|禁止|请勿|不许|不得|切勿|绝不|不)(?:再)?(?:使用|用|加|写|出现|包含|有)?(?:任何)?"

_POLITE = (
    r"please|pls|plz|kindly|thanks?(?: you)?|thx|ever again|ever|at all times|at all|again|okay|ok|just|"
    r"from (?:now|here|today) on(?:wards?)?|going forward|moving forward|in (?:the )?future|by default|as a rule|"
    r"in general|"
    r"any ?more|any longer|every (?:single )?time|each time|everywhere|no exceptions|without exceptions?|"
    r"under (?:any|no) circumstances|until further notice|until i (?:say|tell you) otherwise|permanently|"
    r"(?:for|in|during|throughout) (?:the rest of )?(?:this|our|the) (?:chat|conversation|session|thread|"
    r"discussion)(?: only)?|"
    rf"(?:in|for|with|to|across|throughout) (?!it\b|them\b|things\b){OUTPUT}|when(?:ever)? (?:you )?(?:answer|reply|"
    rf"respond)(?:ing)?(?: (?:to )?me)?|"
    r"(?:when(?:ever)? you )?(?:talk|writ|speak)(?:e|ing)? to me|"
    r"bitte|danke|ab (?:jetzt|sofort)|von (?:nun|jetzt) an|künftig|in zukunft|mehr|grundsätzlich|"
    r"in diesem (?:chat|gespräch)|"
    r"por favor|gracias|a partir de ahora|de ahora en adelante|en esta (?:conversación|charla)|"
    r"s'il (?:te|vous) pla[iî]t|stp|svp|merci|désormais|dorénavant|à partir de maintenant|"
    r"dans cette conversation"
)
_POLITE_ZH = (
    r"请|麻烦|谢谢|从现在(?:开始|起)|以后|今后|一直|总是|始终|一律|永远|"
    r"你的(?:回答|回复)(?:里|中)?|在(?:你的)?(?:回答|回复)(?:里|中)|回答(?:里|中)|你"
)
_ALWAYS = r"always|consistently|immer|stets|siempre|sempre|toujours"
_SPARED = r"(?<!not )(?<!n't )(?<!nicht )(?<!no )(?<!pas )"
_COURTESY = re.compile(rf"(?<![\w'])(?:{_SPARED}(?:{_ALWAYS})|{_POLITE})(?![\w'])|(?:{_POLITE_ZH})", FLAGS)

_OPENING = re.compile(
    r"(?:[\s,:;–—-]+|(?:and|also|so|but|hey|hi|hello|oh|btw|by the way|note|reminder|remember(?: to)?|important|"
    r"attention|(?:(?:one|house|new|general|another|my) )*rule|be sure to|make sure(?: that)?(?: to| you)?|"
    r"ensure(?: that)?|try to|let's|i(?:'d like| would like| want| need| expect) you to|(?:could|can|would|will) you|"
    r"you (?:must|should|have to|need to|are to|will|shall)(?= (?!not\b))|you(?= (?:must|should|may) not\b)|"
    r"you(?= (?:must|should)n't\b)|i(?:'d| would) (?:like|love|appreciate) it if you(?: could)?|"
    r"und|wichtig|y|importante|et)(?![\w']))",
    FLAGS,
)
_EDGE = " \t\n,.:;!?…*_-–—。！？，；、："

_QUOTES = re.compile(
    r"[“„]([^“”\n]{1,80})[“”]|«\s?([^»\n]{1,80}?)\s?»|[「『]([^」』\n]{1,80})[」』]"
    r"|(?<!\w)[‘'’]((?=\S)(?:[^'’\n]|(?<=\w)['’](?=\w)){1,80})[’'](?!\w)"
)
_BETWEEN = re.compile(
    r'("[^"]*")|\s*(?:[;,:.–—]+(?=\s|$)|\s-\s|\b(?:and|or|nor|und|oder|sowie|y|o|et|ou|ni)\b|[，；、。]|并且|而且|以及|和|或)\s*',
    FLAGS,
)
_LIMITED = re.compile(
    r"\b(?:if|when|whenever|while|unless|except|until|once|but|only|instead|otherwise|for|in|on|at|during|about|with|"
    r"to|"
    r"from|as|of|inside|within|between|where|by|wenn|falls|außer|bei|sobald|für|im|mit|si|cuando|excepto|salvo|para|en|"
    r"con|quand|lorsque|sauf|pour|dans|avec)\b|如果|当|除非|除了|时",
    FLAGS,
)
MAX_HARMLESS_WORDS = 4
"""Of a clause that no checker understands beside one that a checker does: a longer one may well say when that holds."""

_BARE = re.compile(r"[\w-]+(?: [\w-]+){0,2}")
_NEGATED = re.compile(rf"(?:{_FORBIDDING}|{_FORBIDDING_ZH})\b.*", FLAGS)


def plainly(text: str) -> str:
    """The instruction with straight quotation marks, and without what is said for courtesy or of its duration."""
    said = _QUOTES.sub(lambda quote: f'"{quote[quote.lastindex or 0]}"', text).replace("’", "'").replace("**", "")
    parts = said.split('"')
    parts[::2] = [_COURTESY.sub(" ", part) for part in parts[::2]]
    said = re.sub(r"\s+", " ", '"'.join(parts)).strip(_EDGE)
    while opening := _OPENING.match(said):
        said = said[opening.end() :]
    return said.strip(_EDGE).strip()


def clauses(said: str) -> list[tuple[str, ...]]:
    """The clauses of a plain instruction, each in the ways it may be read: "no lists or emojis" goes on with "no"."""
    found = [clause for clause in _split(said) if clause]
    goes_on = bool(found) and _NEGATED.fullmatch(found[0]) is not None
    return [(clause, f"no {clause}") if goes_on and _BARE.fullmatch(clause) else (clause,) for clause in found]


def is_harmless(clause: str) -> bool:
    """True when a clause that was not understood leaves the clauses beside it as they are."""
    return len(clause.split()) <= MAX_HARMLESS_WORDS and _LIMITED.search(clause) is None


def forbidden(thing: str) -> re.Pattern[str]:
    """Matches a clause by which a thing, given as a pattern, must not be in any answer."""
    whole = (
        rf"(?:{_FORBIDDING}) {_PARTICLE}(?:{thing})(?: (?:{_FORBIDDEN_SINCE}))?"
        rf"|(?:{thing}) (?:{_IS_FORBIDDEN})|{_FORBIDDING_ZH}(?:{thing})"
    )
    return re.compile(whole, FLAGS)


def _split(said: str) -> Iterator[str]:
    """Clauses between commas and conjunctions that do not stand in quotation marks."""
    start = 0
    for between in _BETWEEN.finditer(said):
        if between[1] is None:
            yield said[start : between.start()].strip(_EDGE)
            start = between.end()
    yield said[start:].strip(_EDGE)
