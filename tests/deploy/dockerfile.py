"""Reads a Dockerfile: its instructions, stage by stage."""

import json
import re
import shlex
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from tests.deploy.service import ROOT

IMAGES: Final = {"oxyq": ROOT / "Dockerfile", "oxyq-bridge": ROOT / "bridge" / "Dockerfile"}


@dataclass(frozen=True, slots=True)
class Instruction:
    """One instruction with all its lines joined, comments between them left out."""

    word: str
    rest: str


@dataclass(frozen=True, slots=True)
class Stage:
    """What follows one FROM."""

    base: str
    instructions: list[Instruction]

    def all(self, word: str) -> list[str]:
        """What stands behind every instruction of one kind."""
        return [one.rest for one in self.instructions if one.word == word]

    @property
    def environment(self) -> dict[str, str]:
        """What its ENV set, with nothing put in for `$`."""
        return dict(pair.split("=", 1) for line in self.all("ENV") for pair in shlex.split(line))

    @property
    def health(self) -> tuple[str, ...]:
        """The command of its HEALTHCHECK."""
        [line] = self.all("HEALTHCHECK")
        return tuple(json.loads(line[line.index("[") :]))


def stages(path: Path) -> list[Stage]:
    """All stages; the last is the image."""
    lines = [line for line in path.read_text(encoding="utf-8").splitlines() if not re.match(r"\s*#", line)]
    joined = re.sub(r"\\\n\s*", "", "\n".join(lines))
    found: list[Stage] = []
    for line in filter(None, map(str.strip, joined.splitlines())):
        word, rest = line.split(maxsplit=1)
        if word == "FROM":
            found.append(Stage(rest, []))
        else:
            found[-1].instructions.append(Instruction(word, rest))
    return found


def image_environment(image: str) -> dict[str, str]:
    """What an image sets for whatever runs in it; its PATH is the rehearsal's own to set."""
    return {name: value for name, value in stages(IMAGES[image])[-1].environment.items() if name != "PATH"}
