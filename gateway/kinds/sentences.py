"""What a person says in a message in their own name: its sentences, without code, quotations, letters, transcripts
and whatever else was handed over to be worked on; and which of them ask, hold only for the moment, are not to be
kept, or say nothing at all.

Whose words they are is guessed from how they are introduced. In doubt they are another's: a rule that is learnt
although nobody gave it is told on every call, one that is missed can be given again.
"""

from __future__ import annotations

import re
from collections.abc import Iterator

MAX_SENTENCE_CHARS = 300
"""Nobody states a wish in a longer sentence; what is longer was pasted."""

MAX_SPOKEN_CHARS = 600
"""Of a longer message only the first and the last paragraph, and of each no more than this, are a person speaking."""

MAX_EMPTY_TALK_CHARS = 200
"""Nobody greets at greater length."""

_HANDED = "\f"
"""Stands in place of every character of a block, so that a task is seen to have its object and positions stay."""

_BLOCK = re.compile(r'```(?s:.*?)(?:```|\Z)|"""(?s:.*?)(?:"""|\Z)|^[ \t]*[>|].*$', re.MULTILINE)
_CODE = re.compile(r"`[^`\n]*`|(?<!\w)\"(?=\S)[^\"]*\"(?!\w)|“[^”]*”|«[^»]*»")
_END = re.compile(
    r"(?:(?<=[!?])|(?<=\.)(?<!\b(?:e\.g|i\.e)\.)(?<!\b(?:etc|Mrs)\.)(?<!\b(?:Dr|Mr|Ms|St|vs)\.)(?<!\b[A-Z]\.))\s+"
    r"|(?<=[。！？])\s*|[\n\f]+|\Z"
)
_ITEM = re.compile(r"^(?:[-–*•+]|\d{1,2}[.)])\s+")
_MARKUP = " \t*"


def sentences(text: str) -> Iterator[str]:
    """Verbatim sentences that the speaker says themself, trimmed, in order; a word of code inside one stays in it."""
    own = _own(text)
    spoken = _CODE.sub(lambda code: "x" * len(code[0]), own)
    opening, closing = _ends_of_speech(spoken)
    start = 0
    for end in _END.finditer(spoken):
        sentence = _ITEM.sub("", text[start : end.start()].strip().strip(_MARKUP)).strip(_MARKUP).strip()
        is_spoken = end.start() <= opening or start >= closing
        if is_spoken and 0 < len(sentence) <= MAX_SENTENCE_CHARS and not own[start : end.start()].isspace():
            yield sentence
        start = end.end()


def _ends_of_speech(text: str) -> tuple[int, int]:
    """Where the opening of a message ends and where its closing begins; they meet in a short one."""
    if len(text.strip()) <= MAX_SPOKEN_CHARS:
        return len(text), 0
    first, last = len(text) - len(text.lstrip()), len(text.rstrip())
    opening = _GAP.search(text, first)
    closing = max((gap.end() for gap in _GAP.finditer(text, first, last)), default=first)
    return (
        min(opening.start() if opening else last, first + MAX_SPOKEN_CHARS),
        max(closing, last - MAX_SPOKEN_CHARS),
    )


_GAP = re.compile(r"\n[ \t\r]*\n\s*")

