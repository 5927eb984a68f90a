"""Words by which a person leaves the campaigns of an organization, or comes back to them."""

from typing import Final, Literal, TypeAlias

from oxyq.replies.plain_text import plain

Wish: TypeAlias = Literal["out", "perhaps_out", "in"]

#: Whole messages only: "que horas posso sair?" is a question.
_OUT: Final = frozenset(
    {
        "sair", "pare", "descadastrar", "remover", "stop", "sair da lista", "quero sair da lista", "me tira da lista",
        "me tire da lista", "nao quero mais receber", "nao quero mais receber mensagens",
    }
)  # fmt: skip
#: May just as well be about an appointment, unless a campaign or reminder came a short while ago.
_PERHAPS_OUT: Final = frozenset({"cancelar", "parar"})
_IN: Final = frozenset({"voltar"})
_LONGEST: Final = 80

CONFIRMED_OUT: Final = "Pronto! Você não vai mais receber nossas campanhas. Se mudar de ideia, escreva VOLTAR."
CONFIRMED_IN: Final = "Que bom ter você de volta! Você vai receber nossas novidades. Para sair, escreva SAIR."
WHICH_ONE: Final = (
    "Se quiser parar de receber nossas campanhas, responda SAIR. Se for outro assunto, conte para a gente o que deseja "
    "cancelar."
)


def read_wish(text: str) -> Wish | None:
    """What a whole message wishes for, in whatever case, with accents, signs and emoji or without."""
    if len(text) > _LONGEST:
        return None
    words = plain(text)
    if words in _OUT:
        return "out"
    if words in _PERHAPS_OUT:
        return "perhaps_out"
    return "in" if words in _IN else None
