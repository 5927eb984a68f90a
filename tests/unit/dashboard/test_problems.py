"""What is wrong with a campaign or its list, in the words of who reads it: our own errors, as they are raised."""

# ruff: noqa: E501 - a case is a line

from collections.abc import Callable

import pytest

from oxyq.campaigns.recipient_files import recipient_reader
from oxyq.campaigns.rendering import render_for
from oxyq.dashboard.problems import Problems
from oxyq.dashboard.words import speaker
from oxyq.errors import InvalidPayload, MemoryFull, OxyqError, QuotaExceeded
from oxyq.jobs import CampaignContent, parse_new
from oxyq.numbers import canonical_number
from oxyq.producer import check_start


def read(rows: str | bytes) -> None:
    reader = recipient_reader("csv")
    reader.feed(rows if isinstance(rows, bytes) else rows.encode())
    reader.finish()


def content(template: str = "Oi", **more: object) -> CampaignContent:
    fields = {"campaignId": "c", "organizationId": "org_1", "template": template, **more}
    return parse_new(CampaignContent, fields)


def render(template: str) -> None:
    render_for(content(template), "5511970000001", "11 97000-0001", {})


def told(raising: Callable[[], object], language: str = "pt") -> str:
    with pytest.raises(InvalidPayload) as caught:
        raising()
    return Problems(speaker(language)).told(caught.value.problem)  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("raising", "words"),
    [
        (lambda: render("Oi {{nome}}!"), "falta nome para 11 97000-0001. Preencha a lista, ou escreva no texto {{nome|outra palavra}}"),
        (lambda: content("Oi {{ }}"), "'{{ }}' não é um campo. Escreva {{nome}} ou {{nome|cliente}}, só com letras sem acento, dígitos e _"),
        (lambda: content("Oi {a"), "'{a' não é uma escolha. Escreva {Oi|Olá}, fechada com uma chave só"),
        (lambda: content(""), "falta preencher"),
        (lambda: content("x" * 5000), "tem 5000 caracteres; cabem no máximo 4096"),
        (lambda: content(campaignId="a\nb"), "tem sinais que não se veem, como uma quebra de linha; escreva de novo"),
        (lambda: content(metaTemplate={"name": "Promo!", "language": "pt_BR"}), "não é nome de modelo: a Meta usa letras minúsculas, dígitos e _"),
        (lambda: content(metaTemplate={"name": "promo", "language": "português"}), "não é um idioma como a Meta escreve; use pt_BR, por exemplo"),
        (lambda: content(metaTemplate={"name": "promo", "language": "en", "parameters": ["a\nb"]}), "tem quebra de linha ou tabulação, e a Meta recusa; escreva numa linha só"),
        (lambda: check_start(1_000_000_000_000, 1_795_439_704_000), "já passou; escolha outro horário, ou comece na hora"),
        (lambda: check_start(1_995_439_704_000, 1_795_439_704_000), "é daqui a mais de um ano; crie a campanha mais tarde"),
        (lambda: read("nome\nAna\n"), "linha 1: nenhuma coluna tem os números; chame uma de telefone (ou numero, celular, whatsapp)"),
        (lambda: read("5511970000001\n5511970000002\n"), "linha 1: a primeira linha já é uma pessoa; comece com os nomes das colunas, como telefone;nome"),
        (lambda: read("telefone;nome\n5511970000001\n"), "linha 2, coluna 2: só tem 1 das 2 colunas; complete, mesmo com células vazias"),
        (lambda: read("telefone;nome\n5511970000001;a;b\n"), "linha 2, coluna 3: tem mais que as 2 colunas; ponha entre aspas o texto que tem o separador"),
        (lambda: read('telefone;nome\n5511970000001;"a\n'), "linha 2: abre aspas que não fecham"),
        (lambda: read("telefone;nomé\n5511970000001;a\n"), "linha 1, coluna 2: a coluna 'nomé' não pode ser usada no texto; use letras sem acento, dígitos e _"),
        (lambda: read("telefone;a;a\n"), "linha 1, coluna 3: a coluna 'a' aparece duas vezes; mude o nome de uma"),
        (lambda: read("telefone;celular\n"), "linha 1, coluna 2: 'celular' é a segunda coluna de números; deixe uma"),
        (lambda: read("telefone;\n"), "linha 1, coluna 2: esta coluna não tem nome; dê um, ou apague a coluna"),
        (lambda: read("telefone;nome\n1;José\n".encode("latin-1")), "linha 2, coluna 6: o arquivo não está em UTF-8; salve como “CSV UTF-8” e envie de novo"),
        (lambda: read(""), "a lista está vazia; ponha ao menos um número"),
        (lambda: canonical_number("123"), "precisa de 8 a 15 dígitos, com o DDD: (11) 99999-9999"),
        (lambda: canonical_number("97000-0001"), "falta o DDD: (11) 99999-9999"),
        (lambda: canonical_number("(20) 97000-0001"), "esse DDD não existe"),
        (lambda: canonical_number("+55 11 17000-0001"), "não existe no Brasil: depois do DDD, celular tem 9 dígitos e começa com 9"),
        (lambda: canonical_number("ana"), "tem letras ou sinais que não são de telefone"),
        (lambda: canonical_number("123@g.us"), "é um grupo; campanhas vão só para pessoas"),
    ],
)  # fmt: skip
def test_what_is_wrong_is_said_in_portuguese(raising: Callable[[], object], words: str) -> None:
    assert told(raising) == words
    assert told(raising, "en") != words


def test_a_list_of_bad_numbers_says_what_is_wrong_with_the_first() -> None:
    problem = (
        "must have 8 to 15 digits, country code included, such as 5511999999999 (and so it is with all recipients)"
    )

    assert Problems(speaker("pt")).told(problem).startswith("nenhum número da lista vale: precisa de 8 a 15 dígitos")


def test_what_nobody_put_into_words_is_told_as_it_is() -> None:
    assert Problems(speaker("pt")).told("the moon is full") == "the moon is full"


@pytest.mark.parametrize(
    ("reason", "words"),
    [
        ("duplicate", "Repetido na lista"),
        ("opted_out", "Pediu para sair"),
        ("invalid: has no area code; write it as", "Número que não vale: falta o DDD: (11) 99999-9999"),
        ("send-71/0: the number is not on WhatsApp", "o número não está no WhatsApp"),
        ("131026: undeliverable", "131026: undeliverable"),
    ],
)
def test_why_somebody_got_nothing(reason: str, words: str) -> None:
    assert Problems(speaker("pt")).reason(reason) == words


@pytest.mark.parametrize(
    ("refusal", "words"),
    [
        (
            MemoryFull(76, 75),
            "a memória do Redis está quase cheia (76 %): nada novo entra até os trabalhos de agora abrirem espaço. Tente de novo em instantes",
        ),
        (QuotaExceeded(71.2), "a organização já usou a sua cota de trabalhos. Tente de novo em 72 segundos"),
    ],
)
def test_what_is_not_taken_in_for_now(refusal: OxyqError, words: str) -> None:
    assert Problems(speaker("pt")).told(str(refusal)) == words
