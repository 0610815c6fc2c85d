"""Secrets as they stand in real text, written down before there were rules: the half that no rule was written for.

Every value is made up by a seeded chance; only the formats are real.
"""

from __future__ import annotations

import base64
import string
from collections.abc import Callable
from random import Random

ALNUM = string.ascii_letters + string.digits
URL64 = ALNUM + "-_"
BASE64 = ALNUM + "+/"
HEX = string.digits + "abcdef"
UPPER = string.ascii_uppercase + string.digits

Form = Callable[[Random], tuple[str, str]]
"""Makes a secret, and the text in which somebody would write it."""


def chars(chance: Random, alphabet: str, length: int) -> str:
    return "".join(chance.choices(alphabet, k=length))


def mixed(chance: Random, length: int) -> str:
    """Of letters, digits and marks, at least one of each, as people are asked to choose passwords."""
    body = chars(chance, ALNUM, length - 3)
    return f"{body}{chance.choice(string.ascii_uppercase)}{chance.choice(string.digits)}{chance.choice('!#*?')}"


def _openai(chance: Random) -> tuple[str, str]:
    secret = f"sk-proj-{chars(chance, URL64, 74)}T3BlbkFJ{chars(chance, URL64, 74)}"
    return secret, f"client = OpenAI(api_key='{secret}')"


def _aws_secret(chance: Random) -> tuple[str, str]:
    secret = chars(chance, BASE64, 40)
    key = f"AKIA{chars(chance, string.ascii_uppercase + '234567', 16)}"
    return secret, f"[default]\naws_access_key_id = {key}\naws_secret_access_key = {secret}\nregion = eu-central-1"


def _github_fine(chance: Random) -> tuple[str, str]:
    secret = f"github_pat_{chars(chance, ALNUM, 22)}_{chars(chance, ALNUM, 59)}"
    return secret, f"git clone https://oauth2:{secret}@github.com/acme/site.git"


def _slack(chance: Random) -> tuple[str, str]:
    secret = f"xoxb-{chars(chance, string.digits, 12)}-{chars(chance, string.digits, 13)}-{chars(chance, ALNUM, 24)}"
    return secret, f"SLACK_BOT_TOKEN={secret}"


def _google(chance: Random) -> tuple[str, str]:
    secret = f"AIza{chars(chance, URL64, 35)}"
    return secret, f"https://maps.googleapis.com/maps/api/js?key={secret}&callback=init"


def _jwt(chance: Random) -> tuple[str, str]:
    def part(text: str) -> str:
        return base64.urlsafe_b64encode(text.encode()).decode().rstrip("=")

    claims = part(f'{{"sub":"{chars(chance, string.digits, 10)}","iat":1716239022}}')
    head = part('{"alg":"HS256","typ":"JWT"}')
    secret = f"{head}.{claims}.{chars(chance, URL64, 43)}"
    return secret, f"it answers with 200 when I send {secret} along"


def _pem(chance: Random) -> tuple[str, str]:
    lines = [chars(chance, BASE64, 64) for _ in range(12)]
    body = "\n".join(lines)
    kind = chance.choice(["RSA PRIVATE KEY", "PRIVATE KEY", "OPENSSH PRIVATE KEY", "EC PRIVATE KEY"])
    return lines[7], f"-----BEGIN {kind}-----\n{body}\n-----END {kind}-----"


def _postgres(chance: Random) -> tuple[str, str]:
    secret = mixed(chance, 14)
    return secret, f"DATABASE_URL=postgresql://app:{secret}@db.internal:5432/shop?sslmode=require"


def _yaml_password(chance: Random) -> tuple[str, str]:
    secret = mixed(chance, 12)
    return secret, f"database:\n  host: db1\n  user: app\n  password: {secret}\n  port: 5432"


def _json_password(chance: Random) -> tuple[str, str]:
    secret = mixed(chance, 12)
    return secret, f'{{"username": "anna", "password": "{secret}", "remember": true}}'


