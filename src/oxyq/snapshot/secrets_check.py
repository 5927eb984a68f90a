"""Sealed secrets come along sealed: they are of use only with the key that sealed them."""

from collections.abc import Callable

from oxyq.sealing import Sealer
from oxyq.snapshot.inventory import our_key
from oxyq.snapshot.records import Key, Record, all_bytes, bytes_of


class SecretsCheck:
    """Looks at records, and raises ConfigurationError for the first secret that our key does not open."""

    def __init__(self, make_sealer: Callable[[], Sealer]) -> None:
        self._make_sealer = make_sealer
        self._sealer: Sealer | None = None

    def look(self, record: Record) -> None:
        """Open the secrets of a number, if that is what the record is."""
        if not isinstance(record, Key) or record.space != "oxyq":
            return
        key = our_key(bytes_of(record.key))
        if key.organization_id is not None or key.family.name != "instance-secrets":
            return
        # Asked for only here: most installations have no secret, and need no key.
        self._sealer = self._sealer or self._make_sealer()
        items = [item.decode("utf-8", "replace") for item in all_bytes(record.items)]
        for name, sealed in zip(items[::2], items[1::2], strict=True):
            self._sealer.open(sealed, f"{key.of}:{name}")
