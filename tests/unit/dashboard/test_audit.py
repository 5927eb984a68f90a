"""The audit's page has words for everything that any door does, and shows details short."""

import asyncio
from collections.abc import Mapping
from pathlib import Path

import pytest

from oxyq.api.application import create_api
from oxyq.app import open_app
from oxyq.audit import ASKED, DONE, AuditEntry, Deed
from oxyq.cli.deeds import DEEDS
from oxyq.dashboard.pages.audit import THINGS, action_words, details, outcome_words
from oxyq.dashboard.words import catalogue
from oxyq.outcomes import JsonValue
from oxyq.settings import load_settings
from tests.route_table import served
from tests.unit.access.forge import SECRET


def entry(action: str = "job.retry", outcome: str = DONE, detail: Mapping[str, JsonValue] | None = None) -> AuditEntry:
    return AuditEntry("1", 1, Deed(action, "", "ana", "owner", "board", None, ""), outcome, detail or {})


@pytest.fixture(scope="module")
def actions(tmp_path_factory: pytest.TempPathFactory) -> set[str]:
    """What is done by the API, on the board and by commands."""
    folder = tmp_path_factory.mktemp("data")
    settings = load_settings(
        {"REDIS_URL": f"unix://{folder}/nobody.sock", "OXYQ_JWT_SECRET": SECRET, "OXYQ_DATA_DIR": str(Path(folder))}
    )

    async def routed() -> set[str]:
        async with open_app(settings) as app:
            checks = {check for route in served(create_api(app)) for check in route.checks}
        return {check.removeprefix("audited_") for check in checks if check.startswith("audited_")}

    return {*asyncio.run(routed()), *DEEDS.values(), "session.login"}


def test_there_are_words_for_every_action_and_none_for_others(actions: set[str]) -> None:
    keys = {action_words(entry(action)) for action in actions}

    assert None not in keys, sorted(action for action in actions if action_words(entry(action)) is None)
    assert keys == {key for key in catalogue() if key.startswith("audit.do_")}
    assert {action.partition(".")[0] for action in actions} == set(THINGS)


def test_what_a_later_version_did_is_shown_as_it_is_called() -> None:
    assert action_words(entry("thing.new")) is None


@pytest.mark.parametrize(
    ("outcome", "words", "tone"),
    [
        (DONE, "audit.outcome_done", "ok"),
        (ASKED, "audit.outcome_asked", "warn"),
        ("not_found", "audit.outcome_not_found", "bad"),
        ("never_heard_of", "audit.outcome_other", "bad"),
    ],
)
def test_an_outcome_has_words_and_a_tone(outcome: str, words: str, tone: str) -> None:
    assert outcome_words(entry(outcome=outcome)) == (words, tone)


def test_details_are_short_whatever_was_written() -> None:
    shown = dict(details(entry(detail={"count": 3, "ids": ["a"] * 5_000, "page": "x" * 500, "draft": True})))

    assert shown == {"count": "3", "ids": "× 5000", "page": "x" * 80 + "…", "draft": "True"}
