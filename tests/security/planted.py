"""Secrets as they stand in real text: the half that the rules were tried on, and how all of them come into a call."""

from __future__ import annotations

import base64
import json
import string
from random import Random
from urllib.parse import quote

import msgspec

from tests.security.planted_unseen import ALNUM, HEX, UNSEEN, URL64, Form, chars, mixed


def _anthropic(chance: Random) -> tuple[str, str]:
    secret = f"sk-ant-api03-{chars(chance, URL64, 93)}AA"
    return secret, f"export ANTHROPIC_API_KEY={secret}"


def _aws_id(chance: Random) -> tuple[str, str]:
    secret = f"ASIA{chars(chance, string.ascii_uppercase + '234567', 16)}"
    return secret, f'{{"AccessKeyId": "{secret}", "Version": 1}}'


def _github(chance: Random) -> tuple[str, str]:
    secret = f"{chance.choice(['ghp_', 'gho_', 'ghs_'])}{chars(chance, ALNUM, 36)}"
    return secret, f"git remote set-url origin https://x-access-token:{secret}@github.com/acme/app.git"


def _gitlab(chance: Random) -> tuple[str, str]:
    secret = f"glpat-{chars(chance, URL64, 20)}"
    return secret, f'curl --header "PRIVATE-TOKEN: {secret}" https://gitlab.com/api/v4/projects'


def _stripe(chance: Random) -> tuple[str, str]:
    secret = f"sk_live_{chars(chance, ALNUM, 24)}"
    return secret, f"Stripe.api_key = '{secret}'"


def _oauth(chance: Random) -> tuple[str, str]:
    secret = f"GOCSPX-{chars(chance, URL64, 28)}"
    return secret, f'{{"web":{{"client_id":"1098.apps.googleusercontent.com","client_secret":"{secret}"}}}}'


def _huggingface(chance: Random) -> tuple[str, str]:
    secret = f"hf_{chars(chance, string.ascii_letters, 34)}"
    return secret, f"huggingface-cli login --token {secret}"


def _npm(chance: Random) -> tuple[str, str]:
    secret = f"npm_{chars(chance, ALNUM, 36)}"
    return secret, f"//registry.npmjs.org/:_authToken={secret}"


def _twilio(chance: Random) -> tuple[str, str]:
    secret = chars(chance, HEX, 32)
    return secret, f"TWILIO_ACCOUNT_SID=AC{chars(chance, HEX, 32)}\nTWILIO_AUTH_TOKEN={secret}"


def _discord(chance: Random) -> tuple[str, str]:
    secret = f"MT{chars(chance, ALNUM, 24)}.G{chars(chance, ALNUM, 5)}.{chars(chance, URL64, 38)}"
    return secret, f"client.login('{secret}')"


def _cloudflare(chance: Random) -> tuple[str, str]:
    secret = chars(chance, URL64, 40)
    return secret, f"CLOUDFLARE_API_TOKEN={secret}"


def _mongo(chance: Random) -> tuple[str, str]:
    secret = mixed(chance, 16)
    return secret, f'mongo_uri: "mongodb+srv://svc_app:{secret}@cluster0.abcde.mongodb.net/prod?retryWrites=true"'


def _env_password(chance: Random) -> tuple[str, str]:
    secret = mixed(chance, 14)
    return secret, f"export SMTP_PASSWORD='{secret}'"


def _code_password(chance: Random) -> tuple[str, str]:
    secret = mixed(chance, 10)
    return secret, f"conn = connect(host='db', user='root', password='{secret}')"


def _netrc(chance: Random) -> tuple[str, str]:
    secret = mixed(chance, 14)
    return secret, f"machine git.acme.dev\n  login ci\n  password {secret}"


def _api_key_header(chance: Random) -> tuple[str, str]:
    secret = chars(chance, HEX, 32)
    return secret, f"requests.get(url, headers={{'X-API-Key': '{secret}'}})"


def _api_key_yaml(chance: Random) -> tuple[str, str]:
    secret = chars(chance, ALNUM, 32)
    return secret, f"weather:\n  api_key: {secret}\n  units: metric"


def _django(chance: Random) -> tuple[str, str]:
    secret = chars(chance, string.ascii_lowercase + string.digits + "!@#$%^&*(-_=+)", 49) + "7"
    return secret, f"SECRET_KEY = 'django-insecure-{secret}'"


