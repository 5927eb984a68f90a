"""Where a request comes from."""

import ipaddress

from fastapi import Request


def client_address(request: Request, trusted_proxies: int) -> str:
    """The IP address of whoever sent this, "" when nobody knows it.

    Anyone may write `X-Forwarded-For`: only what our own `trusted_proxies` added at its end is believed.
    """
    nearest = request.client.host if request.client else ""
    if trusted_proxies == 0:
        return nearest
    entries = [entry.strip() for line in request.headers.getlist("x-forwarded-for") for entry in line.split(",")]
    # Shorter than the chain of our proxies, it did not come through all of them.
    said = _address(entries[-trusted_proxies]) if len(entries) >= trusted_proxies else None
    return said or nearest


def _address(entry: str) -> str | None:
    """An entry's address: some proxies put a port behind it, and IPv6 in brackets."""
    host = entry[1:].partition("]")[0] if entry.startswith("[") else entry
    if host.count(":") == 1:
        host = host.partition(":")[0]
    try:
        return str(ipaddress.ip_address(host))
    except ValueError:
        return None
