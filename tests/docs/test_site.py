"""The site builds without a warning, has all that the code has, and loads nothing from anybody else."""

import os
import re
import subprocess
import sys
from collections.abc import Iterator
from html.parser import HTMLParser
from pathlib import Path

import pytest
import typer

from oxyq.alerts.rules import RULES
from oxyq.cli.program import program
from oxyq.settings import settings_table
from tests.docs.pages import ROOT, Page
from tests.docs.test_links import anchor

#: Attributes by which a page has a browser fetch something.
_FETCHES = {
    ("script", "src"),
    ("img", "src"),
    ("link", "href"),
    ("iframe", "src"),
    ("source", "src"),
    ("object", "data"),
}
#: What a <link> may name without anything being fetched.
_ONLY_NAMES = {"next", "prev", "canonical", "alternate"}


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The built site."""
    folder = tmp_path_factory.mktemp("site")
    command = [sys.executable, "-m", "mkdocs", "build", "--strict", "--site-dir", str(folder)]
    ended = subprocess.run(
        command, cwd=ROOT, env={**os.environ, "NO_MKDOCS_2_WARNING": "1"}, capture_output=True, text=True, check=False
    )
    assert ended.returncode == 0, ended.stdout + ended.stderr
    return folder


class _Fetched(HTMLParser):
    def __init__(self) -> None:
        super().__init__()
        self.addresses: list[str] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        values = dict(attrs)
        if tag == "link" and set((values.get("rel") or "").split()) <= _ONLY_NAMES:
            return
        self.addresses += [value for name, value in attrs if (tag, name) in _FETCHES and value]


@pytest.mark.timeout(300)
def test_it_loads_nothing_from_elsewhere(site: Path) -> None:
    pages = list(site.rglob("*.html"))
    assert len(pages) > 30
    for page in pages:
        parser = _Fetched()
        parser.feed(page.read_text(encoding="utf-8"))
        outside = [address for address in parser.addresses if re.match(r"(https?:)?//", address)]
        assert not outside, f"{page.name}: {outside}"
    for sheet in site.rglob("*.css"):
        assert not re.search(r"(@import|url\()\s*[\"']?(https?:)?//", sheet.read_text(encoding="utf-8")), sheet.name


def test_the_reference_has_every_command_setting_and_route(site: Path) -> None:
    command_line = (site / "reference/command-line.html").read_text(encoding="utf-8")
    root = typer.main.get_command(program)
    for path in _paths(root, type(root).context_class(root, info_name="oxyq")):
        assert f'id="{path.replace(" ", "-")}"' in command_line, path
    settings = (site / "reference/settings.html").read_text(encoding="utf-8")
    for name, _, _ in settings_table():
        assert name.replace("<", "&lt;").replace(">", "&gt;") in settings
    http = (site / "reference/http.html").read_text(encoding="utf-8")
    for route in ("POST /v1/messages", "GET /health/queues", "POST /webhooks/{gateway}/{instance}", "GET /metrics"):
        assert route in http
    python = (site / "reference/python.html").read_text(encoding="utf-8")
    for name in ("add_message_job", "Worker", "Unrecoverable", "InboundMessage", "MaybeSent", "QuotaExceeded"):
        assert name in python


def _paths(command: object, context: object) -> Iterator[str]:
    yield context.command_path  # type: ignore[attr-defined]  # a click.Context
    for name in command.list_commands(context) if hasattr(command, "list_commands") else ():
        inner = command.get_command(context, name)  # type: ignore[attr-defined]  # a click.Group
        if not inner.hidden:
            yield from _paths(inner, type(inner).context_class(inner, info_name=name, parent=context))


def test_every_alert_has_its_section_in_the_runbook() -> None:
    anchors = {anchor(text) for _, text in Page.of("docs/runbook.md").headings}
    prometheus = (ROOT / "ops/prometheus/alerts.yml").read_text(encoding="utf-8")
    named = set(re.findall(r"runbook\.(?:md|html)#([\w-]+)", prometheus)) | set(RULES)

    assert named and not named - anchors
