"""The chart of docs/performance.md: one panel per figure, one line per contestant, as plain SVG."""

from collections.abc import Mapping
from html import escape

from benchmarks.contestants import CONTESTANTS
from benchmarks.figures import OURS, Measured

PANELS = {
    "drain.1x50": "Jobs per second, concurrency 50",
    "drain.1x50.policy": "… with priority, retention, metrics",
    "drain.1x5": "Jobs per second, concurrency 5",
    "enqueue.bulk": "Added per second, in bulk",
    "enqueue.concurrent": "Added per second, 1,000 at once",
    "pickup.p99": "Pick-up latency p99, ms (less is better)",
}
COLUMNS, WIDTH, NAME, LINE, HEAD, GAP = 2, 460, 160, 20, 30, 18
FONT = "font-family='system-ui,sans-serif' font-size='12'"
OUR_COLOUR, THEIR_COLOUR, INK = "#0b7a5e", "#b9c2cc", "#1f2933"


def draw(measured: Mapping[str, Measured]) -> str:
    """The SVG; figures that were not measured leave no panel."""
    panels = [
        (title, medians) for key, title in PANELS.items() if key in measured and (medians := _medians(measured[key]))
    ]
    height = HEAD + LINE * max((len(medians) for _, medians in panels), default=0) + GAP
    rows = -(-len(panels) // COLUMNS)
    parts = [
        f"<svg xmlns='http://www.w3.org/2000/svg' width='{COLUMNS * WIDTH}' height='{rows * height + GAP}' {FONT} "
        f"fill='{INK}'>",
        "<rect width='100%' height='100%' fill='white'/>",
    ]
    for place, (title, medians) in enumerate(panels):
        left, top = place % COLUMNS * WIDTH + GAP, place // COLUMNS * height + GAP
        parts.append(f"<g transform='translate({left},{top})'>{_panel(title, medians)}</g>")
    return "\n".join([*parts, "</svg>", ""])


def _medians(one: Measured) -> dict[str, float]:
    found = {name: one.median(name) for name in CONTESTANTS}
    return {name: value for name, value in found.items() if value is not None}


def _panel(title: str, medians: dict[str, float]) -> str:
    longest = max(medians.values())
    parts = [f"<text y='12' font-weight='600'>{escape(title)}</text>"]
    for line, (name, value) in enumerate(medians.items()):
        y = HEAD + line * LINE
        # Room for the number at the end of the longest.
        length = max(value / longest * (WIDTH - NAME - 90), 1)
        colour = OUR_COLOUR if name == OURS else THEIR_COLOUR
        text = f"{value:,.0f}" if value >= 100 else f"{value:.1f}"
        parts.append(
            f"<text x='{NAME - 8}' y='{y}' text-anchor='end'>{escape(_short(name))}</text>"
            f"<rect x='{NAME}' y='{y - 11}' width='{length:.0f}' height='14' rx='2' fill='{colour}'/>"
            f"<text x='{NAME + length + 6:.0f}' y='{y}'>{text}</text>"
        )
    return "".join(parts)


def _short(name: str) -> str:
    title = CONTESTANTS[name].title.partition(" (")[0]
    return "BullMQ's script alone" if name == "floor" else title
