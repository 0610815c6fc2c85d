from __future__ import annotations

import pytest

from gateway.sensitive import personal
from gateway.sensitive.views import View


def found(text: str) -> list[tuple[str, str]]:
    data = text.encode()
    return [(span.name, data[span.start : span.end].decode()) for span in personal.find(View(data))]


@pytest.mark.parametrize(
    ("name", "number", "text"),
    [
        ("email", "anna.b+news@mail.acme.co.uk", "write to anna.b+news@mail.acme.co.uk."),
        ("email", "jörg@müller.de", "<jörg@müller.de>"),
        ("email", "anna%40acme.org", "https://acme.dev/login?user=anna%40acme.org&x=1"),
        ("iban", "DE89 3704 0044 0532 0130 00", "IBAN: DE89 3704 0044 0532 0130 00 and thanks"),
        ("iban", "GB82WEST12345698765432", "to GB82WEST12345698765432."),
        ("iban", "de89370400440532013000", "to de89370400440532013000"),
        ("card", "4111 1111 1111 1111", "4111 1111 1111 1111 12/27"),
        ("card", "5555-5555-5555-4444", "card 5555-5555-5555-4444, please"),
        ("card", "378282246310005", '{"number": "378282246310005"}'),
        ("phone", "+49 (0) 171 1234567", "call +49 (0) 171 1234567 at noon"),
        ("phone", "+1-212-555-0123", "(+1-212-555-0123)"),
        ("phone", "0171 1234567", "unter 0171 1234567 bin ich da"),
        ("phone", "030/1234567", "Büro: 030/1234567"),
        ("phone", "0041 79 123 45 67", "it is 0041 79 123 45 67"),
        ("phone", "(555) 212-0123", "my number: (555) 212-0123"),
        ("phone", "415-555-2671", "415-555-2671 is mine"),
        ("phone", "5552671", "phone: 5552671"),
        ("ip", "8.8.4.4", "from 8.8.4.4:443"),
        ("ip", "93.184.216.34", "curl http://93.184.216.34/x"),
        ("ip", "2a00:1450:4001:81b::200e", "ping 2a00:1450:4001:81b::200e."),
    ],
)
def test_what_tells_who_somebody_is_is_found(name: str, number: str, text: str) -> None:
    assert (name, number) in found(text)


@pytest.mark.parametrize(
    "text",
    [
        "git@github.com:acme/app.git",
        "react@18.2.0 and @types/node@20.1.1",
        "DE89 3704 0044 0532 0130 01 does not add up",
        "XY89 3704 0044 0532 0130 00",
        "4111 1111 1111 1112 does not add up, 9111 1111 1111 1111 is nobody's",
        "ISBN 978-3-16-148410-0, ISBN 0-306-40615-2",
        "01.02.2024 10:15, 2024-01-02, 1716239022, 0.1234567890",
        "version 1.2.3.4, v10.0.19041.1, nginx/1.2.3.4, requests==2.31.0.1",
        "10.0.0.1 192.168.1.1 127.0.0.1 203.0.113.7 999.1.1.1 0.0.0.0",
        "2001:db8::1 fe80::1 std::vector a::b 12:34:56 00:1b:44:11:3a:b7",
        "order 123456789012, ticket 000-1234, 1Z999AA10123456784",
        "b9121234-5678-4123-9123-123456789abc",
    ],
)
def test_what_only_looks_like_it_is_left(text: str) -> None:
    assert found(text) == []
