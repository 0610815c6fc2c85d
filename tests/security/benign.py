"""Texts that look as if they held secrets, and hold none; and talk that holds none either."""

from __future__ import annotations

import base64
import csv
import hashlib
import json
import uuid
from collections.abc import Iterator
from pathlib import Path
from random import Random

from tests.security.planted_unseen import HEX, URL64, chars

_ABOUT = (
    "account order invoice token password secret key session user config server deploy cluster review branch commit "
    "payment shipping address customer ticket report cookie header request response cache queue worker schema index"
)
WORDS = _ABOUT.split()


def _uuid(chance: Random) -> str:
    return str(uuid.UUID(int=chance.getrandbits(128), version=4))


def _digest(chance: Random, size: int) -> str:
    return hashlib.sha256(chance.randbytes(8)).hexdigest()[:size]


def _isbn(chance: Random) -> str:
    digits = "978" + "".join(chance.choices("0123456789", k=9))
    check = -sum(int(digit) * (1, 3)[place % 2] for place, digit in enumerate(digits)) % 10
    return f"{digits[:3]}-{digits[3]}-{digits[4:6]}-{digits[6:]}-{check}"


def _word(chance: Random) -> str:
    return chance.choice(WORDS)


def code_like(chance: Random) -> str:
    """One text of the sort that developers paste."""
    word, other, number = _word(chance), _word(chance), chance.randrange(10_000)
    day = f"20{chance.randrange(10, 27)}-{chance.randrange(1, 13):02}-{chance.randrange(1, 29):02}"
    version = f"{chance.randrange(12)}.{chance.randrange(30)}.{chance.randrange(30)}"
    image = base64.b64encode(chance.randbytes(300)).decode()
    return chance.choice(
        [
            f"commit {_digest(chance, 40)}\nAuthor: dev\nDate: {day}\n\n    Fix {word} of {other}",
            f"{_digest(chance, 7)}..{_digest(chance, 7)}  main -> origin/main",
            f'{{"id": "{_uuid(chance)}", "{word}_id": {number}, "created_at": "{day}T10:12:33.123Z"}}',
            f"sha256:{_digest(chance, 64)}",
            f'"integrity": "sha512-{base64.b64encode(chance.randbytes(64)).decode()}"',
            f"![{word}](data:image/png;base64,{image})",
            f"{word}=={version}\n{other}>={version},<{chance.randrange(12, 20)}",
            f"Upgraded {word} from v{version}.1 to v{version}.2, see release {version}.{number}",
            f"ISBN {_isbn(chance)}, first edition {day}",
            f"Order no. {chance.randrange(10**9)}-{number}, tracking 1Z{chars(chance, '0123456789ABCDEF', 16)}",
            f"ping 192.168.{number % 256}.{number % 250} and 10.0.0.{number % 256}; docs use 203.0.113.{number % 256}",
            f"def get_{word}(self, {other}: str | None = None) -> str:\n    return self._{word}[{other}]",
            f"password = os.environ['{word.upper()}_PASSWORD']\ntoken = get_token({other})",
            f"const {{ {word}, {other} }} = await fetch{word.title()}(apiKey, secretKey);",
            f"  {word}_password: ${{{word.upper()}_PASSWORD}}\n  {other}_key: {{{{ vault.{other} }}}}",
            f'"password": "<your password>", "api_key": "YOUR_API_KEY_{number}"',
            f"password: str = Field(min_length={number % 20 + 8}, description='Password of the {word}')",
            f"The password must have at least {number % 20 + 8} characters, and the token expires after {number} days.",
            f"primary_key: {word}_{other}_{number}\nforeign_key: {other}.{word}_id",
            f"sort_key = '{word}-{other}', partition key: {word}#{number}",
            f"cache key: {word}:{other}:{number}, hit ratio 0.{number}",
            f"[{day} 12:{number % 60:02}:01,{number % 1000}] INFO {word}.{other}: {number} ms, 0x{_digest(chance, 9)}",
            f"ERROR in {_uuid(chance)}: token limit of {number} exceeded (max_tokens={number})",
            f"https://github.com/acme/{word}/blob/{_digest(chance, 40)}/src/{other}.py#L{number}",
            f"https://shop.example.com/{word}/{number}?utm_source={other}&session_expired=1",
            f"SELECT {word}, {other}_token FROM {other}s WHERE token_type = 'refresh' AND id = {number};",
            f"curl -X POST http://localhost:8080/{word} -H 'Content-Type: application/json' -d '{{\"n\": {number}}}'",
            f"Authorization: Bearer <token>\nCookie: {word}=1; theme=dark",
            f"from {word}.{other} import {word.title()}Secret, {other.title()}Token as Token{number}",
            f"class {word.title()}Key(BaseModel):\n    key: str\n    secret: SecretStr\n    token: str | None = None",
            f"if (user.password !== form.password) throw new Error('passwords of {word} do not match');",
            f'<input type="password" name="{word}_password" placeholder="Password" id="p{number}">',
            f'build: {chars(chance, HEX, 8)}-{chars(chance, HEX, 4)}, etag W/"{chars(chance, HEX, 16)}"',
            f"video id {chars(chance, URL64, 11)}, doc {chars(chance, URL64, 44)}",
            f"at {day} {number % 24:02}:{number % 60:02}:09 the {word} had {number} {other}s, 1716239022 in all",
            f"MAC 00:1b:{number % 90 + 10}:aa:bb:cc, std::{word}::{other}, fe80::1",
            f"--{word}-key-file=/etc/{word}/{other}.key --token-file ./{other}_token.txt",
            f"type Token{number} = {{ kind: 'secret'; key: keyof {word.title()}; session: Session{number} }}",
        ]
    )


def talk(folder: Path | None) -> Iterator[str]:
    """What people said, where the evaluation data is at hand."""
    if folder is None:
        return
    for conversation in json.loads((folder / "locomo-dev.json").read_text()):
        for turns in conversation["conversation"].values():
            if isinstance(turns, list):
                yield from (turn["text"] for turn in turns if "text" in turn)
    for task in json.loads((folder / "tau-airline-dev.json").read_text()):
        yield from (str(turn["content"]) for turn in task.get("traj", ()) if turn.get("content"))
    with (folder / "banking77-test.csv").open() as file:
        yield from (row["text"] for row in csv.DictReader(file))


def benign(count: int, seed: int, folder: Path | None) -> list[str]:
    """So many texts, half of them talk where there is any."""
    chance = Random(seed)
    said = list(talk(folder))
    chance.shuffle(said)
    said = said[: count // 2]
    return said + [code_like(chance) for _ in range(count - len(said))]
