"""What an owner may order in a message, read from the Portuguese people write."""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import dropwhile
from typing import Final, Literal, TypeAlias

from oxyq.replies.plain_text import plain

CampaignVerb: TypeAlias = Literal["pause", "resume", "cancel", "report"]
Verb: TypeAlias = Literal[
    "status", "list", "pause", "resume", "cancel", "report", "silence", "wake", "help", "yes", "no", "choose"
]

#: Longer messages are no commands.
_LONGEST: Final = 300


@dataclass(frozen=True, slots=True)
class Command:
    """One order: `campaign` as it was written ("" for none), `number` the minutes of a silence, or what was chosen."""

    verb: Verb
    campaign: str = ""
    number: int | None = None


_WORDS: Final[Mapping[Verb, str]] = {
    "status": "status situacao fila filas",
    "list": "campanhas listar lista",
    "pause": "pausar pausa pause parar pare suspender",
    "resume": "retomar retoma retome continuar continua continue despausar",
    "cancel": "cancelar cancela cancele",
    "report": "relatorio relatorios resumo campanha",
    "silence": "silenciar silencia silencie silencio calar desligar desliga desativar",
    "wake": "acordar acorda acorde ativar ativa ative ligar liga religar",
    "help": "ajuda help comandos",
}
_VERBS: Final = {word: verb for verb, words in _WORDS.items() for word in words.split()}
_YES: Final = frozenset({"sim", "s", "confirmo", "confirmar", "pode", "pode sim", "sim pode"})
_NO: Final = frozenset({"nao", "n", "deixa", "deixe", "nao cancela", "nao cancelar", "nao cancele"})
#: What may stand before a command. A token without words, such as an emoji, too.
_COURTESY: Final = frozenset(
    {"", *"oi ola bom boa dia tarde noite por favor qual como o a as os e esta estao ver mostrar mostra quero".split()}
)
#: The same orders about the bot, and not about a campaign.
_ABOUT_THE_BOT: Final[Mapping[str, Verb]] = {"pause": "silence", "resume": "wake"}
_BOT: Final = frozenset({"bot", "robo", "assistente"})
_ARTICLES: Final = frozenset({"a", "o", "as", "os"})
_QUOTES: Final = "\"'“”‘’«»*_`."

_SPOKEN_TIMES: Final = {"meia hora": "30 m", "uma hora": "1 h", "um dia": "1 d"}
_TIME: Final = re.compile(r"(\d{1,5}) ?(m|min|mins|minutos?|h|hs|horas?|d|dias?)?\b")
_MINUTES: Final = {"m": 1, "h": 60, "d": 24 * 60}


def read_command(text: str) -> Command | None:
    """The command that a message is; None when it is none."""
    if len(text) > _LONGEST:
        return None
    whole = plain(text)
    if whole in _YES or whole in _NO:
        return Command("yes" if whole in _YES else "no")
    if re.fullmatch("[0-9]{1,3}", whole):
        return Command("choose", number=int(whole))
    words = list(dropwhile(lambda word: plain(word) in _COURTESY, text.split()))
    verb = _VERBS.get(plain(words[0])) if words else None
    return None if verb is None else _with_details(verb, words)


def _with_details(verb: Verb, words: Sequence[str]) -> Command:
    rest = words[1:]
    if any(plain(word) in _BOT for word in rest[:2]):
        verb = _ABOUT_THE_BOT.get(verb, verb)
    if verb == "silence":
        return Command(verb, number=_minutes(plain(" ".join(rest))))
    if verb in ("pause", "resume", "cancel"):
        return Command(verb, _campaign(rest))
    # "campanha X" and "status da campanha X" ask for its report, "campanha" alone for the list.
    after = words if plain(words[0]) == "campanha" else rest
    names_campaign = any(plain(word) == "campanha" for word in after[:3])
    if verb == "report" or (verb == "status" and names_campaign):
        named = _campaign(after)
        return Command("list") if verb == "report" and names_campaign and not named else Command("report", named)
    return Command(verb)


def _campaign(words: Sequence[str]) -> str:
    """What stands after the word "campanha", or after an article: a campaign may be called "A" itself."""
    for place, word in enumerate(words[:3]):
        if plain(word) in ("campanha", "campanhas"):
            return _unquoted(words[place + 1 :])
    return _unquoted(words[1:] if len(words) > 1 and plain(words[0]) in _ARTICLES else words)


def _unquoted(words: Sequence[str]) -> str:
    return " ".join(words).strip(_QUOTES)


def _minutes(words: str) -> int | None:
    for spoken, time in _SPOKEN_TIMES.items():
        words = words.replace(spoken, time)
    found = _TIME.search(words)
    return int(found[1]) * _MINUTES[(found[2] or "m")[0]] if found else None
