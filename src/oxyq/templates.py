"""Campaign texts: `{{name}}` is replaced in one flat pass, and nothing else is ever evaluated.

Neither `str.format` nor a template engine: tenants write these texts, and both reach attributes and globals.
"""

import re
from collections.abc import Iterator, Mapping
from functools import lru_cache
from typing import Final

from oxyq.errors import InvalidPayload

VARIABLE_NAME: Final = re.compile(r"[A-Za-z_][A-Za-z0-9_]{0,63}")

# Three braces are not a placeholder between braces but a mistake, hence the looks to both sides.
_PLACEHOLDER: Final = re.compile(r"(?<!\{)\{\{ *(" + VARIABLE_NAME.pattern + r") *\}\}(?!\})")
_STRAY_BRACES: Final = re.compile(r"\{\{|\}\}|\{[^{}]*\}")

_SHOWN_CHARACTERS: Final = 40


def placeholders(template: str) -> list[str]:
    """The variable names a template asks for, each once, in order; InvalidPayload if it is malformed."""
    return list(dict.fromkeys(name for _, name in _parts(template) if name is not None))


def render(template: str, *variables: Mapping[str, str], recipient: str | None = None) -> str:
    """The text with every `{{name}}` replaced; later mappings are fallbacks for earlier ones.

    A value is inserted as it is: one that contains `{{y}}` stays literal.
    InvalidPayload if the template is malformed or a variable has no value; then it names `recipient`.
    """
    return "".join(
        text if name is None else text + _value(name, variables, recipient) for text, name in _parts(template)
    )


def missing_variable(name: str, recipient: str | None = None) -> InvalidPayload:
    """The error for a placeholder that nobody gave a value."""
    # As it was written, perhaps with line breaks, hence escaped.
    of_whom = "" if recipient is None else f" for recipient {recipient.encode('unicode_escape').decode()}"
    return InvalidPayload("template", f"{{{{{name}}}}} has no value{of_whom}; add {name} to variables")


def _value(name: str, variables: tuple[Mapping[str, str], ...], recipient: str | None) -> str:
    for mapping in variables:
        if name in mapping:
            return mapping[name]
    raise missing_variable(name, recipient)


@lru_cache(maxsize=256)
def _parts(template: str) -> tuple[tuple[str, str | None], ...]:
    """Literal texts, each with the placeholder behind it (None at the end).

    Kept, because a campaign renders the same template for every recipient.
    """
    return tuple(_split(template))


def _split(template: str) -> Iterator[tuple[str, str | None]]:
    end = 0
    for match in _PLACEHOLDER.finditer(template):
        yield _literal(template, end, match.start()), match[1]
        end = match.end()
    yield _literal(template, end, len(template)), None


def _literal(template: str, start: int, end: int) -> str:
    stray = _STRAY_BRACES.search(template, start, end)
    if stray:
        shown = template[stray.start() : stray.start() + _SHOWN_CHARACTERS].partition("\n")[0]
        raise InvalidPayload(
            "template",
            f"{shown!r} is not a placeholder; write {{{{name}}}} with letters, digits and _ only, "
            "beginning with a letter or _",
        )
    return template[start:end]
