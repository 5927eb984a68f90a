"""A campaign as the command line asks for it: its content, when to begin, and where its recipients come from."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Final, TypeAlias

import typer

from oxyq.cli.endings import WrongUse
from oxyq.cli.entries import STDIN, read_value
from oxyq.cli.recipients import Add, Form, form_of, hand_on, opened
from oxyq.cli.times import StartAt
from oxyq.errors import InvalidPayload

if TYPE_CHECKING:  # so that `--help` loads none of it
    from oxyq.campaigns.campaign import Campaign
    from oxyq.jobs import CampaignContent
    from oxyq.organizations import Organization

Source: TypeAlias = Annotated[
    str, typer.Argument(metavar="FILE", help="Recipients as CSV or NDJSON, or a whole request as JSON; - for a pipe.")
]
Format: TypeAlias = Annotated[
    Form | None, typer.Option("--format", help="What FILE holds; by default what its ending says.")
]
Org: TypeAlias = Annotated[str | None, typer.Option("--org", metavar="ID", help="The organization's id.")]
CampaignId: TypeAlias = Annotated[str | None, typer.Option("--id", metavar="ID", help="Your id of this campaign.")]
Template: TypeAlias = Annotated[
    str | None, typer.Option("--template", metavar="TEXT", help="What to send, with {{name}} for variables.")
]
TemplateFile: TypeAlias = Annotated[
    str | None, typer.Option("--template-file", metavar="PATH", help="What to send, from a file in UTF-8.")
]
MetaTemplate: TypeAlias = Annotated[
    str | None,
    typer.Option(
        "--meta-template",
        metavar="FILE",
        help='An approved template for Meta\'s Cloud API, as JSON: {"name": …, "language": …, "parameters": […]}.',
    ),
]
Variables: TypeAlias = Annotated[
    list[str] | None,
    typer.Option("--var", metavar="NAME=VALUE", help="A variable, for who has none of their own; may be repeated."),
]
Instance: TypeAlias = Annotated[
    str | None, typer.Option("--instance", metavar="ID", help="The number it goes out by; the first by default.")
]
Start: TypeAlias = Annotated[
    StartAt | None,
    typer.Option(
        "--start-at",
        parser=StartAt.parse,
        metavar="TIME",
        help="When to begin: 2026-12-01T09:00 by the organization's clock, or +2h; now by default.",
    ),
]

#: Which option holds a field.
_OPTIONS: Final = {
    "organizationId": "--org", "campaignId": "--id", "template": "--template", "variables": "--var",
    "metaTemplate": "--meta-template", "instanceId": "--instance",
}  # fmt: skip


@dataclass(frozen=True, slots=True)
class CampaignOptions:
    """The options that say what a campaign is, as they were given."""

    org: str | None
    campaign_id: str | None
    template: str | None
    template_file: str | None
    meta_template: str | None
    variables: Sequence[str] | None
    instance: str | None
    start: StartAt | None

    def given(self) -> list[str]:
        """The names of those that were."""
        names = {**_OPTIONS, "templateFile": "--template-file", "startAt": "--start-at"}
        values = (
            self.org,
            self.campaign_id,
            self.template,
            self.variables,
            self.meta_template,
            self.instance,
            self.template_file,
            self.start,
        )
        return [name for name, value in zip(names.values(), values, strict=True) if value is not None]


@dataclass(frozen=True, slots=True)
class CampaignOrder:
    """A campaign to be created or looked at; `hand_on` gives all its recipients to what takes them."""

    content: CampaignContent
    start: StartAt | None
    hand_on: Callable[[Add], Awaitable[None]]

    def dated(self, organization: Organization, now_ms: int, before: Campaign | None = None) -> CampaignContent:
        """The content with its time to begin; `before` is the same campaign, when it was created already."""
        from oxyq.producer import check_start

        content = self.content
        if self.start is not None:
            start_at = self.start.on_clock(organization.time_zone, now_ms)
            # So long from now means so long from when it was created first.
            kept = before.start_at if before is not None and self.start.is_relative else None
            content = content.model_copy(update={"start_at": kept or start_at})
        if before is None:
            check_start(content.start_at, now_ms)
        return content


@contextmanager
def ordered(source: str, form: Form | None, options: CampaignOptions) -> Iterator[CampaignOrder]:
    """What was asked for, checked as far as it can be without Redis; the file stays open meanwhile.

    Raises WrongUse for the options, InvalidPayload for a JSON request, OSError for the file.
    """
    form = form_of(source, form)
    if form is Form.json:
        if given := options.given():
            raise WrongUse(f"a request in JSON says all of it itself; leave {', '.join(given)} out")
        yield _requested(source)
        return
    if source == STDIN == options.meta_template:
        raise WrongUse("standard input has the recipients; give --meta-template a file")
    content = _content(options)
    name = "standard input" if source == STDIN else source
    with opened(source) as file:
        yield CampaignOrder(content, options.start, lambda add: hand_on(file, name, form, add))


def _requested(source: str) -> CampaignOrder:
    from oxyq.jobs import CampaignRequest, parse_new

    request = parse_new(CampaignRequest, read_value(source))  # type: ignore[arg-type]  # it says so if it is no object
    return CampaignOrder(request, None, lambda add: add(request.people()))


def _content(options: CampaignOptions) -> CampaignContent:
    from oxyq.jobs import CampaignContent, parse_new

    fields: dict[str, object] = {"organizationId": options.org, "campaignId": options.campaign_id}
    if missing := [_OPTIONS[field] for field, value in fields.items() if value is None]:
        raise WrongUse(f"{' and '.join(missing)} must be given along with a list of recipients")
    fields["template"] = _template(options.template, options.template_file)
    fields["variables"] = _variables(options.variables or ())
    if options.meta_template is not None:
        fields["metaTemplate"] = read_value(options.meta_template)
    if options.instance is not None:
        fields["instanceId"] = options.instance
    try:
        return parse_new(CampaignContent, fields)
    except InvalidPayload as error:
        raise WrongUse("\n".join(f"{_option(field)}: {problem}" for field, problem in error.problems)) from None


def _option(field: str) -> str:
    name, _, rest = field.partition(".")
    return f"{_OPTIONS[name]} {rest}".rstrip()


def _template(text: str | None, file: str | None) -> str:
    if text is not None and file is None:
        return text
    if text is not None or file is None:
        raise WrongUse("give what to send with --template or with --template-file")
    try:
        # Windows programs begin a file with a mark, and editors end it with a line break.
        return Path(file).read_text(encoding="utf-8-sig").removesuffix("\n")
    except UnicodeDecodeError:
        raise WrongUse(f"--template-file: {file} is not UTF-8; save it as UTF-8") from None


def _variables(written: Sequence[str]) -> dict[str, str]:
    variables = dict[str, str]()
    for one in written:
        name, equals, value = one.partition("=")
        if not equals:
            raise WrongUse(f"--var: {name[:40]!r} has no value; write name=value")
        if name in variables:
            raise WrongUse(f"--var: {name[:40]!r} is given twice; keep one")
        variables[name] = value
    return variables
