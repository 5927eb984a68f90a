"""An app whose organization has a number at a Cloud API of this machine, and one at an Evolution server."""

import asyncio
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path

from oxyq.app import App, open_app
from oxyq.gateways.local.cloud import LocalCloud
from oxyq.gateways.local.evolution import LocalEvolution
from oxyq.instances import Instance
from oxyq.organizations import Organization
from oxyq.settings import load_settings
from oxyq.telemetry.events import CampaignEnded, Event

SHOP = Organization(id="org_1", name="Pet Shop", instances=["wa_meta", "wa_evolution"])
CLOUD_SECRETS: Mapping[str, str] = {"access_token": "an-access-token", "app_secret": "app", "verify_token": "verify"}
API_KEY = "evolution-api-key"


@dataclass
class AtMeta:
    """The app, what its numbers send through, and the campaigns that have ended."""

    app: App
    cloud: LocalCloud
    evolution: LocalEvolution
    ended: "asyncio.Queue[CampaignEnded]"

    async def until_ended(self) -> CampaignEnded:
        """The next campaign that ends."""
        async with asyncio.timeout(20):
            return await self.ended.get()

    def at_cloud(self) -> list[tuple[str, str, str]]:
        """What the Cloud API got: whom for, of which type, and its text, or a template's name and parameters."""
        return [(one.to, one.type, one.text) for one in self.cloud.received]


@asynccontextmanager
async def at_meta(redis_url: str, prefix: str, folder: Path) -> AsyncIterator[AtMeta]:
    """The rig, with workers that run."""
    cloud = LocalCloud("106540352242922", access_token=CLOUD_SECRETS["access_token"], app_secret="app")
    evolution = LocalEvolution("wa_evolution", api_key=API_KEY, webhook_token="webhook-token")
    async with cloud.running() as cloud_url, evolution.running() as evolution_url:
        settings = load_settings(
            {
                "REDIS_URL": redis_url,
                "OXYQ_REDIS_PREFIX": prefix,
                "OXYQ_DATA_DIR": str(folder),
                "OXYQ_CLOUD_API_URL": cloud_url,
            }
        )
        async with open_app(settings) as app:
            await app.organizations.save(SHOP)
            meta = Instance(id="wa_meta", organization_id=SHOP.id, gateway="cloud", phone_number_id="106540352242922")
            other = Instance(id="wa_evolution", organization_id=SHOP.id, gateway="evolution", server=evolution_url)
            for instance, secrets in ((meta, CLOUD_SECRETS), (other, {"api_key": API_KEY})):
                await app.instances.save(instance)
                for name, value in secrets.items():
                    await app.instances.set_secret(instance, name, value)
            rig = AtMeta(app, cloud, evolution, asyncio.Queue())

            def heard(event: Event) -> None:
                if isinstance(event, CampaignEnded):
                    rig.ended.put_nowait(event)

            app.telemetry.listen(heard)
            workers = app.workers(["campaign", "automation"])
            await workers.start()
            try:
                yield rig
            finally:
                await workers.stop(5)
