"""Reads the manifests: every document of a folder, and what their pods run."""

import re
from collections.abc import Iterator, Mapping
from typing import Any, Final

import yaml

from tests.deploy.dockerfile import image_environment
from tests.deploy.service import ROOT, Outside, Service

FOLDER: Final = ROOT / "ops" / "kubernetes"
#: What an operator fills in and keeps beside the overlay.
SECRET_TEMPLATE: Final = FOLDER / "secret.env.template"
PARTS: Final = ("base", *sorted(f"components/{part.name}" for part in (FOLDER / "components").iterdir()))

Document = dict[str, Any]


def documents(part: str) -> Iterator[Document]:
    """The objects of one part, those that its kustomization names, in their order."""
    folder = FOLDER / part
    for name in kustomization(part)["resources"]:
        if (folder / name).is_file():
            yield from yaml.safe_load_all((folder / name).read_text(encoding="utf-8"))


def kustomization(part: str) -> Document:
    """What puts a part together."""
    found: Document = yaml.safe_load((FOLDER / part / "kustomization.yaml").read_text(encoding="utf-8"))
    return found


def all_documents() -> list[Document]:
    """The objects of all parts."""
    return [one for part in PARTS for one in documents(part)]


def workloads() -> list[Document]:
    """What has pods."""
    return [one for one in all_documents() if one["kind"] in ("Deployment", "StatefulSet")]


def container(workload: Document) -> Document:
    """The one container of a workload's pods."""
    [found] = workload["spec"]["template"]["spec"]["containers"]
    one: Document = found
    return one


def config() -> dict[str, str]:
    """The variables that all pods of ours have in common."""
    [generator] = kustomization("base")["configMapGenerator"]
    return dict(literal.split("=", 1) for literal in generator["literals"])


def secret_names() -> list[str]:
    """The variables that the secret's template has."""
    return [line.partition("=")[0] for line in SECRET_TEMPLATE.read_text(encoding="utf-8").splitlines()]


def services(outside: Outside) -> list[Service]:
    """The first pod of each workload."""
    made = outside.generated()
    return [
        _service(one, {name: made[name] for name in secret_names() if name in made}, outside) for one in workloads()
    ]


def _service(workload: Document, secret: Mapping[str, str], outside: Outside) -> Service:
    pod, one, name = workload["spec"]["template"]["spec"], container(workload), workload["metadata"]["name"]
    own = {variable["name"]: variable.get("value", f"{name}-0") for variable in one.get("env", [])}
    own = {key: re.sub(r"\$\((\w+)\)", lambda found: own[found[1]], value) for key, value in own.items()}
    shared = {"configMapRef": config(), "secretRef": secret}
    from_others = {key: value for source in one["envFrom"] for kind in source for key, value in shared[kind].items()}
    return Service(
        name,
        tuple(one["args"]),
        outside.moved(name, {**image_environment(one["image"]), **from_others, **own}),
        pod["terminationGracePeriodSeconds"],
        one["livenessProbe"]["httpGet"]["path"] if "livenessProbe" in one else None,
        folder="bridge" if name.endswith("bridge") else ".",
    )