_IS_OBJECT = r"\b(?:this|these|that|it|the (?:following|text|below)|below|following)\b"
_REWORK = (
    r"(?:summari[sz]e|translate|paraphrase|proof-?read|re-?phrase|re-?write|tl;?dr|classify|extract|transcribe|"
    r"repeat after me)"
)
"""Tasks that need a text to be done on."""
_WORK = (
    r"(?:fix|check|review|explain|correct|edit|improve|shorten|polish|analy[sz]e|continue|complete|finish|convert|"
    r"read|look at|(?:reply|respond|answer|react)(?: to)? (?:this|these|the|my|his|her|their)|comment on|"
    r"(?:write|draft) (?:me )?(?:an?|the|this|my)|repeat|say|print|echo|type|"
    r"what (?:does|do|is|are|should|would|can)|thoughts on|feedback on|opinion on|is this|how (?:do|should|would|can))"
)
"""Tasks that may have a text to be done on."""
_DOCUMENT = (
    r"(?:e-?mail|mail|message|letter|text|article|documents?|docs?|paragraph|passage|transcript|essay|post|review|"
    r"story|poem|lyrics|song|draft|report|chat|conversation|dialogue|thread|ticket|comment|contract|page|policy|readme|"
    r"prompt|quote|speech|notes|abstract|proverb|sign|note|book|film|movie|guide|manual)"
)
_FICTION = (
    r"(?:story|stories|poem|haiku|limerick|sonnet|scene|script|screenplay|song|lyrics|rap|dialogue|monologue|novel|"
    r"chapter|tale|fable|fairy ?tale|play|sketch|speech|joke|essay|fan ?fiction|conversation between|character)"
)
_REST = r"[^.!?:\n\f]{0,120}"
_COLON = r":(?![:/\d])"
_LEAD = r"[ \t*_#(-]{0,8}"
_FOLLOWS = r"(?!\s{0,20}\f)(?=\s{0,20}\S)"
"""Something that is not a block: a task whose object is a block leaves what is said after it alone."""

_HANDOVER = re.compile(
    rf"\b(?:{_REWORK}|{_WORK})\b{_REST}{_COLON}{_FOLLOWS}"
    rf"|\b{_REWORK}\b{_REST}(?:[.!?]*[ \t\r]*\n{_FOLLOWS}|{_IS_OBJECT}{_REST}[.!?]+\s{_FOLLOWS})"
    rf"|\b{_WORK}\b{_REST}\b(?:this|these|the following|below|following)\b{_REST}[.!?]*[ \t\r]*\n{_FOLLOWS}"
    rf"|^{_LEAD}(?:here(?:'s| is| are)|below (?:is|are)|this is|(?:the|my|an?|this|his|her|their|in the))\b{_REST}"
    rf"\b{_DOCUMENT}\b{_REST}{_COLON}"
    rf"|^{_LEAD}(?:{_DOCUMENT}|context|input|source|original)[ \t]*{_COLON}"
    rf"|\b(?<!\bI )(?:says?|said|writes?|wrote|asks|asked|reads|goes|replied|answered|told (?:me|us)|sings|"
    rf"shouts){_COLON}"
    r"|^[ \t]*(?:from|to|cc|bcc|subject|sent|reply-to)[ \t]*:"
    r"|^[ \t-]*(?:original message|forwarded message|begin forwarded)"
    r"|^[ \t]*<[a-z][^>\n]{0,80}>"
    rf"|(?:^|[.!?,]\s{{1,4}})(?:(?:please|pls|now|and|so|ok|hi|hello|hey|can you|could you|would you|will you|"
    rf"i want you to|i need you to|i'd like you to|help me|let's|i)[, ]{{1,3}}){{0,4}}"
    rf"(?:write|compose|draft|create|generate|make(?: up)?|tell|invent|continue|finish|give|come up with|imagine|"
    rf"pretend|role-?play|act (?:as|out)|play|need|want)\b"
    rf"(?=[^.!?\n\f]{{0,100}}\b(?:an?|the|this|that|some|another|my|our|me)\b[^.!?\n\f]{{0,60}}\b{_FICTION}\b)"
    r"[^.!?\n\f]*[.!?\n]+"
    rf"|^{_LEAD}(?:imagine|pretend|suppose)\b[^.!?\n\f]*[.!?\n]+",
    re.IGNORECASE | re.MULTILINE,
)
"""Ends where the words of others begin; they go on to the end of the message."""

_ABOVE = re.compile(
    rf"(?:^|(?<=[.!?]\s))[^.!?\n\f]{{0,40}}\b(?:{_REWORK}|{_WORK})\b[^.!?\n\f]{{0,80}}\babove\b"
    rf"|\n[ \t\r]*\n[^.!?\n\f]{{0,40}}\b{_REWORK}\b[^.!?\n\f]{{0,80}}[.!?]*\s*\Z",
    re.IGNORECASE | re.MULTILINE,
)
"""A task on what stands before it."""

