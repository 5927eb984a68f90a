"""Every Redis key that is ours and not BullMQ's: one function per key, its lifetime in its docstring.

All begin with `oxyq:` and the BullMQ prefix in use, so that two installations may share one Redis.
"""

from urllib.parse import quote

from oxyq.queues import REMEMBER_SECONDS

CAMPAIGN_SECONDS = 30 * 24 * 3600
#: As long as a job's id is remembered: for that long the same message may be asked for again.
MESSAGE_SECONDS = REMEMBER_SECONDS
REACHED_SECONDS = 24 * 3600


def organization(organization_id: str, *, prefix: str = "bull") -> str:
    """String: the settings of one organization as JSON. No TTL: settings live until they are changed."""
    return _tenant_key(prefix, organization_id, "organization")


def organizations_index(*, prefix: str = "bull") -> str:
    """Set: the ids of all organizations. No TTL: settings."""
    return _key(prefix, "organizations")


def campaign(organization_id: str, campaign_id: str, *, prefix: str = "bull") -> str:
    """Hash: the counters and the state of one campaign. TTL 30 days."""
    return _tenant_key(prefix, organization_id, "campaign", campaign_id)


def campaign_recipients(organization_id: str, campaign_id: str, *, prefix: str = "bull") -> str:
    """Hash: how it ended for each recipient of one campaign. TTL 30 days."""
    return _tenant_key(prefix, organization_id, "campaign-recipients", campaign_id)


def message(organization_id: str, message_key: str, *, prefix: str = "bull") -> str:
    """Hash: the ledger's entry of one outgoing message. TTL 8 days."""
    return _tenant_key(prefix, organization_id, "message", message_key)


def contact(organization_id: str, contact: str, *, prefix: str = "bull") -> str:
    """Hash: whether one person wants campaigns. No TTL: a wish to be left alone does not run out."""
    return _tenant_key(prefix, organization_id, "contact", contact)


def reached(organization_id: str, contact: str, *, prefix: str = "bull") -> str:
    """String: a campaign or reminder went out to this person. TTL 1 day."""
    return _tenant_key(prefix, organization_id, "reached", contact)


def _tenant_key(prefix: str, organization_id: str, *parts: str) -> str:
    return _key(prefix, "org", organization_id, *parts)


def _key(prefix: str, *parts: str) -> str:
    # Tenants choose some of these parts. Quoted, "a:b" cannot reach into another tenant's keys.
    return ":".join(("oxyq", prefix, *(quote(part, safe="") for part in parts)))
