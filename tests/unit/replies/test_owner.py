"""Owners run their campaigns by message: one order does one thing, what cannot be undone is asked first."""

from dataclasses import replace

import pytest

from oxyq.errors import NotAllowed, NotFound
from oxyq.organizations import Organization
from oxyq.replies.campaign_commands import CampaignSummary
from oxyq.replies.owner import OwnerDesk
from oxyq.replies.owner_texts import AWAKE, HELP, NO_CAMPAIGNS, NOTHING_DONE, NOTHING_TO_CONFIRM

SHOP = Organization(id="org_1", name="Pet Shop")
OWNER, PARTNER = "5511988880000", "5511977770000"
NOW_MS = 1_795_404_684_000  # 23/11/2026, 00:31 in São Paulo


class Campaigns:
    """Campaigns that move as ours do; `done` is what was really changed."""

    def __init__(self, *campaigns: CampaignSummary) -> None:
        self.known = {campaign.id: campaign for campaign in campaigns}
        self.done: list[tuple[str, str]] = []

    async def latest(self, organization_id: str) -> list[CampaignSummary]:
        assert organization_id == SHOP.id
        return list(self.known.values())

    async def find(self, organization_id: str, campaign_id: str) -> CampaignSummary:
        if campaign_id not in self.known:
            raise NotFound(campaign_id)
        return self.known[campaign_id]

    async def pause(self, organization_id: str, campaign_id: str) -> CampaignSummary:
        return await self._move("pause", campaign_id, ("running", "planning"), "paused")

    async def resume(self, organization_id: str, campaign_id: str) -> CampaignSummary:
        return await self._move("resume", campaign_id, ("paused",), "running")

    async def cancel(self, organization_id: str, campaign_id: str) -> CampaignSummary:
        return await self._move("cancel", campaign_id, ("running", "planning", "paused", "scheduled"), "cancelled")

    async def _move(self, what: str, campaign_id: str, allowed: tuple[str, ...], after: str) -> CampaignSummary:
        campaign = await self.find(SHOP.id, campaign_id)
        if campaign.state in allowed:
            self.done.append((what, campaign_id))
            self.known[campaign_id] = replace(campaign, state=after)
        elif campaign.state != after:
            raise NotAllowed(f"{campaign_id} is {campaign.state}")
        return self.known[campaign_id]


class Questions(dict[tuple[str, str], str]):
    """Open questions that are never forgotten by themselves."""

    async def get(self, organization_id: str, owner: str) -> str | None:  # type: ignore[override]
        return super().get((organization_id, owner))

    async def put(self, organization_id: str, owner: str, text: str) -> None:
        self[organization_id, owner] = text

    async def drop(self, organization_id: str, owner: str) -> None:
        self.pop((organization_id, owner), None)


class Shop:
    """A desk, and what comes of the orders given there."""

    def __init__(self, *campaigns: CampaignSummary) -> None:
        self.campaigns = Campaigns(*campaigns)
        self.questions = Questions()
        self.silences: list[tuple[str, int]] = []
        self._desk = OwnerDesk(self.campaigns, self._status, self._silence, self.questions, lambda: NOW_MS)

    async def hears(self, text: str, owner: str = OWNER) -> str:
        """What the owner is answered."""
        return await self._desk.answer(SHOP, owner, text)

    async def _status(self) -> str:
        return "tudo em ordem"

    async def _silence(self, organization_id: str, until_ms: int) -> None:
        self.silences.append((organization_id, until_ms))


NATAL = CampaignSummary("Natal-2026", "running", recipients=2_000, waiting=1_234, sent=766)
PASCOA = CampaignSummary("pascoa", "paused", recipients=50, waiting=50)
ANTIGA = CampaignSummary("antiga", "completed", recipients=10, sent=10)


async def test_an_owner_who_asks_hears_how_things_are() -> None:
    assert await Shop().hears("status") == "tudo em ordem"


