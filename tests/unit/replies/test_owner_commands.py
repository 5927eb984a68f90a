"""Owners order things in the words they have; what is no order is none."""

import pytest

from oxyq.replies.owner_commands import Command, read_command


@pytest.mark.parametrize(
    ("text", "command"),
    [
        ("status", Command("status")),
        ("Oi, qual o STATUS?", Command("status")),
        ("situação", Command("status")),
        ("como estão as filas", Command("status")),
        ("campanhas", Command("list")),
        ("Listar campanhas", Command("list")),
        ("campanha", Command("list")),
        ("pausar campanha natal-2026", Command("pause", "natal-2026")),
        ("*Pausar* a campanha “Natal 2026”", Command("pause", "Natal 2026")),
        ("pausa Natal", Command("pause", "Natal")),
        ("pausar campanha A", Command("pause", "A")),
        ("pausar a", Command("pause", "a")),
        ("por favor pausar a natal", Command("pause", "natal")),
        ("pausar", Command("pause")),
        ("pausar todas as campanhas", Command("pause")),
        ("retomar", Command("resume")),
        ("continuar campanha natal", Command("resume", "natal")),
        ("Cancelar campanha black-friday_2", Command("cancel", "black-friday_2")),
        ("relatório", Command("report")),
        ("Relatorio da campanha natal", Command("report", "natal")),
        ("status da campanha natal", Command("report", "natal")),
        ("campanha natal", Command("report", "natal")),
        ("silenciar bot", Command("silence")),
        ("silenciar bot 45 minutos", Command("silence", number=45)),
        ("silenciar o bot por 2 horas", Command("silence", number=120)),
        ("silenciar bot 2h", Command("silence", number=120)),
        ("silenciar bot por meia hora", Command("silence", number=30)),
        ("silenciar bot uma hora", Command("silence", number=60)),
        ("silenciar bot 3 dias", Command("silence", number=3 * 24 * 60)),
        ("pausar o bot 15", Command("silence", number=15)),
        ("Desligar robô", Command("silence")),
        ("acordar bot", Command("wake")),
        ("ativar o bot", Command("wake")),
        ("retomar bot", Command("wake")),
        ("ajuda", Command("help")),
        ("SIM", Command("yes")),
        ("sim!", Command("yes")),
        ("Não", Command("no")),
        ("2", Command("choose", number=2)),
        ("2.", Command("choose", number=2)),
    ],
)
def test_an_order_is_understood(text: str, command: Command) -> None:
    assert read_command(text) == command


@pytest.mark.parametrize(
    "text",
    ["", "👍", "oi", "bom dia!", "vocês abrem sábado?", "statusquo", "não quero cancelar nada", "sim, amanhã às 10",
     "preciso de ajuda", "12345", "pausar campanha " + "x" * 300],
)  # fmt: skip
def test_all_else_is_no_order(text: str) -> None:
    assert read_command(text) is None
