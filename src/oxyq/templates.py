"""Campaign texts: `{{name}}`, `{{name|fallback}}` and `{Oi|Olá}` are replaced in one pass; nothing is ever evaluated.

Neither `str.format` nor a template engine: tenants write these texts, and both reach attributes and globals.
"""

import re
from collections.abc import Iterator, Mapping
from functools import lru_cache
from hashlib import blake2b
from typing import Final, NamedTuple, TypeAlias

from oxyq.errors import InvalidPayload

VARIABLE_NAME: Final = re.compile(r"[A-Za-z_][A-Za-z0-9_]{0,63}")

# Unrolled, so that nothing is read over and over, whatever a tenant writes; possessive groups would say it in fewer
# words, and find the wrong thing in Python 3.11.2 (Debian 12).
_PLACEHOLDER: Final = rf"\{{\{{ *(?P<name>{VARIABLE_NAME.pattern}) *(?:\|(?P<fallback>[^{{}}|]*))?\}}\}}"
_CHOICE: Final = r"\{[^{}]*(?:\{\{[^{}]*\}\}[^{}]*)*\}"
# One brace more behind it is a mistake and not text; one before it is refused as all that open nothing.
_PIECE: Final = re.compile(rf"(?:{_PLACEHOLDER}|{_CHOICE})(?!\}})")
_OPTION: Final = re.compile(r"([^{}|]*(?:\{\{[^{}]*\}\}[^{}|]*)*)\|")
_STRAY_BRACE: Final = re.compile(r"\{|\}\}")
_MEANT_AS_PLACEHOLDER: Final = re.compile(r"\{\{|\}\}|\{[^{}|]*\}")

_NO_PLACEHOLDER: Final = (
    "is not a placeholder; write {{name}} or {{name|fallback}}, the name with letters, digits and _ only, beginning "
    "with a letter or _, the fallback without braces and |"
)
_NO_CHOICE: Final = (
    "is not a choice of texts; write {Oi|Olá}, closed with one }, and with no braces inside but those of {{name}}: "
    "a choice cannot hold another"
)
_SHOWN_CHARACTERS: Final = 40


class _Placeholder(NamedTuple):
    name: str
    fallback: str | None


class _Choice(NamedTuple):
    position: int
    options: "tuple[tuple[_Piece, ...], ...]"


_Piece: TypeAlias = str | _Placeholder | _Choice


def placeholders(template: str) -> list[str]:
    """The variable names that need a value, each once, in order; InvalidPayload if the template is malformed.

    A name that has a fallback wherever it stands needs none; one inside a choice does, whichever text is chosen.
    """
    return list(dict.fromkeys(_needed(_pieces(template))))


def render(template: str, *variables: Mapping[str, str], recipient: str | None = None, seed: str = "") -> str:
    """The text with every `{{name}}` replaced and one text of every choice taken.

    Later mappings are fallbacks for earlier ones; `{{name|fallback}}` also passes over blank values. A value is
    inserted as it is: one that contains `{{y}}` stays literal. The same `seed` takes the same texts, and different
    seeds (such as campaign and recipient) take each text of a choice equally often.
    InvalidPayload if the template is malformed or a variable has no value; then it names `recipient`.
    """
    return "".join(
        [
            piece if isinstance(piece, str) else _value(piece, variables, recipient)
            for piece in _chosen(_pieces(template), seed)
        ]
    )


def missing_variable(name: str, recipient: str | None = None) -> InvalidPayload:
    """The error for a placeholder that nobody gave a value."""
    # As it was written, perhaps with line breaks, hence escaped.
    of_whom = "" if recipient is None else f" for recipient {recipient.encode('unicode_escape').decode()}"
    return InvalidPayload(
        "template", f"{{{{{name}}}}} has no value{of_whom}; add {name} to variables, or write {{{{{name}|fallback}}}}"
    )


def _needed(pieces: "tuple[_Piece, ...]") -> Iterator[str]:
    for piece in pieces:
        if isinstance(piece, _Choice):
            for option in piece.options:
                yield from _needed(option)
        elif isinstance(piece, _Placeholder) and piece.fallback is None:
            yield piece.name


def _chosen(pieces: "tuple[_Piece, ...]", seed: str) -> Iterator[str | _Placeholder]:
    for piece in pieces:
        if isinstance(piece, _Choice):
            yield from _chosen(piece.options[_draw(seed, piece.position, len(piece.options))], seed)
        else:
            yield piece


def _draw(seed: str, position: int, count: int) -> int:
    # Not hash(), which differs from process to process. The position keeps the choices of a text independent.
    drawn = blake2b(f"{position}:{seed}".encode(errors="surrogatepass"), digest_size=8).digest()
    return int.from_bytes(drawn) % count


def _value(placeholder: _Placeholder, variables: tuple[Mapping[str, str], ...], recipient: str | None) -> str:
    name, fallback = placeholder
    for mapping in variables:
        if name in mapping:
            value = mapping[name]
            if fallback is None or value.strip():
                return value
    if fallback is None:
        raise missing_variable(name, recipient)
    return fallback


@lru_cache(maxsize=256)
def _pieces(template: str) -> "tuple[_Piece, ...]":
    """What a template is made of. Kept, because a campaign renders the same template for every recipient."""
    return tuple(_split(template))


def _split(text: str) -> Iterator[_Piece]:
    end = 0
    for match in _PIECE.finditer(text):
        if end < match.start():
            yield _literal(text, end, match.start())
        name, fallback = match.groups()
        if name is None:
            yield _choice(match[0], match.start())
        else:
            yield _Placeholder(name, None if fallback is None else fallback.strip(" "))
        end = match.end()
    if end < len(text):
        yield _literal(text, end, len(text))


def _choice(written: str, position: int) -> _Choice:
    options = _OPTION.findall(f"{written[1:-1]}|")
    if len(options) == 1:
        raise _wrong(written, 0)
    return _Choice(position, tuple([tuple(_split(option)) if "{" in option else (option,) for option in options]))


def _literal(text: str, start: int, end: int) -> str:
    stray = _STRAY_BRACE.search(text, start, end)
    if stray:
        raise _wrong(text, stray.start())
    return text[start:end]


def _wrong(text: str, start: int) -> InvalidPayload:
    shown = text[start : start + _SHOWN_CHARACTERS].partition("\n")[0]
    problem = _NO_PLACEHOLDER if _MEANT_AS_PLACEHOLDER.match(text, start) else _NO_CHOICE
    return InvalidPayload("template", f"{shown!r} {problem}")
