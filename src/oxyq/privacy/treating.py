"""What erasing does with each thing that was found, by the table of the inventory."""

from collections.abc import Awaitable, Callable

from oxyq.engine.hub import Hub
from oxyq.engine.json_text import encode_json
from oxyq.privacy.campaign_rows import CampaignRows
from oxyq.privacy.finding import Finding, Subject, data_of, says_job
from oxyq.privacy.inventory import Treatment
from oxyq.privacy.job_contents import without
from oxyq.privacy.keyspace import Element
from oxyq.privacy.person import Person
from oxyq.privacy.swapping import Swapping

Remove = Callable[[str, str], Awaitable[bool]]
"""Removes what a queue has under an id; False while that cannot be."""


class Treating:
    """Erases findings, one at a time; each may be done again without harm. All raise QueueUnavailable."""

    def __init__(
        self, hub: Hub, swapping: Swapping, rows: CampaignRows, remove_job: Remove, remove_schedule: Remove
    ) -> None:
        self._hub = hub
        self._swapping = swapping
        self._rows = rows
        self._remove_job = remove_job
        self._remove_schedule = remove_schedule

    async def erase(self, subject: Subject, finding: Finding) -> bool:
        """Erase what was found; False when it has to be looked at again."""
        person = subject.person
        match finding.key.family.mentioned:
            case Treatment.JOB:
                return await self._job(subject, finding, self._remove_job)
            case Treatment.SCHEDULE:
                return await self._job(subject, finding, self._remove_schedule)
            case Treatment.ROWS:
                return await self._rows.blank(person, finding, subject.organization_id)
            case Treatment.KEEP:
                return True
            case _ if finding.is_theirs:
                await self._hub.commands.call("UNLINK", finding.key.name)
                return True
            case Treatment.REMOVE if finding.kind == "stream":
                await self._swapping.rewrite_stream(finding.key.name, [element.at for element in finding.elements])
                return True
            case Treatment.REMOVE | Treatment.REDACT as treatment:
                is_done = True
                for element in finding.elements:
                    if subject.readable(element.value) != element.value:
                        await self._drop_sealed(finding, element)
                        continue
                    is_removed = treatment is Treatment.REMOVE or says_job(subject, element)
                    is_done &= await self._element(person, finding, element, is_removed=is_removed)
                return is_done
            case Treatment.DELETE:
                await self._hub.commands.call("UNLINK", finding.key.name)
                return True

    async def _job(self, subject: Subject, finding: Finding, remove: Remove) -> bool:
        person, data, key = subject.person, data_of(finding.fields), finding.key
        # A name cannot be blanked: what has their number as its id goes.
        if subject.has_job(data) or any(person.is_in_text(part) for part in key.parts):
            return await remove(key.queue or "", key.parts[0])
        is_done = True
        for element in finding.elements:
            if not person.is_in(element.value):
                continue
            is_readable = element.at == b"data" and data is not None
            after = encode_json(without(person, data)).encode() if is_readable else person.taken_out(element.value)
            is_done &= await self._swapping.swap(key.name, "hash", element.at, element.value, after)
        return is_done

    async def _element(self, person: Person, finding: Finding, element: Element, *, is_removed: bool) -> bool:
        call, name, (at, value) = self._hub.commands.call, finding.key.name, element
        match finding.kind:
            case "zset":
                await call("ZREM", name, at)
            case "set":
                await call("SREM", name, at)
            case "hash" if person.is_in(at):
                await call("HDEL", name, at)
            case "list" if is_removed:
                await call("LREM", name, 1, value)
            case _ if person.is_in(value):
                return await self._swapping.swap(name, finding.kind, at, value, person.taken_out(value))
        return True

    async def _drop_sealed(self, finding: Finding, element: Element) -> None:
        """What is sealed goes as a whole: it is somebody's words, and blanked it would lie there in the clear."""
        call, name = self._hub.commands.call, finding.key.name
        if finding.kind == "hash":
            await call("HDEL", name, element.at)
        else:
            await call("LREM", name, 1, element.value)
