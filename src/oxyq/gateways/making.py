"""Makes the gateway of an instance from its row, its secrets and the settings; HTTP is loaded when one needs it."""

from collections.abc import Mapping
from functools import cached_property
from typing import TYPE_CHECKING, assert_never

import redis.asyncio

from oxyq.gateways.base import Gateway
from oxyq.gateways.bridge_leases import BridgeLeases
from oxyq.instances import Instance
from oxyq.own_secrets import own_secret
from oxyq.settings import Settings

if TYPE_CHECKING:
    import httpx


class GatewayMaker:
    """Makes gateways that share one HTTP client, which `close` lets go of; `default` sends for simulated instances."""

    def __init__(self, settings: Settings, client: redis.asyncio.Redis, default: Gateway) -> None:
        self._settings = settings
        self._default = default
        self._leases = BridgeLeases(client, prefix=settings.redis_prefix)

    def __call__(self, instance: Instance, secrets: Mapping[str, str]) -> Gateway:
        """The gateway of one instance; ConfigurationError when the bridge's key is missing in production.

        A secret that is not stored is empty: nothing can be sent or verified with it.
        """
        match instance.gateway:
            case "simulator":
                return self._default
            case "cloud":
                from oxyq.gateways.cloud_api import CloudGateway

                return CloudGateway(
                    instance.phone_number_id or "",
                    access_token=secrets.get("access_token", ""),
                    app_secret=secrets.get("app_secret", ""),
                    verify_token=secrets.get("verify_token", ""),
                    api_url=self._settings.cloud_api_url,
                    api_version=self._settings.cloud_api_version,
                    client=self._http,
                )
            case "evolution":
                from oxyq.gateways.evolution import EvolutionGateway

                return EvolutionGateway(
                    instance.server or "",
                    instance.server_instance or instance.id,
                    api_key=secrets.get("api_key", ""),
                    webhook_token=secrets.get("webhook_token", ""),
                    client=self._http,
                )
            case "waha":
                from oxyq.gateways.waha import WahaGateway

                return WahaGateway(
                    instance.server or "",
                    instance.server_instance or instance.id,
                    api_key=secrets.get("api_key", ""),
                    webhook_secret=secrets.get("webhook_secret", ""),
                    client=self._http,
                )
            case "baileys":
                from oxyq.gateways.baileys import BaileysGateway

                key = own_secret(self._settings, self._settings.bridge_key, "OXYQ_BRIDGE_KEY", "bridge-key")
                return BaileysGateway(self._leases.url_of, key=key, client=self._http)
            case unknown:
                assert_never(unknown)

    async def close(self) -> None:
        """Close the connections; harmless when repeated."""
        if "_http" in self.__dict__:
            await self._http.aclose()

    @cached_property
    def _http(self) -> "httpx.AsyncClient":
        import httpx

        # No redirects, no proxies of the environment: a gateway's server is where its settings say. Node's servers
        # close what was idle for 5 s; a message written into that moment may have gone out, or not.
        limits = httpx.Limits(max_connections=200, max_keepalive_connections=50, keepalive_expiry=4)
        return httpx.AsyncClient(follow_redirects=False, trust_env=False, limits=limits)
