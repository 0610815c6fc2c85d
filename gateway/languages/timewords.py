"""The words times are made of, in English, German, Spanish, French and Chinese, as letters that mean the same in all.

"Three weeks ago" and "vor drei Wochen" read `#UA` and `v#U`; any other word reads `x`. What such letters make together
is not known here.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from itertools import repeat

import msgspec

from gateway.languages.spoken import spoken

MINUTE, HOUR, DAY, WEEK, MONTH, YEAR = 1, 60, 1_440, 10_080, 43_830, 525_960
"""In minutes, on average."""

_PLAIN: Mapping[str, str] = {
    "L": """last previous letzte letzten letzter letztes letztem vergangene vergangenen vergangener vergangenes vorige
        vorigen pasado pasada pasados pasadas último última últimos últimas ultimo ultima dernier dernière derniers
        dernières derniere passé passée""",
    "R": "past",
    "T": "this diese diesen dieser dieses diesem este esta ce cet cette",
    "N": """next coming upcoming nächste nächsten nächster nächstes nächstem kommende kommenden kommender próximo
        próxima próximos próximas proximo proxima prochain prochaine prochains prochaines""",
    "A": "ago atrás",
    "g": "hace ilya",
    "v": "vor",
    "B": "before antes avant",
    "F": "after nach después despues tras après",
    "S": "since seit desde depuis",
    "G": "until till bis hasta jusqu",
    "b": "by",
    "C": "between zwischen entre",
    "c": "from von vom",
    "&": "and or to through und oder y e o al et ou au à",
    "j": "in im en dentro dans",
    "i": """of during throughout early late mid middle beginning end während anfang mitte ende de del des du d durante
        mediados principios finales pendant début fin courant""",
    "t": "the der die das dem den zum el la los las le les l on",
    "a": "a ein eine einem einer un una une",
    "f": "for für para pour",
    "e": "every each jeden jede jedes cada todos todas chaque tous toutes",
    "h": "st nd rd th er",
    "k": "am pm uhr h",
    "P": """morning afternoon evening night früh abend nachmittag vormittag nacht mittag tarde noche matin soir nuit
        midi""",
    "V": "morgen mañana",
    "E": "weekend wochenende finde",
    "r": """recently lately kürzlich neulich letztens recientemente últimamente ultimamente récemment recemment
        dernièrement""",
    "O": "other otro autre",
    **{mark: mark for mark in "-/."},
}
"""Words by their letter."""

_MONTHS = (
    "january januar enero janvier",
    "february februar febrero février fevrier",
    "märz marzo",
    "abril avril",
    "mai",
    "juni juin",
    "juli juillet",
    "august agosto août aout",
    "september septiembre septembre",
    "october oktober octubre octobre",
    "november noviembre novembre",
    "december dezember diciembre décembre",
)
_DOUBTFUL = "jan|feb|march mar mars|april apr|may mayo|june jun junio|july jul julio|aug|sep sept|oct okt|nov|dec dez"
"""Names, verbs and abbreviations: months only where the words around them say so."""

_DAYS = (
    "monday montag lunes lundi",
    "tuesday tue tues dienstag martes mardi",
    "wednesday mittwoch miércoles miercoles mercredi",
    "thursday thu thurs donnerstag jueves jeudi",
    "friday fri freitag viernes vendredi",
    "saturday samstag sonnabend sábado sabado samedi",
    "sunday sonntag domingo dimanche",
)
_NUMBERS = (
    "one eins",
    "two couple zwei zwo dos deux",
    "three drei tres trois",
    "four vier cuatro quatre",
    "five fünf cinco cinq",
    "six sechs seis",
    "seven sieben siete",
    "eight acht ocho huit",
    "nine neun nueve neuf",
    "ten zehn diez dix",
    "eleven elf onze",
    "twelve zwölf doce douze",
)

_NUMBERED: Mapping[tuple[str, int], str] = {
    ("D", 0): "today heute hoy hui",
    ("D", -1): "yesterday gestern ayer hier anoche",
    ("D", -2): "vorgestern anteayer antier avanthier",
    ("D", 1): "tomorrow tonight übermorgen demain",
    ("u", MINUTE): "minute minutes minuten minuto minutos",
    ("u", HOUR): "hour hours stunde stunden hora horas heure heures",
    ("d", DAY): "day days tag tage tagen día dia días dias jour jours",
    ("U", WEEK): "week weeks woche wochen semana semanas semaine semaines",
    ("U", MONTH): "month months monat monate monaten monats mes meses mois",
    ("y", YEAR): "year years jahr jahre jahren jahres año años an ans année annee années",
    ("z", 2): "spring",
    ("Z", 2): "frühling frühjahr primavera printemps",
    ("Z", 5): "summer sommer verano été",
    ("z", 8): "fall",
    ("Z", 8): "autumn herbst otoño automne",
    ("Z", 11): "winter invierno hiver",
    ("~", 4): "few several paar par einigen einige mehreren unos unas varios varias quelques plusieurs",
    **{("M", month): words for month, words in enumerate(_MONTHS)},
    **{("m", month): words for month, words in enumerate(_DOUBTFUL.split("|"))},
    **{("W", day): words for day, words in enumerate(_DAYS)},
    **{("#", day): f"{day} {day:02} {' '.join(_NUMBERS[day - 1 : day])}" for day in range(1, 32)},
    **{("%", count): str(count) for count in range(32, 1000)},
    **{("Y", year): str(year) for year in range(1900, 2100)},
}
"""Words by their letter and number: months from 0, days of the week from Monday as 0."""

_TENS = ("", "十", "二十", "三十")
_NUMERALS = [_TENS[n // 10] + " 一二三四五六七八九"[n % 10].strip() for n in range(32)]
_CHINESE: Mapping[str, str] = {
    "today": "今天 今日 今早 今晨",
    "yesterday": "昨天 昨日 昨晚 昨夜",
    "vorgestern": "前天",
    "tomorrow": "今晚 明天 明日 后天",
    "last year": "去年",
    "this year": "今年",
    "next year": "明年",
    "last": "上",
    "this": "这 本",
    "next": "下",
    "past": "过去",
    "ago": "前 以前 之前",
    "since": "自从 从",
    "to": "到 至 和",
    "of": "的",
    "": "个",
    "every": "每",
    "morning": "早上 上午 中午 下午 晚上",
    "minute": "分钟",
    "hour": "小时",
    "day": "天",
    "week": "周 星期 礼拜",
    "month": "月",
    "year": "年",
    "weekend": "周末",
    "printemps": "春天",
    "summer": "夏天",
    "autumn": "秋天",
    "winter": "冬天",
    "recently": "最近 近来 前几天",
    "few": "几",
    "th": "日 号",
    "pm": "点",
    **{words.split()[0]: f"{n}月 {_NUMERALS[n]}月" for n, words in enumerate(_MONTHS, 1)},
    **{
        words.split()[0]: " ".join(week + day for week in ("周", "星期", "礼拜") for day in days)
        for words, days in zip(_DAYS, ("一", "二", "三", "四", "五", "六", "日天"), strict=True)
    },
    **{str(n): numeral for n, numeral in enumerate(_NUMERALS) if n},
    "2": "二 两",
}
"""Chinese words, which stand without spaces, by what is read in their place."""

_PHRASES = {
    "il y a": "ilya",
    "avant-hier": "avanthier",
    "week-end": "weekend",
    "fin de semana": "weekend",
    "o'clock": "uhr",
    "a.m.": "am",
    "p.m.": "pm",
    "an hour": "a hour",
}
"""Words of several words, and those that another language takes for its own ("an" is a year in French)."""

_LETTERS = {word: letter for letter, words in _PLAIN.items() for word in words.split()}
_LETTERS |= {word: letter for (letter, _), words in _NUMBERED.items() for word in words.split()}
_NUMBER_OF = {word: number for (_, number), words in _NUMBERED.items() for word in words.split()}
_READ_AS = {word: english for english, words in _CHINESE.items() for word in words.split()}
_HAN = re.compile("[\u4e00-\u9fff]")
_IN_CHINESE = re.compile("|".join(sorted(_READ_AS, key=len, reverse=True)))
_WORD = re.compile(r"[^\W\d_]+|\d+|[-/.]")


class Reading(msgspec.Struct, frozen=True, kw_only=True):
    """A text in letters, one for each of its words."""

    letters: str
    words: list[str]

    def numbers(self, start: int, end: int) -> list[int]:
        """What the words from one place to another have of numbers, in order."""
        return [_NUMBER_OF[word] for word in self.words[start:end] if word in _NUMBER_OF]


def read(text: str) -> Reading:
    """A text's letters. French for yesterday is German for here, and so only in French a time."""
    lowered = text.lower()
    if _HAN.search(lowered):
        lowered = _IN_CHINESE.sub(lambda word: f" {_READ_AS[word[0]]} ", lowered)
    for phrase, word in _PHRASES.items():
        lowered = lowered.replace(phrase, word)
    words = _WORD.findall(lowered)
    if "hier" in words and spoken(text).code != "fr":
        words = ["" if word == "hier" else word for word in words]
    return Reading(letters="".join(map(_LETTERS.get, words, repeat("x"))), words=words)
