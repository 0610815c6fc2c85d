"""Users whom Open WebUI has signed for: a token that says who speaks, which nobody without its secret can write."""

from __future__ import annotations

import jwt
import msgspec
from jwt.types import Options

from gateway.errors import Unauthorized
from gateway.headers import first_value
from gateway.ports import Clock, Headers

HEADER = b"x-openwebui-user-jwt"

ISSUER = "open-webui"

LEEWAY_S = 30.0
"""That two machines' clocks may differ by."""

OPTIONS: Options = {"require": ["sub", "exp", "iss"], "verify_exp": False, "verify_iat": False, "verify_nbf": False}
"""Time comes from the clock alone, so the library is not let near the machine's (promise P12)."""


class OpenWebUi(msgspec.Struct, frozen=True, kw_only=True):
    """An Open WebUI that signs (`FORWARD_USER_INFO_HEADER_JWT_SECRET`)."""

    secret: str
    clock: Clock

    def user(self, headers: Headers) -> str | None:
        """The user it signed for; None where there is no token. Raises `Unauthorized` for one that is not valid."""
        token = first_value(headers, HEADER)
        if not token:
            return None
        try:
            claims = jwt.decode(token, self.secret, algorithms=["HS256"], issuer=ISSUER, options=OPTIONS)
        except jwt.InvalidTokenError as error:
            raise _invalid(str(error)) from error
        expires = claims["exp"]
        if not isinstance(expires, int | float) or expires + LEEWAY_S < self.clock.now():
            raise _invalid("it has expired")
        return str(claims["sub"])


def _invalid(reason: str) -> Unauthorized:
    return Unauthorized(f"{HEADER.decode()} is not valid: {reason}", code="invalid_user_token")
