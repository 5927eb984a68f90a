"""The matcher answers what it knows, in the Portuguese people really write, and is silent otherwise."""

import time

import pytest

from oxyq.organizations import FaqEntry, demo_organization
from oxyq.replies.faq import SURE_SCORE, answer_all, best_answer, content_words, nearest

HOURS, BATH, PRICE, PLACE, CANCEL, PAYMENT, PICK_UP, VACCINE, VET, HOTEL = (
    entry.answer for entry in demo_organization().faq
)


@pytest.mark.parametrize(
    ("text", "answer"),
    [
        ("q horas vcs abrem?", HOURS),
        ("oi bom dia, vcs abrem sabado?", HOURS),
        ("ATÉ QUE HORAS VCS FICAM ABERTOS HJ???", HOURS),
        ("funciona no domingo?", HOURS),
        ("Olá, quero agendar um banho", BATH),
        ("queria marcar banho e tosa pf", BATH),
        ("tem horario pra banho amanha?", BATH),
        ("qto custa o banho", PRICE),
        ("quantoooo custa o banho de um shih tzu?", PRICE),
        ("qual o valor da tosa?", PRICE),
        ("me passa a tabela de preços", PRICE),
        ("onde q fica a loja", PLACE),
        ("me manda a localizaçao pf", PLACE),
        ("preciso desmarcar o banho de amanhã", CANCEL),
        ("da pra remarcar o horario?", CANCEL),
        ("vcs aceitam pix??", PAYMENT),
        ("da pra parcelar no cartao?", PAYMENT),
        ("vcs buscam o cachorro em casa?", PICK_UP),
        ("precisa de carteira de vacinação?", VACCINE),
        ("tem veterinario ai?", VET),
        ("hotel para cachorro vcs tem?", HOTEL),
    ],
)
def test_a_known_question_gets_its_answer(text: str, answer: str) -> None:
    found = best_answer(demo_organization().faq, text)

    assert found is not None
    assert found[0] == answer
    assert SURE_SCORE <= found[1] <= 100


@pytest.mark.parametrize(
    "text",
    [
        "banho",
        "horário",
        "oi",
        "bom dia",
        "obrigada!",
        "sim",
        "👍",
        "???",
        "",
        "kkkkk blz",
        "amanhã às 10h",
        "quero falar com um atendente",
        "não quero agendar banho",
        "meu pedido veio errado e estou furiosa",
        "meu cachorro passou mal depois do banho",
        "o banho ficou péssimo, quero meu dinheiro de volta",
        "vocês vendem ração pra gato",
        "vocês contratam tosador?",
        "tem filhote de cachorro para vender?",
        "quanto custa uma consulta",
        "perdi o cartão",
        "cadê meu cachorro? já terminou o banho?",
    ],
)
def test_a_guess_is_never_an_answer(text: str) -> None:
    """A person takes over instead."""
    assert best_answer(demo_organization().faq, text) is None


def test_two_answers_that_fit_equally_are_a_guess() -> None:
    entries = [
        FaqEntry(questions=["entrega no sábado"], answer="Sim"),
        FaqEntry(questions=["entrega no domingo"], answer="Não"),
    ]

    assert best_answer(entries, "vocês fazem entrega no sábado ou domingo?") is None
    assert best_answer(entries, "vocês fazem entrega no sábado?") is not None


def test_the_same_answer_twice_is_no_guess() -> None:
    entries = [FaqEntry(questions=["aceita pix"], answer="Sim"), FaqEntry(questions=["aceitam pix"], answer="Sim")]

    assert best_answer(entries, "aceita pix") == ("Sim", 100.0)


def test_without_entries_there_is_no_answer() -> None:
    assert best_answer([], "aceita pix") is None


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("Vocês ABREM no Sábado?", ("abrem", "sabado")),
        ("ooooi, abreeee hj", ("abre", "hoje")),
        ("açaí, pão & café: 10%", ("acai", "pao", "cafe", "10")),
        ("oi, bom dia", ("oi", "bom", "dia")),
        ("a\u0303 e\u0301", ("a", "e")),
        ("", ()),
    ],
)
def test_words_are_compared_without_accents_shouting_and_small_words(text: str, words: tuple[str, ...]) -> None:
    assert content_words(text) == words


@pytest.mark.parametrize("text", ["a" * 30 + "!", "a " * 2048, "aceita pix " * 372, "\u0301" * 4096, "ab" * 2048])
def test_a_hostile_text_takes_no_time(text: str) -> None:
    started = time.thread_time()

    best_answer(demo_organization().faq, text)

    assert time.thread_time() - started < 0.05


@pytest.mark.parametrize(
    ("texts", "answers"),
    [
        (("vcs abrem sabado?",), [HOURS]),
        (("oi", "vcs abrem", "sabado?"), [HOURS]),
        (("banho", "quanto custa"), [PRICE]),
        (("vcs abrem sabado", "aceita pix?"), [HOURS, PAYMENT]),
        (("aceita pix?", "aceitam pix??"), [PAYMENT]),
        (("oi", "tudo bem?", "onde q fica a loja"), [PLACE]),
    ],
)
def test_a_burst_gets_each_answer_once(texts: tuple[str, ...], answers: list[str]) -> None:
    assert answer_all(demo_organization().faq, texts) == "\n\n".join(answers)


@pytest.mark.parametrize(
    "texts",
    [
        ("vcs abrem sabado?", "meu gato sumiu"),
        ("aceita pix?", "e o meu dinheiro de volta?"),
        ("oi", "bom dia"),
        ("oi",),
        (),
    ],
)
def test_a_burst_with_anything_unanswered_gets_no_answer(texts: tuple[str, ...]) -> None:
    """Half an answer would hide the rest from people."""
    assert answer_all(demo_organization().faq, texts) is None


def test_a_greeting_that_is_in_the_list_is_answered() -> None:
    assert answer_all([FaqEntry(questions=["bom dia"], answer="Bom dia!")], ("bom dia",)) == "Bom dia!"


def test_the_nearest_entries_come_best_first_sure_or_not() -> None:
    found = nearest(demo_organization().faq, "banho custa muito?", 2)

    assert len(found) == 2
    assert found[0].answer == PRICE
    assert nearest([], "banho", 2) == []
