"""Each rule finds what it is for, says it in both languages, and has its place in the runbook and the settings."""

import string
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from types import MappingProxyType
from typing import Any

import pytest

from oxyq.alerts.facts import Facts
from oxyq.alerts.owners import owner_text
from oxyq.alerts.rules import RULES, RUNBOOK, Finding, written
from oxyq.alerts.watch import looked
from oxyq.campaigns.stopped import StoppedCampaign
from oxyq.operating.command_rate import CommandRate
from oxyq.operating.liveness import QueueLiveness
from oxyq.operating.overview import InstallationNow, QueueNow
from oxyq.operating.redis_health import RedisHealth
from oxyq.receiving.away import AwayNumber
from oxyq.settings import Settings, load_settings, settings_table

NOW = 1_800_000_000_000
COUNTS: Mapping[str, int] = MappingProxyType({"waiting": 1, "active": 0, "delayed": 0, "failed": 0})
QUEUE = QueueNow("message", COUNTS, 0, 0, False, None, 1000, None, 5, 1, "fine")
REDIS = RedisHealth(0.1, "redis", "7.0", 10, 100, CommandRate(1000, 3600, 1000), 1000, 50_000, "noeviction", True, ())
FINE = Facts(NOW, InstallationNow([QUEUE], 3, [], REDIS), [QueueLiveness("message", NOW, True, 1)], {}, [], [])


def ill(**changes: Any) -> Facts:
    """A fine day but for this; queue, redis and liveness are changed within what there is."""
    queue, redis = replace(QUEUE, **changes.pop("queue", {})), replace(REDIS, **changes.pop("redis", {}))
    liveness = [replace(FINE.liveness[0], **changes.pop("liveness", {}))]
    return replace(FINE, now=InstallationNow([queue], 3, [], redis), liveness=liveness, **changes)


@pytest.fixture(scope="module")
def settings() -> Settings:
    return load_settings({})


def found(facts: Facts, settings: Settings) -> list[str]:
    return [f"{name}: {alert.state}" for name, alert in looked({}, facts, settings).items()]


def test_on_a_fine_day_there_is_nothing(settings: Settings) -> None:
    assert found(FINE, settings) == []


@pytest.mark.parametrize(
    ("facts", "expected"),
    [
        (ill(queue={"oldest_waiting_ms": 301_000}), ["queue-late/message: firing"]),
        (ill(queue={"oldest_waiting_ms": 301_000, "is_paused": True}), []),
        (ill(queue={"oldest_waiting_ms": None}), []),
        (ill(liveness={"alive": False}), ["queue-stuck/message: pending"]),
        (ill(liveness={"alive": False}, queue={"is_paused": True}), []),
        (ill(liveness={"alive": False, "workers": 0}), ["no-worker/message: pending"]),
        (ill(liveness={"workers": 0}), []),
        (
            ill(new_letters={"org_1": 10, "org_2": 1, None: 2}),
            ["dead-letters-growing: firing", "messages-failing/org_1: firing"],
        ),
        (ill(new_letters={"org_1": 9}), []),
        (
            ill(away=[
                AwayNumber("wa_1", "org_1", NOW - 300_000, "closed"),
                AwayNumber("wa_2", "org_1", NOW - 299_000, "halted"),
            ]),
            ["number-disconnected/org_1/wa_1: firing"],
        ),
        (
            ill(stopped=[StoppedCampaign("org_1", "sale", NOW - 1_800_000, "daily budget")]),
            ["campaign-stopped/org_1/sale: firing"],
        ),
        (ill(stopped=[StoppedCampaign("org_1", "sale", NOW - 1_799_000, "daily budget")]), []),
        (ill(redis={"used_bytes": 65}), ["redis-memory: pending"]),
        (ill(redis={"used_bytes": 65, "max_bytes": None}), []),
        (ill(redis={"dangers": ("over-budget",)}), ["redis-budget: firing"]),
    ],
)  # fmt: skip
def test_each_rule_finds_what_it_is_for_and_nothing_else(facts: Facts, expected: list[str], settings: Settings) -> None:
    assert found(facts, settings) == expected


def test_without_canaries_a_queue_without_workers_is_told_all_the_same() -> None:
    settings = load_settings({"OXYQ_CANARY_SECONDS": "0"})

    assert found(ill(liveness={"alive": False, "workers": 0}), settings) == ["no-worker/message: pending"]
    assert found(ill(liveness={"alive": False}), settings) == []


@pytest.mark.parametrize("rule", RULES.values(), ids=lambda rule: rule.name)
def test_each_rule_has_words_in_both_languages_and_a_setting_that_there_is(rule: Any) -> None:
    finding = Finding("THING", 12, 10, "org_1", detail="WHY")
    for language in ("en", "pt"):
        text = rule.text(finding, language)
        assert not set("{}") & set(text)
        assert text.endswith(".")
        assert rule.title(language)
        fields = {field for _, field, _, _ in string.Formatter().parse(rule.words[language].text) if field}
        assert fields <= {"subject", "value", "limit", "detail"}
    assert rule.setting in {"", *(name for name, _, _ in settings_table())}


def test_each_rule_is_in_the_pages_that_explain_them() -> None:
    docs = Path(__file__).parents[3] / "docs" / "how-to"
    for page in ("alerts.md", "avisos.md"):
        told = (docs / page).read_text(encoding="utf-8")
        assert [name for name in RULES if f"`{name}`" not in told] == []


def test_each_rule_is_a_section_of_the_runbook_and_what_operators_hear_a_prometheus_says_too() -> None:
    root = Path(__file__).parents[3]
    runbook = (root / RUNBOOK).read_text(encoding="utf-8")
    prometheus = (root / "ops" / "prometheus" / "alerts.yml").read_text(encoding="utf-8")
    for rule in RULES.values():
        assert f"\n## {rule.name}\n" in runbook
        if "operator" in rule.audiences:
            assert f"- alert: {rule.name}\n" in prometheus


def test_owners_read_portuguese_that_names_what_is_theirs(settings: Settings) -> None:
    facts = ill(away=[AwayNumber("wa_1", "org_1", NOW - 600_000, "closed")])
    [alert] = looked({}, facts, settings).values()

    assert owner_text("firing", alert) == (
        "⚠️ Número desconectado\n"
        "O número wa_1 está desconectado há 10 min: nada entra nem sai. Conecte de novo no painel."
    )
    over = replace(alert, state="resolved", resolved_ms=NOW + 300_000)
    assert owner_text("resolved", over) == "✅ Resolvido: Número desconectado (wa_1). Durou 15 min."


@pytest.mark.parametrize(
    ("value", "unit", "expected"),
    [
        (45, "seconds", "45 s"), (120, "seconds", "2 min"), (10_800, "seconds", "3 h"),
        (81.4, "percent", "81%"), (17.0, "count", "17"),
    ],
)  # fmt: skip
def test_values_have_their_unit(value: float, unit: Any, expected: str) -> None:
    assert written(value, unit) == expected
