"""Wishes about campaigns are whole messages, however they are written; a sentence with the same word is none."""

import pytest

from oxyq.replies.opt_out import read_wish


@pytest.mark.parametrize(
    "text",
    ["SAIR", "sair", " Sair! ", "*SAIR*", "Pare.", "STOP", "descadastrar", "REMOVER", "Sair da lista",
     "me tira da lista", "Não quero mais receber", "nao quero mais receber!!", "🚫 sair 🚫", "SAIR\n"],
)  # fmt: skip
def test_who_wants_to_leave_is_understood(text):
    assert read_wish(text) == "out"


@pytest.mark.parametrize("text", ["CANCELAR", "cancelar.", "Parar", "PARAR!"])
def test_words_that_may_mean_an_appointment_are_told_apart(text):
    assert read_wish(text) == "perhaps_out"


@pytest.mark.parametrize("text", ["VOLTAR", "voltar 🙂"])
def test_who_wants_to_come_back_is_understood(text):
    assert read_wish(text) == "in"


@pytest.mark.parametrize(
    "text",
    ["que horas posso sair?", "quero cancelar minha consulta", "pode parar na porta?", "vou voltar amanhã", "", "🙂",
     "não para de chover", "saída", "stop motion", "sair " * 30],
)  # fmt: skip
def test_sentences_are_no_wishes(text):
    assert read_wish(text) is None
