"""docs/performance.md, made from what is kept in docs/performance/results.json."""

from collections.abc import Iterable, Sequence
from typing import Any

from benchmarks.chart import draw
from benchmarks.child import ROOT
from benchmarks.contestants import CONTESTANTS
from benchmarks.figures import OURS, Bar, Measured, Verdict, judge
from benchmarks.question import Question
from benchmarks.results import measured_of

PAGE = ROOT / "docs" / "performance.md"
CHART = ROOT / "docs" / "performance" / "chart.svg"
ACCOUNT = ROOT / "docs" / "performance" / "where-the-time-goes.md"

_INTRODUCTION = """<!-- Made by `python -m benchmarks`; change benchmarks/report.py instead. -->
# Performance

Oxyq beside its peers, on the same Redis (nothing on disk) in the same run: in every round everybody takes a turn, and
every other round in the opposite order. `make bench` (or `oxyq bench` in the source tree) measures all of it again;
`oxyq bench --only drain,enqueue`, `--rounds 5`, `--quick` do less or more. The peers are installed at their pinned
versions into `.bench-venv` and `benchmarks/node_modules`.

A ratio is ours divided by theirs *within a round*, and the median of these over the rounds: the speed of a machine
drifts, for both alike. Differences under some 25 % mean nothing on a shared machine. Every single value is in
[results.json](performance/results.json).
"""


def write(questions: Sequence[Question], kept: dict[str, Any]) -> None:
    """Write the page and its chart."""
    measured = {key: one for question in questions for key, one in measured_of(question, kept).items()}
    CHART.parent.mkdir(parents=True, exist_ok=True)
    CHART.write_text(draw(measured), encoding="utf-8")
    parts = [_INTRODUCTION, "![Oxyq and its peers](performance/chart.svg)\n", _bars(questions, measured)]
    if ACCOUNT.exists():
        parts.append(
            "How a job spends its time is told in [where the time goes](performance/where-the-time-goes.md).\n"
        )
    parts += [_section(question, kept[question.name], measured) for question in questions if question.name in kept]
    PAGE.write_text("\n".join(parts), encoding="utf-8")


def verdicts(questions: Iterable[Question], measured: dict[str, Measured]) -> list[Verdict]:
    """How we stand at every bar."""
    return [judge(bar, measured[bar.figure.key]) for question in questions for bar in question.bars]


def verdict_line(verdict: Verdict) -> str:
    """A verdict for the terminal."""
    bar = verdict.bar
    against = f" vs {_name(verdict.opponent or ' / '.join(bar.against))}" if bar.against else ""
    value = "-" if verdict.value is None else _with_unit(verdict.value, bar)
    return f"{verdict.word.strip('*'):18} {value:>14} (bar {_limit(bar)})  {bar.figure.title}{against}"


def _bars(questions: Sequence[Question], measured: dict[str, Measured]) -> str:
    rows = [
        "## The bars\n",
        "| figure | ours | against | theirs | ratio | bar | aim | |",
        "|---|--:|---|--:|--:|--:|--:|---|",
    ]
    for verdict in verdicts(questions, measured):
        bar, one = verdict.bar, measured[verdict.bar.figure.key]
        theirs = one.median(verdict.opponent) if verdict.opponent else None
        ratio = f"{verdict.value:.2f} ×" if bar.against and verdict.value is not None else ""
        against = _name(verdict.opponent or " / ".join(bar.against))
        cells = (
            _question_of(bar, questions), _number(one.median(OURS), bar.figure.unit), against,
            _number(theirs, bar.figure.unit) if bar.against else "", ratio,
            _limit(bar), _limit(bar, bar.aim), verdict.word,
        )  # fmt: skip
        rows.append(f"| {' | '.join(cells)} |")
    return "\n".join(rows) + "\n"


def _section(question: Question, kept: dict[str, Any], measured: dict[str, Measured]) -> str:
    figures = [one for figure in question.figures if (one := measured[figure.key]).values]
    names = [name for name in CONTESTANTS if any(name in one.values for one in figures)]
    rows = [
        f"## {question.title}\n",
        f"{question.how}\n",
        f"{kept['rounds']} rounds, {kept['at']}; {kept['machine']}. In parentheses: ours divided by it.\n",
        f"| | {' | '.join(_name(name) for name in names)} | spread of ours |",
        f"|---|{'--:|' * len(names)}--:|",
    ]
    for one in figures:
        cells = [_cell(one, name) for name in names]
        rows.append(f"| {one.figure.title}, {one.figure.unit} | {' | '.join(cells)} | {_spread(one)} |")
    rows += [f"\nNot measured, or wrong: {trouble}" for trouble in kept["troubles"]]
    return "\n".join(rows) + "\n"


def _cell(one: Measured, name: str) -> str:
    value, ratio = one.median(name), one.ratio(OURS, name)
    if name == OURS or ratio is None:
        return _number(value, "")
    return f"{_number(value, '')} ({ratio:.2f} ×)"


def _spread(one: Measured) -> str:
    values = one.values.get(OURS, {}).values()
    return f"{_number(min(values), '')} – {_number(max(values), '')}" if values else ""


def _question_of(bar: Bar, questions: Sequence[Question]) -> str:
    question = next(question for question in questions if bar in question.bars)
    return f"{question.name}: {bar.figure.title}"


def _name(contestant: str) -> str:
    return CONTESTANTS[contestant].title if contestant in CONTESTANTS else contestant


def _limit(bar: Bar, value: float | None = None) -> str:
    sign, value = ("≥" if bar.is_at_least else "≤"), bar.limit if value is None else value
    return f"{sign} {_with_unit(value, bar)}"


def _with_unit(value: float, bar: Bar) -> str:
    return f"{value:.2f} ×" if bar.against else _number(value, bar.figure.unit)


def _number(value: float | None, unit: str) -> str:
    if value is None:
        return "-"
    digits = 0 if abs(value) >= 100 else 1 if abs(value) >= 10 else 2
    return f"{value:,.{digits}f} {unit}".strip()
