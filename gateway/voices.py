"""Whose words a question is after: the user's own, the assistant's, or those of somebody it names.

"Where do I park?" is answered by what the user said, "what did you suggest?" by what the assistant did; "can you
suggest" asks for something new, and is after nobody's. A name belongs to the side that is greeted by it ("Thanks, Ann!"
makes Ann the other one), or to whoever a turn says it is spoken by ("Ann: I'm off"). LoCoMo, development half: evidence
in 2,000 tokens .86 without this, .88 with it; among the best ten turns .73 and .77 (docs/benchmarks.md).
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Callable, Collection, Iterator, Sequence

from gateway.memories import Memory

MIN_AGREEMENT = 0.8
"""Part of the greetings by a name that must point to the same side."""

MIN_NAME_CHARS = 2
"""Shorter names are initials."""

MAX_NAMES = 20
"""A text with more capitals than that asks after nobody in particular; every noun has one in German."""

_NAME = r"[^\W\d_a-z][\w'’-]*"
_SPOKEN_BY = re.compile(rf"({_NAME}(?: {_NAME})?)(?:: |：)")
_CAPITALISED = re.compile(rf"\b{_NAME}")
_GREETING = re.compile(
    r"(?:\b(?:hi|hey|hello|dear|thanks|thank you|thx|wow|congrats|congratulations|welcome|bye|goodbye|yeah|sure|"
    r"good (?:morning|afternoon|evening)|morning|hallo|danke|guten (?:tag|morgen|abend)|tschüss|hola|gracias|"
    r"buenos días|adiós|bonjour|merci|salut|au revoir)(?: there)?,? |(?:你好|您好|嗨|谢谢|早上好|再见)[,，]? ?)\Z",
    re.IGNORECASE,
)
"""Stands right before a name, with no more than `GREETING_CHARS` characters."""
GREETING_CHARS = 24
_ADDRESSED = r"(?=\s*(?:[,.!?，。！？]|$))"
"""Follows a name by which somebody is spoken to."""

_BETWEEN = "\n.\n"
"""Between texts that are searched at once, so that nobody is greeted across two."""

_YOURS = re.compile(
    # English
    r"\byou (?:(?:have|had|just|already|once|also|first|last|ever) )*"
    r"(?:said|saying|suggested|recommended|told|mentioned|gave|given|wrote|written|proposed|explained|showed|shown|"
    r"listed|came up)\b"
    r"|\b(?:did|have|had) you (?:\w+ )?(?:say|suggest|recommend|tell|mention|give|write|propose|explain|show|list|"
    r"come up)\b"
    r"|\b(?:(?:was|were|of|in|from) your|your (?:last|earlier|previous|first|second|third|original|old)) (?:\w+ )?"
    r"(?:suggestions?|advice|recommendations?|answers?|ideas?|proposals?|explanations?|examples?|list)\b"
    # German
    r"|\b(?:du|(?-i:Sie))\b[^.,;?!]{0,80}\b(?:gesagt|vorgeschlagen|empfohlen|geraten|genannt|erwähnt|erklärt|erzählt|"
    r"geschrieben|gegeben)\b"
    r"|\bwar(?:en)? (?:dein|ihr)e? (?:vorschl\w+|empfehlung\w*|rat|ratschl\w+|antwort\w*|ideen?)\b"
    # Spanish
    r"|\b(?:dijiste|recomendaste|sugeriste|propusiste|mencionaste|explicaste|aconsejaste|diste|escribiste)\b"
    r"|\bhas (?:dicho|recomendado|sugerido|propuesto|mencionado|explicado|aconsejado|dado|escrito)\b"
    # French
    r"|(?:\b(?:tu (?:m'|nous )?as|vous (?:m'|nous )?avez)|\b(?:m')?as-tu|\b(?:m')?avez-vous) (?:déjà )?"
    r"(?:dit|proposé|suggéré|recommandé|conseillé|mentionné|expliqué|donné|écrit)"
    # Chinese
    r"|你(?:之前|以前|刚才|刚刚|上次|昨天|曾经?|都|还|给我|跟我|对我|向我)*"
    r"(?:(?<=[前才刚次天曾经])(?:说|建议|推荐|提到|解释|告诉)|(?:说|建议|推荐|提到|解释|告诉)(?:我)?(?:过|了|的))",
    re.IGNORECASE,
)
"""Asks after what the assistant said; not for it to say something."""

_ASIDE = re.compile(
    # English
    r"\b(?:tell|remind|give|show|help|send|let|ask|write|make|find|get|teach|explain to|for) (?:me|us)\b"
    r"|\b(?:can|could|may|should|shall|must) (?:i|we)\b|\bi(?:'d| would)? (?:like|want|need) to know\b|\bi wonder\b"
    # German
    r"|\b(?:(?:sag|zeig|schreib|erklär|erzähl|nenn|mach|such|find)e?|gib|hilf|kannst du|könntest du|können sie|"
    r"könnten sie) (?:mir|uns)\b|\b(?:kann|könnte|soll|sollte|darf|muss) (?:ich|wir)\b"
    # Spanish
    r"|\bme (?:puedes?|podrías?|dices?|das?|ayudas?)\b"
    # French
    r"|-(?:moi|nous)\b|\b(?:peux-tu|tu peux|pourrais-tu|pouvez-vous|vous pouvez|pourriez-vous) (?:m'|me |nous )"
    r"|\b(?:puis|dois|devrais|pourrais)-je\b"
    # Chinese
    r"|(?:告诉|给|帮|教|提醒|让|请)我(?!的|们)|我(?:可以|能|应?该)",
    re.IGNORECASE,
)
"""Who asks speaks of themself here, and the question is not about them for it."""

_MINE = re.compile(
    r"\b(?:i|my|mine|me|we|our|ours|ich|mein(?:e[mnrs]?)?|mir|mich|wir|uns|unser\w*|yo|mi|mis|nuestr\w+|je|j'\w+|m'\w+|"
    r"mon|ma|moi|mes(?= \w+[sx]\b)|nous|notre|nos)\b|我",
    re.IGNORECASE,
)
"""The Spanish month is none of the French."""

Voice = Callable[[Memory], bool]
"""Whether a memory was said by the one whom the question is about."""


def voice_asked(question: str, memories: Sequence[Memory]) -> Voice | None:
    """The voice that the question is after, judged by the memories found for it; None where it cannot be told."""
    straight = question.replace("’", "'")
    role = _role_asked(straight)
    return _role(role) if role else _voice_named(straight, memories)


def is_personal(question: str) -> bool:
    """Whether the question is after what the user or the assistant said: it can be answered from memory alone."""
    return ("?" in question or "？" in question) and bool(_role_asked(question.replace("’", "'")))


def _role_asked(question: str) -> str:
    if _YOURS.search(question):
        return "assistant"
    return "user" if _MINE.search(_ASIDE.sub("", question)) else ""


def _role(role: str) -> Voice:
    return lambda memory: memory.speaker == role


def _voice_named(question: str, memories: Sequence[Memory]) -> Voice | None:
    asked = {name for one in _CAPITALISED.findall(question) if len(name := _bare(one)) >= MIN_NAME_CHARS}
    if not 0 < len(asked) <= MAX_NAMES:
        return None
    signed = {name for memory in memories if (name := _signature(memory)) and _is_any(name, asked)}
    if len(signed) == 1:
        return lambda memory: _signature(memory) in signed
    roles = set(_roles(asked, memories))
    return _role(roles.pop()) if len(roles) == 1 else None


def _roles(asked: Collection[str], memories: Sequence[Memory]) -> Iterator[str]:
    """The side of each name that one of the two is greeted by."""
    openings = sorted({name[:MIN_NAME_CHARS].capitalize() for name in asked})
    addressed = re.compile(rf"(?<![a-zA-ZÀ-ɏ])(?:{'|'.join(map(re.escape, openings))})[\w'’-]*{_ADDRESSED}")
    naming = [memory for memory in memories if any(opening in memory.text for opening in openings)]
    by_user, by_assistant = (
        Counter(_greeted(_BETWEEN.join(one.text for one in naming if one.speaker == role), addressed))
        for role in ("user", "assistant")
    )
    for name in asked:
        user, assistant = (_times(greeted, name) for greeted in (by_user, by_assistant))
        if max(user, assistant) >= max(1, MIN_AGREEMENT * (user + assistant)):
            yield "assistant" if user >= assistant else "user"


def _greeted(text: str, addressed: re.Pattern[str]) -> Iterator[str]:
    """Names by which a text speaks to somebody: "Hi Ann!", "Nice to see you, Ann." """
    for name in addressed.finditer(text):
        start, end = name.span()
        is_last = text[max(0, start - 2) : start] == ", " and text[end : end + 1] in (".", "!", "?")
        if is_last or _GREETING.search(text, max(0, start - GREETING_CHARS), start):
            yield _bare(name[0])


def _times(greeted: Counter[str], name: str) -> int:
    return sum(count for found, count in greeted.items() if _is_any(found, (name,)))


def _signature(memory: Memory) -> str:
    match = _SPOKEN_BY.match(memory.text)
    return _bare(match[1]) if match else ""


def _is_any(name: str, asked: Collection[str]) -> bool:
    """Short forms are known by how they begin: Mel is Melanie."""
    is_name = len(name) >= MIN_NAME_CHARS
    return is_name and any(name.startswith(one) or one.startswith(name) for one in asked)


def _bare(name: str) -> str:
    return name.lower().removesuffix("'s").removesuffix("’s")
