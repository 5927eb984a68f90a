"""What is still there after somebody was erased, why, and until when."""

from collections import Counter
from collections.abc import Sequence
from typing import Final

from oxyq.privacy.finding import Finding
from oxyq.privacy.receipt import OptOut, Remains

_FINGERPRINT: Final = Remains(
    what="a keyed fingerprint (HMAC-SHA256) of the number",
    why="they wanted no campaigns: without it a new list would reach them again; it cannot be read back",
    until="they ask for campaigns again, or it is erased with --forget-opt-out",
)
_ALWAYS: Final = (
    Remains(
        what="ids of messages and jobs as hashes, without number or text",
        why="so that a message that is delivered again is not taken for a new one",
        until="8 days",
    ),
    Remains(
        what="entries of the audit, the number masked but for its last four digits; of this erasure with a fingerprint",
        why="to prove what was done with personal data (LGPD, arts. 6, X and 37)",
        until="1 year",
    ),
    Remains(
        what="backups of Redis, its append-only file before it is rewritten (BGREWRITEAOF), snapshots, exports",
        why="they lie outside of what this program can change",
        until="your own retention of them ends; after a restore, erase again",
    ),
    Remains(
        what="logs of processes",
        why="numbers are masked there and texts are not written, so there is nothing to erase",
        until="your own retention of them ends",
    ),
    Remains(
        what="what WhatsApp and the gateways keep",
        why="they are controllers or processors of their own",
        until="as their terms say",
    ),
)


AFTER_SHREDDING: Final = (
    Remains(
        what="texts in jobs and dead letters, campaigns, and chats from before they were sealed",
        why="only the texts of chats are sealed",
        until="each as the table of retention says; people are erased one by one with oxyq contacts erase",
    ),
    Remains(
        what="snapshots and backups that have the key in them",
        why="whoever restores one beside OXYQ_SECRETS_KEY has the key again",
        until="your own retention of them ends",
    ),
)


def always_remains(opt_out: OptOut) -> list[Remains]:
    """What stays of everybody."""
    return [*([_FINGERPRINT] if opt_out == "kept as a fingerprint" else []), *_ALWAYS]


def kept(found: Sequence[Finding]) -> list[Remains]:
    """What was found where only people may decide, such as an organization's settings."""
    kinds = Counter(finding.key.family_name for finding in found if finding.is_kept)
    return [
        Remains(
            what=f"the number stands in the kind of key {kind}, or in its name ({count})",
            why="somebody of the organization wrote it there, perhaps as its own",
            until="it is changed by hand",
        )
        for kind, count in sorted(kinds.items())
    ]


def still_running(found: Sequence[Finding]) -> list[Remains]:
    """What could not be erased now."""
    count = sum(not finding.is_kept for finding in found)
    if not count:
        return []
    return [
        Remains(
            what=f"{count} things that were still in hand, or came back meanwhile",
            why="jobs that run are not taken away from their workers",
            until="erase again when they have ended",
        )
    ]
