"""Who may read metrics. They tell how busy an installation is, so a stranger gets none of them."""

import hmac
import ipaddress
from collections.abc import Sequence
from typing import Final, Literal, TypeAlias

from pydantic import SecretStr

Answer: TypeAlias = Literal["yes", "token", "only here"]
"""Read them; come with the token (again); there is no token, and only who is on this machine may read them."""

_SCHEME: Final = "Bearer "


class Readers:
    """With a token only who has it; without one only this machine, and in production nobody.

    A proxy on this machine makes everybody on the internet look like somebody here, and not every proxy says that it is
    one: so production asks for the token always.
    """

    def __init__(self, token: SecretStr | None, *, is_production: bool) -> None:
        self._token = None if token is None else token.get_secret_value().encode("utf-8", "surrogateescape")
        self._open_here = token is None and not is_production

    def may(self, authorization: Sequence[str], peer: str, *, is_forwarded: bool) -> Answer:
        """Whether to answer; `authorization`: all headers of this name, `is_forwarded`: a proxy says so."""
        if self._token is not None:
            given = authorization[0] if len(authorization) == 1 else ""
            shown = given.removeprefix(_SCHEME) if given.startswith(_SCHEME) else ""
            # Latin-1 is what header bytes are read as; the comparison takes as long for every token of one length.
            is_right = hmac.compare_digest(shown.encode("latin-1", "replace"), self._token)
            return "yes" if is_right else "token"
        return "yes" if self._open_here and not is_forwarded and is_loopback(peer) else "only here"


def is_loopback(host: str) -> bool:
    """Whether an address or a name is this machine and no other."""
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"
