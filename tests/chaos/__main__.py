"""`python -m tests.chaos`: breaks things at random on purpose, counts everything afterwards, says what was wrong."""

import argparse
import asyncio
import datetime
import shutil
import signal
import sys
import tempfile
import time
from pathlib import Path
from typing import Final

from tests.chaos.checker import violations
from tests.chaos.lanes import LANES, Lane
from tests.chaos.report import Row, row_of, write
from tests.chaos.run import run
from tests.chaos.schedule import schedule

#: Of the short lane: always this one, and one of the day, so that in time all kinds of runs are seen.
FIXED_SEED: Final = 7
LONG_SEEDS: Final = range(1, 11)
#: Of the soak, which breaks nothing: one with `appendfsync everysec`, as most servers have it.
SOAK_SEED: Final = 2


def main() -> int:
    """Play the runs that were asked for; 0 when all promises were kept."""
    asked = _arguments()
    # Whoever stops a run ends its processes too, and they take no signals of ours.
    signal.signal(signal.SIGTERM, signal.default_int_handler)
    lane = LANES[asked.lane]
    today = datetime.datetime.now(datetime.UTC).date().toordinal()
    by_lane = {"short": (FIXED_SEED, today), "long": tuple(LONG_SEEDS), "soak": (SOAK_SEED,)}
    seeds = tuple(asked.seed or by_lane[lane.name])
    jobs = asked.jobs or lane.jobs
    rows = [_played(lane, seed, jobs, asked.keep) for seed in seeds]
    if asked.write:
        write(lane.name, rows)
    return 0 if all(row.is_well for row in rows) else 1


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="make chaos ARGUMENTS=…", description=__doc__)
    parser.add_argument("--seed", type=int, action="append", help="play this run again; may be given several times")
    parser.add_argument("--jobs", type=int, help="messages in each run")
    lanes = parser.add_mutually_exclusive_group()
    lanes.add_argument("--long", dest="lane", action="store_const", const="long", help="with the timings users get")
    lanes.add_argument("--soak", dest="lane", action="store_const", const="soak", help="nothing broken, very many jobs")
    parser.set_defaults(lane="short")
    parser.add_argument("--keep", type=Path, metavar="FOLDER", help="keep what a run wrote (logs, journals) in there")
    parser.add_argument("--write", action="store_true", help="write the results into docs/chaos.md")
    return parser.parse_args()


def _played(lane: Lane, seed: int, jobs: int, keep: Path | None) -> Row:
    plan = schedule(seed, lane, jobs)
    began = time.monotonic()

    def say(text: str) -> None:
        print(f"  [{time.monotonic() - began:6.1f} s] {text}", flush=True)

    print(f"chaos, lane {lane.name}, {jobs} jobs, {plan}", flush=True)
    folder = Path(tempfile.mkdtemp(prefix="oxyq-chaos-"))
    try:
        played = asyncio.run(run(folder, lane, plan, jobs, say))
    finally:
        if keep is not None:
            shutil.copytree(folder, keep / f"{lane.name}-{seed}", dirs_exist_ok=True)
        shutil.rmtree(folder)
    found = violations(played.evidence, lane)
    row = row_of(played, found, lane)
    print(row.as_text(), flush=True)
    if found:
        flag = "" if lane.name == "short" else f"--{lane.name} "
        again = f'make chaos ARGUMENTS="{flag}--seed {seed} --jobs {jobs}"'
        print("\n".join(("WRONG:", *(f"  {violation}" for violation in found), f"again: {again}")), flush=True)
    return row


if __name__ == "__main__":
    try:
        sys.exit(main())
    except KeyboardInterrupt:
        sys.exit(130)
