"""The page about Python, for mkdocstrings, which reads docstrings without importing anything."""

from pydantic import BaseModel
from shapes import fields_table, prose

from oxyq.jobs import (
    Automation,
    CampaignRecipient,
    CampaignRequest,
    InboundMedia,
    InboundMessage,
    MetaTemplate,
    NewDeadLetter,
)

_PAGE = """# Python

Everything that is for others to use, from its docstrings. What is not on this page is ours to change.

## Adding jobs

`from oxyq import …`. Settings come from the environment, and there is one connection per event loop. Each call returns
the job's id; the same fact again is the same job.

{adding}

## Payloads

`add_…_job` takes one of these (`from oxyq.jobs import …`, fields in snake_case), a dictionary as it is on the wire
(camelCase, as here), or keywords of either kind.

{payloads}

## The engine

BullMQ queues and workers for jobs of your own: `from oxyq.engine import Queue, Worker`.

{engine}

## How a handler ends a job

{outcomes}

## Errors

{errors}

## Writing a gateway

{gateways}

## Testing

`from oxyq.testing import …`; [how to](../how-to/testing.md).

{testing}
"""
_ADDING = ("add_message_job", "add_automation_job", "add_campaign_job", "send_to_dlq")
_PAYLOADS: tuple[type[BaseModel], ...] = (
    InboundMessage, Automation, CampaignRequest, NewDeadLetter, InboundMedia, CampaignRecipient, MetaTemplate,
)  # fmt: skip
_ENGINE = {
    "worker": ("Worker", "Rate"),
    "queue": ("Queue",),
    "job": ("Job", "Unrecoverable"),
    "options": ("JobOptions", "Entry"),
    "backoff": ("Backoff",),
    "settlement": ("Keep",),
    "turns": ("Turns",),
    "record": ("JobRecord",),
    "hub": ("Hub",),
}
_TESTING = {
    "sandbox": ("Sandbox", "NotDone"),
    "fake_whatsapp": ("FakeWhatsApp", "Sent"),
    "factories": ("inbound_message", "automation", "campaign", "organization"),
}


def page() -> str:
    """The Markdown of the page."""
    return _PAGE.format(
        adding=_shown(*(f"oxyq.producer.Producer.{name}" for name in _ADDING), "oxyq.client.close"),
        payloads="\n\n".join(map(_payload, _PAYLOADS)),
        engine=_shown(*(f"oxyq.engine.{file}.{name}" for file, names in _ENGINE.items() for name in names)),
        outcomes=_shown(*(f"oxyq.outcomes.{name}" for name in ("Done", "Later", "Failed", "Discard"))),
        errors=_all_of("oxyq.errors"),
        gateways=_all_of("oxyq.gateways.base"),
        testing=_shown(*(f"oxyq.testing.{file}.{name}" for file, names in _TESTING.items() for name in names)),
    )


def _payload(model: type[BaseModel]) -> str:
    schema = model.model_json_schema(by_alias=True)
    return "\n".join((f"### {model.__name__}\n\n{prose(schema.get('description', ''))}\n", *fields_table(schema)))


def _all_of(module: str) -> str:
    options = ("show_root_heading: false", "show_root_toc_entry: false", "heading_level: 3")
    return "\n      ".join((f"::: {module}\n    options:", *options))


def _shown(*names: str) -> str:
    return "\n\n".join(f"::: {name}\n    options:\n      heading_level: 3" for name in names)
