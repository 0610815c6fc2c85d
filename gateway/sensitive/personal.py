"""What tells in a text who a person is, as far as its form shows it: addresses, phone, account and card numbers.

Numbers must add up where they have a check of their own (IBAN, cards), and look like nothing else: no date, version,
ISBN or time. IP addresses are those of the public internet; those of documentation and of private nets are nobody's.
Names, and whatever else is told in words, are not known here.
"""

from __future__ import annotations

import ipaddress
import re
from collections.abc import Callable, Iterator
from typing import Any

import msgspec
import re2

from gateway.sensitive.spans import Span, apart
from gateway.sensitive.views import View, views_of

FIRST_ORDER = 1_000
"""Behind the sorts of secrets, which know better what a place holds."""

PHONE_DIGITS = range(9, 16)
"""Of a number with its prefix (ITU-T E.164: 15 at most); a shorter one is taken for a phone's by the word before it."""

_IBANS = (
    "AD24 AE23 AL28 AT20 AZ28 BA20 BE16 BG22 BH22 BR29 BY28 CH21 CR22 CY28 CZ24 DE22 DK18 DO28 EE20 EG29 ES24 FI18 "
    "FO18 FR27 GB22 GE22 GI23 GL18 GR27 GT28 HR21 HU28 IE22 IL23 IQ23 IS26 IT27 JO30 KW30 KZ20 LB28 LC32 LI21 LT20 "
    "LU20 LV21 LY25 MC27 MD24 ME22 MK19 MR27 MT31 MU30 NL18 NO15 PK24 PL28 PS29 PT25 QA29 RO24 RS22 SA24 SC31 SE24 "
    "SI19 SK24 SM27 ST25 SV28 TL23 TN24 TR26 UA29 VA22 VG24 XK20"
)
IBAN_CHARS = {code[:2]: int(code[2:]) for code in _IBANS.split()}
"""Length by country (SWIFT's registry): a number of another length is none."""

CARD_DIGITS = (19, 16, 15, 14)

_CARD = re.compile(
    rb"4\d{15}(?:\d{3})?|(?:5[1-5]\d\d|222[1-9]|22[3-9]\d|2[3-6]\d\d|27[01]\d|2720)\d{12}|3[47]\d{13}"
    rb"|3(?:0[0-5]|[689]\d)\d{11}|(?:6011|65\d\d|64[4-9]\d)\d{12}|35(?:2[89]|[3-8]\d)\d{12}|62\d{14}(?:\d{3})?"
)
"""Visa, Mastercard, American Express, Diners, Discover, JCB, UnionPay."""

_DATE = re.compile(rb"0?\d{1,2}([./ -])\d{1,2}\1\d{4}|\d{4}([./-])\d\d\2\d\d")
_VERSION_BEFORE = re.compile(
    rb"(?i)(?:\bv|\bver(?:sion)?s?|release|build|update|upgraded?(?: to)?|[=<>~]=|\^|~|[a-z0-9]@|[a-z]/|[a-z]-)"
    rb"\s*[\"'`:]?\s*\Z"
)
_BEFORE_BYTES = 24
_NUMBER_BEFORE = re.compile(rb"\d[ -]\Z")
_NO_DIGIT = re.compile(rb"\D")


class _Form(msgspec.Struct, frozen=True, kw_only=True):
    """One sort of what tells who somebody is."""

    name: str
    hint: bytes
    """A text without any of these bytes holds none."""
    pattern: Any
    size: Callable[[bytes, bytes], int]
    """How much of what was found is one, in bytes, 0 for none of it; told too what stands before it."""


def find(text: View) -> list[Span]:
    """Places in a text, in order and apart."""
    return apart(span for view in views_of(text) for span in _seen(view))


def _seen(view: View) -> Iterator[Span]:
    there = set(view.data)
    for order, form in enumerate(_FORMS, start=FIRST_ORDER):
        for match in form.pattern.finditer(view.data) if there & set(form.hint) else ():
            start = match.start(1)
            size = form.size(match[1], view.data[max(0, start - _BEFORE_BYTES) : start])
            if size:
                first, last = view.span(start, start + size)
                yield Span(start=first, end=last, name=form.name, order=order)


def _address(found: bytes, before: bytes) -> int:
    """`git@github.com` is nobody's."""
    return 0 if found.startswith((b"git@", b"noreply@", b"no-reply@")) else len(found)


def _iban(found: bytes, before: bytes) -> int:
    """ISO 13616: the country and the check digits last, letters as numbers, the rest by 97 is 1."""
    bare = found.replace(b" ", b"").decode().upper()
    count = IBAN_CHARS.get(bare[:2], 0)
    number, size = bare[:count], _size(found, count)
    if not size or not _is_end(found, size):
        return 0
    return size if int("".join(str(int(char, 36)) for char in number[4:] + number[:4])) % 97 == 1 else 0


def _card(found: bytes, before: bytes) -> int:
    """Of a known issuer, and adding up (ISO/IEC 7812, Luhn); what follows it may be its date."""
    digits = _NO_DIGIT.sub(b"", found)
    for count in CARD_DIGITS:
        size = _size(found, count)
        if (
            count <= len(digits)
            and _is_end(found, size)
            and _CARD.fullmatch(digits[:count])
            and _adds_up(digits[:count])
        ):
            return size
    return 0


