"""What is worth telling somebody: a table of rules, each with its threshold, its words, its place in the runbook."""

from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Final, Literal, TypeAlias

from oxyq.alerts.facts import LETTERS_MINUTES, Facts
from oxyq.settings import Settings

Severity: TypeAlias = Literal["critical", "warning"]
"""critical: messages do not get through; warning: they will not if nobody looks."""
Audience: TypeAlias = Literal["operator", "owner"]
Unit: TypeAlias = Literal["seconds", "percent", "count"]
Language: TypeAlias = Literal["pt", "en"]

RUNBOOK: Final = "docs/runbook.md"


@dataclass(frozen=True, slots=True)
class Finding:
    """A rule that holds now. subject: a queue, a number or a campaign, "" for the whole installation.

    since_ms: since when it holds (ms since 1970), as far as anybody knows; None: nobody noted it.
    """

    subject: str
    value: float
    limit: float
    organization_id: str | None = None
    since_ms: int | None = None
    detail: str = ""


@dataclass(frozen=True, slots=True)
class Words:
    """A rule in one language; `text` may hold {subject}, {value}, {limit} and {detail}."""

    title: str
    text: str


@dataclass(frozen=True, slots=True)
class Rule:
    """What is looked at, and who is told.

    pending_seconds: for how long it must hold before it is told. setting: the variable with its threshold, "" for none.
    in_hours: an owner is told within the organization's sending hours only. afterwards: an owner who could not be told
    while it held is told when it is over.
    """

    name: str
    severity: Severity
    setting: str
    unit: Unit
    pending_seconds: int
    audiences: frozenset[Audience]
    in_hours: bool
    find: Callable[[Facts, Settings], Iterable[Finding]]
    words: Mapping[Language, Words]
    afterwards: bool = False

    @property
    def runbook(self) -> str:
        """Where it stands what to do."""
        return f"{RUNBOOK}#{self.name}"

    def title(self, language: Language) -> str:
        """Its name for people."""
        return self.words[language].title

    def text(self, finding: Finding, language: Language) -> str:
        """What is wrong, in a sentence or two."""
        return self.words[language].text.format(
            subject=finding.subject,
            value=written(finding.value, self.unit),
            limit=written(finding.limit, self.unit),
            detail=finding.detail,
        )


def written(value: float, unit: Unit) -> str:
    """A value with its unit, as both languages write it: "45 s", "12 min", "3 h", "81%", "17"."""
    match unit:
        case "percent":
            return f"{value:.0f}%"
        case "count":
            return f"{value:.0f}"
        case "seconds" if value < 120:
            return f"{value:.0f} s"
        case "seconds" if value < 7200:
            return f"{value / 60:.0f} min"
        case "seconds":
            return f"{value / 3600:.0f} h"


# --- what each looks at -----------------------------------------------------------------------------------------


def _late(facts: Facts, settings: Settings) -> Iterator[Finding]:
    limit = settings.alert_queue_seconds
    for queue in facts.now.queues:
        age = (queue.oldest_waiting_ms or 0) / 1000
        if age > limit and not queue.is_paused:  # somebody paused it, and knows
            yield Finding(queue.name, age, limit)


def _stuck(facts: Facts, settings: Settings) -> Iterator[Finding]:
    for queue in facts.liveness:
        if settings.canary_seconds and queue.workers and not queue.alive and queue.queue not in facts.paused:
            yield Finding(queue.queue, queue.workers, 0)


def _unattended(facts: Facts, settings: Settings) -> Iterator[Finding]:
    for queue in facts.liveness:
        # Where canaries come through, somebody works who does not say so, as workers of other makes.
        if not queue.workers and (not settings.canary_seconds or not queue.alive):
            yield Finding(queue.queue, 0, 1)


def _letters(facts: Facts, settings: Settings) -> Iterator[Finding]:
    count, limit = sum(facts.new_letters.values()), settings.alert_dead_letters
    if count >= limit:
        yield Finding("", count, limit)


def _own_letters(facts: Facts, settings: Settings) -> Iterator[Finding]:
    limit = settings.alert_dead_letters
    for organization_id, count in facts.new_letters.items():
        if organization_id is not None and count >= limit:
            yield Finding("", count, limit, organization_id)


def _away(facts: Facts, settings: Settings) -> Iterator[Finding]:
    limit = settings.alert_disconnected_seconds
    for number in facts.away:
        seconds = (facts.at_ms - number.since_ms) / 1000
        if seconds >= limit:
            yield Finding(number.instance_id, seconds, limit, number.organization_id, number.since_ms, number.state)


def _stopped(facts: Facts, settings: Settings) -> Iterator[Finding]:
    limit = settings.alert_campaign_seconds
    for one in facts.stopped:
        seconds = (facts.at_ms - one.since_ms) / 1000
        if seconds >= limit:
            yield Finding(one.campaign_id, seconds, limit, one.organization_id, one.since_ms, one.waits)