@pytest.mark.parametrize("text", ["ajuda", "vocês abrem sábado?", "👍"])
async def test_what_is_no_order_is_answered_with_the_orders_there_are(text: str) -> None:
    assert await Shop().hears(text) == HELP
    assert all(
        word in HELP for word in ("status", "pausar", "retomar", "cancelar", "relatório", "silenciar", "acordar")
    )


async def test_open_campaigns_are_listed() -> None:
    assert await Shop(NATAL, PASCOA, ANTIGA).hears("campanhas") == (
        "*Natal-2026*: em andamento, 766 de 2.000 enviadas\n*pascoa*: pausada, 0 de 50 enviadas"
    )
    assert await Shop(ANTIGA).hears("campanhas") == NO_CAMPAIGNS


# --- pause and resume ---------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "text", ["pausar campanha Natal-2026", "pausar natal-2026", "pausar", "Pausar campanha NATAL-2026"]
)
async def test_a_campaign_is_paused_at_once(text: str) -> None:
    shop = Shop(PASCOA, NATAL)

    heard = await shop.hears(text)

    assert heard == (
        "A campanha Natal-2026 está pausada: 1.234 mensagens ainda não enviadas. "
        "Para continuar: *retomar campanha Natal-2026*"
    )
    assert shop.campaigns.done == [("pause", "Natal-2026")]


async def test_what_is_paused_already_is_said_kindly() -> None:
    """A job that runs again orders it again."""
    shop = Shop(PASCOA)

    assert (await shop.hears("pausar campanha pascoa")).startswith("A campanha pascoa já estava pausada")
    assert shop.campaigns.done == []


async def test_the_one_that_is_paused_is_resumed() -> None:
    shop = Shop(NATAL, PASCOA)

    assert await shop.hears("retomar") == "A campanha pascoa continua: 50 mensagens ainda não enviadas."
    assert await shop.hears("retomar campanha pascoa") == (
        "A campanha pascoa já estava em andamento: 50 mensagens ainda não enviadas."
    )
    assert shop.campaigns.done == [("resume", "pascoa")]


@pytest.mark.parametrize(
    ("text", "heard"),
    [
        ("pausar antiga", "Não dá para pausar a campanha antiga: ela está concluída."),
        ("retomar antiga", "Não dá para retomar a campanha antiga: ela está concluída."),
        ("cancelar antiga", "Não dá para cancelar a campanha antiga: ela está concluída."),
        ("pausar", "Não há nenhuma campanha em andamento."),
        ("retomar", "Não há nenhuma campanha pausada."),
        ("cancelar", "Não há nenhuma campanha para cancelar."),
        ("pausar xyz", "Não encontrei a campanha “xyz”. Escreva *campanhas* para ver os nomes."),
    ],
)
async def test_what_cannot_be_done_is_explained(text: str, heard: str) -> None:
    shop = Shop(ANTIGA)

    assert await shop.hears(text) == heard
    assert shop.campaigns.done == []


# --- which one ----------------------------------------------------------------------------------------------


async def test_an_owner_with_several_is_asked_which_and_answers_with_a_number() -> None:
    shop = Shop(NATAL, replace(PASCOA, state="running"), ANTIGA)

    assert await shop.hears("pausar") == (
        "Qual campanha você quer pausar? Responda com o número:\n"
        "1. *Natal-2026*: em andamento, 766 de 2.000 enviadas\n"
        "2. *pascoa*: em andamento, 0 de 50 enviadas"
    )
    assert await shop.hears("3") == "Escolha um número de 1 a 2."
    assert await shop.hears("sim") == "Escolha um número de 1 a 2."
    assert (await shop.hears("2")).startswith("A campanha pascoa está pausada")
    assert (await shop.hears("2")).startswith("A campanha pascoa já estava pausada")
    assert shop.campaigns.done == [("pause", "pascoa")]


async def test_a_name_that_is_nearly_right_is_asked_about() -> None:
    shop = Shop(NATAL, PASCOA)

    assert await shop.hears("pausar campanha natal2026") == (
        "Não encontrei a campanha “natal2026”. Quis dizer “Natal-2026”? Responda SIM para pausar a campanha Natal-2026"
    )
    assert shop.campaigns.done == []
    assert (await shop.hears("sim")).startswith("A campanha Natal-2026 está pausada")


