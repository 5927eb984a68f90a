"""Whether somebody decided of a key how it goes into a snapshot."""

from oxyq.snapshot.inventory import OF_ALL, OF_ORGANIZATIONS, our_key, queue_family
from tests.versions.dump import Key


def without_row(keys: list[Key], prefix: str) -> list[str]:
    """The names of these keys that have no row in snapshot/inventory.py."""
    return [str(key["key"]) for key in keys if not _has_row(str(key["key"]), key["type"], prefix)]


def _has_row(name: str, kind: str, prefix: str) -> bool:
    ours = f"oxyq:{prefix}:"
    if name.startswith(ours):
        found = our_key(name.removeprefix(ours).encode())
        return found.family.name in (OF_ALL if found.organization_id is None else OF_ORGANIZATIONS)
    queue, _, rest = name.removeprefix(f"{prefix}:").partition(":")
    # Of what has no name of its own only jobs are taken: they are hashes.
    return queue == "oxyq-interrupt" or queue_family(rest.encode()).name != "job" or kind == "hash"
