"""What the board's own files must not have in them: the policy would stop it, or data could become code."""

import re
from importlib.resources import files
from typing import Final

import pytest

BOARD = files("oxyq.dashboard")
TEMPLATES = {file.name: file.read_text("utf-8") for file in BOARD.joinpath("templates").iterdir()}
SCRIPTS = {
    file.name: file.read_text("utf-8") for file in BOARD.joinpath("static").iterdir() if file.name.endswith(".js")
}
STYLES = {
    file.name: file.read_text("utf-8") for file in BOARD.joinpath("static").iterdir() if file.name.endswith(".css")
}

FORBIDDEN_IN_TEMPLATES: Final = {
    "inline style": r"\sstyle=|<style",
    "inline script": r"<script(?![^>]*\ssrc=)|\son[a-z]+=",
    "an unescaped value": r"\|\s*safe\b|autoescape false",
    "an absolute address": r"""(?:href|src|action)=["'](?:/|https?:)""",
}
FORBIDDEN_IN_SCRIPTS: Final = {
    "markup from text": r"innerHTML|outerHTML|insertAdjacentHTML|document\.write|createContextualFragment",
    "code from text": r"\beval\(|new Function|setTimeout\(\s*[\"'`]",
    "somebody else's code": r"https?://(?!www\.w3\.org/)|import .* from [\"'](?!\./)",
}


@pytest.mark.parametrize("what", FORBIDDEN_IN_TEMPLATES)
def test_templates_are_without(what: str) -> None:
    found = {name: re.findall(FORBIDDEN_IN_TEMPLATES[what], text) for name, text in TEMPLATES.items()}
    assert {name: places for name, places in found.items() if places} == {}


@pytest.mark.parametrize("what", FORBIDDEN_IN_SCRIPTS)
def test_scripts_are_without(what: str) -> None:
    found = {name: re.findall(FORBIDDEN_IN_SCRIPTS[what], text) for name, text in SCRIPTS.items()}
    assert {name: places for name, places in found.items() if places} == {}


def test_styles_fetch_nothing() -> None:
    assert [name for name, text in STYLES.items() if re.search(r"url\(|@import", text)] == []


def test_the_checks_can_fail() -> None:
    assert re.search(FORBIDDEN_IN_TEMPLATES["inline script"], "<script>1</script>")
    assert re.search(FORBIDDEN_IN_TEMPLATES["inline script"], '<a onclick="x">')
    assert re.search(FORBIDDEN_IN_TEMPLATES["an absolute address"], '<a href="/x">')
    assert re.search(FORBIDDEN_IN_SCRIPTS["somebody else's code"], 'import x from "react"')
