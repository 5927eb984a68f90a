"""What an owner is told, in Portuguese."""

from collections.abc import Mapping
from datetime import datetime
from typing import Final
from zoneinfo import ZoneInfo

from oxyq.replies.campaign_commands import CampaignSummary
from oxyq.replies.owner_commands import CampaignVerb

HELP: Final = (
    "Você pode escrever:\n"
    "*status* – como estão as filas\n"
    "*campanhas* – as que estão em andamento ou pausadas\n"
    "*pausar campanha X*, *retomar campanha X*, *cancelar campanha X*\n"
    "*relatório campanha X* – como ela foi\n"
    "*silenciar bot 30 minutos* – o bot não responde a ninguém; *acordar bot* – volta antes"
)
NOTHING_TO_CONFIRM: Final = (
    "Não há nada esperando a sua confirmação. Se era um pedido antigo, escreva o comando de novo."
)
NOTHING_DONE: Final = "Tudo bem, nada foi feito."
NO_CAMPAIGNS: Final = "Nenhuma campanha em andamento, pausada ou agendada."
AWAKE: Final = "O bot está acordado e responde aos clientes."

_QUEUE_NAMES: Final = {
    "message": "Mensagens",
    "automation": "Lembretes",
    "campaign": "Campanhas",
    "dead-letter": "Falhas definitivas",
}
_JOB_STATES: Final = {
    "waiting": "na espera",
    "active": "em andamento",
    "delayed": "agendadas",
    "completed": "concluídas",
    "failed": "com falha",
}
_CAMPAIGN_STATES: Final = {
    "draft": "em rascunho",
    "scheduled": "agendada",
    "planning": "em preparação",
    "running": "em andamento",
    "paused": "pausada",
    "completed": "concluída",
    "cancelled": "cancelada",
}
_TO_DO: Final[Mapping[CampaignVerb, str]] = {
    "pause": "pausar a campanha",
    "resume": "retomar a campanha",
    "cancel": "cancelar a campanha",
    "report": "ver o relatório da campanha",
}
_WHICH: Final[Mapping[CampaignVerb, str]] = {
    "pause": "Qual campanha você quer pausar?",
    "resume": "Qual campanha você quer retomar?",
    "cancel": "Qual campanha você quer cancelar?",
    "report": "De qual campanha você quer o relatório?",
}
_NONE_FITS: Final[Mapping[CampaignVerb, str]] = {
    "pause": "Não há nenhuma campanha em andamento.",
    "resume": "Não há nenhuma campanha pausada.",
    "cancel": "Não há nenhuma campanha para cancelar.",
    "report": "Ainda não há nenhuma campanha.",
}


def status_text(counts: Mapping[str, Mapping[str, int]]) -> str:
    """The answer to `status`: one line for each queue; `counts` is queue name → state → number of jobs."""
    lines = [f"{_QUEUE_NAMES.get(queue, queue)}: {_states(states)}" for queue, states in counts.items()]
    return "\n".join(("*Situação das filas*", *lines))


def _states(states: Mapping[str, int]) -> str:
    return ", ".join(f"{states[state]} {name}" for state, name in _JOB_STATES.items() if state in states)


def campaign_line(campaign: CampaignSummary) -> str:
    """One campaign in a list."""
    sent = f"{grouped(campaign.sent)} de {grouped(campaign.recipients)} enviadas"
    return f"*{campaign.id}*: {state_name(campaign.state)}, {sent}"


def report_text(campaign: CampaignSummary) -> str:
    """How a campaign stands."""
    counts = [
        f"{grouped(campaign.sent)} enviadas, {grouped(campaign.delivered)} entregues, {grouped(campaign.read)} lidas",
        *(
            f"{grouped(count)} {name}"
            for count, name in (
                (campaign.failed, "com falha"),
                (campaign.unconfirmed, "sem confirmação"),
                (campaign.skipped, "fora da lista (não querem, repetidas ou inválidas)"),
                (campaign.waiting, "ainda não enviadas"),
                (campaign.cancelled, "canceladas"),
            )
            if count
        ),
    ]
    heading = f"*Campanha {campaign.id}*: {state_name(campaign.state)}, {grouped(campaign.recipients)} destinatários"
    return "\n".join((heading, *counts))


def done_text(verb: CampaignVerb, campaign: CampaignSummary, *, was_so: bool) -> str:
    """What was done to a campaign; `was_so`: before it was asked for."""
    left = unsent(campaign.waiting)
    match verb:
        case "pause":
            how = "já estava pausada" if was_so else "está pausada"
            return f"A campanha {campaign.id} {how}: {left}. Para continuar: *retomar campanha {campaign.id}*"
        case "resume":
            return f"A campanha {campaign.id} {'já estava em andamento' if was_so else 'continua'}: {left}."
        case "cancel":
            how = "já estava cancelada" if was_so else "foi cancelada"
            return f"A campanha {campaign.id} {how}: {grouped(campaign.sent)} enviadas, o resto não será enviado."
        case "report":
            return report_text(campaign)


def not_allowed_text(verb: CampaignVerb, campaign: CampaignSummary) -> str:
    """Why that cannot be done."""
    return f"Não dá para {_TO_DO[verb]} {campaign.id}: ela está {state_name(campaign.state)}."


def confirm_text(verb: CampaignVerb, campaign: CampaignSummary) -> str:
    """Whether that is really to be done."""
    more = f" ({unsent(campaign.waiting)})" if verb == "cancel" else ""
    return f"Responda SIM para {_TO_DO[verb]} {campaign.id}{more}"


def which_text(verb: CampaignVerb, campaigns: list[CampaignSummary]) -> str:
    """Which of several is meant."""
    lines = [f"{number}. {campaign_line(campaign)}" for number, campaign in enumerate(campaigns, start=1)]
    return "\n".join((f"{_WHICH[verb]} Responda com o número:", *lines))


def none_fits_text(verb: CampaignVerb) -> str:
    """There is no campaign of which that can be asked."""
    return _NONE_FITS[verb]


def unknown_text(written: str) -> str:
    """There is no campaign of this name."""
    return f"Não encontrei a campanha “{written}”. Escreva *campanhas* para ver os nomes."


def suggestion_text(written: str, verb: CampaignVerb, campaign: CampaignSummary) -> str:
    """There is none of this name, but one that is called nearly so."""
    return f"Não encontrei a campanha “{written}”. Quis dizer “{campaign.id}”? {confirm_text(verb, campaign)}"


def choose_text(count: int) -> str:
    """The number was none of the list."""
    return f"Escolha um número de 1 a {count}."


def silent_text(until_ms: int, now_ms: int, time_zone: str) -> str:
    """Until when the bot says nothing."""
    zone = ZoneInfo(time_zone)
    until, now = (datetime.fromtimestamp(ms / 1000, zone) for ms in (until_ms, now_ms))
    when = f"{until:%H:%M}" if until.date() == now.date() else f"{until:%d/%m às %H:%M}"
    return f"O bot fica em silêncio até {when}. Para ele voltar antes: *acordar bot*"


def state_name(state: str) -> str:
    """A campaign's state."""
    return _CAMPAIGN_STATES.get(state, state)


def unsent(count: int) -> str:
    """How many messages have not gone out."""
    return "1 mensagem ainda não enviada" if count == 1 else f"{grouped(count)} mensagens ainda não enviadas"


def grouped(count: int) -> str:
    """A number as Brazilians write it."""
    return f"{count:,}".replace(",", ".")
