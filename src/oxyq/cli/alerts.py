"""`oxyq alerts`: what is wrong, whether anybody would hear of it, and peace from it for a while."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Any

import typer

from oxyq.cli.arguments import AsJson, duration_option, examples, nearest
from oxyq.cli.durations import Duration
from oxyq.cli.endings import FAILED, WrongUse
from oxyq.cli.output import complain, note, print_json, print_table, say
from oxyq.cli.session import with_app
from oxyq.cli.times import stamped

if TYPE_CHECKING:  # so that `--help` loads none of it
    from collections.abc import Mapping

    from oxyq.alerts.alert import Alert
    from oxyq.app import App

#: As long as a silence is kept; who wants more changes a threshold.
LONGEST_SILENCE_SECONDS = 30 * 24 * 3600

group = typer.Typer(no_args_is_help=True, rich_markup_mode=None)


@group.command("list", epilog=examples("oxyq alerts list", "oxyq alerts list --org org_1 --json"))
def list_alerts(
    org: Annotated[str | None, typer.Option("--org", metavar="ID", help="Only of this organization.")] = None,
    as_json: AsJson = False,
) -> None:
    """List what is wrong, what may be soon, and what was within a day; newest first.

    Looked for once a minute by workers and the API, while OXYQ_ALERT_WEBHOOK or OXYQ_ALERT_OWNERS is set.
    """

    async def work(app: App) -> tuple[list[Alert], Mapping[str, int], bool]:
        found = [one for one in await app.alerts.all() if org in (None, one.organization_id)]
        return found, await app.alerts.silences(), app.alert_watch.is_on

    alerts, silences, is_on = with_app(work)
    from oxyq.alerts.rules import RULES
    from oxyq.alerts.store import EVERYTHING

    def until(alert: Alert) -> int | None:
        return max((silences[name] for name in (alert.id, alert.rule, EVERYTHING) if name in silences), default=None)

    if as_json:
        print_json({
            "alerts": list[Any]({
                "id": one.id, "rule": one.rule, "severity": RULES[one.rule].severity, "state": one.state,
                "organizationId": one.organization_id, "subject": one.subject, "value": one.value, "limit": one.limit,
                "since": one.since_ms, "resolvedAt": one.resolved_ms, "silencedUntil": until(one),
                "text": RULES[one.rule].text(one.finding, "en"), "runbook": RULES[one.rule].runbook,
            } for one in alerts),
            "silences": dict[str, Any](silences),
            "isLooking": is_on,
        })  # fmt: skip
        return
    if not is_on:
        note("nobody looks: set OXYQ_ALERT_WEBHOOK or OXYQ_ALERT_OWNERS for the workers and the API, and here")
    rows = [
        (
            one.state + (" (silenced)" if until(one) else ""), RULES[one.rule].severity, stamped(one.since_ms, "UTC"),
            one.id, RULES[one.rule].text(one.finding, "en"),
        )
        for one in alerts
    ]  # fmt: skip
    print_table(("state", "severity", "since (UTC)", "alert", "what"), rows)
    for name, at_ms in sorted(silences.items()):
        say(f"silenced until {stamped(at_ms, 'UTC')}: {'everything' if name == EVERYTHING else name}")


@group.command("test", epilog=examples("oxyq alerts test", "oxyq alerts test --org org_1"))
def send_test(
    org: Annotated[
        str | None, typer.Option("--org", metavar="ID", help="Tell this organization's owner instead, by WhatsApp.")
    ] = None,
    as_json: AsJson = False,
) -> None:
    """Post a test to OXYQ_ALERT_WEBHOOK and say what came back."""
    if org is not None:
        _test_owner(org, as_json)
        return
    answer = with_app(lambda app: app.alert_watch.test())
    if answer is None:
        raise WrongUse("OXYQ_ALERT_WEBHOOK is not set; give the address that is to be told, and OXYQ_ALERT_SECRET")
    if as_json:
        print_json({"taken": answer.is_taken, "status": answer.status, "error": answer.error, "tries": answer.tries})
    elif answer.is_taken:
        say(f"the webhook {answer}")
    else:
        complain(f"the webhook {answer}")
    if not answer.is_taken:
        raise typer.Exit(FAILED)


def _test_owner(org: str, as_json: bool) -> None:
    async def work(app: App) -> str | None:
        from oxyq.cli.organizations import existing

        await existing(app, org)
        return await app.alert_watch.test_owner(org)

    job_id = with_app(work)
    if job_id is None:
        raise WrongUse(f"organization {org} has no owner; add one to `owners` (oxyq orgs show {org} --json)")
    if as_json:
        print_json({"queue": "automation", "id": job_id})
    else:
        say(f"added {job_id}: it goes out by WhatsApp as soon as a worker takes it")


@group.command(
    epilog=examples(
        "oxyq alerts silence queue-late --for 2h",
        "oxyq alerts silence number-disconnected/org_1/wa_1 --for 7d",
        "oxyq alerts silence --all --for 30m",
        "oxyq alerts silence queue-late --end",
    )
)
def silence(
    alert: Annotated[
        str | None, typer.Argument(metavar="ALERT", help="One alert as `list` names it, or a rule such as queue-late.")
    ] = None,
    everything: Annotated[bool, typer.Option("--all", help="All alerts.")] = False,
    during: Annotated[Duration | None, duration_option("--for", help="How long: 30m, 2h, 7d.")] = None,
    end: Annotated[bool, typer.Option("--end", help="Tell of it again.")] = False,
    as_json: AsJson = False,
) -> None:
    """Tell nobody of an alert for a while; it is still looked at, and shown by `list` and on the board."""
    if (alert is None) != everything:
        raise WrongUse("give the alert, or --all for all of them")
    if (during is None) != end:
        raise WrongUse("give --for with a time such as 2h, or --end")
    if during is not None and not 1 <= during <= LONGEST_SILENCE_SECONDS:
        raise WrongUse("--for: must be from 1s to 30d")
    what = _known(alert)

    async def work(app: App) -> int | None:
        from oxyq.clock import now_ms

        if during is None:
            await app.alerts.end_silence(what)
            return None
        until_ms = now_ms() + during.milliseconds
        await app.alerts.silence(what, until_ms)
        return until_ms

    until_ms = with_app(work)
    if as_json:
        print_json({"silence": what, "until": until_ms})
    elif until_ms is None:
        say(f"{alert or 'everything'} is told again")
    else:
        say(f"{alert or 'everything'} is silenced until {stamped(until_ms, 'UTC')} (UTC)")


def _known(alert: str | None) -> str:
    """What is silenced; raises WrongUse for what can be no alert."""
    from oxyq.alerts.rules import RULES
    from oxyq.alerts.store import EVERYTHING

    if alert is None:
        return EVERYTHING
    rule = alert.partition("/")[0]
    if rule not in RULES:
        raise WrongUse(f"there is no rule {rule[:40]!r}; {nearest(rule, RULES)}")
    return alert
