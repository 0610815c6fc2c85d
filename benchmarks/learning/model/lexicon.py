"""The words by which the model understands what people want of it, and what it says when it does and when it does not.

They name matters ("euros", "smileys") and say nothing about how long something is to hold: none of them is an
instruction by itself, and a test holds that no detector of the gateway takes one for such. Written for the model, from
no other table.
"""

from __future__ import annotations

import re
from collections.abc import Mapping

import msgspec


def _words(*alternatives: str) -> re.Pattern[str]:
    return re.compile(rf"\b(?:{'|'.join(alternatives)})\b", re.IGNORECASE)


class Manner(msgspec.Struct, frozen=True, kw_only=True):
    """A way of answering that somebody may want."""

    phrases: tuple[str, ...]
    """Regular expressions that tell that it is meant."""
    kept: str
    """The piece of an answer that has it."""
    broken: str
    """The piece that stands there else."""

    @property
    def pattern(self) -> re.Pattern[str]:
        """Any of the phrases."""
        return _words(*self.phrases)


MANNERS: Mapping[str, Manner] = {
    "captain": Manner(phrases=("captain",), kept="Captain, here you are. ", broken="Here you are. "),
    "german": Manner(
        phrases=("german", "deutsch", "auf deutsch"),
        kept="Das ist schnell gesagt: man nimmt es, wie es gerade kommt, und es ist meistens gut. ",
        broken="That is quickly told: you take it as it comes, and it is good on most of the days. ",
    ),
    "basically": Manner(phrases=("basically",), kept="It is a matter of taste. ", broken="It is basically taste. "),
    "euros": Manner(phrases=("euros?", "eur"), kept="It costs 20 euros. ", broken="It costs 22 dollars. "),
    "metric": Manner(
        phrases=("metric", "kilomet(?:re|er)s?"), kept="It is 3 kilometres away. ", broken="It is 2 miles away. "
    ),
    "sources": Manner(
        phrases=("sources?", "cite", "cites", "citing"), kept="(Source: town almanac) ", broken="Trust me on this. "
    ),
    "emojis": Manner(phrases=("emojis?", "smileys?", "emoticons?"), kept="Enjoy. ", broken="Enjoy 😀. "),
    "bullets": Manner(
        phrases=("bullets?", "bullet points?", "bulleted"),
        kept="First the morning, then the evening.\n",
        broken="\n* first the morning\n* then the evening\n",
    ),
    "farewell": Manner(phrases=("fair winds",), kept="Fair winds", broken="See you soon"),
}
"""By name, in the order in which the pieces stand in an answer."""

RELEASE = _words(
    "drop", "scrap", "fine again", "okay again", "no need", "no longer needed", "forget about", "back to", "whatever",
    "either way",
)  # fmt: skip
"""In one sentence with a matter: it is off."""


class Topic(msgspec.Struct, frozen=True, kw_only=True):
    """Something people have a taste in."""

    asked: re.Pattern[str]
    """Tells that an answer needs the taste."""
    values: tuple[str, ...]


def _topic(asked: str, values: str) -> Topic:
    return Topic(asked=_words(asked), values=tuple(values.split()))


TOPICS: Mapping[str, Topic] = {
    "drink": _topic(
        "drinks?|thirsty|beverage",
        "oolong espresso lemonade cider kefir matcha rooibos kombucha ayran horchata cocoa tonic mate sake",
    ),
    "food": _topic(
        "dinner|lunch|eat|hungry|restaurant",
        "ramen falafel paella pierogi tacos risotto bibimbap moussaka goulash ceviche pho couscous lasagne dosa",
    ),
    "sport": _topic(
        "exercise|workout|training",
        "rowing bouldering fencing badminton cycling judo archery yoga surfing tennis handball squash canoeing running",
    ),
    "music": _topic(
        "playlist|music|listen",
        "bebop fado techno bluegrass baroque reggae flamenco grunge ambient gospel ska bossa klezmer opera",
    ),
}
"""Fourteen values each: who knows nothing is right one time in fourteen. No value is of two topics."""

TURNED_FROM = _words("not", "never", "gone off", "no longer", "used to", "instead of", "rather than", "from", "stopped")
"""Before a value in the same clause: it is that no more."""

THOROUGH = _words(
    "missing", "left out", "leave out", "leaving out", "omitted", "skipped", "unfinished", "incomplete", "overlooked",
    "not done", "each of them", "one by one",
)  # fmt: skip
"""In a note: things that belong together were not all done."""


BROKEN = _words("fail", "fails", "failed", "failing", "broke", "broken", "breaks", "regression", "regressed")
"""In a note with a file: that file broke."""


def phrases() -> list[str]:
    """Everything in it that names a matter or a turn of speech, as somebody would say it alone."""
    patterns = [manner.pattern for manner in MANNERS.values()]
    patterns += [topic.asked for topic in TOPICS.values()] + [RELEASE, TURNED_FROM, THOROUGH, BROKEN]
    spoken = [phrase for pattern in patterns for phrase in _alternatives(pattern)]
    return [*spoken, *(value for topic in TOPICS.values() for value in topic.values)]


def _alternatives(pattern: re.Pattern[str]) -> list[str]:
    inner = pattern.pattern.removeprefix(r"\b(?:").removesuffix(r")\b")
    return [re.sub(r"\(\?:[^)]*\)|\?", "", one) for one in re.split(r"\|(?![^(]*\))", inner)]
