"""`oxyq snapshot`: everything in Redis as a file, and back again."""

from __future__ import annotations

import shutil
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from oxyq.cli.arguments import AsJson, DryRun, duration_option, examples
from oxyq.cli.complete_file import complete_bytes
from oxyq.cli.durations import Duration
from oxyq.cli.endings import WrongUse
from oxyq.cli.output import print_json, print_table, say, tell
from oxyq.cli.progress import progress
from oxyq.cli.session import with_app

if TYPE_CHECKING:  # so that `--help` loads none of it
    from typing import BinaryIO

    from oxyq.app import App
    from oxyq.outcomes import JsonValue
    from oxyq.snapshot import Counts
    from oxyq.snapshot.file import End, SnapshotFile

group = typer.Typer(no_args_is_help=True, rich_markup_mode=None, help="Everything in Redis as a file, and back again.")

_STREAM = "-"


@group.command(
    "export", epilog=examples("oxyq snapshot export backup.ndjson.gz", "oxyq snapshot export shop.ndjson --org org_1")
)
def export_snapshot(
    file: Annotated[
        str, typer.Argument(metavar="FILE", help="Where to; gzip if it ends in .gz, - is standard output.")
    ],
    org: Annotated[str | None, typer.Option("--org", metavar="ID", help="Only what belongs to this one.")] = None,
    pause: Annotated[
        bool, typer.Option("--pause", help="Pause all queues and wait for what is in hand: nothing changes meanwhile.")
    ] = False,
    wait: Annotated[
        Duration | None, duration_option("--wait", help="With --pause: how long to wait for that; 2m by default.")
    ] = None,
    as_json: AsJson = False,
) -> None:
    """Write all queues, organizations, campaigns, chats and numbers into one file that only you can read.

    Secrets stay sealed: keep OXYQ_SECRETS_KEY too, elsewhere. Without --pause workers go on meanwhile, and what they
    have in hand is in the file as waiting.
    """
    if file == _STREAM and as_json:
        raise WrongUse("the snapshot itself goes to standard output; leave out --json, or name a file")
    if wait is not None and not pause:
        raise WrongUse("--wait is for --pause; add it, or leave --wait out")

    async def work(app: App) -> End:
        with _writable(file) as stream, progress("records exported") as shown:
            return await _export(app, stream, file.endswith(".gz"), org, pause, wait, shown.advance)

    end = with_app(work, organization_id=org)
    if as_json:
        print_json({"file": file, "exact": pause, "counts": {**end.counts}, "sha256": end.sha256})
    elif file == _STREAM:
        tell(f"{sum(end.counts.values()):,} records, SHA-256 {end.sha256}")
    else:
        say(f"{file}: {sum(end.counts.values()):,} records, {Path(file).stat().st_size:,} bytes, SHA-256 {end.sha256}")


@group.command(
    "import", epilog=examples("oxyq snapshot import backup.ndjson.gz", "oxyq snapshot import shop.ndjson --merge")
)
def import_snapshot(
    file: Annotated[
        str, typer.Argument(metavar="FILE", help="What was exported, with gzip or not; - is standard input.")
    ],
    merge: Annotated[
        bool, typer.Option("--merge", help="The target may hold something; what it has stays as it is.")
    ] = False,
    paused: Annotated[bool, typer.Option("--paused", help="Leave the queues paused until you resume them.")] = False,
    dry_run: DryRun = False,
    as_json: AsJson = False,
) -> None:
    """Make everything that a file holds, in an empty Redis or under an empty prefix.

    The whole file is checked before anything is written. When it breaks off, run it again: it goes on, and makes
    nothing twice.
    """

    async def work(app: App) -> tuple[SnapshotFile, Counts | None]:
        with _readable(file) as path:
            return await _import(app, path, merge, paused, dry_run)

    snapshot, counts = with_app(work)
    made: dict[str, int] = snapshot.end.counts if counts is None else dict(counts.made)
    there: dict[str, int] = {} if counts is None else dict(counts.there)
    if as_json:
        print_json(_as_json(snapshot, counts))
        return
    columns = ("what", "would be made") if counts is None else ("what", "made", "was there")
    rows = [(name, made.get(name, 0), *(() if counts is None else (there.get(name, 0),))) for name in sorted(made)]
    print_table(columns, rows, numbers=columns[1:])
    if counts is not None and counts.expired:
        tell(f"{counts.expired:,} keys were left out, since their time was over")
    if counts is not None and counts.in_hand:
        tell(f"{counts.in_hand:,} jobs were in hand when they were exported; they may run again")


