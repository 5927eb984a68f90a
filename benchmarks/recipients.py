"""A list of recipients as a shop has one: three time zones, some numbers wrong, some there twice, some people out."""

import random
from collections import Counter
from dataclasses import dataclass
from pathlib import Path

#: Of the text some 110 characters arrive, the name included.
TEMPLATE = (
    "Oi {{nome}}! Esta semana o banho e a tosa estão com 20% de desconto. Quer marcar? "
    "Para não receber mais, responda SAIR."
)
SEED = 20_261_123
INVALID, TWICE, OPTED_OUT = 0.01, 0.02, 0.005
#: Brasília's time, an hour behind it, two hours behind it.
_AREAS = ("11", "92", "68")
_WRONG = ("", "123", "91234-5670", "(00) 91234-5670", "cliente@exemplo.com.br")
_FIRST = ("Ana", "Bruno", "Carla", "Diego", "Elisa", "Fábio", "Gabriela", "Heitor", "Inês", "João", "Lívia", "Marcos")
_LAST = ("Almeida", "Barbosa", "Cardoso", "Dias", "Esteves", "Ferreira", "Gomes", "Lima", "Moreira", "Nunes", "Souza")
#: A prime, so that the numbers of so many people differ; times ten, so that none is special to the simulator.
_MOST_PEOPLE, _STEP = 9_999_991, 7_654_321


@dataclass(frozen=True, slots=True)
class RecipientList:
    """A CSV with so many rows, what planning it must come to, and the numbers of those who are out beforehand."""

    file: Path
    rows: int
    planned: int
    skipped: dict[str, int]
    opted_out: list[str]


def write_list(folder: Path, rows: int) -> RecipientList:
    """Write a list of so many rows; the same each time."""
    chance = random.Random(SEED)  # noqa: S311 - the same list each time is what is wanted
    skipped = Counter[str]()
    opted_out, file, people = dict[int, str](), folder / f"{rows}.csv", 0
    with file.open("w", encoding="utf-8") as lines:
        lines.write("telefone;nome\n")
        for _ in range(rows):
            lot = chance.random()
            if lot < INVALID:
                number, reason = chance.choice(_WRONG), "invalid"
            elif lot < INVALID + TWICE and people:
                person = chance.randrange(people)
                number, reason = _as_people_write(_number(person)), "duplicate"
                reason = "opted_out" if person in opted_out else reason
            else:
                number, reason = _number(people), ""
                if chance.random() < OPTED_OUT:
                    opted_out[people], reason = number, "opted_out"
                people += 1
            if reason:
                skipped[reason] += 1
            lines.write(f"{number};{chance.choice(_FIRST)} {chance.choice(_LAST)}\n")
    return RecipientList(file, rows, people - len(opted_out), dict(skipped), list(opted_out.values()))


def _number(person: int) -> str:
    return f"55{_AREAS[person % len(_AREAS)]}9{person * _STEP % _MOST_PEOPLE * 10:08}"


def _as_people_write(number: str) -> str:
    return f"({number[2:4]}) {number[4:9]}-{number[9:]}"
