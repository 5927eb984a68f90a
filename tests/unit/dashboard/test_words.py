"""Everything the board says exists in both languages, says the same things, and is said somewhere."""

import re
from importlib.resources import files

import pytest

from oxyq.dashboard.words import LANGUAGES, Wording, catalogue, preferred, speaker

WORDS = sorted(catalogue())


def wordings(wording: Wording) -> dict[str, str]:
    return {"": wording} if isinstance(wording, str) else dict(wording)


@pytest.mark.parametrize("file", sorted({key.partition(".")[0] for key in WORDS}))
def test_both_languages_say_it_with_the_same_values(file: str) -> None:
    for key in (key for key in WORDS if key.startswith(f"{file}.")):
        said = catalogue()[key]
        assert set(said) == set(LANGUAGES), key
        pt, en = (wordings(said[language]) for language in LANGUAGES)
        assert set(pt) == set(en) and set(pt) in ({""}, {"one", "other"}), key
        for form in pt:
            assert pt[form].strip() and en[form].strip(), key
            values = [set(re.findall(r"\{(\w*)\}", words[form])) for words in (pt, en)]
            assert values[0] == values[1], key


def asked_for() -> set[str]:
    """Every key that templates and pages name; one that ends in "_" is the beginning of several."""
    found = set[str]()
    board = files("oxyq.dashboard")
    for folder in (board, board.joinpath("pages"), board.joinpath("templates")):
        for file in folder.iterdir():
            if file.name.endswith((".py", ".html")):
                found.update(re.findall(r"""["']([a-z_]+\.[a-z0-9_]+)["']""", file.read_text("utf-8")))
    files_of_words = {key.partition(".")[0] for key in WORDS}
    return {
        key for key in found if key.partition(".")[0] in files_of_words and not key.endswith((".html", ".js", ".css"))
    }


def test_all_words_that_pages_ask_for_exist() -> None:
    assert asked_for()
    missing = {
        key
        for key in asked_for()
        if not (any(word.startswith(key) for word in WORDS) if key.endswith("_") else key in WORDS)
    }
    assert missing == set()


def test_counts_choose_their_form_and_are_written_as_people_write_them(monkeypatch: pytest.MonkeyPatch) -> None:
    """In Brazil nothing is one thing less: "0 trabalho", but "0 jobs"."""
    jobs = {
        "pt": {"one": "{count} trabalho de {name}", "other": "{count} trabalhos de {name}"},
        "en": {"one": "{count} job of {name}", "other": "{count} jobs of {name}"},
    }
    monkeypatch.setattr("oxyq.dashboard.words.catalogue", lambda: {"x.jobs": jobs})
    speaker.cache_clear()
    pt, en = speaker("pt"), speaker("en")
    speaker.cache_clear()

    assert [pt("x.jobs", count=count, name="A") for count in (0, 1, 1234567)] == [
        "0 trabalho de A", "1 trabalho de A", "1.234.567 trabalhos de A",
    ]  # fmt: skip
    assert [en("x.jobs", count=count, name="A") for count in (0, 1, 1234567)] == [
        "0 jobs of A", "1 job of A", "1,234,567 jobs of A",
    ]  # fmt: skip


@pytest.mark.parametrize(
    ("accepted", "language"),
    [(None, "pt"), ("", "pt"), ("en", "en"), ("en-GB,pt;q=0.5", "en"), ("pt-BR,en;q=0.9", "pt"), ("fr", "pt")],
)
def test_a_browser_gets_english_only_when_it_asks_for_it_first(accepted: str | None, language: str) -> None:
    assert preferred(accepted) == language
