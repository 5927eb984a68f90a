"""Reading a process's metrics as Prometheus does, and holding them to its rules and to our table."""

import asyncio
import subprocess
from collections.abc import Collection

import httpx
from prometheus_client.parser import text_string_to_metric_families

from oxyq.telemetry.metrics.table import BY_NAME, STANDARD, Where

Scraped = dict[tuple[str, tuple[tuple[str, str], ...]], float]


async def scraped(url: str, *told_by: Where) -> Scraped:
    """What GET url answers, by name and sorted labels; fails when Prometheus or the table would not have it so."""
    async with httpx.AsyncClient() as client:
        answer = await client.get(url, timeout=20)
    assert answer.status_code == 200, answer.text
    await asyncio.to_thread(_checked_by_promtool, answer.content)
    found: Scraped = {}
    for family in text_string_to_metric_families(answer.text):
        _is_in_the_table(family.name, family.type, family.documentation, told_by)
        for sample in family.samples:
            metric = BY_NAME.get(f"{family.name}_total") or BY_NAME.get(family.name)
            if metric is not None:
                assert sample.labels.keys() - {"le"} == set(metric.labels), sample
            found[sample.name, tuple(sorted(sample.labels.items()))] = sample.value
    return found


def _is_in_the_table(name: str, kind: str, text: str, told_by: Collection[Where]) -> None:
    # The parser takes the ending off the names of counters.
    name = f"{name}_total" if kind == "counter" else name
    if name not in STANDARD:
        metric = BY_NAME[name]
        assert (metric.kind, metric.help) == (kind, text)
        assert metric.where in told_by


def _checked_by_promtool(text: bytes) -> None:
    ended = subprocess.run(["promtool", "check", "metrics"], input=text, capture_output=True, timeout=30, check=False)
    assert ended.returncode == 0, ended.stdout + ended.stderr