def _kubernetes(chance: Random) -> tuple[str, str]:
    secret = base64.b64encode(mixed(chance, 18).encode()).decode()
    return secret, f"apiVersion: v1\nkind: Secret\ndata:\n  password: {secret}\ntype: Opaque"


def _mysql(chance: Random) -> tuple[str, str]:
    secret = mixed(chance, 12)
    return secret, f"mysqldump -h db1 -u root -p{secret} shop > shop.sql"


def _redis(chance: Random) -> tuple[str, str]:
    secret = chars(chance, ALNUM, 24)
    return secret, f"REDIS_URL=redis://:{secret}@cache:6379/0"


def _encoded(chance: Random) -> tuple[str, str]:
    secret = base64.b64encode(f"Authorization: Bearer {chars(chance, ALNUM, 40)}".encode()).decode()
    return secret, f'extraheader = "{secret}"'


def _german(chance: Random) -> tuple[str, str]:
    secret = mixed(chance, 12)
    return secret, f"Mein Passwort ist {secret} und damit komme ich nicht rein."


def _azure_client(chance: Random) -> tuple[str, str]:
    secret = f"{chars(chance, ALNUM, 3)}8Q~{chars(chance, URL64 + '.~', 34)}"
    return secret, f'az login --service-principal -u app -p "{secret}" --tenant acme'


SEEN: dict[str, Form] = {
    "anthropic": _anthropic,
    "aws-id": _aws_id,
    "github": _github,
    "gitlab": _gitlab,
    "stripe": _stripe,
    "oauth": _oauth,
    "huggingface": _huggingface,
    "npm": _npm,
    "twilio": _twilio,
    "discord": _discord,
    "cloudflare": _cloudflare,
    "mongo": _mongo,
    "env-password": _env_password,
    "code-password": _code_password,
    "netrc": _netrc,
    "api-key-header": _api_key_header,
    "api-key-yaml": _api_key_yaml,
    "django": _django,
    "kubernetes": _kubernetes,
    "mysql": _mysql,
    "redis": _redis,
    "encoded": _encoded,
    "german": _german,
    "azure-client": _azure_client,
}

WAYS = ("user", "system", "tool", "code", "parts", "arguments", "escaped", "encoded", "reply", "stream", "called")
"""By which a secret comes into a call: `parts` is broken over two parts of a message, `stream` over many chunks of an
answer, `called` is in arguments that the answer holds."""


class Planted(msgspec.Struct, frozen=True, kw_only=True):
    """A secret, and a text in which it stands."""

    form: str
    secret: str
    said: str
    way: str
    is_unseen: bool

    @property
    def needles(self) -> tuple[bytes, ...]:
        """What must not be found: the secret as it is and as it would be escaped, and a piece out of its middle."""
        plain = self.secret
        forms = {plain, json.dumps(plain)[1:-1], quote(plain, safe=""), plain.replace("/", "\\/")}
        if len(plain) >= 24 and self.way != "parts":
            forms.add(plain[len(plain) // 2 - 8 : len(plain) // 2 + 8])
        return tuple(form.encode() for form in forms)


def planted(count: int, seed: int) -> list[Planted]:
    """So many secrets: every form in turn, and every way."""
    chance = Random(seed)
    forms = [(name, form, False) for name, form in SEEN.items()] + [(name, form, True) for name, form in UNSEEN.items()]
    chance.shuffle(forms)
    made: list[Planted] = []
    for number in range(count):
        name, form, is_unseen = forms[number % len(forms)]
        secret, text = form(chance)
        way = WAYS[(number + number // len(forms)) % len(WAYS)]
        made.append(Planted(form=name, secret=secret, said=_said(text, way), way=way, is_unseen=is_unseen))
    return made


def _said(text: str, way: str) -> str:
    """The text as it comes by a way."""
    if way == "code":
        return f"Why does this not work?\n```\n{text}\n```\nIt worked yesterday."
    if way == "escaped":  # a log of a request, whose body is JSON with more escapes than it needs
        body = json.dumps({"content": text}).replace("/", "\\/").replace("-", "\\u002d")
        return f"the log says: {json.dumps({'body': body})}"
    if way == "encoded":
        return f"GET /search?q={quote(text, safe='')}&page=2 answered with 404"
    if way in ("arguments", "called"):
        return json.dumps({"path": "notes.txt", "content": text, "mode": 420})
    if way == "user":
        return f"Please remember this for later: {text}"
    return text
