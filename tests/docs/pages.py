"""The documents as their readers see them: headings, links, and code blocks with what is said about each."""

import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path

ROOT = Path(__file__).parents[2]

#: Everything that a stranger reads.
DOCUMENTS = sorted(
    path.relative_to(ROOT).as_posix()
    for pattern in ("*.md", "docs/**/*.md", "bridge/*.md", "tests/versions/*.md")
    for path in ROOT.glob(pattern)
)

#: Portuguese page → the English one that says the same.
TWINS = {
    "README.pt-BR.md": "README.md",
    "docs/index.pt.md": "docs/index.md",
    "docs/inicio-rapido.md": "docs/quickstart.md",
    "docs/how-to/campanhas.md": "docs/how-to/campaigns.md",
    "docs/how-to/numeros.md": "docs/how-to/whatsapp.md",
    "docs/how-to/conversas.md": "docs/how-to/conversations.md",
    "docs/how-to/automacoes.md": "docs/how-to/automations.md",
    "docs/how-to/painel.md": "docs/how-to/board.md",
    "docs/how-to/privacidade.md": "docs/how-to/privacy.md",
    "docs/registro-de-tratamento.md": "docs/processing-record.md",
    "docs/how-to/publicar-no-render.md": "docs/how-to/deploy-render.md",
}

#: Blocks that are run, and those that are only read. Another word, such as `bash`, would be passed over in silence.
RUN, READ = frozenset({"sh", "python"}), frozenset("json text console toml yaml ini nginx promql csv js".split())

_FENCE = re.compile(r"^(?P<indent> *)```(?P<info>[^`]*)$")
_NOTE = re.compile(r"^ *<!-- (?P<note>.+?) -->$")
_TITLE = re.compile(r'title="(?P<file>[^"]+)"')
_HEADING = re.compile(r"^(#{1,6}) (.+?)\s*$")
_LINK = re.compile(r"!?\[(?:[^\[\]]|\[[^\]]*\])*\]\((?P<target>[^)\s]+)(?: \"[^\"]*\")?\)")
_CODE = re.compile(r"`+[^`]+`+")


@dataclass(frozen=True, slots=True)
class Block:
    """A fenced block: its language, its text, the file it is to be saved as, and what a comment above says of it."""

    page: str
    line: int
    language: str
    text: str
    file: str | None = None
    note: str | None = None

    @property
    def place(self) -> str:
        """Where it stands."""
        return f"{self.page}:{self.line}"


@dataclass(frozen=True)
class Page:
    """One document."""

    name: str
    text: str = field(repr=False)

    @classmethod
    def of(cls, name: str) -> "Page":
        """The page of a path below the root."""
        return cls(name, (ROOT / name).read_text(encoding="utf-8"))

    @cached_property
    def blocks(self) -> list[Block]:
        """Its code blocks, in order."""
        return list(self._blocks())

    @cached_property
    def prose(self) -> str:
        """Its text without code blocks; a line stays the line it was."""
        lines = self.text.splitlines()
        for block in self.blocks:
            for number in range(block.line - 1, block.line + len(block.text.splitlines()) + 1):
                lines[number] = ""
        return "\n".join(lines)

    @property
    def headings(self) -> list[tuple[int, str]]:
        """(level, text) of each."""
        return [(len(found[1]), found[2]) for line in self.prose.splitlines() if (found := _HEADING.match(line))]

    @property
    def links(self) -> list[str]:
        """Where its links and pictures lead."""
        return [found["target"] for found in _LINK.finditer(_CODE.sub("", self.prose))]

    def _blocks(self) -> Iterator[Block]:
        lines = self.text.splitlines()
        number = 0
        while number < len(lines):
            opening = _FENCE.match(lines[number])
            if opening is None:
                number += 1
                continue
            indent, info = opening["indent"], opening["info"].strip()
            end = next(
                (at for at in range(number + 1, len(lines)) if lines[at].rstrip() == f"{indent}```"), len(lines) - 1
            )
            above = _NOTE.match(lines[number - 1]) if number else None
            title = _TITLE.search(info)
            yield Block(
                page=self.name,
                line=number + 1,
                language=info.split()[0] if info else "",
                text="".join(line.removeprefix(indent) + "\n" for line in lines[number + 1 : end]),
                file=title["file"] if title else None,
                note=above["note"] if above else None,
            )
            number = end + 1
