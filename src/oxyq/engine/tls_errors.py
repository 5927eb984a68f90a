"""Why a connection could not be opened, with what to do about it where the error itself does not say."""

import ssl
from typing import Final

#: What OpenSSL says of a certificate (its numbers are in x509_vfy.h) -> the fix.
CERTIFICATES: Final[dict[int, str]] = {
    9: "it is not valid yet: set the clock of this machine, or of the one that made the certificate",
    10: "the certificate has expired: renew it on the server",
    18: "nobody we trust has signed it: give its authority's certificate with OXYQ_REDIS_CA_FILE",
    19: "nobody we trust has signed it: give its authority's certificate with OXYQ_REDIS_CA_FILE",
    20: "nobody we trust has signed it: give its authority's certificate with OXYQ_REDIS_CA_FILE",
    62: "it is for another name: write a host in REDIS_URL that stands in the certificate",
    64: "it is for another address: write a host in REDIS_URL that stands in the certificate",
}
_NO_TLS: Final = "if the server speaks no TLS at this port, write redis://, or give its TLS port"
_NO_CERTIFICATE: Final = "if the server asks who we are, give OXYQ_REDIS_CLIENT_CERT and OXYQ_REDIS_CLIENT_KEY"
#: Words of the error a handshake ends with -> the fix. OpenSSL has changed its words for the same over time; and Redis
#: without TLS just waits for the rest of what it takes for a command.
HANDSHAKES: Final[dict[str, str]] = {
    "handshake is taking longer": _NO_TLS,
    "handshake operation timed out": _NO_TLS,
    "WRONG_VERSION_NUMBER": _NO_TLS,
    "RECORD_LAYER_FAILURE": _NO_TLS,
    "PACKET_LENGTH_TOO_LONG": _NO_TLS,
    "CERTIFICATE_REQUIRED": _NO_CERTIFICATE,
    "HANDSHAKE_FAILURE": _NO_CERTIFICATE,
    "EOF occurred": _NO_CERTIFICATE,
    "UNKNOWN_CA": "the server does not know who signed OXYQ_REDIS_CLIENT_CERT: let its authority sign one",
    "CERTIFICATE_EXPIRED": "OXYQ_REDIS_CLIENT_CERT has expired: renew it",
    "BAD_CERTIFICATE": "the server refuses OXYQ_REDIS_CLIENT_CERT: give one that it accepts",
}


def explained(error: BaseException) -> str:
    """The error in one line, and the fix if it is one of TLS."""
    said = str(error) or type(error).__name__
    if isinstance(error, ssl.SSLCertVerificationError):
        fix = CERTIFICATES.get(error.verify_code)
    else:
        fix = next((fix for words, fix in HANDSHAKES.items() if words in said), None)
    return said if fix is None else f"{said}; {fix}"
