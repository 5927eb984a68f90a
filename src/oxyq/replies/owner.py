"""What an owner may ask of the queues, answered in Portuguese."""

from collections.abc import Mapping
from typing import Final

from oxyq.replies.faq import content_words

HELP: Final = "Olá! Você é proprietário aqui. Escreva *status* para ver a situação das filas."

_STATUS_WORDS: Final = frozenset({"status", "situacao", "fila", "filas"})

_QUEUE_NAMES: Final = {
    "message": "Mensagens",
    "automation": "Lembretes",
    "campaign": "Campanhas",
    "dead-letter": "Falhas definitivas",
}
_STATE_NAMES: Final = {
    "waiting": "na espera",
    "active": "em andamento",
    "delayed": "agendadas",
    "completed": "concluídas",
    "failed": "com falha",
}


def asks_for_status(text: str) -> bool:
    """Whether the owner asks how the queues are doing."""
    return not _STATUS_WORDS.isdisjoint(content_words(text))


def status_text(counts: Mapping[str, Mapping[str, int]]) -> str:
    """The answer to `status`: one line for each queue; `counts` is queue name → state → number of jobs."""
    lines = [f"{_QUEUE_NAMES.get(queue, queue)}: {_states(states)}" for queue, states in counts.items()]
    return "\n".join(("*Situação das filas*", *lines))


def _states(states: Mapping[str, int]) -> str:
    return ", ".join(f"{states[state]} {name}" for state, name in _STATE_NAMES.items() if state in states)
