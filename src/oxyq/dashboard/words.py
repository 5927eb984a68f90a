"""What the board says, in Portuguese and English: one file of words per page, both languages side by side."""

import tomllib
from collections.abc import Callable, Mapping
from functools import lru_cache
from importlib.resources import files
from typing import Final, Literal, cast, get_args

from babel.numbers import format_decimal

Language = Literal["pt", "en"]
LANGUAGES: Final[tuple[Language, ...]] = get_args(Language)
LOCALES: Final[Mapping[Language, str]] = {"pt": "pt_BR", "en": "en_US"}
#: The value of the attribute `lang` (BCP 47).
TAGS: Final[Mapping[Language, str]] = {"pt": "pt-BR", "en": "en"}

Wording = str | Mapping[Literal["one", "other"], str]
Say = Callable[..., str]
"""`say("queue.jobs", count=3)`: the words in one language; whole numbers are written as that language does."""


@lru_cache(1)
def catalogue() -> Mapping[str, Mapping[Language, Wording]]:
    """All words: "file.key" -> language -> a sentence, or {one, other} of which `count` chooses."""
    found: dict[str, Mapping[Language, Wording]] = {}
    for file in sorted(files("oxyq.dashboard").joinpath("words").iterdir(), key=lambda one: one.name):
        page = file.name.removesuffix(".toml")
        for key, wordings in tomllib.loads(file.read_text("utf-8")).items():
            found[f"{page}.{key}"] = cast("Mapping[Language, Wording]", wordings)
    return found


@lru_cache(len(LANGUAGES))
def speaker(language: Language) -> Say:
    """The function that says things in this language; KeyError for what has no words."""
    words = {key: wordings[language] for key, wordings in catalogue().items()}
    locale = LOCALES[language]

    def say(key: str, /, **values: object) -> str:
        wording = words[key]
        if not isinstance(wording, str):
            # CLDR: "one" is 1 in English, and 0 or 1 in Brazil.
            count = values["count"]
            wording = wording["one" if count == 1 or (language == "pt" and count == 0) else "other"]
        if not values:
            return wording
        return wording.format_map({name: _written(value, locale) for name, value in values.items()})

    return say


def preferred(accepted: str | None) -> Language:
    """The language of a browser's Accept-Language: English for those who ask for it first, else Portuguese."""
    first = (accepted or "").partition(",")[0].strip().lower()
    return "en" if first.startswith("en") else "pt"


def written_number(value: float, locale: str) -> str:
    """A number as a language writes it."""
    try:
        return format_decimal(value, locale=locale)
    except ArithmeticError:  # of dozens of digits, as only a job from elsewhere may hold
        return "∞"


def _written(value: object, locale: str) -> object:
    if isinstance(value, bool) or not isinstance(value, int | float):
        return value
    return written_number(value, locale)
