"""What an owner hears about the queues."""

import pytest

from oxyq.replies.owner import asks_for_status, status_text


@pytest.mark.parametrize("text", ["status", "STATUS?", "oi, qual o status?", "situação", "como estão as filas"])
def test_an_owner_asks_for_the_status_in_many_ways(text: str) -> None:
    assert asks_for_status(text)


@pytest.mark.parametrize("text", ["oi", "", "vocês abrem sábado?", "statusquo", "pausar campanha"])
def test_other_words_do_not_ask_for_it(text: str) -> None:
    assert not asks_for_status(text)


def test_the_status_tells_each_queue_in_portuguese() -> None:
    counts = {
        "message": {"waiting": 0, "active": 2, "completed": 150, "failed": 1, "paused": 0},
        "campaign": {"waiting": 90, "active": 3, "delayed": 4, "completed": 7, "failed": 0},
        "dead-letter": {"waiting": 5},
    }

    assert status_text(counts) == (
        "*Situação das filas*\n"
        "Mensagens: 0 na espera, 2 em andamento, 150 concluídas, 1 com falha\n"
        "Campanhas: 90 na espera, 3 em andamento, 4 agendadas, 7 concluídas, 0 com falha\n"
        "Falhas definitivas: 5 na espera"
    )


def test_a_queue_without_a_portuguese_name_keeps_its_own() -> None:
    assert status_text({"audit": {"waiting": 1}}).endswith("audit: 1 na espera")