async def test_a_campaign_older_than_the_latest_is_found_by_its_name() -> None:
    class OnlyLately(Campaigns):
        async def latest(self, organization_id: str) -> list[CampaignSummary]:
            return []

    shop = Shop()
    shop._desk = OwnerDesk(OnlyLately(NATAL), shop._status, shop._silence, shop.questions, lambda: NOW_MS)

    assert (await shop.hears("relatório campanha Natal-2026")).startswith("*Campanha Natal-2026*")


# --- what cannot be undone ------------------------------------------------------------------------------------


async def test_cancelling_is_asked_first_and_done_once() -> None:
    shop = Shop(NATAL, ANTIGA)

    question = await shop.hears("cancelar campanha natal-2026")
    assert question == "Responda SIM para cancelar a campanha Natal-2026 (1.234 mensagens ainda não enviadas)"
    assert shop.campaigns.done == []

    assert await shop.hears("SIM") == ("A campanha Natal-2026 foi cancelada: 766 enviadas, o resto não será enviado.")
    # The same message once more: its job ran again.
    assert (await shop.hears("SIM")).startswith("A campanha Natal-2026 já estava cancelada")
    assert shop.campaigns.done == [("cancel", "Natal-2026")]


@pytest.mark.parametrize("text", ["não", "status", "campanhas", "pausar campanha pascoa"])
async def test_whatever_else_is_said_the_question_is_off(text: str) -> None:
    shop = Shop(NATAL, PASCOA)
    await shop.hears("cancelar campanha natal-2026")

    heard = await shop.hears(text)

    assert text != "não" or heard == NOTHING_DONE
    assert await shop.hears("sim") == NOTHING_TO_CONFIRM
    assert shop.campaigns.done == []


async def test_one_owner_s_yes_is_not_another_s() -> None:
    shop = Shop(NATAL)
    await shop.hears("cancelar campanha natal-2026")

    assert await shop.hears("sim", owner=PARTNER) == NOTHING_TO_CONFIRM
    assert shop.campaigns.done == []


async def test_which_one_and_really_are_two_questions() -> None:
    shop = Shop(NATAL, PASCOA)

    await shop.hears("cancelar")
    assert (await shop.hears("2")).startswith("Responda SIM para cancelar a campanha pascoa")
    assert (await shop.hears("1")).startswith("Responda SIM para cancelar a campanha Natal-2026")
    assert shop.campaigns.done == []
    await shop.hears("sim")

    assert shop.campaigns.done == [("cancel", "Natal-2026")]


async def test_a_question_that_nobody_can_read_is_none() -> None:
    shop = Shop(NATAL)
    await shop.questions.put(SHOP.id, OWNER, '{"verb":"drop tables"}')

    assert await shop.hears("sim") == NOTHING_TO_CONFIRM


# --- reports and silence --------------------------------------------------------------------------------------


async def test_a_report_is_of_the_open_campaign_or_the_last_one() -> None:
    assert (await Shop(ANTIGA, NATAL).hears("relatório")).startswith("*Campanha Natal-2026*: em andamento")
    assert (await Shop(ANTIGA).hears("relatório")).startswith("*Campanha antiga*: concluída")
    assert await Shop().hears("relatório") == "Ainda não há nenhuma campanha."


@pytest.mark.parametrize(
    ("text", "minutes"),
    [("silenciar bot", 30), ("silenciar bot 2 horas", 120), ("silenciar bot 0", 1), ("silenciar bot 999 dias", 10_080)],
)
async def test_the_bot_is_silent_as_long_as_it_is_told(text: str, minutes: int) -> None:
    shop = Shop()

    heard = await shop.hears(text)

    assert shop.silences == [("org_1", NOW_MS + minutes * 60_000)]
    assert heard.startswith("O bot fica em silêncio até ")


async def test_the_bot_is_woken() -> None:
    shop = Shop()

    assert await shop.hears("acordar bot") == AWAKE
    assert shop.silences == [("org_1", 0)]
