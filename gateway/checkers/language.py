"""The language that answers are to be in, or must not be in."""

from __future__ import annotations

import re
from collections.abc import Mapping

import msgspec

from gateway.checkers.answers import opening, prose
from gateway.checkers.base import Check
from gateway.checkers.instructions import FLAGS, OUTPUT
from gateway.checkers.spoken import is_foreign, is_in

NAMES: Mapping[str, str] = {
    "en": r"english|englisch|inglés|anglais|inglese|inglês|engels|英语|英文",
    "de": r"german|deutsch|alemán|allemand|tedesco|alemão|duits|德语|德文",
    "es": r"spanish|spanisch|español|castellano|espagnol|spagnolo|espanhol|spaans|西班牙语|西班牙文",
    "fr": r"french|französisch|francés|français|francese|francês|frans|法语|法文",
    "it": r"italian|italienisch|italiano|italien|意大利语",
    "nl": r"dutch|niederländisch|holländisch|neerlandés|néerlandais|nederlands|荷兰语",
    "pt": r"portuguese|portugiesisch|portugués|português|portugais|葡萄牙语",
    "zh": r"chinese|mandarin|chinesisch|chino|chinois|中文|汉语|普通话",
    "ja": r"japanese|japanisch|japonés|japonais|日语|日文|日本語",
    "ko": r"korean|koreanisch|coreano|coréen|韩语|한국어",
    "ru": r"russian|russisch|ruso|russe|俄语|русский",
    "uk": r"ukrainian|ukrainisch|ucraniano|ukrainien",
    "bg": r"bulgarian|bulgarisch",
    "el": r"greek|griechisch|griego|grec",
    "ar": r"arabic|arabisch|árabe|arabe|阿拉伯语",
    "he": r"hebrew|hebräisch|hebreo|hébreu",
    "hi": r"hindi",
    "th": r"thai",
    "sv": r"swedish|schwedisch|sueco|suédois",
    "da": r"danish|dänisch|danés|danois",
    "no": r"norwegian|norwegisch|noruego|norvégien",
    "fi": r"finnish|finnisch|finés|finnois",
    "pl": r"polish|polnisch|polaco|polonais",
    "cs": r"czech|tschechisch|checo|tchèque",
    "ro": r"romanian|rumänisch|rumano|roumain",
    "hu": r"hungarian|ungarisch|húngaro|hongrois",
    "tr": r"turkish|türkisch|turco|turc",
    "vi": r"vietnamese|vietnamesisch|vietnamita|vietnamien|越南语",
    "id": r"indonesian|indonesisch|indonesio|indonésien",
}
"""What languages are called, by their code."""

_ANY = "|".join(NAMES.values())
_LANGUAGE = (
    r"(?:(?:british|american|plain|simple|proper|formal|informal|brazilian|european|standard|simplified|traditional) )*"
    + f"(?P<language>{_ANY})"
)
_ONLY = (
    r"(?: (?:only|exclusively|strictly|nur|ausschließlich|solo|sólo|únicamente|solamente|uniquement|seulement|"
    r"exclusivement|alleen))?"
)
_WITH_ME = r"(?:[ -](?:(?:with |to )?(?:me|us)|mit mir|mir|conmigo|avec moi|moi|nous))?"
_SPEAK = (
    r"(?:only )?(?:answer|reply|respond|speak|talk|write|communicate|converse|chat|continue|explain|stay|stick|use|"
    r"switch|change|go back|keep|give me|antworte(?:n sie)?|schreibe?|sprich|sprechen sie|rede|wechsle|responda?|"
    r"contesta|"
    r"respóndeme|contéstame|escribe|habla|háblame|réponds|répondez|écris|écrivez|parle|parlez|rispondi|parla|scrivi|"
    r"responde|fale|escreva|antwoord|schrijf|spreek)"
)
_IS_IN = rf"{OUTPUT}(?: (?:must|should|are to|have to|need to|has to)(?: only)? be)?(?: written)?"
_WANTED = re.compile(
    rf"(?:{_SPEAK}{_WITH_ME}{_ONLY}(?: (?:back|{OUTPUT}))?(?: (?:in|to|with|auf|en|em|zu))?{_ONLY}"
    rf"|(?:(?:i want|write|keep|give me) )?{_IS_IN}{_ONLY} in|(?:only|nur|solo|uniquement)(?: (?:in|auf|en))?|in|auf|"
    rf"en)"
    rf" {_LANGUAGE}{_ONLY}{_WITH_ME}(?: (?:instead of|rather than|not|statt) (?:{_ANY}))?",
    FLAGS,
)
_ALONE = re.compile(
    rf"{_LANGUAGE} only|(?:nur |nur noch )?auf (?P<german>{_ANY}) (?:antworten|schreiben|sprechen)|(?:只|仅|全部|只能|"
    rf"都)?(?:用|说|讲|使用)(?P<chinese>{_ANY})(?:来)?(?:回答|回复|交流|写)?(?:我|问题)?",
    FLAGS,
)
_FORBIDDEN = re.compile(
    r"(?:never|don't|do not|stop|avoid|not|no|nie|nicht|nunca|jamais)"
    r"(?: (?:(?:answer|reply|respond|speak|talk|switch)(?:ing)?|writ(?:e|ing)|us(?:e|ing)))?"
    rf"{_WITH_ME}(?: (?:back|everything))?(?: (?:in|to|auf|en))? {_LANGUAGE}"
    rf"|(?:不要|别)(?:用|说)(?P<chinese>{_ANY})(?:回答|回复)?",
    FLAGS,
)
_MATTER = re.compile(
    rf"\b(?:{_ANY})\b|translat|übersetz|traduc|tradui|翻译|language|sprache|idioma|langue|中文|英文|英语|德语|法语",
    FLAGS,
)


class Language(msgspec.Struct, frozen=True, kw_only=True):
    """An answer is not clearly in another language; or not clearly in this one, where that is ruled out."""

    code: str
    is_wanted: bool
    matter: re.Pattern[str] = _MATTER

    def violation(self, answer: str) -> str | None:
        """How an answer begins that is in a wrong language."""
        text = prose(answer)
        is_broken = is_foreign(text, self.code) if self.is_wanted else is_in(text, self.code)
        return opening(answer) if is_broken else None


class LanguageChecker:
    """See the module."""

    name = "language"

    def check(self, clause: str) -> Check | None:
        """A check of the language that is named."""
        forbidden = _FORBIDDEN.fullmatch(clause)
        wanted = _WANTED.fullmatch(clause) or _ALONE.fullmatch(clause)
        match = forbidden or wanted
        if match is None:
            return None
        name = next(said for said in match.groups() if said)
        code = next(code for code, names in NAMES.items() if re.fullmatch(names, name, FLAGS))
        return Language(code=code, is_wanted=forbidden is None)


CHECKER = LanguageChecker()