async def _export(
    app: App, stream: BinaryIO, compressed: bool, org: str | None, pause: bool, wait: Duration | None, told: Any
) -> End:
    from contextlib import AsyncExitStack

    from oxyq.clock import now_ms
    from oxyq.errors import NotFound
    from oxyq.snapshot import export
    from oxyq.snapshot.file import Header, SnapshotWriter, release
    from oxyq.snapshot.passing import write_all
    from oxyq.snapshot.pausing import paused as all_paused

    if org is not None and await app.organizations.get(org) is None:
        raise NotFound(f"there is no organization {org}; `oxyq orgs list` shows all")
    async with AsyncExitStack() as stack:
        for_it: frozenset[str] = frozenset()
        if pause:
            seconds = 120.0 if wait is None else wait
            for_it = await stack.enter_async_context(all_paused(app.hub, wait_seconds=seconds))
        header = Header(oxyq=release(), prefix=app.hub.prefix, made_at=now_ms(), organization_id=org, exact=pause)
        writer = SnapshotWriter(stream, header, compressed=compressed)
        await write_all(writer, export(app.hub, organization_id=org, paused_for_it=for_it), told)
    return writer.end()


async def _import(app: App, path: Path, merge: bool, paused: bool, dry_run: bool) -> tuple[SnapshotFile, Counts | None]:
    import asyncio

    from oxyq.engine.queue import Queue
    from oxyq.own_secrets import own_secret
    from oxyq.sealing import Sealer
    from oxyq.snapshot import restore, target
    from oxyq.snapshot.file import checked
    from oxyq.snapshot.passing import read_all
    from oxyq.snapshot.secrets_check import SecretsCheck

    settings = app.settings
    secrets = SecretsCheck(
        lambda: Sealer(own_secret(settings, settings.secrets_key, "OXYQ_SECRETS_KEY", "secrets-key"))
    )
    snapshot = await asyncio.to_thread(checked, path, secrets.look)
    if not merge:
        await target.must_be_empty(app.hub, snapshot.end.sha256)
    if dry_run:
        return snapshot, None
    await target.begin(app.hub, snapshot.end.sha256)
    for queue in snapshot.queues if paused else ():
        await Queue(queue, hub=app.hub).pause()
    with progress("records imported") as shown:
        counts = await restore(
            app.hub,
            read_all(snapshot.records()),
            from_prefix=snapshot.header.prefix,
            told=lambda now: shown.at(now.all),
        )
    await target.end(app.hub)
    return snapshot, counts


@contextmanager
def _writable(file: str) -> Iterator[BinaryIO]:
    if file == _STREAM:
        yield sys.stdout.buffer
        return
    with complete_bytes(file, mode=0o600) as stream:
        yield stream


@contextmanager
def _readable(file: str) -> Iterator[Path]:
    """The file; what comes on standard input is written down first, so that all of it can be checked."""
    if file != _STREAM:
        yield Path(file)
        return
    with tempfile.NamedTemporaryFile() as spool:  # 0600
        shutil.copyfileobj(sys.stdin.buffer, spool)
        spool.flush()
        yield Path(spool.name)


def _as_json(snapshot: SnapshotFile, counts: Counts | None) -> JsonValue:
    header = snapshot.header
    found: dict[str, JsonValue] = {
        "oxyq": header.oxyq, "prefix": header.prefix, "madeAt": header.made_at, "exact": header.exact,
        "organizationId": header.organization_id, "sha256": snapshot.end.sha256,
    }  # fmt: skip
    if counts is None:
        return {**found, "wouldMake": {**snapshot.end.counts}}
    return {
        **found,
        "made": {**counts.made},
        "wasThere": {**counts.there},
        "expired": counts.expired,
        "inHand": counts.in_hand,
    }
