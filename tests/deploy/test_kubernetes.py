"""The manifests are what Kubernetes, KEDA and the Prometheus operator take, fit together, and ask for little."""

import json
from pathlib import Path
from typing import Any, Final

import jsonschema
import pytest

from oxyq.api.health import HEALTH_PATHS
from oxyq.queues import POLICIES
from tests.deploy import kubernetes
from tests.deploy.known_settings import production_settings, unknown
from tests.deploy.kubernetes import FOLDER, Document, all_documents, container, kustomization, workloads
from tests.deploy.service import Outside

SCHEMAS: Final[dict[str, Any]] = json.loads(
    (Path(__file__).parent / "schemas" / "kubernetes.json").read_text(encoding="utf-8")
)
SERVERS: Final = [one for one in workloads() if "livenessProbe" in container(one)]


def by_name(document: Document) -> str:
    return f"{document['kind']} {document['metadata']['name']}"


def named(kind: str) -> dict[str, Document]:
    return {one["metadata"]["name"]: one for one in all_documents() if one["kind"] == kind}


def labels(workload: Document) -> dict[str, str]:
    found: dict[str, str] = workload["spec"]["template"]["metadata"]["labels"]
    return found


def pod(workload: Document) -> Document:
    found: Document = workload["spec"]["template"]["spec"]
    return found


@pytest.mark.parametrize("document", all_documents(), ids=by_name)
def test_the_cluster_would_take_it(document: Document) -> None:
    definition = SCHEMAS["kinds"][f"{document['apiVersion']}/{document['kind']}"]
    schema = {"$ref": f"#/definitions/{definition}", "definitions": SCHEMAS["definitions"]}

    assert [error.message for error in jsonschema.Draft7Validator(schema).iter_errors(document)] == []


@pytest.mark.parametrize("part", [*kubernetes.PARTS, "example"])
def test_a_part_names_all_its_files_and_only_those(part: str) -> None:
    here = kustomization(part)
    named_here = {*here["resources"], *here.get("components", [])}
    files = {file.name for file in (FOLDER / part).glob("*.yaml")} - {"kustomization.yaml"}

    assert all((FOLDER / part / name).exists() for name in named_here)
    assert files == {name for name in named_here if name.endswith(".yaml")}


def test_the_example_has_every_component() -> None:
    assert {f"../{part}" for part in kubernetes.PARTS if part != "base"} == set(kustomization("example")["components"])
    assert {image["name"] for image in kustomization("example")["images"]} == {
        container(one)["image"] for one in workloads()
    }


@pytest.mark.parametrize("workload", workloads(), ids=by_name)
def test_pods_are_restricted(workload: Document) -> None:
    """As the Pod Security Standard `restricted` has it, which the example's namespace enforces, and a little more."""
    one = container(workload)

    assert pod(workload)["automountServiceAccountToken"] is False
    assert pod(workload)["securityContext"]["runAsNonRoot"] is True
    assert pod(workload)["securityContext"]["seccompProfile"] == {"type": "RuntimeDefault"}
    assert one["securityContext"]["allowPrivilegeEscalation"] is False
    assert one["securityContext"]["readOnlyRootFilesystem"] is True
    assert one["securityContext"]["runAsUser"] > 0
    assert one["securityContext"]["capabilities"] == {"drop": ["ALL"]}
    assert "memory" in one["resources"]["limits"]
    # OXYQ_API_PORT=tcp://… of a Service is no setting of ours, and no process would start with it.
    assert pod(workload)["enableServiceLinks"] is False


@pytest.mark.parametrize("workload", workloads(), ids=by_name)
def test_what_it_mounts_and_whom_it_selects_is_there(workload: Document) -> None:
    volumes = {volume["name"] for volume in pod(workload)["volumes"]}
    claims = {claim["metadata"]["name"] for claim in workload["spec"].get("volumeClaimTemplates", [])}

    assert {mount["name"] for mount in container(workload)["volumeMounts"]} == volumes | claims
    assert workload["spec"]["selector"]["matchLabels"].items() <= labels(workload).items()
    assert pod(workload)["serviceAccountName"] in named("ServiceAccount")


def test_services_and_budgets_find_their_pods() -> None:
    for service in named("Service").values():
        [found] = [one for one in workloads() if service["spec"]["selector"].items() <= labels(one).items()]
        ports = {port["name"] for port in container(found)["ports"]}
        assert {port["targetPort"] for port in service["spec"]["ports"]} <= ports
    for budget in named("PodDisruptionBudget").values():
        wanted = budget["spec"]["selector"]["matchLabels"]
        [found] = [one for one in workloads() if wanted.items() <= labels(one).items()]
        assert budget["spec"]["minAvailable"] < found["spec"]["replicas"]  # otherwise no node could be emptied


def test_probes_ask_what_they_should() -> None:
    assert {one["metadata"]["name"] for one in SERVERS} == {"oxyq-api", "oxyq-bridge"}
    for one in map(container, SERVERS):
        # A restart helps neither Redis nor workers.
        assert one["livenessProbe"]["httpGet"]["path"] == one["startupProbe"]["httpGet"]["path"] == "/health"
    readiness = container(named("Deployment")["oxyq-api"])["readinessProbe"]["httpGet"]["path"]
    assert readiness == "/ready/intake"
    assert readiness in HEALTH_PATHS


def test_every_process_starts_in_production_with_what_it_is_given(outside: Outside) -> None:
    for service in kubernetes.services(outside):
        assert not unknown(service.environment), service.name
        if service.name != "oxyq-bridge":
            assert service.stop_seconds > production_settings(service.environment).stop_grace_seconds + 5  # the pause


def test_each_queue_has_workers_that_keda_scales_by_its_own_work() -> None:
    scaled = named("ScaledObject")

    assert scaled.keys() == {f"oxyq-{queue}" for queue in POLICIES}
    for queue in POLICIES:
        spec = scaled[f"oxyq-{queue}"]["spec"]
        [trigger] = spec["triggers"]
        assert container(named("Deployment")[spec["scaleTargetRef"]["name"]])["args"] == ["oxyq", "workers", queue]
        assert trigger["metadata"]["valueLocation"] == f"queues.{queue}.wantedWorkers"
        assert trigger["metadata"]["url"] == "http://oxyq-api.oxyq.svc/metrics/scaling"
        assert trigger["authenticationRef"]["name"] in named("TriggerAuthentication")
        assert spec["minReplicaCount"] >= 1
    assert kustomization("example")["namespace"] == "oxyq"  # which the address names


def test_keys_of_the_secret_are_in_its_template() -> None:
    [target] = named("TriggerAuthentication")["oxyq-metrics"]["spec"]["secretTargetRef"]
    asked = {
        endpoint["authorization"]["credentials"]["key"]
        for endpoint in named("PodMonitor")["oxyq"]["spec"]["podMetricsEndpoints"]
    }

    assert {target["key"], *asked} <= set(kubernetes.secret_names())
    assert not unknown(kubernetes.secret_names())
    assert kustomization("example")["secretGenerator"][0]["name"] == "oxyq"


def test_ports_that_the_network_lets_through_are_ports_of_pods() -> None:
    ports = {port["name"] for one in workloads() for port in container(one).get("ports", [])}
    for policy in named("NetworkPolicy").values():
        assert policy["spec"]["policyTypes"] == ["Ingress"]
        assert {port["port"] for rule in policy["spec"]["ingress"] for port in rule["ports"]} <= ports