def _memory(facts: Facts, settings: Settings) -> Iterator[Finding]:
    redis, limit = facts.now.redis, settings.alert_memory_percent
    if redis is not None and redis.used_bytes and redis.max_bytes:
        percent = 100 * redis.used_bytes / redis.max_bytes
        if percent >= limit:
            yield Finding("", percent, limit)


def _budget(facts: Facts, settings: Settings) -> Iterator[Finding]:
    redis = facts.now.redis
    if redis is not None and "over-budget" in redis.dangers and redis.commands is not None and redis.budget is not None:
        yield Finding("", redis.commands.per_hour, redis.budget)


# --- the table --------------------------------------------------------------------------------------------------

_OPERATOR: Final = frozenset[Audience](("operator",))
_OWNER: Final = frozenset[Audience](("owner",))
_BOTH: Final = _OPERATOR | _OWNER

RULES: Final[Mapping[str, Rule]] = {
    rule.name: rule
    for rule in (
        Rule(
            "queue-late", "critical", "OXYQ_ALERT_QUEUE_SECONDS", "seconds", 0, _OPERATOR, False, _late,
            {
                "en": Words("Queue is late", "The next job of {subject} has waited {value}, more than {limit}."),
                "pt": Words("Fila atrasada", "O próximo trabalho de {subject} espera há {value}, mais que {limit}."),
            },
        ),
        Rule(
            "queue-stuck", "critical", "OXYQ_CANARY_SECONDS", "count", 120, _OPERATOR, False, _stuck,
            {
                "en": Words("Queue is stuck", "No job gets through {subject}, although {value} processes work on it."),
                "pt": Words("Fila travada", "Nada passa por {subject}, embora {value} processos trabalhem nela."),
            },
        ),
        Rule(
            "no-worker", "critical", "", "count", 60, _OPERATOR, False, _unattended,
            {
                "en": Words("No worker", "No worker process of {subject} gives a sign of life."),
                "pt": Words("Ninguém trabalha", "Nenhum processo que trabalha em {subject} dá sinal de vida."),
            },
        ),
        Rule(
            "dead-letters-growing", "warning", "OXYQ_ALERT_DEAD_LETTERS", "count", 0, _OPERATOR, False, _letters,
            {
                "en": Words(
                    "Dead letters grow",
                    f"{{value}} jobs were given up within {LETTERS_MINUTES} min (limit: {{limit}}).",
                ),
                "pt": Words(
                    "Falhas aumentando",
                    f"{{value}} trabalhos falharam de vez em {LETTERS_MINUTES} min (limite: {{limit}}).",
                ),
            },
        ),
        Rule(
            "messages-failing", "warning", "OXYQ_ALERT_DEAD_LETTERS", "count", 0, _OWNER, True, _own_letters,
            {
                "en": Words(
                    "Messages fail",
                    f"{{value}} messages failed for good within {LETTERS_MINUTES} min. See them on the board.",
                ),
                "pt": Words(
                    "Mensagens falhando",
                    f"{{value}} mensagens falharam de vez em {LETTERS_MINUTES} min. Veja em Falhas, no painel.",
                ),
            },
        ),
        Rule(
            "number-disconnected", "critical", "OXYQ_ALERT_DISCONNECTED_SECONDS", "seconds", 0, _BOTH, False, _away,
            {
                "en": Words(
                    "Number is disconnected", "The number {subject} has not been connected for {value} ({detail})."
                ),
                "pt": Words(
                    "Número desconectado",
                    "O número {subject} está desconectado há {value}: nada entra nem sai. Conecte de novo no painel.",
                ),
            },
            afterwards=True,  # it may be the only way to reach the owner
        ),
        Rule(
            "campaign-stopped", "warning", "OXYQ_ALERT_CAMPAIGN_SECONDS", "seconds", 0, _BOTH, True, _stopped,
            {
                "en": Words("Campaign has stopped", "The campaign {subject} has not moved for {value}: {detail}."),
                "pt": Words("Campanha parada", "A campanha {subject} não anda há {value}. Veja o motivo no painel."),
            },
        ),
        Rule(
            "redis-memory", "critical", "OXYQ_ALERT_MEMORY_PERCENT", "percent", 60, _OPERATOR, False, _memory,
            {
                "en": Words("Redis is filling up", "Redis has used {value} of its memory (limit: {limit})."),
                "pt": Words("Redis enchendo", "O Redis usa {value} da memória (limite: {limit})."),
            },
        ),
        Rule(
            "redis-budget", "warning", "OXYQ_REDIS_BUDGET", "count", 0, _OPERATOR, False, _budget,
            {
                "en": Words("Redis gets too much", "Redis gets {value} commands an hour (limit: {limit})."),
                "pt": Words("Redis com comandos demais", "O Redis recebe {value} comandos por hora (limite: {limit})."),
            },
        ),
    )
}  # fmt: skip
"""By name. The names are those of the Prometheus rules where the same thing is meant, and of the runbook's sections."""
