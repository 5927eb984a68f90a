"""`python -m benchmarks`: measure, and write docs/performance.md, its chart and its JSON.

A quick run writes nothing: its figures are those of a machine that is still waking up.
"""

import argparse
import sys
import time
from collections.abc import Sequence

from benchmarks import (
    answers,
    calls,
    campaigns,
    cost,
    drain,
    enqueue,
    fairness,
    growth,
    idle,
    limiter,
    pickup,
    report,
    results,
)
from benchmarks.contestants import missing
from benchmarks.figures import Measured
from benchmarks.harness import Bench
from benchmarks.installing import install_peers
from benchmarks.question import Question

QUESTIONS = tuple(
    module.QUESTION
    for module in (drain, enqueue, pickup, limiter, idle, cost, growth, calls, fairness, campaigns, answers)
)
LEAST_ROUNDS = 3


def main(arguments: Sequence[str] | None = None) -> int:
    """Run; returns 0, or 1 when we ourselves could not be measured or did some work wrong; 2 for wrong use."""
    parser = _parser()
    options = parser.parse_args(arguments)
    questions = _chosen(options.only, parser)
    if options.report:
        report.write(QUESTIONS, results.load())
        return 0
    for problem in install_peers():
        print(problem, file=sys.stderr)
    bench = Bench(1 if options.quick else options.rounds, options.quick, missing())
    for name, why in bench.absent.items():
        print(f"{name} takes no part: {why}", file=sys.stderr)
    for question in questions:
        _answer(question, bench)
    print("\n== The bars" + " (a quick run sees that all works; its figures mean nothing)" * options.quick)
    nothing = {figure.key: Measured(figure) for question in questions for figure in question.figures}
    for verdict in report.verdicts(questions, nothing | bench.measured):
        print(report.verdict_line(verdict))
    for trouble in bench.troubles:
        print(f"! {trouble.question}, {trouble.contestant}: {trouble.what}", file=sys.stderr)
    return 0 if bench.is_ours_well else 1


def _answer(question: Question, bench: Bench) -> None:
    print(f"\n== {question.name}: {question.title}", flush=True)
    began = time.monotonic()
    bench.question = question.name
    question.measure(bench)
    print(f"   ({time.monotonic() - began:.0f} s)")
    if not bench.is_quick:
        # After each question, so that a run that is cut off has not been for nothing.
        kept = results.load()
        kept[question.name] = results.as_json(bench, question)
        results.save(kept)
        report.write(QUESTIONS, kept)


def _chosen(only: str | None, parser: argparse.ArgumentParser) -> tuple[Question, ...]:
    if only is None:
        return QUESTIONS
    known = {question.name: question for question in QUESTIONS}
    names = only.split(",")
    if unknown := set(names) - set(known):
        parser.error(f"--only: there is no {', '.join(sorted(unknown))}; known are {', '.join(known)}")
    return tuple(known[name] for name in known if name in names)


def _rounds(text: str) -> int:
    rounds = int(text)
    if rounds < LEAST_ROUNDS:
        raise argparse.ArgumentTypeError(f"a median wants {LEAST_ROUNDS} rounds or more; --quick for a try")
    return rounds


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="oxyq bench", description="Measure Oxyq beside its peers on one Redis.")
    parser.add_argument("--only", metavar="QUESTIONS", help=", ".join(question.name for question in QUESTIONS))
    parser.add_argument("--rounds", type=_rounds, default=LEAST_ROUNDS, help="turns of everybody (default %(default)s)")
    parser.add_argument("--quick", action="store_true", help="see in under a minute whether it works; writes nothing")
    parser.add_argument("--report", action="store_true", help="measure nothing, write the page anew from its JSON")
    return parser


if __name__ == "__main__":
    raise SystemExit(main())
