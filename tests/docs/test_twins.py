"""The pages in Portuguese say what the English ones say: as many headings, the same commands."""

import re

import pytest

from tests.docs.pages import DOCUMENTS, RUN, TWINS, Page

_COMMENT = re.compile(r"\s+#\s.*$|^#\s.*$", re.MULTILINE)


def _commands(page: Page) -> list[tuple[str, str | None, str]]:
    """What is to be typed or saved, without comments, which are in the page's own language."""
    return [
        (block.language, block.file, _COMMENT.sub("", block.text))
        for block in page.blocks
        if block.language in RUN or block.file
    ]


@pytest.mark.parametrize(("ours", "theirs"), TWINS.items())
def test_both_have_the_same_headings_and_commands(ours: str, theirs: str) -> None:
    portuguese, english = Page.of(ours), Page.of(theirs)

    assert [level for level, _ in portuguese.headings] == [level for level, _ in english.headings]
    assert len(portuguese.blocks) == len(english.blocks)
    for one, other in zip(_commands(portuguese), _commands(english), strict=True):
        assert one == other


@pytest.mark.parametrize(("ours", "theirs"), TWINS.items())
def test_each_leads_to_the_other(ours: str, theirs: str) -> None:
    assert ours in DOCUMENTS and theirs in DOCUMENTS
    assert any(link.endswith(theirs.rpartition("/")[2]) for link in Page.of(ours).links)
    assert any(link.endswith(ours.rpartition("/")[2]) for link in Page.of(theirs).links)
