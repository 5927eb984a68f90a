"""Snapshots: everything of an installation, or of one organization, read as records and made again elsewhere.

    export(hub, *, organization_id=None) -> AsyncIterator[Record]    reading.py: in which order, and why
    restore(hub, records, *, from_prefix=None, told=...) -> Counts   writing.py: what is there stays; jobs come last
    remove(hub, organization_id) -> Counts                           removing.py: all that export finds of it

All three may be repeated after they broke off. To move an organization: pause it, wait until none of its jobs is in
hand, `await restore(target, export(source, organization_id=ORG))`, then `await remove(source, ORG)`. Its settings, and
so that it is paused, are on the target before the first of its jobs. What is exported of which key, and which keys
belong to an organization, is the table in inventory.py. Not with an organization: the ids that were taken by jobs which
are gone (its ledger goes along, and knows what was sent), revoked tokens, what is counted of all together.
"""

from oxyq.snapshot.reading import export
from oxyq.snapshot.records import Job, Key, Record, Scheduler
from oxyq.snapshot.removing import remove
from oxyq.snapshot.writing import Counts, restore

__all__ = ["Counts", "Job", "Key", "Record", "Scheduler", "export", "remove", "restore"]
