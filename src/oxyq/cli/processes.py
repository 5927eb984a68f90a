"""`oxyq api`, `oxyq workers`, `oxyq dev`: what runs until it is stopped."""

from __future__ import annotations

from collections.abc import Callable, Coroutine
from typing import TYPE_CHECKING, Annotated, Any, TypeAlias

import typer

from oxyq.cli.arguments import AsJson, QueueNames, examples
from oxyq.cli.endings import WrongUse
from oxyq.cli.session import settings_of_this_process
from oxyq.queues import POLICIES

if TYPE_CHECKING:  # so that `--help` loads none of it
    from oxyq.settings import Settings
    from oxyq.telemetry.events import Telemetry

AcceptLoss: TypeAlias = Annotated[
    bool,
    typer.Option("--i-accept-loss", help="Start in production on a Redis that loses jobs (oxyq doctor says how)."),
]

Shard: TypeAlias = Annotated[
    str | None,
    typer.Option("--shard", metavar="NAME", help="Work on this one alone (OXYQ_REDIS_SHARDS, or home); else on all."),
]

workers = typer.Typer(no_args_is_help=True, rich_markup_mode=None, help="Run workers: they do the queues' jobs.")


def register(program: typer.Typer) -> None:
    """Put these commands into the program."""
    program.command(epilog=examples("oxyq api", "OXYQ_PORT=8080 oxyq api"))(api)
    program.command(epilog=examples("oxyq dev", "oxyq dev --exit-when-done --json"))(dev)
    program.add_typer(workers, name="workers")
    for queue in POLICIES:
        workers.command(queue, help=f"Work on {queue} alone.", epilog=examples(f"oxyq workers {queue}"))(_only(queue))


def api(i_accept_loss: AcceptLoss = False) -> None:
    """Serve the HTTP API on OXYQ_HOST and OXYQ_PORT until SIGTERM or Ctrl-C."""

    async def serve(settings: Settings, telemetry: Telemetry) -> int:
        from oxyq.server import serve_api

        return await serve_api(settings, telemetry)

    _serve("oxyq-api", serve, i_accept_loss)


@workers.command(epilog=examples("oxyq workers start", "oxyq workers start message automation"))
def start(queues: QueueNames = None, i_accept_loss: AcceptLoss = False, shard: Shard = None) -> None:
    """Work on these queues until SIGTERM or Ctrl-C; running jobs are finished first (OXYQ_STOP_GRACE_SECONDS)."""
    _work_on(*queues or (), accept_loss=i_accept_loss, shard=shard)


def dev(
    exit_when_done: Annotated[
        bool, typer.Option("--exit-when-done", help="Play a short story, check every number of it, and end.")
    ] = False,
    as_json: AsJson = False,
) -> None:
    """Run everything in one process: server, API, workers and a demo shop that talks to itself."""
    if as_json and not exit_when_done:
        raise WrongUse("--json prints the numbers of the story; add --exit-when-done")
    from oxyq.dev import run

    raise typer.Exit(run(settings_of_this_process(), exit_when_done=exit_when_done, as_json=as_json))


def _only(queue: str) -> Callable[..., None]:
    def work(i_accept_loss: AcceptLoss = False, shard: Shard = None) -> None:
        _work_on(queue, accept_loss=i_accept_loss, shard=shard)

    return work


def _work_on(*queues: str, accept_loss: bool, shard: str | None) -> None:
    async def serve(settings: Settings, telemetry: Telemetry) -> int:
        from oxyq.process import serve_workers

        return await serve_workers(settings, telemetry, queues, shard)

    _serve("oxyq-workers", serve, accept_loss)


def _serve(name: str, serve: Callable[[Settings, Telemetry], Coroutine[Any, Any, int]], accept_loss: bool) -> None:
    """Run until it is told to end; `name` is what it is called in traces."""
    import uvloop

    from oxyq.telemetry.events import Telemetry
    from oxyq.telemetry.logs import log_event, set_up_logs
    from oxyq.telemetry.trace_export import exported_traces

    settings = settings_of_this_process().model_copy(update={"accept_loss": accept_loss})
    set_up_logs(settings.log_level, settings.log_format)
    with exported_traces(name) as traces:
        telemetry = Telemetry(traces)
        telemetry.listen(log_event)
        code = uvloop.run(serve(settings, telemetry))
    raise typer.Exit(code)
