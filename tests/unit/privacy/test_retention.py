"""What the page on privacy says of how long things are kept is what their keys say."""

import inspect
import re
from collections.abc import Iterator
from pathlib import Path

import pytest

from oxyq import redis_keys
from oxyq.privacy.inventory import FAMILIES, Whose
from oxyq.queues import POLICIES

DOCS = Path(__file__).parents[3] / "docs" / "how-to"
DAY = 24 * 3600
#: What the keys say of a lifetime, by how the pages begin to say it.
_MONTH = "TTL (30 days|as the organization says, 30 days)"
LIFETIMES = {
    "30 da": _MONTH, "30 di": _MONTH,
    "8 da": "TTL 8 days", "8 di": "TTL 8 days", "1 day": "TTL 1 day", "1 dia": "TTL 1 day", "1 year": "TTL 1 year",
    "1 ano": "TTL 1 year", "48 ho": "TTL 48 hours", "90 da": "90 days", "90 di": "90 days", "until": "No TTL",
    "até m": "No TTL",
}  # fmt: skip


def rows(page: str) -> Iterator[tuple[str, str]]:
    """A kind of key, and how long the page says that it is kept."""
    for line in (DOCS / page).read_text(encoding="utf-8").splitlines():
        cells = [cell.strip() for cell in line.strip("|").split("|")]
        if len(cells) == 5:
            for kind in re.findall(r"`([a-z-]+)`", cells[1]):
                yield kind, cells[2]


@pytest.mark.parametrize("page", ["privacy.md", "privacidade.md"])
def test_each_kind_of_key_lives_as_long_as_the_page_says(page: str) -> None:
    documented = dict(rows(page))
    assert len(documented) > 12

    for kind, kept in documented.items():
        says = inspect.getdoc(getattr(redis_keys, kind.replace("-", "_"))) or ""
        wanted = next(pattern for beginning, pattern in LIFETIMES.items() if kept.startswith(beginning))
        assert re.search(wanted, says), (kind, kept, says)


def test_what_the_page_says_of_jobs_are_the_defaults() -> None:
    for policy in POLICIES.values():
        assert (policy.keep_completed_seconds, policy.keep_completed_count) == (DAY, 100)
        assert (policy.keep_failed_seconds, policy.keep_failed_count) == (7 * DAY, 500)


def test_every_kind_that_says_what_people_wrote_is_on_the_page() -> None:
    """Marks, limits and indexes live no longer than what they are about; these hold words or names."""
    told = {"chats", "campaigns", "sent messages"}
    kinds = {
        name for name, family in FAMILIES.items() if family.data_class in told and family.whose is not Whose.NOBODY
    }
    indexes = {
        "conversations",
        "conversation-seen",
        "last-wrote",
        "owner-pending",
        "campaign-exceptions",
        "campaign-check",
    }

    assert kinds - indexes <= dict(rows("privacy.md")).keys()
