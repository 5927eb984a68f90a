"""The table, the documentation, the alerts and the dashboard say the same."""

import json
import re
from collections.abc import Iterator
from pathlib import Path

import pytest
import yaml

from oxyq.statistics.histogram import BOUNDS
from oxyq.telemetry.metrics.table import BY_NAME, DURATIONS, METRICS, STANDARD, Metric, metrics_markdown

ROOT = Path(__file__).parents[4]
ALERTS = ROOT / "ops" / "prometheus" / "alerts.yml"
DASHBOARD = ROOT / "ops" / "grafana" / "oxyq.json"
#: What Prometheus adds to each series, and what it makes itself.
OF_PROMETHEUS = {"job", "instance", "le", "severity", "alertstate", "shard"}


@pytest.mark.parametrize("metric", METRICS, ids=lambda metric: metric.name)
def test_names_follow_the_rules(metric: Metric) -> None:
    assert re.fullmatch(r"oxyq_[a-z_]+", metric.name)
    assert (metric.kind == "counter") == metric.name.endswith("_total")
    assert (metric.kind == "histogram") == bool(metric.bounds)
    assert metric.help.endswith(".")
    assert metric.unit in ("seconds", "bytes", "")
    assert all(len(labels) == len(metric.labels) for labels in metric.starts)


def test_each_name_is_there_once() -> None:
    assert len(BY_NAME) == len(METRICS)


def test_the_buckets_of_jobs_are_every_second_one_of_the_statistics() -> None:
    assert BOUNDS[: 2 * len(DURATIONS) : 2] == DURATIONS


def test_the_documentation_has_the_table() -> None:
    """Remake it with: python -c 'from oxyq.telemetry.metrics.table import metrics_markdown as m; print(m())'."""
    page = (ROOT / "docs" / "how-to" / "metrics.md").read_text(encoding="utf-8")

    assert metrics_markdown() in page


# --- alerts and dashboard -----------------------------------------------------------------------------------


def rules() -> list[dict[str, object]]:
    return [rule for group in yaml.safe_load(ALERTS.read_text(encoding="utf-8"))["groups"] for rule in group["rules"]]


def expressions() -> Iterator[tuple[str, str]]:
    for rule in rules():
        yield str(rule["alert"]), str(rule["expr"])
    for panel in json.loads(DASHBOARD.read_text(encoding="utf-8"))["panels"]:
        for target in panel.get("targets", ()):
            yield panel["title"], target["expr"]


EXPRESSIONS = list(expressions())


@pytest.mark.parametrize("expression", [one for _, one in EXPRESSIONS], ids=[where for where, _ in EXPRESSIONS])
def test_whatever_is_asked_for_is_told(expression: str) -> None:
    named = re.findall(r"\b((?:oxyq|process)_[a-z_]+)(?:\{([^}]*)\})?", expression)
    assert named or "up{" in expression
    labels = set[str]()
    for name, matchers in named:
        base = re.sub(r"_(bucket|count|sum)$", "", name)
        assert name in BY_NAME or name in STANDARD or BY_NAME[base].kind == "histogram"
        known = set(BY_NAME[base].labels if base in BY_NAME else ()) | OF_PROMETHEUS
        assert set(re.findall(r"(\w+)\s*[=!]", matchers)) <= known
        labels |= known
    for group in re.findall(r"\bby \(([^)]*)\)", expression):
        assert {label.strip() for label in group.split(",")} <= labels


def test_every_metric_is_on_the_dashboard() -> None:
    shown = " ".join(target for _, target in EXPRESSIONS)

    assert [metric.name for metric in METRICS if metric.name not in shown] == ["oxyq_queue_limit_jobs_per_second",
        "oxyq_queue_through_seconds", "oxyq_bridge_info"]  # fmt: skip


def test_every_alert_says_what_to_do_about_it() -> None:
    runbook = (ROOT / "docs" / "runbook.md").read_text(encoding="utf-8").splitlines()
    for rule in rules():
        name, annotations = rule["alert"], rule["annotations"]
        assert isinstance(annotations, dict)
        assert annotations["summary"] and annotations["description"]
        assert annotations["runbook_url"] == f"docs/runbook.md#{name}"
        assert f"## {name}" in runbook


def test_every_alert_is_tried() -> None:
    tried = yaml.safe_load(ALERTS.with_name("alerts_test.yml").read_text(encoding="utf-8"))["tests"]
    told = {check["alertname"] for one in tried for check in one["alert_rule_test"] if check.get("exp_alerts")}
    kept_quiet = {check["alertname"] for check in tried[0]["alert_rule_test"]}

    assert told == kept_quiet == {rule["alert"] for rule in rules()}
