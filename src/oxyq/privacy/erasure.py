"""Erasing one person of one organization from everything, with a receipt for it (LGPD, arts. 16 and 18, VI)."""

import asyncio
import time
from collections import Counter
from collections.abc import Awaitable, Callable, Mapping
from typing import Final

from oxyq import redis_keys
from oxyq.audit import AuditLog, Deed, Door
from oxyq.campaigns.store import CampaignStore
from oxyq.clock import now_ms
from oxyq.contacts import ContactStore
from oxyq.engine.hub import Hub
from oxyq.engine.queue import Queue
from oxyq.engine.schedulers import Schedulers
from oxyq.engine.scripts import as_text
from oxyq.errors import NotAllowed, NotFound
from oxyq.instances import InstanceStore
from oxyq.numbers import contact_of
from oxyq.organizations import Organization, OrganizationStore
from oxyq.privacy.campaign_rows import CampaignRows
from oxyq.privacy.finder import Finder
from oxyq.privacy.finding import Finding, Subject
from oxyq.privacy.holdings import Holdings
from oxyq.privacy.inventory import Treatment
from oxyq.privacy.keyspace import Keyspace
from oxyq.privacy.person import Person
from oxyq.privacy.receipt import OptOut, Receipt, ReceiptSigner
from oxyq.privacy.remains import AFTER_SHREDDING, always_remains, kept, still_running
from oxyq.privacy.swapping import Swapping
from oxyq.privacy.treating import Treating
from oxyq.suppression import Fingerprints, Suppression
from oxyq.text_keys import TextKeys

#: How often everything is looked through before it is said that something keeps coming back.
MOST_PASSES: Final = 6
#: How long jobs that run are waited for: two attempts of the longest kind.
PATIENCE_SECONDS: Final = 120.0
_PAUSE_SECONDS: Final = 0.25
#: Jobs first, so that no worker writes anew what is erased; then what tells of the jobs that went. Last of all the
#: addresses: whoever goes on after a crash must know them again.
_ORDER: Final[Mapping[str, int]] = {
    "repeat": 0, "job": 1, "campaign-rows": 2, "campaign-upload": 2, "events": 8, "alias": 9,
}  # fmt: skip
_MIDDLE: Final = 5
_BEHIND_THE_ROWS: Final = frozenset(("campaign-recipients", "campaign-exceptions"))
_LINKS_SECONDS: Final = 24 * 3600