def _adds_up(digits: bytes) -> bool:
    numbers = [digit - ord("0") for digit in reversed(digits)]
    return (sum(numbers[::2]) + sum(sum(divmod(2 * number, 10)) for number in numbers[1::2])) % 10 == 0


def _size(found: bytes, count: int) -> int:
    """Bytes up to and with the character of this number, separators not counted."""
    places = [place for place, byte in enumerate(found) if byte not in b" -"]
    return places[count - 1] + 1 if 0 < count <= len(places) else 0


def _is_end(found: bytes, size: int) -> bool:
    return size == len(found) or found[size : size + 1] in (b" ", b"-")


def _phone(found: bytes, before: bytes) -> int:
    """No date, and no later part of another number."""
    is_other = _DATE.match(found) or _NUMBER_BEFORE.search(before)
    return len(found) if len(_NO_DIGIT.sub(b"", found)) in PHONE_DIGITS and not is_other else 0


def _ip(found: bytes, before: bytes) -> int:
    """Of the public internet, and no version."""
    try:
        address = ipaddress.ip_address(found.decode())
    except ValueError:
        return 0
    is_one = address.is_global and not (address.version == 4 and _VERSION_BEFORE.search(before))
    return len(found) if is_one else 0


def _all(found: bytes, before: bytes) -> int:
    return len(found)


def _form(name: str, hint: bytes, size: Callable[[bytes, bytes], int], *pattern: bytes) -> _Form:
    options = re2.Options()
    options.encoding = re2.Options.Encoding.LATIN1
    return _Form(name=name, hint=hint, pattern=re2.compile(b"".join(pattern), options=options), size=size)


_DIGITS = b"0123456789"
_OUTSIDE = rb"(?:^|[^0-9A-Za-z_./,+-])"
"""Before a number that is part of nothing else."""

_FORMS = (
    _form(
        "email",
        b"@",
        _address,
        rb"([A-Za-z0-9\x80-\xff._%+'-]{0,63}[A-Za-z0-9\x80-\xff_%+-]@",
        rb"(?:[A-Za-z0-9\x80-\xff](?:[A-Za-z0-9\x80-\xff-]*[A-Za-z0-9\x80-\xff])?\.)+[A-Za-z]{2,24})\b",
    ),
    _form(
        "iban",
        _DIGITS,
        _iban,
        rb"\b([A-Za-z]{2}[0-9]{2}(?:[ ]?[A-Za-z0-9]{4}){2,7}(?:[ ]?[A-Za-z0-9]{1,3})?)\b",
    ),
    _form("card", _DIGITS, _card, rb"(?:^|[^0-9A-Za-z_.-])([0-9](?:[ -]?[0-9]){13,22})\b"),
    _form(
        "phone",
        b"+",
        _phone,
        rb"(?:^|[^0-9A-Za-z_+])(\+[ ]?[0-9](?:[ ./-]?\(?[0-9]\)?){6,14})\b",
    ),
    _form(
        "phone",
        b"0",
        _phone,
        _OUTSIDE,
        rb"(\(?0(?:0[1-9][0-9]|[1-9][0-9]{1,4})\)?[ ./-]{1,2}(?:\(0\)[ ]?)?[0-9](?:[ ./-]?[0-9]){4,11})\b",
    ),
    _form(  # as they are written in North America
        "phone",
        _DIGITS,
        _all,
        _OUTSIDE,
        rb"((?:1[ .-])?(?:\([2-9][0-9]{2}\)[ ]?[2-9][0-9]{2}[ .-][0-9]{4}|[2-9][0-9]{2}-[2-9][0-9]{2}-[0-9]{4}",
        rb"|[2-9][0-9]{2}\.[2-9][0-9]{2}\.[0-9]{4}))\b",
    ),
    _form(
        "phone",
        _DIGITS,
        _all,
        rb"(?i)\b(?:phone|telephone|tel|mobile|cell|fax|whatsapp|call(?: me)?|text me|telefon|handy|mobil|rufnummer",
        rb"|t\xc3\xa9l(?:\xc3\xa9phone)?|m\xc3\xb3vil)[a-z ]{0,12}[\"']?[.:=]{0,2}[ ]?",
        rb"(?:is |at |on |ist |unter |no\.? |nr\.? )?[\"']?(\+?[0-9](?:[ ./()-]{0,2}[0-9]){6,14})\b",
    ),
    _form(
        "ip",
        b".",
        _ip,
        rb"(?:^|[^0-9A-Za-z_.])((?:[0-9]{1,3}\.){3}[0-9]{1,3})(?:[^0-9A-Za-z_.-]|\.?(?:\s|\z)|:[0-9])",
    ),
    _form(
        "ip",
        b":",
        _ip,
        rb"(?:^|[^0-9A-Za-z_:.])([23][0-9A-Fa-f]{3}:[0-9A-Fa-f:]{2,34}[0-9A-Fa-f:])(?:[^0-9A-Za-z_:.]|\.?(?:\s|\z))",
    ),
)
