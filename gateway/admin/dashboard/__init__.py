"""The dashboard below `/accrue/`: what an operator sees and does, as pages that need no JavaScript."""

from gateway.admin.dashboard.passes import Passes
from gateway.admin.dashboard.render import link
from gateway.admin.dashboard.signin import SIGN_IN
from gateway.admin.dashboard.site import routes
from gateway.ports import Clock

__all__ = ["routes", "signing_in"]


def signing_in(admin_key: str, clock: Clock) -> str:
    """The path of a link that signs its reader in, once and soon."""
    return link(SIGN_IN, ticket=Passes(admin_key, clock).give("ticket"))
