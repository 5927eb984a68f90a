"""Every link in the documents leads somewhere; what lies elsewhere on the internet is looked at only by its shape."""

import re
import unicodedata
from functools import cache
from urllib.parse import unquote, urlsplit

import pytest

from tests.docs.pages import DOCUMENTS, ROOT, Page

#: Pages that are made at each build (docs/hooks/site.py), which looks at their headings: only the site has them.
GENERATED = "docs/reference/"
_EXPLICIT = re.compile(r'<a (?:id|name)="([^"]+)"')


def anchor(heading: str) -> str:
    """The anchor of a heading, as GitHub makes it."""
    plain = re.sub(r"\[([^\]]*)\]\([^)]*\)", r"\1", heading).replace("`", "").replace("*", "")
    letters = "".join(sign for sign in plain.lower() if sign in " -_" or unicodedata.category(sign)[0] in "LN")
    return letters.replace(" ", "-")


@cache
def _anchors(name: str) -> frozenset[str]:
    page = Page.of(name)
    return frozenset([anchor(text) for _, text in page.headings] + _EXPLICIT.findall(page.text))


@pytest.mark.parametrize("name", DOCUMENTS)
def test_links_of_a_page_lead_somewhere(name: str) -> None:
    wrong = []
    for link in Page.of(name).links:
        parts = urlsplit(link)
        if parts.scheme:
            if parts.scheme not in ("https", "http", "mailto") or (
                parts.scheme == "http" and parts.hostname != "localhost"
            ):
                wrong.append(f"{link}: use https")
            continue
        target = ((ROOT / name).parent / unquote(parts.path)).resolve() if parts.path else ROOT / name
        inside = target.relative_to(ROOT).as_posix() if target.is_relative_to(ROOT) else None
        if inside is None or not target.exists():
            wrong.append(f"{link}: there is no such file")
        elif inside.startswith(GENERATED):
            continue
        elif parts.fragment and target.suffix == ".md" and unquote(parts.fragment) not in _anchors(inside):
            wrong.append(f"{link}: there is no such heading; it has {', '.join(sorted(_anchors(inside)))}")
    assert not wrong, f"{name}\n" + "\n".join(wrong)


def test_an_anchor_is_made_as_the_sites_make_it() -> None:
    assert anchor("What `REDIS_URL` may say") == "what-redis_url-may-say"
    assert anchor("Dez minutos, sem conta nenhuma") == "dez-minutos-sem-conta-nenhuma"
    assert anchor("[Logs](x.md) – **now**") == "logs--now"
