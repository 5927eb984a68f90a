"""What a shop owner is told of a campaign: what it is doing, why it waits, when it will be through."""

from collections.abc import Mapping
from zoneinfo import ZoneInfo

import pytest

from oxyq.campaigns.campaign import Campaign, read_campaign
from oxyq.campaigns.eta import Estimate
from oxyq.dashboard.campaign_story import BADGES, CampaignStory, campaign_page, moment
from oxyq.dashboard.formats import Formats
from oxyq.dashboard.words import LANGUAGES, Language, speaker
from oxyq.organizations import Organization
from oxyq.workers.campaign import GIVEN_UP

#: 2026-11-23 10:15:04 in São Paulo, a Monday.
NOW = 1_795_439_704_000
MINUTE, HOUR, DAY = 60_000, 3_600_000, 86_400_000


def campaign(state: str, **fields: str | int) -> Campaign:
    """One as it is stored, with 100 in its list of whom 40 got it."""
    stored = {"fingerprint": "f", "uploaded": "100", "plannedRows": "100", "sent": "40", "planned": "60", **fields}
    found = read_campaign("org_1", "Natal", {"state": state, **{name: str(value) for name, value in stored.items()}})
    assert found is not None
    return found


def story(
    one: Campaign, end: Estimate | None = None, *, language: Language = "pt", shop: Mapping[str, object] | None = None
) -> CampaignStory:
    formats = Formats(language, ZoneInfo("America/Sao_Paulo"), lambda: NOW)
    organization = Organization(id="org_1", name="Pet Shop").model_copy(update={**(shop or {})})
    return CampaignStory(one, organization, end, NOW, speaker(language), formats)


RUNNING: dict[str, str | int] = {
    "plannedAt": 1,
    "startedAt": NOW - HOUR,
    f"minute:{NOW // MINUTE % 6}": f"{NOW // MINUTE} 120",
}


@pytest.mark.parametrize(
    ("told", "stage", "now"),
    [
        (campaign("draft", fingerprint=""), "unlisted", "Falta dizer quem recebe."),
        (campaign("draft"), "draft", "Pronta. Confira e comece quando quiser: nada foi enviado."),
        (campaign("scheduled", startAt=NOW + DAY), "scheduled", "Começa sozinha amanhã às 10:15."),
        (campaign("planning", plannedRows=50), "planning", "Preparando as mensagens: 50 de 100."),
        (campaign("planning", again=1), "planning", "Preparando o reenvio."),
        (campaign("running"), "running", "Começando a enviar."),
        (campaign("running", **RUNNING), "running", "Enviando 30 mensagens por minuto."),
        (
            campaign("running", waits="number limit", **RUNNING), "running",
            "Enviando 30 mensagens por minuto, no ritmo que o número aguenta.",
        ),
        (
            campaign("running", waits="quiet hours", waitsUntil=NOW + DAY), "waiting",
            "Fora do horário de envio. Continua amanhã às 10:15.",
        ),
        (
            campaign("running", waits="daily budget", waitsUntil=NOW + 2 * DAY), "waiting",
            "As mensagens de hoje deste número acabaram. Continua em 25/11 às 10:15.",
        ),
        (
            campaign("running", waits="slowed down", waitsUntil=NOW + HOUR), "waiting",
            "O WhatsApp pediu para ir mais devagar. Continua hoje às 11:15.",
        ),
        (
            campaign("running", waits=GIVEN_UP), "stuck",
            "Parou por causa de um erro, e não continua sozinha.",
        ),
        (
            campaign("paused", pausedAt=NOW - DAY), "paused",
            "Pausada ontem às 10:15. Ninguém recebe nada até você retomar.",
        ),
        (campaign("completed", endedAt=NOW), "completed", "Terminou hoje às 10:15: 40 pessoas receberam."),
        (campaign("cancelled", endedAt=NOW), "cancelled", "Cancelada hoje às 10:15; 40 pessoas já tinham recebido."),
    ],
)  # fmt: skip
def test_what_it_is_doing(told: Campaign, stage: str, now: str) -> None:
    assert (story(told).stage, story(told).now) == (stage, now)
    assert story(told).stage_name
    assert story(told, language="en").now != now


def test_a_paused_organization_holds_what_would_go_out() -> None:
    one = story(campaign("running", waits="quiet hours"), shop={"paused_at": NOW})

    assert (one.stage, one.badge) == ("held", "warn")
    assert one.now == "A organização está pausada: nada sai até ela ser retomada."
    assert one.until is None
    assert story(campaign("paused"), shop={"paused_at": NOW}).stage == "paused"


def test_when_it_will_be_through_as_exactly_as_one_can_know() -> None:
    soon = Estimate(NOW + 25 * MINUTE + 10_000, None, None)
    later = Estimate(NOW + 30 * HOUR + 3 * MINUTE, None, NOW + 10 * HOUR)

    assert story(campaign("running"), soon).until == "Deve terminar hoje às 10:40, em cerca de 25 min."
    assert story(campaign("running"), later).until == "Deve terminar amanhã às 16:18, em cerca de 30 h 5 min."
    assert story(campaign("running"), later).interruption == "Para à noite (hoje às 20:15) e continua depois."
    assert story(campaign("running"), None).until == "Ainda não dá para saber quando termina."
    assert story(campaign("paused"), soon).until == "Retomada agora, terminaria hoje às 10:40."
    assert story(campaign("completed"), soon).until is None


def test_the_bar_shows_what_became_of_everybody() -> None:
    one = story(
        campaign("running", sent=20, delivered=20, failed=10, unconfirmed=5, planned=40, **{"skipped:invalid": 5})
    )

    assert [(part.kind, part.start, part.length) for part in one.parts] == [
        ("sent", 0, 400), ("unconfirmed", 400, 50), ("failed", 450, 100), ("skipped", 550, 50),
    ]  # fmt: skip
    assert one.done == 0.6


@pytest.mark.parametrize(
    ("days", "pt", "en"),
    [
        (0, "hoje às 10:15", "today at 10:15"),
        (1, "amanhã às 10:15", "tomorrow at 10:15"),
        (-1, "ontem às 10:15", "yesterday at 10:15"),
        (9, "em 02/12 às 10:15", "on Dec 2 at 10:15"),
    ],
)
def test_times_as_people_say_them(days: int, pt: str, en: str) -> None:
    expected: dict[Language, str] = {"pt": pt, "en": en}
    for language in LANGUAGES:
        formats = Formats(language, ZoneInfo("America/Sao_Paulo"), lambda: NOW)
        assert moment(speaker(language), formats, NOW + days * DAY, NOW) == expected[language]


def test_addresses_hold_any_name() -> None:
    assert campaign_page("Banho 100%?", "edit") == "campaigns/Banho%20100%25%3F/edit"


def test_every_stage_has_its_badge_and_its_words() -> None:
    for language in LANGUAGES:
        say = speaker(language)
        assert all(say(f"campaigns.stage_{stage}") for stage in BADGES)