_SALUTATION = re.compile(r"^[ \t]*(?:dear|hi|hello|hey|to)\b[^.!?:\n]{0,60}$", re.IGNORECASE | re.MULTILINE)
_SIGNATURE = re.compile(
    r"^[ \t]*(?:(?:best|kind|warm|with (?:best|kind))(?: (?:regards|wishes))?|regards|(?:yours )?sincerely|"
    r"yours (?:truly|faithfully|sincerely)|cheers|many thanks|love|thanks)(?:[ \t]*,[^.!?\n]{0,40})?[ \t]*$"
    r"(?:\n[^.!?\n]{1,40}$)?",
    re.IGNORECASE | re.MULTILINE,
)
_LINE_OF_ANOTHER = re.compile(
    r"^[ \t]*(?:[-*•][ \t]+)?(?:\[[^\]\n]{1,30}\][ \t]*|\(?\d{1,2}:\d\d(?::\d\d)?(?: ?[AP]M)?\)?[ \t]*)?"
    r"(?!(?:important|note|reminder|rule|request|ps|also|fyi|btw|me|rules|language|style|format)\b|"
    r"(?i:important|note|reminder|rule|request|ps|fyi|btw|tl;dr)\b)"
    r"(?:(?i:user|assistant|system|human|ai|bot|agent|customer|speaker \w+)|<\w+>|[A-Z][\w.'-]*(?: [A-Z][\w.'-]*){0,2})"
    r"(?: \([^)\n]{1,30}\))?:.*$",
    re.MULTILINE,
)
"""A line of a transcript: "NAME: …"."""


def _own(text: str) -> str:
    """The text with everything blanked that is not said in the speaker's own name; as long as it was."""
    own = _BLOCK.sub(_handed, text.replace("’", "'"))
    own = _SIGNATURE.sub(_handed, _without_letter(own))
    above = _ABOVE.search(own)
    if above:
        own = _HANDED * above.start() + own[above.start() :]
    handover = _HANDOVER.search(own)
    if handover:
        own = own[: handover.end()] + _HANDED * (len(own) - handover.end())
    return _LINE_OF_ANOTHER.sub(_handed, own)


def _without_letter(text: str) -> str:
    """A letter begins with its salutation; one that says "dear" is a letter even when nobody signs it."""
    salutation = _SALUTATION.search(text)
    if salutation is None:
        return text
    signature = _SIGNATURE.search(text, salutation.end())
    is_letter = signature is not None or salutation[0].lstrip().lower().startswith("dear")
    start, end = salutation.start(), signature.end() if signature else len(text)
    return text[:start] + _HANDED * (end - start) + text[end:] if is_letter else text


def _handed(match: re.Match[str]) -> str:
    return _HANDED * len(match[0])


_QUOTED = re.compile(r"`[^`]*`|\"[^\"]*\"|“[^”]*”|«[^»]*»")
_LABEL = re.compile(r"^(?:important|note|reminder|rule|request|ps|p\.s\.|one more thing)(?: \d+)?\s*[:!,-]\s*", re.I)


def plain(sentence: str) -> str:
    """The sentence as rules read it: apostrophes straight, words of code and of others blanked, no emphasis."""
    straight = sentence.replace("’", "'").replace("**", "").replace("__", "")
    return _LABEL.sub("", _QUOTED.sub('""', straight))


_TAG_QUESTION = re.compile(r",? (?:ok|okay|please|alright|all right|deal)\s?\?$", re.IGNORECASE)


def is_question(sentence: str) -> bool:
    """True when the sentence asks; "…, okay?" at the end of a request does not."""
    return sentence.endswith(("?", "？")) and _TAG_QUESTION.search(sentence) is None


