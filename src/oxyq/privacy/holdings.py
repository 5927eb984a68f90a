"""What is held about a person, for that person (LGPD, art. 18, I, II and V): counted, or all of it."""

import base64
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Final

from oxyq.campaigns.rows import unpack_planned, unpack_skipped, unpack_uploaded
from oxyq.clock import now_ms
from oxyq.engine.json_text import decode_json
from oxyq.outcomes import JsonValue
from oxyq.privacy.finding import Finding, Subject, data_of
from oxyq.privacy.inventory import Treatment
from oxyq.privacy.person import Person
from oxyq.text_keys import TextKey

FORMAT: Final = "oxyq-person-1"


@dataclass(frozen=True, slots=True)
class Holdings:
    """What was found of one person."""

    subject: Subject
    findings: Sequence[Finding]

    def counts(self) -> Mapping[str, int]:
        """How many jobs, keys and elements, by class of data, in a fixed order."""
        counts = Counter[str]()
        for finding in self.findings:
            counts[finding.data_class] += 1 if finding.is_theirs or _is_job(finding) else len(finding.elements)
        return dict(sorted(counts.items()))

    def export(self) -> dict[str, JsonValue]:
        """All that is theirs; of what is about others and only mentions them, how often it does."""
        person, held = self.subject.person, list[JsonValue]()
        mentions = Counter[str]()
        for finding in self.findings:
            contents = list(_contents(self.subject, finding))
            held += [
                {
                    "class": finding.data_class,
                    "kind": finding.key.family_name,
                    "in": finding.key.name,
                    "content": content,
                }
                for content in contents
            ]
            if not contents:
                mentions[finding.data_class] += 1
        return {
            "format": FORMAT,
            "organizationId": self.subject.organization_id,
            "addresses": list(sorted(person.addresses)),
            "at": now_ms(),
            "held": held,
            "mentionedElsewhere": dict(sorted(mentions.items())),
        }


def _is_job(finding: Finding) -> bool:
    return finding.key.family.mentioned in (Treatment.JOB, Treatment.SCHEDULE)


def _contents(subject: Subject, finding: Finding) -> Iterator[JsonValue]:
    if _is_job(finding):
        if subject.has_job(data_of(finding.fields)):
            yield _fields(finding)
    elif finding.key.family.mentioned is Treatment.ROWS:
        yield from _rows(subject.person, finding)
    elif finding.is_theirs:
        values = [_value(one.value or one.at) for one in finding.elements]
        yield _opened(_fields(finding) if finding.kind == "hash" else values, subject.text_key)
    elif finding.key.family.mentioned is Treatment.REMOVE:
        for one in finding.elements:
            yield {"at": _value(one.at), "value": _value(one.value)}


def _rows(person: Person, finding: Finding) -> Iterator[JsonValue]:
    for piece in finding.elements:
        match finding.key.family_name:
            case "campaign-upload":
                for uploaded in unpack_uploaded(piece.value):
                    if person.is_at(uploaded.written):
                        yield {"number": uploaded.written, "variables": dict(uploaded.variables)}
            case "campaign-rows":
                for planned in unpack_planned(piece.value):
                    if person.is_at(planned.number):
                        yield {"row": planned.row + 1, "number": planned.number, "text": planned.text,
                               "parameters": list(planned.parameters)}  # fmt: skip
            case _:
                for skipped in unpack_skipped(piece.value):
                    if person.is_at(skipped.written):
                        yield {"row": skipped.row + 1, "number": skipped.written, "reason": skipped.reason}


def _fields(finding: Finding) -> JsonValue:
    return {one.at.decode("utf-8", "replace"): _value(one.value) for one in finding.elements}


def _opened(value: JsonValue, key: TextKey | None) -> JsonValue:
    """The same with sealed texts readable."""
    match value:
        case dict():
            return {name: _opened(field, key) for name, field in value.items()}
        case list():
            return [_opened(item, key) for item in value]
        case str() if key is not None:
            return key.open(value)
        case _:
            return value


def _value(stored: bytes) -> JsonValue:
    """JSON as it is, text as text, all else as base64."""
    try:
        return decode_json(stored)
    except (ValueError, RecursionError):
        pass
    try:
        return stored.decode()
    except UnicodeDecodeError:
        return base64.b64encode(stored).decode()
