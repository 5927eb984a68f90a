"""Each alert is told when it must be, and only then: ops/prometheus/alerts_test.yml, by Prometheus's own tool."""

import subprocess
from pathlib import Path

from tests.requirements import require

RULES = Path(__file__).parents[3] / "ops" / "prometheus" / "alerts.yml"


def test_alerts_are_told_when_they_must_and_only_then() -> None:
    require("promtool")
    for command in (["check", "rules", RULES], ["test", "rules", RULES.with_name("alerts_test.yml")]):
        ended = subprocess.run(
            ["promtool", *map(str, command)], capture_output=True, text=True, timeout=50, check=False
        )
        assert ended.returncode == 0, ended.stdout + ended.stderr
