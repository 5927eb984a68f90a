"""What the bridge and we know each other by: both are made from OXYQ_BRIDGE_KEY, and neither tells it."""

import hashlib
import hmac


def http_token(key: str) -> str:
    """The token of our calls to the bridge (hex)."""
    return _derived(key, "oxyq bridge http")


def webhook_key(key: str) -> str:
    """The key that signs the bridge's webhooks (hex, used as its ASCII bytes)."""
    return _derived(key, "oxyq bridge webhook")


def _derived(key: str, purpose: str) -> str:
    return hmac.new(key.encode(), purpose.encode(), hashlib.sha256).hexdigest()
