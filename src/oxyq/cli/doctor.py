"""`oxyq doctor`: what is wrong with this installation, and how to mend it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

import typer

from oxyq.cli.arguments import AsJson, examples
from oxyq.cli.endings import FAILED, OK, WRONG_USE
from oxyq.cli.output import print_json, print_table
from oxyq.cli.session import with_app

if TYPE_CHECKING:  # so that `--help` loads none of it
    from oxyq.app import App
    from oxyq.operating.doctor.finding import Finding


def register(program: typer.Typer) -> None:
    """Put this command into the program."""
    program.command(epilog=examples("oxyq doctor", "oxyq doctor --live --strict --json"))(doctor)


def doctor(
    live: Annotated[
        bool, typer.Option("--live", help="Also whether work gets through each queue: workers must be running.")
    ] = False,
    strict: Annotated[bool, typer.Option("--strict", help="End with 1 when there are warnings.")] = False,
    as_json: AsJson = False,
) -> None:
    """Examine Redis, this machine and the settings; each finding names its fix. Nothing is changed.

    Exit codes: 0 fine, 1 warnings (with --strict), 2 jobs are lost as it stands, or nothing works.
    """
    from oxyq.operating.doctor.doctor import Doctor, worst

    async def work(app: App) -> list[Finding]:
        physician = Doctor(app.hub, app.settings)
        found = await physician.examine()
        return found + await physician.look_at_life(app.liveness) if live else found

    findings = with_app(work, is_deed=False)
    level = worst(findings)
    if as_json:
        print_json({"level": level, "findings": [finding.to_json() for finding in findings]})
    else:
        print_table(("check", "", "found", "what to do"), [(f.check, f.level, f.found, f.fix) for f in findings])
    raise typer.Exit({"ok": OK, "warning": FAILED if strict else OK, "refuses": WRONG_USE}[level])