_PASSING = re.compile(
    r"\b(?:in this (?:chat|conversation|session|thread|message|one|answer|reply|response|function|file|essay|story)"
    r"|for (?:this )?(?:now|chat|one|conversation|session)|for (?:the rest of )?this \w+|for a (?:moment|second|minute)"
    r"|this time|(?:just|only) (?:this )?once|right now|at the moment|(?<!from )today(?!')|tonight|tomorrow"
    r"|(?:in )?(?:your|the) next (?:answer|message|reply|response)|until (?:i|we|you|it)\b)",
    re.IGNORECASE,
)


def is_passing(sentence: str) -> bool:
    """True when the sentence itself says that it holds only here and now."""
    return _PASSING.search(sentence) is not None


_FORGOTTEN = (
    r"(?:(?:any(?:thing)?(?: of)? )?(?:this|that|it|these|those)|(?:what|anything|everything) I|the following|my \w+)"
)
_BEGINS = (
    r"(?:(?:^|[.!?,;:—–(-]) ?|\b(?:but|so|please) )"
    r"(?:(?:please|pls|but|and|so|just|also|ok|okay|hey|let's)[, ]{1,3}){0,3}"
)
_NOT = (
    rf"(?:{_BEGINS}(?:please )?(?:don't|do not|dont|never)|"
    r"\byou (?:(?:don't|do not) (?:need|have) to|needn't|must not|should not|shouldn't|didn't))"
)
_OFF_THE_RECORD = re.compile(
    rf"{_NOT} (?:please |ever )?(?:"
    rf"(?:remember|memori[sz]e|learn) (?:{_FORGOTTEN}\b(?! (?:song|film|movie|place|name))|"
    r"from (?:this|that)\b|anything\b)"
    r"|(?:save|store|record|log|keep|retain|note|write|put) (?:any of )?(?:this|that|it)"
    r"(?: (?:message|conversation|chat))?"
    r"(?: down)?(?: (?:anywhere|please|in(?:to)? (?:your |the )?(?:memory|notes|record)|on (?:the )?record|but|and)\b"
    r"| ?[,.;:!)—–-]| ?$))"
    r"|\boff[- ]the[- ]record\b"
    rf"|(?:{_BEGINS}|\b(?:just|strictly|this|that|it|keep|stays?|remains?|is) )"
    r"between (?:us|you and me|ourselves) ?(?:[,.;:!)—–-]|$)"
    rf"|{_BEGINS}(?<!don't )(?:forget|erase|delete|unlearn) (?:about )?"
    r"(?:(?:that |what |everything |anything |all )+(?:I|we)\b|I (?:ever )?(?:said|told|mentioned)"
    r"|(?:this|that)(?: message)? ?(?:[.,!;]|$)|[^.!?\n]{1,40}\bfrom (?:your )?memory\b)"
    r"|\bkeep (?:this|that|it) to yourself\b",
    re.IGNORECASE | re.MULTILINE,
)


def is_off_the_record(text: str) -> bool:
    """True when the speaker says that the message is not to be kept, in whatever part of it; in doubt it is not kept.

    Words in quotation marks do not count: somebody asks what "off the record" means.
    """
    return _OFF_THE_RECORD.search(_CODE.sub('""', text.replace("’", "'"))) is not None


_EMPTY_TALK = re.compile(
    r"^\W*(?:(?:hi|hello|hey|yo|good (?:morning|afternoon|evening|night)|thanks?|thank you|thx|cheers|ok(?:ay)?|k|yes|"
    r"yep|yeah|yup|no|nope|sure|great|nice|cool|perfect|awesome|bye|goodbye|see you|go on|go ahead|continue|next|done|"
    r"noted|got it|understood|of course|certainly|absolutely|please|there|all|again|so much|very much|a lot|"
    r"you're welcome|(?:how|what) (?:can|may) i (?:help|assist)(?: you)?(?: with)?(?: today)?)\b\W*)*$",
    re.IGNORECASE,
)


def is_empty_talk(text: str) -> bool:
    """True for words that carry nothing to remember and nothing to recall by: a greeting, a thank-you."""
    return len(text) <= MAX_EMPTY_TALK_CHARS and _EMPTY_TALK.match(text.replace("’", "'")) is not None
