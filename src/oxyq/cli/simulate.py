"""`oxyq simulate`: a server on this machine that speaks as a gateway's real one."""

from __future__ import annotations

import json
import sys
from enum import StrEnum
from typing import TYPE_CHECKING, Annotated, Final, NamedTuple
from urllib.parse import urlsplit

import typer

from oxyq.cli.arguments import examples
from oxyq.cli.output import say
from oxyq.cli.session import settings_of_this_process, with_app
from oxyq.errors import ConfigurationError

if TYPE_CHECKING:  # so that `--help` loads none of it
    from oxyq.app import App
    from oxyq.gateways.local.server import LocalServer


class SimulatedGateway(StrEnum):
    """Whose server there is to simulate."""

    CLOUD = "cloud"
    EVOLUTION = "evolution"
    WAHA = "waha"
    BAILEYS = "baileys"


_PHONE_NUMBER_ID: Final = "100000000000001"
#: Made up and known to everybody, as long as real ones: they open nothing but this server.
_SECRETS: Final = {
    SimulatedGateway.CLOUD: {
        "access_token": "simulated-access-token",
        "app_secret": "simulated-app-secret",
        "verify_token": "simulated-verify-token",
    },
    SimulatedGateway.EVOLUTION: {
        "api_key": "simulated-api-key",
        "webhook_token": "simulated-webhook-token-of-32-characters",
    },
    SimulatedGateway.WAHA: {"api_key": "simulated-api-key", "webhook_secret": "simulated-webhook-secret"},
    SimulatedGateway.BAILEYS: {},
}


class Number(NamedTuple):
    """The number that is simulated, and whose it is."""

    id: str
    organization_id: str


def register(program: typer.Typer) -> None:
    """Put this command into the program."""
    program.command(
        epilog=examples(
            "oxyq simulate --gateway cloud",
            "oxyq simulate --gateway evolution --port 8081 --webhook http://localhost:3001/webhooks/evolution/wa_1",
        )
    )(simulate)


def _checked_url(url: str | None) -> str | None:
    if url is not None and (urlsplit(url).scheme not in ("http", "https") or not urlsplit(url).hostname):
        raise typer.BadParameter("must be an address such as http://localhost:3001/webhooks/cloud/wa_1")
    return url


def simulate(
    gateway: Annotated[SimulatedGateway, typer.Option("--gateway", help="Whose server to simulate.")],
    port: Annotated[int, typer.Option("--port", min=0, max=65535, help="Any free one by default.")] = 0,
    webhook: Annotated[
        str | None,
        typer.Option("--webhook", metavar="URL", callback=_checked_url, help="Where to post what becomes of messages."),
    ] = None,
    instance: Annotated[
        str, typer.Option("--instance", metavar="ID", help="The number to send from.")
    ] = "wa_simulated",
    organization: Annotated[str, typer.Option("--org", metavar="ID", help="Whose number that is.")] = "org_demo",
) -> None:
    """Run a server on this machine that speaks as Meta's, Evolution's, WAHA's or our bridge, until Ctrl-C.

    \b
    It says what to set. Numbers fail by their last four digits:
      9901 cannot send   9902 not on WhatsApp   9903 cut off   9904 slow   9905 fails once   9906 slow down
      9907 spare a person   9908 slow campaigns   9909 wants a template   9910 opted out   9911 access refused
      9912 garbage   9913 a proxy's 502
    GET /received tells what arrived; POST /inbound {"from": "5511999990001", "text": "oi"} lets a customer write.
    """
    if gateway is SimulatedGateway.BAILEYS:
        with_app(lambda app: _bridge(app, port, webhook, Number(instance, organization)))
        return
    import asyncio

    asyncio.run(_serve(_server(gateway, webhook, instance), gateway, port, Number(instance, organization)))


def _server(gateway: SimulatedGateway, webhook: str | None, instance: str) -> LocalServer:
    secrets = _SECRETS[gateway]
    if gateway is SimulatedGateway.CLOUD:
        from oxyq.gateways.local.cloud import LocalCloud

        return LocalCloud(
            _PHONE_NUMBER_ID,
            access_token=secrets["access_token"],
            app_secret=secrets["app_secret"],
            webhook_url=webhook,
        )
    if gateway is SimulatedGateway.WAHA:
        from oxyq.gateways.local.waha import LocalWaha

        return LocalWaha(
            instance, api_key=secrets["api_key"], webhook_secret=secrets["webhook_secret"], webhook_url=webhook
        )
    from oxyq.gateways.local.evolution import LocalEvolution

    return LocalEvolution(
        instance, api_key=secrets["api_key"], webhook_token=secrets["webhook_token"], webhook_url=webhook
    )


async def _serve(server: LocalServer, gateway: SimulatedGateway, port: int, number: Number) -> None:
    from oxyq.process import stop_on_signal

    try:
        async with stop_on_signal() as stop, server.running(port) as url:
            _tell(gateway, url, number)
            await stop.wait()
    except OSError as error:
        raise _taken(port, error) from None


async def _bridge(app: App, port: int, webhook: str | None, number: Number) -> None:
    from oxyq.gateways.local.bridge import LocalBridge
    from oxyq.gateways.local.lease import holding
    from oxyq.own_secrets import own_secret
    from oxyq.process import stop_on_signal

    settings = settings_of_this_process()
    key = own_secret(settings, settings.bridge_key, "OXYQ_BRIDGE_KEY", "bridge-key")
    server = LocalBridge(key=key, webhook_url=webhook)
    try:
        async with (
            stop_on_signal() as stop,
            server.running(port) as url,
            holding(app.redis, number.id, url, prefix=settings.redis_prefix),
        ):
            _tell(SimulatedGateway.BAILEYS, url, number)
            await stop.wait()
    except OSError as error:
        raise _taken(port, error) from None


def _taken(port: int, error: OSError) -> ConfigurationError:
    return ConfigurationError(f"--port: cannot listen on {port} ({error.strerror}); name another, or none")


def _tell(gateway: SimulatedGateway, url: str, whose: Number) -> None:
    """What to set, so that a number goes through this server."""
    number = {"id": whose.id, "organizationId": whose.organization_id, "gateway": gateway.value}
    say(f"simulating {gateway.value} on {url}")
    match gateway:
        case SimulatedGateway.CLOUD:
            say(f"  export OXYQ_CLOUD_API_URL={url}")
            number["phoneNumberId"] = _PHONE_NUMBER_ID
        case SimulatedGateway.EVOLUTION | SimulatedGateway.WAHA:
            number["server"] = url
        case SimulatedGateway.BAILEYS:
            say("  it has the number until it ends, and knows the key that all on this machine share")
    say(f"  echo '{json.dumps(number)}' | oxyq instances set -")
    for name, value in _SECRETS[gateway].items():
        say(f"  echo {value} | oxyq instances secret {whose.id} {name}")
    sys.stdout.flush()  # who waits for it does so now
