"""compose.yaml is as the Compose specification has it, and its Redis keeps what it is given, behind a password."""

import json
import os
import subprocess
from pathlib import Path
from typing import Any, Final

import jsonschema
import pytest
import redis
from redis.backoff import NoBackoff
from redis.retry import Retry

from tests.deploy import compose
from tests.deploy.known_settings import production_settings, unknown
from tests.deploy.service import Outside
from tests.redis_server import wait_until
from tests.requirements import require

SCHEMA: Final = Path(__file__).parent / "schemas" / "compose-spec.json"
GIVEN: Final = {
    name: "0123456789abcdef" * 4
    for name in ("REDIS_PASSWORD", "OXYQ_JWT_SECRET", "OXYQ_SECRETS_KEY", "OXYQ_BRIDGE_KEY", "OXYQ_METRICS_TOKEN")
}


@pytest.fixture
def services() -> dict[str, dict[str, Any]]:
    found: dict[str, dict[str, Any]] = compose.read(GIVEN)["services"]
    return found


def test_it_is_as_the_specification_has_it() -> None:
    jsonschema.validate(compose.read(GIVEN), json.loads(SCHEMA.read_text(encoding="utf-8")))


@pytest.mark.parametrize("name", sorted(GIVEN))
def test_a_secret_that_is_missing_is_named_with_the_page_that_helps(name: str) -> None:
    without = {key: value for key, value in GIVEN.items() if key != name}

    with pytest.raises(compose.Missing, match=f"^{name}: see docs/how-to/deploy-docker.md"):
        compose.read(without)


def test_every_process_starts_in_production_with_what_it_is_given(outside: Outside) -> None:
    for service in compose.services(outside):
        if service.name == "redis":
            continue
        assert not unknown(service.environment), service.name
        if service.name != "bridge":
            assert service.stop_seconds > production_settings(service.environment).stop_grace_seconds


def test_each_ends_in_its_time_and_comes_again(services: dict[str, dict[str, Any]]) -> None:
    for name, service in services.items():
        assert service["restart"] == "unless-stopped", name
        assert compose.seconds(service["stop_grace_period"]) >= 60, name


def test_nobody_has_more_than_it_needs(services: dict[str, dict[str, Any]]) -> None:
    for name, service in services.items():
        assert service["read_only"] is True, name
        assert service["cap_drop"] == ["ALL"], name
        assert service["security_opt"] == ["no-new-privileges:true"], name


def test_only_the_api_can_be_reached_and_only_from_this_machine(services: dict[str, dict[str, Any]]) -> None:
    published = {name: service["ports"] for name, service in services.items() if "ports" in service}

    assert published == {"api": ["127.0.0.1:3001:3001"]}
    assert services["redis"]["networks"] == ["store"]
    assert compose.read(GIVEN)["networks"]["store"]["internal"] is True


def test_its_redis_keeps_everything_and_lets_nobody_in_without_the_password(outside: Outside) -> None:
    """The very command, with this machine's Redis."""
    require("redis-server")
    [service] = [one for one in compose.services(outside) if one.name == "redis"]
    port, password = int(service.command[-1].split("--port ")[1].split()[0]), service.environment["REDISCLI_AUTH"]
    with (outside.data / "redis.log").open("wb") as log:
        process = subprocess.Popen(
            service.command, env={**os.environ, **service.environment}, cwd=service.folder, stdout=log, stderr=log
        )
    try:
        environment = {**os.environ, **service.environment}
        wait_until(lambda: subprocess.run(service.health or (), env=environment).returncode == 0, "its health check")
        with redis.Redis(port=port, password=password, decode_responses=True) as client:
            said = client.config_get("append*", "maxmemory*")

        assert (said["appendonly"], said["appendfsync"], said["maxmemory-policy"]) == ("yes", "everysec", "noeviction")
        assert int(said["maxmemory"]) == 1024**3
        # Redis writes over its arguments, yet who looks in time reads them.
        assert "REDISCLI_AUTH" not in service.command[-1].partition("<<CONFIG")[0]
        with redis.Redis(port=port, retry=Retry(NoBackoff(), 0)) as stranger, pytest.raises(redis.AuthenticationError):
            stranger.ping()
    finally:
        process.terminate()
        assert process.wait(20) == 0
