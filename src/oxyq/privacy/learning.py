"""What findings say of where more is: other addresses of a person, ids of jobs and messages about them."""

from collections.abc import Iterable, Iterator
from typing import Final

from oxyq.engine.json_text import decode_json
from oxyq.errors import InvalidPayload
from oxyq.jobs import decode
from oxyq.numbers import contact_of
from oxyq.privacy.finding import Finding, Subject, data_of
from oxyq.privacy.job_contents import ids_in, other_addresses
from oxyq.sending.message_keys import message_keys

#: Fields in which chats and the ledger have ids of jobs and messages.
_CHAT_IDS: Final = ("id", "jobId", "messageId", "key")


def known(subject: Subject) -> tuple[int, frozenset[str]]:
    """How much is known of a person; more after each finding that leads on."""
    return len(subject.ids), subject.person.addresses


def learned(subject: Subject, findings: Iterable[Finding]) -> tuple[int, frozenset[str]]:
    """All that these say together: what one is about may be said by another that was found later."""
    findings = list(findings)
    while True:
        before = known(subject)
        for finding in findings:
            learn(subject, finding)
        if before == known(subject):
            return before


def learn(subject: Subject, finding: Finding) -> None:
    """What a finding says of where more is: other addresses of the person, ids of jobs and messages about them."""
    match finding.key.family_name:
        case "alias" if finding.is_theirs:
            subject.known_as(_contacts([*finding.key.parts, *(one.value.decode() for one in finding.elements)]))
        case "job" | "repeat":
            _learn_from_job(subject, finding)
        case "conversation" | "conversation-inbox" | "conversation-history" if finding.is_theirs:
            for element in finding.elements:
                subject.ids.update(_ids_of_chat(element.value))
        case "message" if finding.is_theirs:
            provider = finding.fields.get(b"provider")
            subject.ids.update([*finding.key.parts, *([provider.decode()] if provider else [])])


def _learn_from_job(subject: Subject, finding: Finding) -> None:
    data = data_of(finding.fields)
    if not subject.has_job(data):
        return
    subject.known_as(other_addresses(subject.person, data))
    queue, job_id = finding.key.queue or "", finding.key.parts[0]
    subject.ids.update([job_id, *ids_in(data)])
    try:
        payload = decode(queue, data)
    except InvalidPayload:
        return
    subject.ids.update(message_keys(payload, job_id, is_scheduled_run=job_id.startswith("repeat:")))


def _ids_of_chat(stored: bytes) -> Iterator[str]:
    try:
        said = decode_json(stored)
    except (ValueError, RecursionError):
        return
    if isinstance(said, dict):
        yield from (value for name in _CHAT_IDS if isinstance(value := said.get(name), str))


def _contacts(written: Iterable[str]) -> Iterator[str]:
    for address in written:
        try:
            yield contact_of(address)
        except InvalidPayload:
            continue
