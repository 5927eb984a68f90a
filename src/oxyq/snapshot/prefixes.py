"""Another BullMQ prefix than the one that was exported: where keys stand inside of values."""

from collections.abc import Sequence
from typing import Final

#: Fields of a job that name its parent by its key, as BullMQ writes them.
_PARENT_FIELDS: Final = (b"parentKey", b"parent", b"opts")
#: Beside a parent: its children by their keys (families of the inventory).
_CHILDREN: Final = frozenset(("dependencies", "processed", "unsuccessful", "failed children"))


class Renaming:
    """Replaces one prefix by another in values that hold keys."""

    def __init__(self, before: str, after: str) -> None:
        self._before, self._after = f"{before}:".encode(), f"{after}:".encode()
        self._needs_none = before == after

    def of_job(self, fields: Sequence[bytes]) -> list[bytes]:
        """The fields of a job (names and values), naming its parent as it is called now."""
        if self._needs_none or b"parentKey" not in fields[::2]:
            return list(fields)
        renamed = list(fields)
        for at in range(0, len(renamed), 2):
            if renamed[at] == b"parentKey":
                renamed[at + 1] = self._key(renamed[at + 1])
            elif renamed[at] in _PARENT_FIELDS:
                for name in (b'"queueKey":"', b'"queue":"'):
                    renamed[at + 1] = renamed[at + 1].replace(name + self._before, name + self._after)
        return renamed

    def of_part(self, family: str, items: Sequence[bytes]) -> list[bytes]:
        """The items of a key of this family."""
        if self._needs_none or family not in _CHILDREN:
            return list(items)
        return [self._key(item) for item in items]

    def _key(self, key: bytes) -> bytes:
        return self._after + key[len(self._before) :] if key.startswith(self._before) else key
