"""Times in words: the stretch that a question names, whether it asks for a time, whether a text holds one.

What a time looks like is a pattern of letters that stand for words (gateway/languages/timewords.py), so one grammar
serves all languages. Neither clock nor zone is known here: days are those of UTC, and as the speaker's may begin half a
day apart, hours count only where they are counted ("two hours ago"). Seasons are those of the north.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping
from datetime import UTC, datetime, timedelta
from itertools import zip_longest

from gateway.languages.timewords import DAY, MONTH, WEEK, YEAR, Reading, read

Stretch = tuple[datetime, datetime]

VAGUE_DAYS = 14
"""What "recently" and "the other day" reach back; "a while ago" and "last time" may be any time, and name none."""

EPOCH = datetime.fromtimestamp(0, UTC)
"""Nothing was said before it."""

_COUNT = r"(?:a?[#%]i?|a)"
_FEW = r"a?~i?"
_UNIT = r"[dUyu]"
_DAY = r"#h?\.?"
_IN_YEAR = r"(?:i?Y)?"
_LAST_YEAR = r"(?:Ly|yL)"

_TASK = re.compile(
    r"\s*(?:(?:please|pls|bitte|s'il te plaît|por favor|请),? )?(?:(?:can|could) you )?"
    r"(?:(?:(?:re)?schedule|postpone|book) (?:an?|the|it|this|that|my|our|me|us)\b"
    r"|remind (?:me|us) (?:to|on|at|in|next|tomorrow)\b|erinnere? mich (?:daran|am|um|an|in)\b|vereinbare?\b"
    r"|verschiebe?\b|planifie\b|rappelle-moi de\b|recuérdame que\b|提醒我|安排|预订)",
    re.IGNORECASE,
)
"""What begins so speaks of what is to be done, whatever time it names."""

_WHEN = re.compile(
    r"\b(?:when(?:'s|'d| (?:exactly )?(?:did|was|were|is|are|am|do|does|has|have|had|will|would|can|could|should))\b"
    r"|(?:know|remember|recall|tell me|remind me|since) when\b|(?<!.)when\b[^,?]{0,200}\?"
    r"|how long(?: ago|(?:'ve|'s| (?:have|has|had|did|was|were|since|until|till))\b)"
    r"|how many (?:minutes|hours|days|weeks|months|years) (?:ago|since|have|has|had|did|passed|until)\b"
    r"|(?:what|which) (?:exact )?(?:date|day|weekday|weekend|week|month|year|time|season)\b"
    r"|what(?:'s| is| was) the (?:exact )?(?:date|day|month|year|time)\b"
    r"|(?<!dann und )wann\b(?! immer)|wie lange\b|welche[mnrs]? (?:tag|datum|woche|monat|jahr)\b"
    r"|cuándo\b|(?<=¿)cuando\b|qu[ée] (?:día|fecha|mes|año|semana)\b|cu[áa]nto (?:tiempo|hace)\b|hace cu[áa]nto\b"
    r"|depuis (?:quand|combien)\b|il y a combien\b|combien de temps\b|quand\s?\?|quand est-ce\b"
    r"|quand [\w']{1,20}-(?:t-)?(?:je|tu|il|elle|on|nous|vous|ils|elles|ce)\b"
    r"|quel(?:le)?s? (?:jour|date|mois|année|semaine|heure)\b)"
)
_WHEN_IN_CHINESE = re.compile("什么时候|啥时候|何时|哪天|哪一天|哪年|哪一年|几号|几月|几点|星期几|周几|多久|多长时间")
_CLOCK = re.compile(r"\b(?:[01]?\d|2[0-3]):[0-5]\d\b")


def span_asked(question: str, now: float) -> tuple[float, float] | None:
    """The stretch of time that a question names, in Unix seconds: the first it names that is not all to come.

    Nothing lies after `now`; where the beginning is open it is 0. A day of the week or a date without a year is the
    last one there was. None where it names no time, or speaks of what is to be done.
    """
    if _TASK.match(question):
        return None
    said = read(question)
    for since, until in _stretches(said, datetime.fromtimestamp(now, UTC)):
        if since.timestamp() <= now:
            return since.timestamp(), min(until.timestamp(), now)
    return (now - VAGUE_DAYS * 86_400, now) if _VAGUE.search(said.letters) else None


def is_when(question: str) -> bool:
    """Whether it asks for a time, or how long something has been so."""
    asked = question.strip().lower().replace("’", "'")
    return any(pattern.search(asked) for pattern in (_WHEN, _WHEN_IN_CHINESE))


def has_time(text: str) -> bool:
    """Whether a text holds a time, be it to come or a length ("three years"); "recently" and "every day" are none."""
    letters = read(text).letters
    if any(time.lastgroup not in _TIMELESS for time in _TIME.finditer(letters)):
        return True
    return _HOUR.search(letters) is not None or _CLOCK.search(text) is not None


def _stretches(said: Reading, at: datetime) -> Iterator[Stretch]:
    """What is named, in order; two times that belong together make one stretch."""
    times = list(_TIME.finditer(said.letters))
    read_to = 0
    for time, following in zip_longest(times, times[1:]):
        if time.start() < read_to:
            continue
        try:
            joint = _joint(said, time, following, at) if following else None
            stretch = joint or _alone(said, time, at)
        except (ValueError, OverflowError):
            continue  # a date that no calendar has
        if joint:
            read_to = following.end()
        if stretch:
            yield stretch


def _joint(said: Reading, time: re.Match[str], following: re.Match[str], at: datetime) -> Stretch | None:
    """From one time to another, or a time by another: "the week before 5 May"."""
    between = said.letters[time.end() : following.start()].strip("itjk")
    if between not in _JOINTS:
        return None
    later = _placed(said, following, at)
    if later is None:
        return None
    if between in _FROM_TO:
        earlier = _placed(said, time, at)
        if earlier and earlier[0] > later[0]:
            earlier = _placed(said, time, later[1]) if time.lastgroup in _COMES_AGAIN else None
        return earlier and (earlier[0], later[1])
    if time.lastgroup in _LENGTHS:
        return _beside(later, *said.numbers(*time.span()), is_after=between in _AFTER)
    return _placed(said, time, later[0]) if between in _BEFORE else None


def _alone(said: Reading, time: re.Match[str], at: datetime) -> Stretch | None:
    """A time, or all that was since or until."""
    stretch = _placed(said, time, at)
    if stretch is None:
        return None
    since, until = stretch
    bound = said.letters[max(0, time.start() - 4) : time.start()].rstrip("itjk&")[-1:]
    if bound == "S":
        return since, at
    if bound == "F":
        return until, at
    if bound and bound in "Gb":
        return min(EPOCH, until), until
    if (bound and bound in _BEFORE) or said.letters[time.end() : time.end() + 1] == "A":
        return min(EPOCH, since), since
    return stretch


def _placed(said: Reading, time: re.Match[str], at: datetime) -> Stretch | None:
    _, place = _RULES[str(time.lastgroup)]
    return place(at, *said.numbers(*time.span()))


def _months(month: int, count: int) -> Stretch:
    """Whole months. A month is counted from the beginning of the year 0."""
    since, until = (datetime(m // 12, m % 12 + 1, 1, tzinfo=UTC) for m in (month, month + count))
    return since, until


def _day(at: datetime, days: int, count: int = 1) -> Stretch:
    """Whole days, some days from now."""
    start = datetime(at.year, at.month, at.day, tzinfo=UTC) + timedelta(days=days)
    return start, start + timedelta(days=count)


def _date(at: datetime, day: int, month: int, year: int | None = None) -> Stretch:
    """A date; without a year the last one that has come."""
    start = datetime(year or at.year, month + 1, day, tzinfo=UTC)
    if year is None and start > at:
        start = datetime(at.year - 1, month + 1, day, tzinfo=UTC)
    return start, start + timedelta(days=1)


def _slashed(at: datetime, one: int, other: int, year: int) -> Stretch | None:
    """Half the world puts the month first, so a date in which both could be the month is none."""
    if min(one, other) <= 12 < max(one, other) or one == other:
        return _date(at, max(one, other), min(one, other) - 1, year)
    return None


def _calendar(at: datetime, unit: int, *, back: int = 0) -> Stretch:
    """The week, month or year that it is, or one some time back."""
    if unit == WEEK:
        return _day(at, -at.weekday() - 7 * back, 7)
    count = unit // MONTH
    month = at.year * 12 + at.month - 1
    return _months(month - month % count - count * back, count)


def _recent(at: datetime, month: int, count: int = 1, *, is_over: bool = False) -> Stretch:
    """The months of that name that began last, or that ended last."""
    named, latest = at.year * 12 + month, at.year * 12 + at.month - 1 - count * is_over
    while named > latest:
        named -= 12
    return _months(named, count)


def _ago(at: datetime, *counted: int, blur: float = 0.5) -> Stretch:
    """So long ago, give or take half a unit and half an hour at least; whole days where days or more are counted."""
    count, unit = counted if len(counted) == 2 else (1, *counted)
    middle = at - timedelta(minutes=count * unit)
    if unit < DAY:
        slack = timedelta(minutes=max(unit * blur, 30))
        return middle - slack, middle + slack
    slack = timedelta(minutes=unit * blur - DAY / 2)
    return _day(middle - slack, 0)[0], _day(middle + slack, 1)[0]


def _within(at: datetime, *counted: int) -> Stretch:
    """From so long ago until now."""
    count, unit = counted if len(counted) == 2 else (1, *counted)
    return at - timedelta(minutes=count * unit), at


def _beside(named: Stretch, *counted: int, is_after: bool) -> Stretch:
    """ "The week before", "two weeks after" a stretch."""
    if len(counted) == 2:
        count, unit = counted
        return _ago(named[0], -count if is_after else count, unit)
    length = timedelta(minutes=counted[0])
    return (named[1], named[1] + length) if is_after else (named[0] - length, named[0])


def _days_since(at: datetime, day: int) -> int:
    """Days since that day of the week, 7 on the day itself."""
    return (at.weekday() - day - 1) % 7 + 1


def _weekend(at: datetime, *, is_over: bool = False) -> Stretch:
    days = (at.weekday() - 5) % 7
    return _day(at, -days - 7 * (is_over and days < 2), 2)


def _nowhere(at: datetime, *_: int) -> None:
    """Of times to come, of what comes again and again and of mere lengths."""


_RULES: Mapping[str, tuple[str, Callable[..., Stretch | None]]] = {
    "iso": (r"Y-#-#|Y/#/#|Y\.#\.#", lambda at, year, month, day: _date(at, day, month - 1, year)),
    "slashed": (r"#/#/Y|#-#-Y", _slashed),
    "dotted": (r"#\.#\.Y", lambda at, day, month, year: _date(at, day, month - 1, year)),
    "days_of": (
        rf"{_DAY}[&-]t?{_DAY}i?(?:[Mm]i?Y|M|(?<=[#.hi])m)",
        lambda at, one, other, *month: (_date(at, one, *month)[0], _date(at, other, *month)[1]),
    ),
    "of_days": (
        rf"[Mm]t?{_DAY}[&-]t?#(?![Mm.])h?{_IN_YEAR}",
        lambda at, month, one, other, *year: (_date(at, one, month, *year)[0], _date(at, other, month, *year)[1]),
    ),
    "year_first": (r"Yy?[Mm]#h?", lambda at, year, *of: _date(at, of[-1], of[-2], year)),
    "day_first": (rf"{_DAY}i?(?:[Mm]i?Y|M)|#hi?m|(?<!x)#\.?i?m", _date),
    "day_last": (rf"[Mm]t?#(?!\.?[dUyuk/])h?{_IN_YEAR}", lambda at, month, day, *of: _date(at, day, month, *of)),
    "month_of_year": (r"[Mm]i?Y", lambda at, month, year: _months(year * 12 + month, 1)),
    "year_of_month": (r"Yy?[Mm]", lambda at, year, *of: _months(year * 12 + of[-1], 1)),
    "season_of_year": (r"[Zz][it]?Y", lambda at, month, year: _months(year * 12 + month, 3)),
    "month_last_year": (rf"[Mm]i?t?{_LAST_YEAR}", lambda at, month, _: _months((at.year - 1) * 12 + month, 1)),
    "last_year_month": (
        rf"{_LAST_YEAR}[ij]?(?:M|(?<=[ij])m)",
        lambda at, _, month: _months((at.year - 1) * 12 + month, 1),
    ),
    "ago": (rf"{_COUNT}{_UNIT}A|[gv]{_COUNT}{_UNIT}", _ago),
    "few_ago": (rf"{_FEW}{_UNIT}A|[gv]{_FEW}{_UNIT}", lambda at, *counted: _ago(at, *counted, blur=2.5)),
    "within": (
        rf"[LR][#%~]i?{_UNIT}|R{_UNIT}|[#%~]L{_UNIT}|[#%~]{_UNIT}L(?!{_UNIT})|Sg?(?:{_COUNT}|{_FEW}){_UNIT}",
        _within,
    ),
    "to_come": (rf"N[dUyEWMmZz]|[UyWE]N|j(?:{_COUNT}|{_FEW}){_UNIT}|[bf]t?T?[WE]|ft?(?:{_DAY}i?)?[Mm]", _nowhere),
    "weekly": (r"et?W", _nowhere),
    "every": (rf"et?[#%~]?(?:{_UNIT}|[PE])", _nowhere),
    "last": (r"L[Uy]|[Uy]L", lambda at, unit: _calendar(at, unit, back=1)),
    "this": (r"T[Uy]", _calendar),
    "night": (r"LP|PL", lambda at: (_day(at, -1)[0] + timedelta(hours=12), _day(at, 0)[0] + timedelta(hours=12))),
    "day": (r"D[PV]?", _day),
    "today": (r"T[PV]", lambda at: _day(at, 0)),
    "tomorrow": (r"V", lambda at: _day(at, 1)),
    "this_weekday": (r"TW", lambda at, day: _day(at, day - at.weekday())),
    "weekday": (r"W", lambda at, day: _day(at, -_days_since(at, day))),
    "this_weekend": (r"TE", lambda at: _day(at, 5 - at.weekday(), 2)),
    "last_weekend": (r"LE|EL", lambda at: _weekend(at, is_over=True)),
    "weekend": (r"E", _weekend),
    "last_season": (r"L[Zz]|[Zz]L", lambda at, month: _recent(at, month, 3, is_over=True)),
    "season": (r"(?<=[ijSBFGvCcT])Z|(?<=[ijSBFGvc]t)[Zz]|(?<=T)z", lambda at, month: _recent(at, month, 3)),
    "last_month": (r"L[Mm]|[Mm]L", lambda at, month: _recent(at, month, is_over=True)),
    "month": (r"M|(?<=[ijSGBFCcbv])m|(?<=i-)m|(?<=[Mm]&)m", _recent),
    "year": (
        r"(?<=[ijSGBFCcbv])Y|(?<=[ijSGBv]t)Y|(?<=Y[&-])Y|(?<=YG)Y|yY|Yy",
        lambda at, *numbers: _months(next(year for year in numbers if year != YEAR) * 12, 12),
    ),
    "count": (rf"a?[#%~]i?{_UNIT}", _nowhere),
    "unit": (rf"a?{_UNIT}", _nowhere),
}
"""What each time looks like, and where it lies; what begins first is read first, and of that the first of these."""

_LENGTHS = frozenset(("count", "unit"))
_COMES_AGAIN = frozenset(("weekday", "day_first", "day_last", "month", "season"))
_TIMELESS = frozenset(("unit", "every"))
_BEFORE, _AFTER, _FROM_TO = frozenset("Bv"), frozenset("Fc"), frozenset("&-G")
_JOINTS = _BEFORE | _AFTER | _FROM_TO

_TIME = re.compile(
    r"(?![xt&ihkAOrBCcFG./-])(?:" + "|".join(f"(?P<{name}>{pattern})" for name, (pattern, _) in _RULES.items()) + ")"
)
"""Most letters begin no time, and are passed over at once."""

_HOUR = re.compile("#k")
_VAGUE = re.compile("r|Od")