class Erasure:
    """Shows and erases people. All raise NotFound for an unknown organization, InvalidPayload for what is no number,
    and QueueUnavailable.

    `ended` hears of a campaign whose last open recipient was erased.
    """

    def __init__(
        self,
        hub: Hub,
        queues: Mapping[str, Queue],
        organizations: OrganizationStore,
        instances: InstanceStore,
        contacts: ContactStore,
        campaigns: CampaignStore,
        ended: Callable[[Organization, str], Awaitable[None]],
        suppression: Suppression,
        text_keys: TextKeys,
        fingerprints: Fingerprints,
        signer: ReceiptSigner,
        audit: AuditLog,
    ) -> None:
        self._hub = hub
        self._queues = queues
        self._organizations = organizations
        self._instances = instances
        self._contacts = contacts
        self._suppression = suppression
        self._text_keys = text_keys
        self._fingerprints = fingerprints
        self._signer = signer
        self._audit = audit
        self._finder = Finder(Keyspace(hub, frozenset(queues)))
        swapping = Swapping(hub)
        rows = CampaignRows(campaigns, queues["campaign"], swapping, self._remove_job, self._campaign_ended)
        self._treating = Treating(hub, swapping, rows, self._remove_job, self._remove_schedule)
        self._ended = ended
        self._deadline = 0.0
        #: Each reads all of Redis, so a process does one at a time, however many are asked for.
        self._alone = asyncio.Lock()

    async def holdings(self, organization_id: str, written: str, *, sees_all: bool) -> Holdings:
        """Everything that is held about whoever has this number or hidden id.

        `sees_all`: also in jobs that do not say which organization they are for.
        """
        subject = await self._subject(organization_id, written, sees_all=sees_all)
        async with self._alone:
            return Holdings(subject, await self._found(subject))

    async def erase(
        self,
        organization_id: str,
        written: str,
        *,
        by: str,
        door: Door,
        sees_all: bool,
        forget_opt_out: bool = False,
        patience_seconds: float = PATIENCE_SECONDS,
    ) -> Receipt:
        """Erase this person; done again, it goes on where it was broken off.

        Who wanted no campaigns is not written to again: a fingerprint of them stays, unless `forget_opt_out`. Raises
        NotAllowed for an owner or a number of the organization's own, ConfigurationError without OXYQ_SECRETS_KEY.
        """
        subject = await self._subject(organization_id, written, sees_all=sees_all)
        print_of = self._fingerprints.of(organization_id, written)
        await self._may_be_erased(subject)
        async with self._alone:
            return await self._erased(subject, print_of, by, door, patience_seconds, forget_opt_out=forget_opt_out)

    async def _erased(
        self, subject: Subject, print_of: str, by: str, door: Door, patience_seconds: float, *, forget_opt_out: bool
    ) -> Receipt:
        organization_id = subject.organization_id
        links = redis_keys.erasing(organization_id, print_of, prefix=self._hub.prefix)
        await self._hub.commands.ready()
        stored = await self._hub.commands.call("SMEMBERS", links)
        subject.ids.update(as_text(one) for one in (stored if isinstance(stored, list) else []))
        # First, so that all their addresses are known.
        found = await self._found(subject)
        opt_out = await self._keep_the_wish(subject, forget=forget_opt_out)
        self._deadline = time.monotonic() + patience_seconds
        erased, left = await self._erase_all(subject, found, links)
        is_complete = all(finding.is_kept for finding in left)
        if is_complete:
            await self._hub.commands.call("UNLINK", links)
        receipt = self._signer.sign(
            Receipt(
                organization_id=organization_id,
                person=f"hmac-sha256:{print_of}",
                at=now_ms(),
                by=by,
                is_complete=is_complete,
                erased=dict(sorted(erased.items())),
                opt_out=opt_out,
                remains=[*kept(left), *still_running(left), *always_remains(opt_out)],
            )
        )
        deed = Deed("contact.erase", receipt.person, by, "system", door, organization_id, "")
        await self._audit.write(deed, {"erased": sum(erased.values()), "complete": is_complete, "optOut": opt_out})
        return receipt

    async def shred(self, organization_id: str, *, by: str, door: Door) -> Receipt:
        """Throw away the key of an organization's texts; NotAllowed when it has none."""
        if not await self._text_keys.shred(organization_id):
            raise NotAllowed("its texts are not sealed, so there is no key to throw away; see oxyq orgs encrypt")
        receipt = self._signer.sign(
            Receipt(
                organization_id=organization_id,
                person="the sealed texts of everybody",
                at=now_ms(),
                by=by,
                is_complete=True,
                erased={"keys of texts": 1},
                opt_out="none",
                remains=[*AFTER_SHREDDING],
            )
        )
        await self._audit.write(Deed("organization.shred", organization_id, by, "system", door, organization_id, ""))
        return receipt

    async def _subject(self, organization_id: str, written: str, *, sees_all: bool) -> Subject:
        person = Person([contact_of(written)])
        organization = await self._organizations.get(organization_id)
        if organization is None:
            raise NotFound(f"there is no organization {organization_id}; check its id")
        owners = {instance.id: instance.organization_id for instance in await self._instances.list()}
        named = {*owners, *organization.instances}
        instances = frozenset(one for one in named if owners.get(one, organization_id) == organization_id)
        key = await self._text_keys.of(organization_id)
        return Subject(organization_id, person, instances, sees_all, key if key.is_there else None)

    async def _may_be_erased(self, subject: Subject) -> None:
        organization = await self._organizations.get(subject.organization_id)
        if organization is not None and any(subject.person.is_at(owner) for owner in organization.owners):
            raise NotAllowed("this is an owner's number; take it out of the organization's owners first")
        if any(subject.person.is_at(instance) for instance in subject.instances):
            raise NotAllowed("this is a WhatsApp number of the organization itself; remove that number first")

    async def _keep_the_wish(self, subject: Subject, *, forget: bool) -> OptOut:
        """Before the record goes: whoever breaks off after it has lost nothing."""
        addresses = sorted(subject.person.addresses)
        if forget:
            for address in addresses:
                await self._suppression.lift(subject.organization_id, address)
            return "forgotten"
        wishes = [await self._contacts.consent(subject.organization_id, address) for address in addresses]
        if not any(wish is not None and wish.is_out for wish in wishes):
            return "none"
        await self._suppression.add(subject.organization_id, addresses)
        return "kept as a fingerprint"

    async def _erase_all(
        self, subject: Subject, found: list[Finding], links: str
    ) -> tuple[Counter[str], list[Finding]]:
        """What was erased, and what was found in the last look."""
        erased = Counter[str]()
        for _ in range(MOST_PASSES):
            left = [finding for finding in found if not finding.is_kept]
            if not left:
                break
            if subject.ids:
                await self._hub.commands.call("SADD", links, *subject.ids)
                await self._hub.commands.call("EXPIRE", links, _LINKS_SECONDS)
            erased.update(await self._erase_found(subject, left))
            found = await self._found(subject)
        return erased, found

    async def _found(self, subject: Subject) -> list[Finding]:
        return [finding async for finding in self._finder.find(subject)]

    async def _erase_found(self, subject: Subject, found: list[Finding]) -> Counter[str]:
        erased, are_rows_done, is_all_done = Counter[str](), True, True
        for finding in sorted(found, key=lambda one: _ORDER.get(one.key.family_name, _MIDDLE)):
            if finding.key.family_name in _BEHIND_THE_ROWS and not are_rows_done:
                continue  # the row still counts under their number
            if finding.key.family_name == "alias" and not is_all_done:
                continue  # what is left must be found again
            if await self._treating.erase(subject, finding):
                erased.update(Holdings(subject, [finding]).counts())
                continue
            is_all_done = False
            are_rows_done &= finding.key.family.mentioned is not Treatment.ROWS
        return erased

    async def _remove_job(self, queue_name: str, job_id: str) -> bool:
        """Remove a job, once it does not run any more; False when that takes too long."""
        queue = self._queues[queue_name]
        while not await queue.remove(job_id):
            if await queue.state(job_id) == "unknown":
                return True
            if time.monotonic() > self._deadline:
                return False
            await asyncio.sleep(_PAUSE_SECONDS)
        return True

    async def _remove_schedule(self, queue_name: str, scheduler_id: str) -> bool:
        return await Schedulers(self._queues[queue_name].scripts).remove(scheduler_id)

    async def _campaign_ended(self, organization_id: str, campaign_id: str) -> None:
        organization = await self._organizations.get(organization_id)
        if organization is not None:
            await self._ended(organization, campaign_id)