def _bearer(chance: Random) -> tuple[str, str]:
    secret = chars(chance, ALNUM, 40)
    return secret, f'curl -H "Authorization: Bearer {secret}" https://api.acme.dev/v2/items'


def _cookie(chance: Random) -> tuple[str, str]:
    secret = chars(chance, ALNUM, 32)
    return secret, f"Cookie: lang=de; sessionid={secret}; theme=dark"


def _curl_user(chance: Random) -> tuple[str, str]:
    secret = mixed(chance, 12)
    return secret, f"curl -u deploy:{secret} https://ci.acme.dev/job/build"


def _azure_storage(chance: Random) -> tuple[str, str]:
    secret = chars(chance, BASE64, 86) + "=="
    return secret, (
        f"DefaultEndpointsProtocol=https;AccountName=acmestore;AccountKey={secret};EndpointSuffix=core.windows.net"
    )


def _sendgrid(chance: Random) -> tuple[str, str]:
    secret = f"SG.{chars(chance, URL64, 22)}.{chars(chance, URL64, 43)}"
    return secret, f"sendgrid.setApiKey('{secret}')"


def _telegram(chance: Random) -> tuple[str, str]:
    secret = f"{chars(chance, '123456789', 10)}:AA{chars(chance, URL64, 33)}"
    return secret, f"https://api.telegram.org/bot{secret}/getMe"


def _digital_ocean(chance: Random) -> tuple[str, str]:
    secret = f"dop_v1_{chars(chance, HEX, 64)}"
    return secret, f"doctl auth init -t {secret}"


def _pypi(chance: Random) -> tuple[str, str]:
    secret = f"pypi-AgEIcHlwaS5vcmc{chars(chance, URL64, 120)}"
    return secret, f"[pypi]\nusername = __token__\npassword = {secret}"


def _spoken_password(chance: Random) -> tuple[str, str]:
    secret = mixed(chance, 11)
    return secret, f"the wifi password is {secret}, please write it on the card"


def _basic(chance: Random) -> tuple[str, str]:
    secret = base64.b64encode(f"admin:{mixed(chance, 12)}".encode()).decode()
    return secret, f"Authorization: Basic {secret}"


def _sql_server(chance: Random) -> tuple[str, str]:
    secret = mixed(chance, 12)
    return secret, f"Server=tcp:db.acme.dev,1433;Database=shop;User Id=sa;Password={secret};Encrypt=True;"


def _vault(chance: Random) -> tuple[str, str]:
    secret = f"hvs.{chars(chance, URL64, 95)}"
    return secret, f"export VAULT_TOKEN={secret}"


def _client_secret(chance: Random) -> tuple[str, str]:
    secret = chars(chance, ALNUM, 36)
    return secret, f'config = {{ clientId: "web-app", clientSecret: "{secret}" }}'


def _accrue(chance: Random) -> tuple[str, str]:
    secret = f"sk-accrue-{chars(chance, URL64, 43)}"
    return secret, f"OPENAI_API_KEY={secret} opencode run"


UNSEEN: dict[str, Form] = {
    "openai": _openai,
    "aws-secret": _aws_secret,
    "github-fine-grained": _github_fine,
    "slack": _slack,
    "google": _google,
    "jwt": _jwt,
    "pem": _pem,
    "postgres-url": _postgres,
    "yaml-password": _yaml_password,
    "json-password": _json_password,
    "bearer": _bearer,
    "cookie": _cookie,
    "curl-user": _curl_user,
    "azure-storage": _azure_storage,
    "sendgrid": _sendgrid,
    "telegram": _telegram,
    "digital-ocean": _digital_ocean,
    "pypi": _pypi,
    "spoken-password": _spoken_password,
    "basic": _basic,
    "sql-server": _sql_server,
    "vault": _vault,
    "client-secret": _client_secret,
    "accrue": _accrue,
}
