"""`python -m benchmarks.planning`: what an installation takes; `--docs` remakes the table of docs/scaling.md."""

import argparse
import re
import sys
from collections.abc import Sequence
from typing import Final

from benchmarks.child import ROOT
from benchmarks.planning.sizing import Plan, measured_costs, plan
from benchmarks.planning.wanted import Wanted

PAGE: Final = ROOT / "docs" / "scaling.md"
_MADE: Final = re.compile(r"(<!-- made: plans -->\n).*?(<!-- end -->)", re.DOTALL)
SECONDS: Final = 30.0
#: Organizations and messages a day of the table.
SIZES: Final = ((100, 100_000), (1_000, 5_000_000), (10_000, 100_000_000))


def table(plans: Sequence[Plan]) -> str:
    """Plans side by side, as Markdown."""
    rows: list[tuple[str, list[str]]] = [
        ("organizations", [f"{one.wanted.organizations:,}" for one in plans]),
        ("messages a day", [f"{one.wanted.messages_a_day:,}" for one in plans]),
        ("… a second in the busiest hour", [f"{one.rate:,.0f}" for one in plans]),
        ("Redis: commands a second then", [f"{one.commands_a_second:,.0f}" for one in plans]),
        ("Redis: cores of work then", [f"{one.redis_cores:.2f}" for one in plans]),
        ("Redis: data", [f"{one.memory_gb:,.1f} GB" for one in plans]),
        ("Redis: traffic a month", [f"{one.traffic_gb_a_month:,.0f} GB" for one in plans]),
        ("**shards**", [str(one.shards) for one in plans]),
        ("**worker processes** (a core each)", [str(one.workers) for one in plans]),
        ("**API processes** (a core each)", [str(one.apis) for one in plans]),
        ("**bridge processes** (half of the numbers on Baileys)", [str(one.bridges) for one in plans]),
        *(
            (f"95 of 100 jobs of `{queue}` wait less than", [f"{one.waits[queue].percentile(0.95) * 1000:,.0f} ms"
                                                             for one in plans])
            for queue in plans[0].waits
        ),
        ("self-hosted a month, all of it", [_dollars(one.self_hosted_dollars) for one in plans]),
        ("Redis by Upstash: databases", [str(one.upstash_databases) for one in plans]),
        ("… paid by the command, a month", [_dollars(one.upstash_by_use_dollars) for one in plans]),
        ("… fixed plans, a month", [_dollars(one.upstash_fixed_dollars) for one in plans]),
    ]  # fmt: skip
    lines = [f"| {name} | {' | '.join(values)} |" for name, values in rows]
    return "\n".join((lines[0], "|---|" + "--:|" * len(plans), *lines[1:])) + "\n"


def _dollars(amount: float) -> str:
    return f"${amount:,.0f}"


def plans_of_the_page() -> str:
    """The table of docs/scaling.md."""
    costs = measured_costs()
    sizes = [Wanted(organizations, messages) for organizations, messages in SIZES]
    return table([plan(wanted, costs, seconds=SECONDS) for wanted in sizes])


def main(arguments: Sequence[str] | None = None) -> int:
    """Print a plan, or write those of the page."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.planning", description="Plan an installation.")
    parser.add_argument("--organizations", type=int, default=10_000)
    parser.add_argument("--messages-a-day", type=int, default=100_000_000)
    parser.add_argument("--gateway-seconds", type=float, default=0.3, help="how long a send takes (0.3)")
    parser.add_argument("--burst", type=float, default=3.0, help="how many messages come together on average (3)")
    parser.add_argument("--zipf", type=float, default=0.8, help="how unequal organizations are; 0: all alike (0.8)")
    parser.add_argument("--people", type=int, default=2_000, help="who write to an organization in 30 days (2,000)")
    parser.add_argument("--seconds", type=float, default=SECONDS, help="of the busiest hour to simulate (30)")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--docs", action="store_true", help="write the table of docs/scaling.md")
    options = parser.parse_args(arguments)
    if options.docs:
        text = PAGE.read_text(encoding="utf-8")
        PAGE.write_text(_MADE.sub(lambda found: found[1] + plans_of_the_page() + found[2], text), encoding="utf-8")
        return 0
    wanted = Wanted(
        options.organizations, options.messages_a_day, burst=options.burst, zipf=options.zipf,
        gateway_seconds=options.gateway_seconds, people=options.people, seed=options.seed,
    )  # fmt: skip
    print(table([plan(wanted, measured_costs(), seconds=options.seconds)]), end="")
    return 0


if __name__ == "__main__":
    sys.exit(main())
