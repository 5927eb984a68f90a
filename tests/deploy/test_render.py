"""render.yaml says what Render's documentation allows, and what Oxyq needs."""

from typing import Any, Final

import pytest

from oxyq.api.health import HEALTH_PATHS
from tests.deploy import render
from tests.deploy.known_settings import production_settings, unknown
from tests.deploy.service import ROOT, Outside

MAIN, BRIDGE = render.read(render.BLUEPRINT), render.read(render.BRIDGE_BLUEPRINT)
SERVICES: Final[list[dict[str, Any]]] = [*MAIN["services"], *BRIDGE["services"]]
PROCESSES: Final = [one for one in SERVICES if one["type"] != "keyvalue"]
[STORE] = [one for one in SERVICES if one["type"] == "keyvalue"]

# By Render's "Blueprint YAML Reference" (render.com/docs/blueprint-spec). Its JSON schema has no licence that would let
# it stand here; these are the fields and values that we use, and those that are easily confused with them.
_ANY: Final = {"type", "name", "region", "plan"}
_BUILT: Final = _ANY | {
    "runtime", "repo", "branch", "rootDir", "buildCommand", "startCommand", "preDeployCommand", "autoDeployTrigger",
    "maxShutdownDelaySeconds", "numInstances", "scaling", "envVars", "buildFilter", "disk", "previews",
}  # fmt: skip
FIELDS: Final = {
    "keyvalue": _ANY | {"ipAllowList", "maxmemoryPolicy", "previewPlan"},
    "web": _BUILT | {"healthCheckPath", "domains"},
    "pserv": _BUILT,
    "worker": _BUILT,
}
NEEDED: Final = {
    "keyvalue": {"name", "ipAllowList"},
    **{kind: {"name", "runtime", "buildCommand", "startCommand"} for kind in ("web", "pserv", "worker")},
}
VALUES: Final = {
    "runtime": {"python", "node"},
    "region": {"oregon", "ohio", "virginia", "frankfurt", "singapore"},
    "plan": {"starter", "standard", "pro", "pro plus", "pro max", "pro ultra"},  # "free" is none for workers
    "autoDeployTrigger": {"commit", "checksPass", "off"},
}
#: What a variable may be: {what is written: what else stands with it}.
VARIABLES: Final = ({"key", "value"}, {"key", "generateValue"}, {"key", "fromService"}, {"fromGroup"})
IN_GROUPS: Final = ({"key", "value"}, {"key", "generateValue"})


def by_name(one: dict[str, Any]) -> str:
    return str(one["name"])


def test_a_blueprint_has_only_what_render_knows() -> None:
    assert MAIN.keys() == {"services", "envVarGroups"}
    assert BRIDGE.keys() == {"services"}
    assert len({one["name"] for one in SERVICES}) == len(SERVICES)


@pytest.mark.parametrize("service", SERVICES, ids=by_name)
def test_a_service_has_the_fields_of_its_type(service: dict[str, Any]) -> None:
    assert service.keys() <= FIELDS[service["type"]]
    assert service.keys() >= NEEDED[service["type"]]
    for field, allowed in VALUES.items():
        assert service.get(field) in {*allowed, None}
    # All are in one region: the private network ends where it does.
    assert service["region"] == STORE["region"]


@pytest.mark.parametrize("service", PROCESSES, ids=by_name)
def test_variables_are_written_as_render_reads_them(service: dict[str, Any]) -> None:
    groups = {group["name"] for group in MAIN["envVarGroups"]}
    known = {(one["type"], one["name"]) for one in SERVICES}
    for entry in service["envVars"]:
        assert entry.keys() in VARIABLES
        assert entry.get("fromGroup") in {*groups, None}
        if source := entry.get("fromService"):
            assert source.keys() == {"type", "name", "property"}
            assert (source["type"], source["name"]) in known
            assert source["property"] == ("connectionString" if source["type"] == "keyvalue" else "hostport")
        # YAML would make a number or a truth of it, and whoever reads it may write it otherwise.
        assert isinstance(entry.get("value", ""), str)


def test_groups_take_no_values_of_services_and_ask_for_none() -> None:
    [group] = MAIN["envVarGroups"]

    assert all(entry.keys() in IN_GROUPS for entry in group["envVars"])


def test_the_store_loses_no_job() -> None:
    assert STORE["maxmemoryPolicy"] == "noeviction"
    assert STORE["plan"] != "free"  # it keeps nothing on disk
    assert STORE["ipAllowList"] == []  # nobody from outside


def test_every_process_starts_in_production_with_what_it_is_given(outside: Outside) -> None:
    for service in render.services(outside):
        assert not unknown(service.environment), service.name
        if service.name != "oxyq-bridge":  # it reads its settings itself, as the rehearsal shows
            own = {name: value for name, value in service.environment.items() if not unknown([name])}
            settings = production_settings(own)
            assert settings.jwt_secret and settings.secrets_key and settings.bridge_key and settings.metrics_token
            # Render kills what still runs then
            assert service.stop_seconds > settings.stop_grace_seconds
    assert all(1 <= one.get("maxShutdownDelaySeconds", 30) <= 300 for one in PROCESSES)


def test_the_api_is_restarted_when_it_is_dead_and_not_when_redis_is_away(outside: Outside) -> None:
    [api] = [one for one in render.services(outside) if one.name == "oxyq-api"]

    assert api.health == "/health"
    assert api.health in HEALTH_PATHS
    assert production_settings(api.environment).host == "0.0.0.0"  # noqa: S104 - compared, not bound
    assert production_settings(api.environment).port == outside.api_port  # PORT, which Render sets


def test_no_secret_stands_in_a_blueprint() -> None:
    [group] = MAIN["envVarGroups"]
    written = {entry["key"] for entry in group["envVars"] if "value" in entry}

    assert not [name for name in written if name.endswith(("SECRET", "KEY", "TOKEN"))]


@pytest.mark.parametrize("service", PROCESSES, ids=by_name)
def test_what_is_built_is_what_was_locked(service: dict[str, Any]) -> None:
    command, folder = service["buildCommand"], ROOT / service.get("rootDir", ".")
    if service["runtime"] == "node":
        assert command == "npm ci --omit=dev --ignore-scripts"
        assert (folder / "package-lock.json").is_file()
        return
    packages, ours = command.split(" && ")
    assert "--require-hashes" in packages
    assert all((folder / word).is_file() for word in packages.split() if word.endswith(".txt"))
    assert ours == "pip install --no-deps --no-build-isolation ."
