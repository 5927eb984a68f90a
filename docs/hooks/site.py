"""What MkDocs does beyond Markdown: pages made from the code, pages that lie elsewhere, links that leave the site."""

import posixpath
import re
import sys
from pathlib import Path

from mkdocs.config.defaults import MkDocsConfig
from mkdocs.structure.files import File, Files
from mkdocs.structure.pages import Page

ROOT = Path(__file__).parents[2]
sys.path[:0] = [str(ROOT / "src"), str(Path(__file__).parent)]

import command_line_reference  # noqa: E402 - found by the line above
import error_reference  # noqa: E402 - as the first
import http_reference  # noqa: E402 - as the first
import python_reference  # noqa: E402 - as the first
import settings_reference  # noqa: E402 - as the first

#: Address in the site → what makes its Markdown, from the code as it is. A file there is for readers without a site.
GENERATED = {
    "reference/settings.md": settings_reference.page,
    "reference/command-line.md": command_line_reference.page,
    "reference/http.md": http_reference.page,
    "reference/python.md": python_reference.page,
    "reference/errors.md": error_reference.page,
}
#: Address in the site → the file of the repository that is shown there.
ELSEWHERE = {
    "bridge.md": "bridge/README.md",
    "project/changes.md": "CHANGELOG.md",
    "project/architecture.md": "ARCHITECTURE.md",
    "project/contributing.md": "CONTRIBUTING.md",
    "project/reporting.md": "SECURITY.md",
    "project/versions-tests.md": "tests/versions/README.md",
}
_LINK = re.compile(r"(?P<before>!?\[(?P<text>(?:[^\[\]]|\[[^\]]*\])*)\]\()(?P<target>[^)#\s]+)(?P<anchor>#[^)\s]*)?\)")
_CODE = re.compile(r"(^ *```.*?^ *```$)", re.DOTALL | re.MULTILINE)


def on_files(files: Files, config: MkDocsConfig) -> Files:
    """Add what does not lie in `docs`."""
    for address, make in GENERATED.items():
        if (placeholder := files.get_file_from_path(address)) is not None:
            files.remove(placeholder)
        files.append(File.generated(config, address, content=make()))
    for address, source in ELSEWHERE.items():
        files.append(File.generated(config, address, content=(ROOT / source).read_text(encoding="utf-8")))
    return files


def on_page_markdown(markdown: str, page: Page, config: MkDocsConfig, files: Files) -> str:
    """Lead links to files of the repository to where the site has them, or leave their text without a link."""
    here = ELSEWHERE.get(page.file.src_uri, f"docs/{page.file.src_uri}")
    parts = _CODE.split(markdown)
    # Every other part is a block of code.
    return "".join(part if at % 2 else _links(part, here, page.file.src_uri, files) for at, part in enumerate(parts))


def _links(text: str, here: str, address: str, files: Files) -> str:
    in_site = {source: where for where, source in ELSEWHERE.items()}

    def lead(found: re.Match[str]) -> str:
        target = found["target"]
        if "://" in target or target.startswith("mailto:"):
            return found[0]
        source = posixpath.normpath(posixpath.join(posixpath.dirname(here), target))
        inside = in_site.get(source, source.removeprefix("docs/") if source.startswith("docs/") else None)
        if inside is None or (here.startswith("docs/") and inside == source.removeprefix("docs/")):
            # Not ours to lead (a mistake is MkDocs's to tell), or nowhere in the site.
            return found[0] if inside is not None or source.startswith("docs/") else found["text"]
        there = posixpath.relpath(inside, posixpath.dirname(address) or ".")
        return f"{found['before']}{there}{found['anchor'] or ''})"

    return _LINK.sub(lead, text)
