"""What an owner hears, in Portuguese."""

from oxyq.replies.campaign_commands import CampaignSummary
from oxyq.replies.owner_texts import report_text, silent_text, status_text


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


def test_a_report_tells_only_what_happened() -> None:
    campaign = CampaignSummary(
        "natal", "running", recipients=12_345, waiting=11_000, sent=1_300, delivered=900, read=40, skipped=45
    )

    assert report_text(campaign) == (
        "*Campanha natal*: em andamento, 12.345 destinatários\n"
        "1.300 enviadas, 900 entregues, 40 lidas\n"
        "45 fora da lista (não querem, repetidas ou inválidas)\n"
        "11.000 ainda não enviadas"
    )


def test_a_silence_is_told_by_the_owner_s_clock() -> None:
    now = 1_795_404_684_000  # 23/11/2026, 00:31 in São Paulo

    assert "até 01:01." in silent_text(now + 30 * 60_000, now, "America/Sao_Paulo")
    assert "até 24/11 às 00:31." in silent_text(now + 24 * 3_600_000, now, "America/Sao_Paulo")
    assert "até 23/11 às 00:01." in silent_text(now + 30 * 60_000, now, "America/Manaus")
